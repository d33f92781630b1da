/* The minimum of ZMTP 3.0 that a cheap REQ or REP needs: one greeting and READY per connection, then frames. load.c and echo.c
 * include it; each defines what to do with the bytes of a message and at its end. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MORE 1
#define LONG 2
#define COMMAND 4
#define GREETING 64
#define CHUNK (256 * 1024)

struct connection {
    int fd;
    int is_ready;      /* the peer has sent READY */
    int greeting_left; /* bytes of the greeting still to come */
    uint8_t head[9];   /* of the current frame */
    int head_size;
    uint64_t body_left;
    uint8_t command[64]; /* only the start matters */
    int command_size;
    uint8_t *out; /* bytes that the kernel has not accepted yet */
    size_t out_sent, out_size, out_capacity;
};

static void on_message_bytes (struct connection *, const uint8_t *, size_t);
static void on_message_end (struct connection *);

static void die (const char *what)
{
    fprintf (stderr, "%s: %s\n", what, errno ? strerror (errno) : "unexpected");
    exit (1);
}

/* Whether epoll reports room to write on a connection, besides bytes to read. */
static void watch (int epoll, struct connection *peer, int operation)
{
    struct epoll_event event = { EPOLLIN | (peer->out_size > 0 ? EPOLLOUT : 0), { .ptr = peer } };
    if (epoll_ctl (epoll, operation, peer->fd, &event) != 0)
        die ("epoll_ctl");
}

static void queue (struct connection *peer, const uint8_t *bytes, size_t size)
{
    if (peer->out_size + size > peer->out_capacity && peer->out_sent > 0) {
        peer->out_size -= peer->out_sent;
        memmove (peer->out, peer->out + peer->out_sent, peer->out_size);
        peer->out_sent = 0;
    }
    if (peer->out_size + size > peer->out_capacity) {
        peer->out_capacity = 2 * (peer->out_size + size);
        peer->out = realloc (peer->out, peer->out_capacity);
    }
    memcpy (peer->out + peer->out_size, bytes, size);
    peer->out_size += size;
}

/* Sends queued bytes, as far as the kernel accepts them. */
static void flush (int epoll, struct connection *peer, int was_waiting)
{
    while (peer->out_sent < peer->out_size) {
        ssize_t count = send (peer->fd, peer->out + peer->out_sent, peer->out_size - peer->out_sent, MSG_NOSIGNAL);
        if (count <= 0)
            break; /* no room, or the connection is gone, which the next read will show */
        peer->out_sent += count;
    }
    if (peer->out_sent == peer->out_size)
        peer->out_sent = peer->out_size = 0;
    if (was_waiting != (peer->out_size > 0))
        watch (epoll, peer, EPOLL_CTL_MOD);
}

static void greet (struct connection *peer, int fd, const char *type)
{
    uint8_t hello[GREETING + 64] = { 0xff, [9] = 0x7f, 3, 0, 'N', 'U', 'L', 'L' };
    int properties = snprintf ((char *) hello + GREETING + 2, 62, "%cREADY%cSocket-Type%c%c%c%c%s", 5, 11, 0, 0, 0,
                               (int) strlen (type), type);
    hello[GREETING] = COMMAND;
    hello[GREETING + 1] = properties;
    *peer = (struct connection){ .fd = fd, .greeting_left = GREETING };
    int yes = 1;
    setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    queue (peer, hello, GREETING + 2 + properties);
}

/* READY starts a connection; a PING is answered with its own context. */
static void on_command (struct connection *peer)
{
    if (memcmp (peer->command, "\5READY", 6) == 0)
        peer->is_ready = 1;
    else if (memcmp (peer->command, "\4PING", 5) == 0) {
        int context = peer->command_size - 7;
        uint8_t pong[64] = { COMMAND, 5 + context, 4, 'P', 'O', 'N', 'G' };
        memcpy (pong + 7, peer->command + 7, context);
        queue (peer, pong, 7 + context);
    }
}

static size_t least (size_t one, size_t other)
{
    return one < other ? one : other;
}

/* Handles bytes that arrived on a connection, split anywhere, as TCP does. */
static void take (struct connection *peer, const uint8_t *bytes, size_t size)
{
    size_t skipped = least (peer->greeting_left, size);
    peer->greeting_left -= skipped;
    for (const uint8_t *end = bytes + size, *at = bytes + skipped; at < end;) {
        uint8_t *head = peer->head;
        if (peer->body_left == 0) {
            head[peer->head_size++] = *at++;
            if (peer->head_size < (head[0] & LONG ? 9 : 2))
                continue;
            for (int byte = 1; byte < peer->head_size; byte++)
                peer->body_left = peer->body_left << 8 | head[byte];
            peer->command_size = 0;
            if (!(head[0] & COMMAND))
                on_message_bytes (peer, head, peer->head_size);
        }
        size_t part = least (peer->body_left, end - at);
        if (!(head[0] & COMMAND))
            on_message_bytes (peer, at, part);
        else {
            size_t kept = least (part, sizeof peer->command - peer->command_size);
            memcpy (peer->command + peer->command_size, at, kept);
            peer->command_size += kept;
        }
        at += part;
        peer->body_left -= part;
        if (peer->body_left > 0)
            continue;
        peer->head_size = 0;
        if (head[0] & COMMAND)
            on_command (peer);
        else if (!(head[0] & MORE))
            on_message_end (peer);
    }
}
