/* A cheap load generator: many REQ clients on one thread. Every reply must be identical to its request.
 * `load PORT,... CLIENTS SIZE SECONDS RATE PID...`: with RATE 0 each client sends its next request as soon as it has its
 * reply. Otherwise RATE requests per second are due, and latency counts from the time when a request was due, even if no
 * client was free then. Prints one line of JSON, including the CPU time that the processes PID used meanwhile. */
#include "zmtp.h"
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <time.h>

#define WARM_UP_NS 300000000
#define PATIENCE_NS 20000000000
#define PREFIX 19

struct client {
    struct connection connection;   /* first, so that a pointer to one is a pointer to the other */
    uint8_t prefix[PREFIX]; /* delimiter, frame header, and a tag of 8 bytes that no other request has */
    uint64_t due_ns;
    size_t sent, received;
    int is_waiting;
};

static int epoll, prefix_size, client_count;
static size_t size;    /* of a whole request on the wire */
static uint8_t *filler; /* the bytes after the tag in each request */
static uint64_t interval_ns, next_due_ns, number, now_ns, start_ns, end_ns;
static struct client **idle;
static int idle_first, idle_count;
static uint32_t *took_us;
static size_t took_count, took_capacity;

static uint64_t clock_ns (void)
{
    struct timespec time;
    clock_gettime (CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static void count (uint64_t due_ns)
{
    if (took_count == took_capacity)
        took_us = realloc (took_us, (took_capacity = 2 * took_capacity + 4096) * sizeof *took_us);
    took_us[took_count++] = (now_ns - due_ns) / 100;
}

static void send_rest (struct client *client)
{
    while (client->sent < size) {
        size_t prefix = prefix_size, body = client->sent < prefix ? 0 : client->sent - prefix;
        struct iovec parts[2] = {
            { client->prefix + least (client->sent, prefix), prefix - least (client->sent, prefix) },
            { filler + body, size - prefix - body },
        };
        ssize_t count = writev (client->connection.fd, parts, 2);
        if (count < 0 && errno != EAGAIN)
            die ("send");
        if (count < 0)
            break;
        client->sent += count;
    }
    int is_waiting = client->sent < size;
    if (is_waiting == client->is_waiting)
        return;
    client->is_waiting = is_waiting;
    struct epoll_event event = { EPOLLIN | (is_waiting ? EPOLLOUT : 0), { .ptr = client } };
    epoll_ctl (epoll, EPOLL_CTL_MOD, client->connection.fd, &event);
}

static void ask (struct client *client, uint64_t due_ns)
{
    char tag[9];
    snprintf (tag, sizeof tag, "%08x", (unsigned) number++);
    memcpy (client->prefix + prefix_size - 8, tag, 8);
    client->due_ns = due_ns;
    client->sent = client->received = 0;
    send_rest (client);
}

/* Sends the requests that are due, as far as clients are free. */
static void ask_what_is_due (void)
{
    while (idle_count > 0) {
        uint64_t due_ns = interval_ns > 0 ? next_due_ns : now_ns;
        if (due_ns > now_ns || due_ns >= end_ns)
            return;
        struct client *client = idle[idle_first];
        idle_first = (idle_first + 1) % client_count;
        idle_count--;
        next_due_ns += interval_ns;
        ask (client, due_ns);
    }
}

static void expect (struct client *client, const uint8_t *bytes, const uint8_t *expected, size_t count)
{
    if (memcmp (bytes, expected, count) == 0)
        return;
    fprintf (stderr, "a wrong reply to %.8s, with ", client->prefix + prefix_size - 8);
    for (size_t at = 0; at < least (count, 200); at++)
        fputc (bytes[at] >= ' ' && bytes[at] <= '~' ? bytes[at] : '.', stderr);
    fputc ('\n', stderr);
    exit (1);
}

static void on_message_bytes (struct connection *connection, const uint8_t *bytes, size_t count)
{
    struct client *client = (struct client *) connection;
    size_t prefix = prefix_size, in_prefix = 0;
    if (client->received < prefix) {
        in_prefix = least (count, prefix - client->received);
        expect (client, bytes, client->prefix + client->received, in_prefix);
    }
    client->received += in_prefix;
    if (client->received + count - in_prefix > size)
        die ("a reply is longer than its request");
    expect (client, bytes + in_prefix, filler + client->received - prefix, count - in_prefix);
    client->received += count - in_prefix;
}

static void on_message_end (struct connection *connection)
{
    struct client *client = (struct client *) connection;
    if (client->received < size || client->sent < size)
        die ("a reply is shorter than its request");
    if (client->due_ns >= start_ns && client->due_ns < end_ns)
        count (client->due_ns);
    idle[(idle_first + idle_count++) % client_count] = client;
    ask_what_is_due ();
}

/* Connects, and waits for READY. */
static void open_client (struct client *client, int port)
{
    static uint8_t chunk[256];
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons (port) };
    address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
    int fd = socket (AF_INET, SOCK_STREAM, 0);
    if (connect (fd, (struct sockaddr *) &address, sizeof address) != 0)
        die ("connect");
    greet (&client->connection, fd, "REQ");
    while (!client->connection.is_ready) {
        flush (epoll, &client->connection, 0);
        ssize_t size = recv (fd, chunk, sizeof chunk, 0);
        if (size <= 0)
            die ("no handshake");
        take (&client->connection, chunk, size);
    }
    int header = size > 2 + 2 + 255 ? 9 : 2;
    uint64_t body = size - 2 - header;
    client->prefix[0] = MORE;
    client->prefix[2] = header == 9 ? LONG : 0;
    for (int byte = 0; byte < header - 1; byte++)
        client->prefix[2 + header - 1 - byte] = body >> (8 * byte);
    fcntl (fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = { EPOLLIN, { .ptr = client } };
    epoll_ctl (epoll, EPOLL_CTL_ADD, fd, &event);
    idle[idle_count++] = client;
}

/* In ms, from the kernel's clock ticks. */
static uint64_t cpu_ms (char **pids)
{
    uint64_t ticks = 0;
    for (; *pids != NULL; pids++) {
        char path[64], line[1024];
        unsigned long user, system;
        snprintf (path, sizeof path, "/proc/%s/stat", *pids);
        FILE *file = fopen (path, "r");
        if (file == NULL || fgets (line, sizeof line, file) == NULL)
            die (path);
        fclose (file);
        if (sscanf (strrchr (line, ')') + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
            die (path);
        ticks += user + system;
    }
    return ticks * 1000 / sysconf (_SC_CLK_TCK);
}

static uint64_t own_cpu_ms (void)
{
    struct rusage usage;
    getrusage (RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

static void run_until (uint64_t until_ns, int and_all_idle)
{
    static uint8_t chunk[CHUNK];
    while ((now_ns = clock_ns ()) < until_ns && !(and_all_idle && idle_count == client_count)) {
        ask_what_is_due ();
        uint64_t wake_ns = interval_ns > 0 && idle_count > 0 && next_due_ns < end_ns ? next_due_ns : until_ns;
        int64_t wait_ns = (int64_t) (wake_ns < until_ns ? wake_ns : until_ns) - (int64_t) now_ns;
        struct timespec timeout = { wait_ns > 0 ? wait_ns / 1000000000 : 0, wait_ns > 0 ? wait_ns % 1000000000 : 0 };
        struct epoll_event events[256];
        int count = epoll_pwait2 (epoll, events, 256, &timeout, NULL);
        for (int index = 0; index < count; index++) {
            struct client *client = events[index].data.ptr;
            if (events[index].events & EPOLLOUT)
                send_rest (client);
            if (!(events[index].events & ~EPOLLOUT))
                continue;
            ssize_t size = recv (client->connection.fd, chunk, sizeof chunk, 0);
            if (size < 0 && errno == EAGAIN)
                continue;
            if (size <= 0)
                die ("a client was disconnected");
            now_ns = clock_ns ();
            take (&client->connection, chunk, size);
            if (client->connection.out_size > 0)
                flush (epoll, &client->connection, 0);
        }
    }
}

static int by_value (const void *one, const void *other)
{
    uint32_t a = *(const uint32_t *) one, b = *(const uint32_t *) other;
    return (a > b) - (a < b);
}

static double quantile_us (double share)
{
    size_t index = took_count * share;
    return took_count > 0 ? took_us[index < took_count ? index : took_count - 1] / 10.0 : 0;
}

int main (int argc, char **argv)
{
    if (argc < 6)
        return 2;
    char **pids = argv + 6;
    double seconds = atof (argv[4]), rate = atof (argv[5]);
    size_t body = atol (argv[3]);
    client_count = atoi (argv[2]);
    prefix_size = body > 255 ? PREFIX : PREFIX - 7;
    size = prefix_size + body - 8;
    filler = malloc (size);
    memset (filler, 'x', size);
    interval_ns = rate > 0 ? 1e9 / rate : 0;
    prctl (PR_SET_TIMERSLACK, 1, 0, 0, 0);

    epoll = epoll_create1 (0);
    idle = calloc (client_count, sizeof *idle);
    struct client *clients = calloc (client_count, sizeof *clients);
    char *port = argv[1];
    for (int index = 0; index < client_count; index++) {
        open_client (&clients[index], atoi (port));
        port = strchr (port, ',') ? strchr (port, ',') + 1 : argv[1];
    }

    next_due_ns = clock_ns ();
    start_ns = next_due_ns + WARM_UP_NS;
    end_ns = start_ns + (uint64_t) (seconds * 1e9);
    run_until (start_ns, 0);
    uint64_t cpu_before_ms = cpu_ms (pids), own_before_ms = own_cpu_ms (), began_ns = clock_ns ();
    run_until (end_ns, 0);
    uint64_t cpu_used_ms = cpu_ms (pids) - cpu_before_ms, own_ms = own_cpu_ms () - own_before_ms;
    double took_s = (clock_ns () - began_ns) / 1e9;
    size_t in_time = took_count;
    /* A request that was due and never sent has waited at least until now. */
    for (now_ns = end_ns; interval_ns > 0 && next_due_ns < end_ns; next_due_ns += interval_ns)
        count (next_due_ns);
    run_until (end_ns + PATIENCE_NS, 1);
    if (idle_count < client_count)
        die ("a reply is missing");

    qsort (took_us, took_count, sizeof *took_us, by_value);
    printf ("{\"requests\":%zu,\"seconds\":%.4f,\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f,\"cpuMs\":%lu,\"ownCpuMs\":%lu}\n",
            in_time, took_s, quantile_us (0.5), quantile_us (0.99), quantile_us (0.999), quantile_us (1), cpu_used_ms, own_ms);
    return 0;
}
