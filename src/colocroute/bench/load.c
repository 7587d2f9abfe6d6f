/*
 * The load generator behind `colocroute bench`: N connections, each with one request under way.
 *
 *   load ADDRESS PROTOCOL REQUESTS CONNECTIONS WARMUP SECONDS RATE
 *
 * ADDRESS is unix:PATH or inet:HOST:PORT with a numeric host, PROTOCOL is socketmap or tcp_table.  REQUESTS is a
 * file of requests as they are sent, each behind its length (32 bits, native order), taken in order and then
 * from the beginning again.  WARMUP and SECONDS are times, of which only the second is counted.
 *
 * RATE 0: every connection sends its next request when it has the reply.  Otherwise RATE requests a second
 * are due at fixed instants, whatever became of earlier ones, and latency counts from the instant a request was
 * due: a server that stalls is charged for all that had to wait (no coordinated omission).  What was due in the
 * warm-up and is not sent by its end is not sent at all: nobody would count it.  Replies that come after the end
 * are counted, and so is the time they took ("overtime"): a server that falls behind shows its own rate.
 *
 * Standard output: one line of JSON a second, {"done": N}, and at the end one with all results.  Latencies are
 * counted in buckets of less than one percent width.  It never runs longer than WARMUP + SECONDS + GRACE.
 * Exit codes: 0 measured, 64 wrong usage, 75 no connection, or none left before anything was counted.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
    BATCH = 256,          /* events taken from the kernel at once */
    REPLY_LIMIT = 110000, /* bytes: the longest netstring of socketmap, framed */
    SUB_BITS = 7,         /* each power of two nanoseconds is cut into so many (2^7) buckets */
    BUCKETS = (64 - SUB_BITS + 1) << SUB_BITS,
    GRACE = 2,            /* seconds for the last replies */
    CONNECT_SECONDS = 5,
};

enum kind { OK, NOTFOUND, TEMP, OTHER, KINDS };

struct request {
    const char *bytes;
    uint32_t length;
};

struct connection {
    int fd;
    int have; /* bytes of a reply that is not whole */
    int busy; /* a request is under way */
    uint64_t due;
    char *buffer; /* REPLY_LIMIT bytes, of which pages never written to cost nothing */
};

static struct request *requests;
static size_t request_count, next_request;
static struct connection *connections;
static int *idle, idle_count; /* when there is a rate: connections that are not busy; some may be closed */
static int is_tcp_table, open_count, busy_count;
static uint64_t counting_from, counting_until, interval, last_counted;
static uint64_t kinds[KINDS], buckets[BUCKETS], done, slowest, total_latency, lost, unanswered;

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + t.tv_nsec;
}

static void fail(int code, const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(code);
}

static unsigned bucket_of(uint64_t ns)
{
    if (ns < (1u << SUB_BITS))
        return ns;
    unsigned shift = 63 - SUB_BITS - __builtin_clzll(ns);
    return ((shift + 1) << SUB_BITS) + (ns >> shift) - (1u << SUB_BITS);
}

static uint64_t bucket_start(unsigned index)
{
    unsigned row = index >> SUB_BITS, column = index & ((1u << SUB_BITS) - 1);
    return row == 0 ? column : (uint64_t)(column + (1u << SUB_BITS)) << (row - 1);
}

static void read_requests(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        fail(64, path, strerror(errno));
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    char *bytes = malloc(size + 1);
    if (!bytes || fread(bytes, 1, size, file) != (size_t)size)
        fail(64, path, "cannot be read");
    fclose(file);
    size_t room = 0;
    for (long at = 0; at + 4 <= size;) {
        uint32_t length;
        memcpy(&length, bytes + at, 4);
        if (length > size - at - 4)
            fail(64, path, "is cut short");
        if (request_count == room) {
            room = room ? room * 2 : 1024;
            requests = realloc(requests, room * sizeof *requests);
            if (!requests)
                fail(64, path, "is too large");
        }
        requests[request_count++] = (struct request){bytes + at + 4, length};
        at += 4 + (long)length;
    }
    if (!request_count)
        fail(64, path, "has no requests");
}

static int connected(const char *address, int family, const struct sockaddr *to, socklen_t length)
{
    struct timeval patience = {.tv_sec = CONNECT_SECONDS};
    int fd = socket(family, SOCK_STREAM, 0);
    if (fd < 0)
        fail(75, address, strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, to, length))
        fail(75, address, strerror(errno));
    return fd;
}

