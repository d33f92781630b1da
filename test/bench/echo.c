/* A cheap upstream: it echoes what a REQ or a DEALER sends, on one port of every address of this machine. Prints its address and
 * runs until it is killed. */
#include "zmtp.h"

static void on_message_bytes (struct connection *peer, const uint8_t *bytes, size_t size)
{
    queue (peer, bytes, size);
}

static void on_message_end (struct connection *peer)
{
    (void) peer;
}

static int listen_anywhere (void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_ANY) };
    socklen_t size = sizeof address;
    int fd = socket (AF_INET, SOCK_STREAM, 0);
    if (bind (fd, (struct sockaddr *) &address, size) != 0 || listen (fd, 4096) != 0)
        die ("listen");
    getsockname (fd, (struct sockaddr *) &address, &size);
    printf ("serving tcp://127.0.0.1:%d\n", ntohs (address.sin_port));
    fflush (stdout);
    return fd;
}

int main (void)
{
    static uint8_t chunk[CHUNK];
    int listener = listen_anywhere (), epoll = epoll_create1 (0);
    struct connection self = { .fd = listener };
    watch (epoll, &self, EPOLL_CTL_ADD);
    for (;;) {
        struct epoll_event events[256];
        int count = epoll_wait (epoll, events, 256, -1);
        for (int index = 0; index < count; index++) {
            struct connection *peer = events[index].data.ptr;
            int was_waiting = peer->out_size > 0;
            if (peer == &self) {
                peer = calloc (1, sizeof *peer);
                greet (peer, accept4 (listener, NULL, NULL, SOCK_NONBLOCK), "REP");
                was_waiting = 1;
                watch (epoll, peer, EPOLL_CTL_ADD);
            } else if (events[index].events & ~EPOLLOUT) {
                ssize_t size = recv (peer->fd, chunk, sizeof chunk, 0);
                if (size > 0)
                    take (peer, chunk, size);
                else if (size == 0 || errno != EAGAIN) {
                    close (peer->fd);
                    free (peer->out);
                    free (peer);
                    continue;
                }
            }
            flush (epoll, peer, was_waiting);
        }
    }
}
