/* A foreign upstream on libzmq: a REP that echoes. Prints its address, and goes on until it is killed. */
#include <stdio.h>
#include <zmq.h>

int main (void)
{
    void *socket = zmq_socket (zmq_ctx_new (), ZMQ_REP);
    char address[128];
    size_t size = sizeof address;
    if (zmq_bind (socket, "tcp://127.0.0.1:*") != 0)
        return 1;
    zmq_getsockopt (socket, ZMQ_LAST_ENDPOINT, address, &size);
    puts (address);
    fflush (stdout);
    for (;;) {
        zmq_msg_t frames[16];
        int count = 0;
        do {
            zmq_msg_init (&frames[count]);
            if (zmq_msg_recv (&frames[count], socket, 0) < 0)
                return 1;
        } while (zmq_msg_more (&frames[count++]) && count < 16);
        for (int frame = 0; frame < count; frame++)
            zmq_msg_send (&frames[frame], socket, frame < count - 1 ? ZMQ_SNDMORE : 0);
    }
}
