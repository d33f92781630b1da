/* libzmq's own proxy, as in the guide's "hwserver broker": a ROUTER faces the clients, a DEALER connects to each ADDRESS. */
#include <stdio.h>
#include <zmq.h>

int main (int argc, char **argv)
{
    void *context = zmq_ctx_new (), *front = zmq_socket (context, ZMQ_ROUTER), *back = zmq_socket (context, ZMQ_DEALER);
    char address[128];
    size_t size = sizeof address;
    int backlog = 4096;
    zmq_setsockopt (front, ZMQ_BACKLOG, &backlog, sizeof backlog);
    if (zmq_bind (front, "tcp://127.0.0.1:*") != 0)
        return 1;
    for (int index = 1; index < argc; index++)
        if (zmq_connect (back, argv[index]) != 0)
            return 1;
    zmq_getsockopt (front, ZMQ_LAST_ENDPOINT, address, &size);
    printf ("listening %s\n", address);
    fflush (stdout);
    return zmq_proxy (front, back, NULL);
}