static int connect_to(const char *address)
{
    int one = 1;
    if (!strncmp(address, "unix:", 5)) {
        struct sockaddr_un path = {.sun_family = AF_UNIX};
        if (strlen(address + 5) >= sizeof path.sun_path)
            fail(64, address, "the path is too long");
        strcpy(path.sun_path, address + 5);
        return connected(address, AF_UNIX, (struct sockaddr *)&path, sizeof path);
    }
    char host[256];
    const char *port = strrchr(address, ':');
    if (strncmp(address, "inet:", 5) || port < address + 5 || port - address - 5 >= (long)sizeof host)
        fail(64, address, "is neither unix:PATH nor inet:HOST:PORT");
    snprintf(host, sizeof host, "%.*s", (int)(port - address - 5), address + 5);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST}, *found;
    int error = getaddrinfo(host, port + 1, &hints, &found);
    if (error)
        fail(64, address, gai_strerror(error));
    int fd = connected(address, found->ai_family, found->ai_addr, found->ai_addrlen);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    freeaddrinfo(found);
    return fd;
}

static void allow_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void set_busy(struct connection *connection, int busy)
{
    busy_count += busy - connection->busy;
    connection->busy = busy;
}

static void drop(struct connection *connection)
{
    set_busy(connection, 0);
    close(connection->fd);
    connection->fd = -1;
    open_count--;
    lost++;
}

static void ask(struct connection *connection, uint64_t due)
{
    const struct request *request = &requests[next_request];
    if (++next_request == request_count)
        next_request = 0;
    connection->due = due;
    set_busy(connection, 1);
    if (send(connection->fd, request->bytes, request->length, MSG_NOSIGNAL) != (ssize_t)request->length)
        drop(connection);
}

/* The kind of a whole reply, or -1 if more bytes are needed. */
static int reply_kind(const char *reply, int have)
{
    if (is_tcp_table) {
        if (reply[have - 1] != '\n')
            return -1;
        return !strncmp(reply, "200 ", 4) ? OK : !strncmp(reply, "500 ", 4) ? NOTFOUND
             : !strncmp(reply, "400 ", 4) ? TEMP : OTHER;
    }
    int length = 0, at = 0;
    while (at < have && at < 7 && reply[at] >= '0' && reply[at] <= '9')
        length = length * 10 + reply[at++] - '0';
    if (at == have)
        return -1;
    if (reply[at++] != ':')
        return OTHER;
    if (at + length >= have)
        return -1;
    if (at + length + 1 != have || reply[at + length] != ',')
        return OTHER;
    return length > 3 && !memcmp(reply + at, "OK ", 3) ? OK
         : length >= 9 && !memcmp(reply + at, "NOTFOUND ", 9) ? NOTFOUND
         : length >= 5 && !memcmp(reply + at, "TEMP ", 5) ? TEMP : OTHER;
}

static void count(enum kind kind, uint64_t due, uint64_t at)
{
    /* At a rate all that were due are counted, however late the reply; else those that were done in time. */
    uint64_t when = interval ? due : at;
    if (when < counting_from || when >= counting_until)
        return;
    uint64_t latency = at - due;
    kinds[kind]++;
    buckets[bucket_of(latency)]++;
    total_latency += latency;
    if (latency > slowest)
        slowest = latency;
    last_counted = at;
    done++;
}

/* Takes what has arrived; true if the connection may send its next request. */
static int receive(struct connection *connection, uint64_t *at)
{
    ssize_t got = recv(connection->fd, connection->buffer + connection->have, REPLY_LIMIT - connection->have, 0);
    *at = now();
    if (got <= 0 || !connection->busy) { /* more than was asked for would be taken for the next reply */
        drop(connection);
        return 0;
    }
    connection->have += got;
    int kind = reply_kind(connection->buffer, connection->have);
    if (kind < 0 && connection->have < REPLY_LIMIT)
        return 0;
    connection->have = 0;
    set_busy(connection, 0);
    count(kind < 0 ? OTHER : kind, connection->due, *at);
    return 1;
}

/* How many requests are due from `due` to before `until`. */
static uint64_t due_before(uint64_t until, uint64_t due)
{
    return due < until ? (until - due + interval - 1) / interval : 0;
}

/* Sends what is due by now while connections are idle; returns when the next request is due. */
static uint64_t send_due(uint64_t at, uint64_t due)
{
    if (at >= counting_from)
        due += due_before(counting_from, due) * interval;
    while (due <= at && due < counting_until && idle_count) {
        struct connection *connection = &connections[idle[--idle_count]];
        if (connection->fd >= 0) {
            ask(connection, due);
            due += interval;
        }
    }
    return due;
}

