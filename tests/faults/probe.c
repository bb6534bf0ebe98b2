/* SPDX-License-Identifier: Apache-2.0 */

/* Sends a probe a millisecond on each of several streams, and knows of each
 * whether and when it arrived.
 *
 *     probe HZ FRESH NAME,TX,RX,FRAME...
 *
 * A stream is a name, a packet socket to send from and a UDP socket to receive
 * with (both inherited, so they may belong to any network namespace), and the
 * Ethernet frame to send, in hexadecimal digits: IPv4 without options, UDP,
 * and room for a payload.  Every FRESH-th probe has a source port of its own,
 * so no switch knows it from an earlier one; 0: none has.
 *
 * Both ends are in one process, so there is one clock.  What was sent is
 * stamped here right before, what arrived is stamped by the kernel: how late
 * this process is scheduled does not count.  Probes that it had no time to
 * send are not sent later: nothing is lost of what was not sent.
 *
 * Commands on standard input, each answered with one line of JSON:
 *
 *     begin    counting begins with the next probe
 *     now      for each stream how many were sent since "begin", and how many
 *              milliseconds ago one was sent that has arrived; -1: none
 *     end      waits until all probes that were sent since "begin" have
 *              arrived, a second at most, and says what became of them
 *
 * All times are nanoseconds of CLOCK_REALTIME, since the kernel stamps with
 * that. */

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <arpa/inet.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_STREAMS = 16,
    N_KEPT = 1 << 18,           /* Probes of a stream that are remembered. */
    MAX_OUTAGES = 50,           /* That are listed. */
    ETHERNET = 14, IPV4 = 20, UDP = 8,
    SOURCE_PORT = ETHERNET + IPV4,
    CHECKSUM = ETHERNET + IPV4 + 6,
    PAYLOAD = ETHERNET + IPV4 + UDP,
    BASE_PORT = 20000, N_FRESH_PORTS = 40000,
};

static const int64_t NS = 1000000000;
static const int64_t GRACE = 1000000000;
static const uint32_t MAGIC = 0x70726f62;

struct payload {
    uint32_t magic;
    uint32_t stream;
    uint64_t number;
};

struct times {
    int64_t sent;
    int64_t received;           /* 0: not so far. */
};

struct stream {
    const char *name;
    int tx, rx;
    unsigned char frame[256];
    size_t size;
    uint64_t n_sent;            /* Also the next probe's number. */
    uint64_t begin;             /* The first that counts. */
    int64_t newest;             /* When a probe was sent that arrived. */
    uint64_t n_repeated, n_strayed;
    int64_t last_arrival;
    int64_t gap;                /* Longest between two arrivals. */
    struct times *times;
};

static struct stream streams[MAX_STREAMS];
static unsigned int n_streams;
static unsigned int fresh;

static uint64_t n_skipped;      /* Probes that there was no time to send. */

static int64_t
now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return ts.tv_sec * NS + ts.tv_nsec;
}

