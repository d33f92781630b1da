/* A foreign app on libzmq: THREADS threads, each with a REQ socket that asks REQUESTS times, every tenth time in three
 * frames; the first one also asks once with 16 MiB. Exit code 0 if every reply was right. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#define THREADS 16
#define REQUESTS 200
#define LARGE (16 * 1024 * 1024)

static void *context;
static const char *address;

static void expect (int is_right, const char *what)
{
    if (is_right)
        return;
    fprintf (stderr, "%s: %s\n", what, zmq_strerror (zmq_errno ()));
    exit (1);
}

static void expect_frame (void *socket, const char *body, int size, int more)
{
    zmq_msg_t frame;
    zmq_msg_init (&frame);
    int got = zmq_msg_recv (&frame, socket, 0);
    expect (got == size && memcmp (zmq_msg_data (&frame), body, size) == 0, "the reply is not the request");
    expect (zmq_msg_more (&frame) == more, "the reply has other frames than the request");
    zmq_msg_close (&frame);
}

static void *ask (void *argument)
{
    int thread = (int) (size_t) argument, timeout = 300000, linger = 0;
    void *socket = zmq_socket (context, ZMQ_REQ);
    zmq_setsockopt (socket, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
    zmq_setsockopt (socket, ZMQ_LINGER, &linger, sizeof linger);
    expect (zmq_connect (socket, address) == 0, "connect");

    char body[64];
    for (int number = 0; number < REQUESTS; number++) {
        int size = snprintf (body, sizeof body, "thread %d, request %d", thread, number);
        int frames = number % 10 == 0 ? 3 : 1;
        for (int frame = 1; frame <= frames; frame++)
            expect (zmq_send (socket, body, size, frame < frames ? ZMQ_SNDMORE : 0) == size, "send");
        for (int frame = 1; frame <= frames; frame++)
            expect_frame (socket, body, size, frame < frames);
    }
    if (thread == 0) {
        char *large = calloc (1, LARGE);
        expect (zmq_send (socket, large, LARGE, 0) == LARGE, "send 16 MiB");
        expect_frame (socket, large, LARGE, 0);
        free (large);
    }
    zmq_close (socket);
    return NULL;
}

int main (int argc, char **argv)
{
    if (argc != 2)
        return 2;
    address = argv[1];
    context = zmq_ctx_new ();
    pthread_t threads[THREADS];
    for (size_t thread = 0; thread < THREADS; thread++)
        pthread_create (&threads[thread], NULL, ask, (void *) thread);
    for (int thread = 0; thread < THREADS; thread++)
        pthread_join (threads[thread], NULL);
    zmq_ctx_term (context);
    puts ("right");
    return 0;
}
