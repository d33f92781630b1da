/* A peer on libzmq in C. peers.ts has the contract. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#define FRAMES 1024

static void *context;

/* Frames of any message, as both sides of the contract know them. */
static char *content (int number, int frame, size_t size)
{
    char *bytes = malloc (size + 1);
    for (size_t at = 0; at < size; at++)
        bytes[at] = (char) (at * 31 + frame * 7 + number * 13);
    return bytes;
}

static void *echo (void *socket)
{
    static _Thread_local zmq_msg_t parts[FRAMES];
    for (;;) {
        int count = 0;
        do {
            zmq_msg_init (&parts[count]);
            if (zmq_msg_recv (&parts[count], socket, 0) < 0)
                return NULL;
        } while (zmq_msg_more (&parts[count++]) && count < FRAMES);
        for (int part = 0; part < count; part++)
            zmq_msg_send (&parts[part], socket, part + 1 < count ? ZMQ_SNDMORE : 0);
    }
}

static void serve (const char *type, const char *address)
{
    void *socket = zmq_socket (context, strcmp (type, "REP") == 0 ? ZMQ_REP : ZMQ_ROUTER);
    char bound[128];
    size_t size = sizeof bound;
    if (zmq_bind (socket, address) != 0) {
        perror (address);
        exit (1);
    }
    zmq_getsockopt (socket, ZMQ_LAST_ENDPOINT, bound, &size);
    printf ("serving %s %s\n", type, bound);
    fflush (stdout);
    pthread_t thread;
    pthread_create (&thread, NULL, echo, socket);
}

static void *opened (const char *type, const char *address, const char *heartbeat)
{
    int none = 0, long_ms = 60000;
    void *socket = zmq_socket (context, strcmp (type, "REQ") == 0 ? ZMQ_REQ : ZMQ_DEALER);
    zmq_setsockopt (socket, ZMQ_LINGER, &none, sizeof none);
    if (heartbeat != NULL) {
        int interval_ms = atoi (heartbeat);
        zmq_setsockopt (socket, ZMQ_HEARTBEAT_IVL, &interval_ms, sizeof interval_ms);
        zmq_setsockopt (socket, ZMQ_HEARTBEAT_TIMEOUT, &long_ms, sizeof long_ms);
    }
    zmq_connect (socket, address);
    return socket;
}

static void ask_for (void *socket, int is_req, int number, const size_t *sizes, int frames)
{
    if (!is_req)
        zmq_send (socket, "", 0, ZMQ_SNDMORE);
    for (int frame = 0; frame < frames; frame++) {
        char *bytes = content (number, frame, sizes[frame]);
        zmq_send (socket, bytes, sizes[frame], frame + 1 < frames ? ZMQ_SNDMORE : 0);
        free (bytes);
    }
}

/* -2 for the reply that is wanted, or else the first frame that is not, the delimiter of a DEALER being -1. */
static int difference (void *socket, int is_req, int number, const size_t *sizes, int frames)
{
    int found = -2, frame = is_req ? 0 : -1, more = 1;
    for (; more; frame++) {
        zmq_msg_t part;
        zmq_msg_init (&part);
        if (zmq_msg_recv (&part, socket, 0) < 0)
            exit (1);
        more = zmq_msg_more (&part);
        size_t size = frame < 0 || frame >= frames ? 0 : sizes[frame];
        char *bytes = content (number, frame, size);
        int is_same = frame < frames && zmq_msg_size (&part) == size && memcmp (zmq_msg_data (&part), bytes, size) == 0;
        if (found == -2 && !is_same)
            found = frame;
        free (bytes);
        zmq_msg_close (&part);
    }
    return found == -2 && frame < frames ? frame : found;
}

static void ask (void *socket, int count, char *list)
{
    size_t sizes[FRAMES], option = sizeof (int);
    int type, frames = 0, found = -2;
    for (char *one = strtok (list, ","); one != NULL && frames < FRAMES; one = strtok (NULL, ","))
        sizes[frames++] = strtoul (one, NULL, 10);
    zmq_getsockopt (socket, ZMQ_TYPE, &type, &option);
    int is_req = type == ZMQ_REQ;
    for (int number = 0; !is_req && number < count; number++)
        ask_for (socket, is_req, number, sizes, frames);
    for (int number = 0; found == -2 && number < count; number++) {
        if (is_req)
            ask_for (socket, is_req, number, sizes, frames);
        found = difference (socket, is_req, number, sizes, frames);
    }
    if (found == -2)
        puts ("right");
    else
        printf ("wrong: frame %d\n", found);
}

static void app (void)
{
    char line[8192], *end;
    void *socket = NULL;
    while (fgets (line, sizeof line, stdin) != NULL) {
        line[strcspn (line, "\n")] = '\0';
        char *command = strtok_r (line, " ", &end), *first = strtok_r (NULL, " ", &end), *second = strtok_r (NULL, " ", &end);
        if (strcmp (command, "open") == 0) {
            if (socket != NULL)
                zmq_close (socket);
            socket = opened (first, second, strtok_r (NULL, " ", &end));
            puts ("opened");
        } else
            ask (socket, atoi (first), second);
        fflush (stdout);
    }
}

int main (int argc, char **argv)
{
    context = zmq_ctx_new ();
    if (argc > 1 && strcmp (argv[1], "app") == 0) {
        app ();
        return 0;
    }
    for (int at = 2; at + 1 < argc; at += 2)
        serve (argv[at], argv[at + 1]);
    pthread_exit (NULL);
}