static void
fail(const char *what)
{
    fprintf(stderr, "probe: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static struct times *
times_of(const struct stream *s, uint64_t number)
{
    return &s->times[number % N_KEPT];
}

/* Setting up. */

static void
parse_stream(char *text)
{
    struct stream *s = &streams[n_streams++];
    char *frame;
    int n = 0;

    s->name = strsep(&text, ",");
    if (!text || sscanf(text, "%d,%d,%n", &s->tx, &s->rx, &n) < 2 || !n) {
        errno = EINVAL;
        fail(s->name);
    }
    for (frame = text + n; frame[0] && frame[1]; frame += 2) {
        if (s->size == sizeof s->frame
            || sscanf(frame, "%2hhx", &s->frame[s->size++]) != 1) {
            errno = EINVAL;
            fail(s->name);
        }
    }
    if (s->size < PAYLOAD + sizeof(struct payload)) {
        errno = EMSGSIZE;
        fail(s->name);
    }
    s->times = calloc(N_KEPT, sizeof *s->times);
    if (!s->times || setsockopt(s->rx, SOL_SOCKET, SO_TIMESTAMPNS,
                                &(int) { 1 }, sizeof(int))) {
        fail(s->name);
    }
}

static int
start_timer(long int hz)
{
    struct itimerspec every = {
        .it_interval = { .tv_nsec = NS / hz },
        .it_value = { .tv_nsec = NS / hz },
    };
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);

    if (fd < 0 || timerfd_settime(fd, 0, &every, NULL)) {
        fail("timer");
    }
    return fd;
}

/* Sending and receiving. */

static void
send_probe(struct stream *s)
{
    uint64_t number = s->n_sent;
    bool is_fresh = fresh && number % fresh == 0;
    uint16_t port = htons(is_fresh
                          ? BASE_PORT + 1 + number / fresh % N_FRESH_PORTS
                          : BASE_PORT);
    struct payload payload = { MAGIC, s - streams, number };

    memcpy(s->frame + SOURCE_PORT, &port, sizeof port);
    memset(s->frame + CHECKSUM, 0, 2);      /* None: RFC 768. */
    memcpy(s->frame + PAYLOAD, &payload, sizeof payload);
    *times_of(s, number) = (struct times) { .sent = now() };
    if (send(s->tx, s->frame, s->size, MSG_DONTWAIT) == (ssize_t) s->size) {
        s->n_sent++;
    } else {
        n_skipped++;            /* It never left: the same number again. */
    }
}

static void
arrived(struct stream *s, const struct payload *p, int64_t when)
{
    struct times *times = times_of(s, p->number);

    if (p->number >= s->n_sent || s->n_sent - p->number > N_KEPT) {
        s->n_strayed++;
    } else if (times->received) {
        s->n_repeated++;
    } else {
        times->received = when;
        s->newest = times->sent > s->newest ? times->sent : s->newest;
        if (s->last_arrival && when - s->last_arrival > s->gap) {
            s->gap = when - s->last_arrival;
        }
        s->last_arrival = when;
    }
}

/* Returns false when nothing waits. */
static bool
receive_probe(struct stream *s)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(struct timespec))];
    } control;
    struct payload payload;
    struct iovec iov = { &payload, sizeof payload };
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1,
        .msg_control = &control, .msg_controllen = sizeof control,
    };
    ssize_t size = recvmsg(s->rx, &msg, MSG_DONTWAIT);

    if (size < 0) {
        return false;
    }
    if (size != sizeof payload || payload.magic != MAGIC
        || payload.stream != s - streams) {
        s->n_strayed++;
        return true;
    }

    struct cmsghdr *header = CMSG_FIRSTHDR(&msg);
    struct timespec stamp;

    if (!header || header->cmsg_type != SCM_TIMESTAMPNS) {
        fail("no time stamp");
    }
    memcpy(&stamp, CMSG_DATA(header), sizeof stamp);
    arrived(s, &payload, stamp.tv_sec * NS + stamp.tv_nsec);
    return true;
}

static void
receive_all(void)
{
    for (unsigned int i = 0; i < n_streams; i++) {
        while (receive_probe(&streams[i])) {
            continue;
        }
    }
}

static void
tick(int timer)
{
    uint64_t n_expired;

    if (read(timer, &n_expired, sizeof n_expired) == sizeof n_expired) {
        n_skipped += (n_expired - 1) * n_streams;
        for (unsigned int i = 0; i < n_streams; i++) {
            send_probe(&streams[i]);
        }
        receive_all();
    }
}

/* Commands. */

static void
begin(void)
{
    for (unsigned int i = 0; i < n_streams; i++) {
        struct stream *s = &streams[i];

        s->begin = s->n_sent;
        s->n_repeated = s->n_strayed = 0;
        s->gap = 0;
        s->last_arrival = now();
    }
    n_skipped = 0;
    puts("{}");
}

static void
print_now(void)
{
    int64_t when = now();

    receive_all();
    putchar('{');
    for (unsigned int i = 0; i < n_streams; i++) {
        const struct stream *s = &streams[i];

        printf("%s\"%s\":[%"PRIu64",%.3f]", i ? "," : "", s->name,
               s->n_sent - s->begin,
               s->newest ? (when - s->newest) / 1e6 : -1);
    }
    puts("}");
}

/* Runs of probes that were lost: from when the first was sent until one was
 * sent that arrived. */