static void progress(uint64_t at)
{
    static uint64_t shown;
    if (!shown)
        shown = at;
    if (at - shown < 1000000000u)
        return;
    shown += 1000000000u;
    printf("{\"done\": %lu}\n", done);
    fflush(stdout);
}

static void run(int epoll, int timer)
{
    uint64_t at = now(), due = at, end = counting_until + GRACE * 1000000000ull, armed = 0;
    struct epoll_event events[BATCH];
    if (!interval)
        for (int i = 0, count = open_count; i < count; i++)
            ask(&connections[i], now());
    while (open_count && at < end) {
        if (interval) {
            due = send_due(at, due);
            uint64_t wake = due < counting_until && idle_count ? due : end;
            if (wake != armed) {
                struct itimerspec when = {.it_value = {wake / 1000000000u, wake % 1000000000u}};
                timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, 0);
                armed = wake;
            }
        }
        int ready = epoll_wait(epoll, events, BATCH, 100);
        at = now();
        for (int i = 0; i < ready; i++) {
            int index = events[i].data.fd;
            if (index < 0)
                continue;
            struct connection *connection = &connections[index];
            if (connection->fd < 0 || !receive(connection, &at))
                continue;
            if (interval)
                idle[idle_count++] = index;
            else if (at < counting_until)
                ask(connection, at);
        }
        progress(at);
        if (at >= counting_until && !busy_count && (!interval || due >= counting_until))
            break;
    }
    unanswered = busy_count;
    if (interval)
        unanswered += due_before(at < counting_until ? at : counting_until, due);
}

static void report(uint64_t end)
{
    uint64_t overtime = last_counted > counting_until ? last_counted - counting_until : 0;
    uint64_t counted = (end < counting_until ? end : counting_until) - counting_from + overtime;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double cpu = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec
               + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
    printf("{\"seconds\": %.9f, \"overtime\": %.9f, \"done\": %lu, \"ok\": %lu, \"notfound\": %lu, \"temp\": %lu, "
           "\"other\": %lu, \"lost\": %lu, \"unanswered\": %lu, \"slowest_ns\": %lu, \"total_ns\": %lu, "
           "\"cpu\": %.6f, \"buckets\": [",
           counted * 1e-9, overtime * 1e-9, done, kinds[OK], kinds[NOTFOUND], kinds[TEMP], kinds[OTHER], lost,
           unanswered, slowest, total_latency, cpu);
    const char *separator = "";
    for (unsigned i = 0; i < BUCKETS; i++)
        if (buckets[i]) {
            printf("%s[%lu, %lu]", separator, bucket_start(i), buckets[i]);
            separator = ", ";
        }
    printf("]}\n");
}

int main(int argc, char **argv)
{
    if (argc != 8)
        fail(64, "usage", "load ADDRESS PROTOCOL REQUESTS CONNECTIONS WARMUP SECONDS RATE");
    is_tcp_table = !strcmp(argv[2], "tcp_table");
    read_requests(argv[3]);
    int wanted = atoi(argv[4]);
    double warmup = atof(argv[5]), seconds = atof(argv[6]), rate = atof(argv[7]);
    if (wanted < 1 || seconds <= 0 || warmup < 0 || rate < 0)
        fail(64, "usage", "connections and seconds must be positive");
    alarm((unsigned)(warmup + seconds) + GRACE + CONNECT_SECONDS + 3);
    allow_descriptors();
    connections = calloc(wanted, sizeof *connections);
    idle = calloc(wanted, sizeof *idle);
    int epoll = epoll_create1(0), timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    if (!connections || !idle || epoll < 0 || timer < 0)
        fail(75, argv[1], strerror(errno));
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.fd = -1};
    epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event);
    event.events = EPOLLIN;
    for (int i = 0; i < wanted; i++) {
        connections[i] = (struct connection){.fd = connect_to(argv[1]), .buffer = malloc(REPLY_LIMIT)};
        event.data.fd = i;
        if (!connections[i].buffer || epoll_ctl(epoll, EPOLL_CTL_ADD, connections[i].fd, &event))
            fail(75, argv[1], strerror(errno));
        idle[idle_count++] = i;
    }
    open_count = wanted;
    counting_from = now() + (uint64_t)(warmup * 1e9);
    counting_until = counting_from + (uint64_t)(seconds * 1e9);
    interval = rate > 0 ? (uint64_t)(1e9 / rate) : 0;
    if (rate > 0 && !interval)
        interval = 1;
    run(epoll, timer);
    if (!open_count && !done)
        fail(75, argv[1], "the server closed every connection before anything was counted");
    report(now());
    return 0;
}