static void
print_outages(const struct stream *s, uint64_t end, int64_t when)
{
    unsigned int n_outages = 0;
    int64_t longest = 0;

    printf("\"outages\":[");
    for (uint64_t i = s->begin; i < end; i++) {
        if (times_of(s, i)->received) {
            continue;
        }
        uint64_t first = i;
        while (i < end && !times_of(s, i)->received) {
            i++;
        }
        int64_t from = times_of(s, first)->sent;
        int64_t to = i < end ? times_of(s, i)->sent : when;

        longest = to - from > longest ? to - from : longest;
        if (n_outages < MAX_OUTAGES) {
            printf("%s[%"PRId64",%"PRId64",%"PRIu64"]", n_outages ? "," : "",
                   from, to, i - first);
        }
        n_outages++;
    }
    printf("],\"n_outages\":%u,\"outage\":%"PRId64, n_outages, longest);
}

static void
print_stream(const struct stream *s, uint64_t end, int64_t when)
{
    uint64_t n_lost = 0;

    for (uint64_t i = s->begin; i < end; i++) {
        n_lost += !times_of(s, i)->received;
    }
    printf("\"%s\":{\"sent\":%"PRIu64",\"lost\":%"PRIu64",\"repeated\":%"PRIu64
           ",\"strayed\":%"PRIu64",\"gap\":%"PRId64",", s->name,
           end - s->begin, n_lost, s->n_repeated, s->n_strayed, s->gap);
    print_outages(s, end, when);
    putchar('}');
}

static void
end(int timer)
{
    uint64_t ends[MAX_STREAMS];
    uint64_t skipped = n_skipped;
    int64_t when = now();

    for (unsigned int i = 0; i < n_streams; i++) {
        struct stream *s = &streams[i];

        if (s->n_sent - s->begin > N_KEPT / 2) {
            s->begin = s->n_sent - N_KEPT / 2;
        }
        ends[i] = s->n_sent;
        /* A stream that is silent until now has a gap, too. */
        if (when - s->last_arrival > s->gap) {
            s->gap = when - s->last_arrival;
        }
    }
    for (bool all = false; !all && now() - when < GRACE; ) {
        struct pollfd wait = { .fd = timer, .events = POLLIN };

        poll(&wait, 1, 100);
        tick(timer);
        all = true;
        for (unsigned int i = 0; i < n_streams; i++) {
            for (uint64_t n = streams[i].begin; all && n < ends[i]; n++) {
                all = times_of(&streams[i], n)->received;
            }
        }
    }
    printf("{\"skipped\":%"PRIu64",\"streams\":{", skipped);
    for (unsigned int i = 0; i < n_streams; i++) {
        if (i) {
            putchar(',');
        }
        print_stream(&streams[i], ends[i], when);
    }
    puts("}}");
}

/* Returns false at the end of the input. */
static bool
command(int timer)
{
    char line[64];

    if (!fgets(line, sizeof line, stdin)) {
        return false;
    }
    if (!strcmp(line, "begin\n")) {
        begin();
    } else if (!strcmp(line, "now\n")) {
        print_now();
    } else if (!strcmp(line, "end\n")) {
        end(timer);
    } else {
        puts("null");
    }
    fflush(stdout);
    return true;
}

int
main(int argc, char *argv[])
{
    if (argc < 4 || argc - 3 > MAX_STREAMS) {
        fprintf(stderr, "usage: probe HZ FRESH NAME,TX,RX,FRAME...\n");
        return EXIT_FAILURE;
    }

    long int hz = strtol(argv[1], NULL, 10);

    fresh = strtoul(argv[2], NULL, 10);
    if (hz < 1 || hz > 100000) {
        errno = EINVAL;
        fail("HZ");
    }
    for (int i = 3; i < argc; i++) {
        parse_stream(argv[i]);
    }

    /* Before others, where that is allowed: it needs little, but in time. */
    sched_setscheduler(0, SCHED_FIFO, &(struct sched_param) { 1 });

    struct pollfd fds[] = {
        { .fd = start_timer(hz), .events = POLLIN },
        { .fd = STDIN_FILENO, .events = POLLIN },
    };

    for (;;) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR) {
            fail("poll");
        }
        tick(fds[0].fd);
        if (fds[1].revents && !command(fds[0].fd)) {
            return EXIT_SUCCESS;
        }
    }
}
