/* What every client needs: a clock, samples with percentiles, options, non-blocking connections.
 *
 * Each client is one program: this header, one .c file, one epoll loop, one thread. Figures go to
 * standard output as JSON lines, times in seconds. Linux only.
 */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include <errno.h>
#include <math.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#ifdef WITH_TLS
#include <openssl/err.h>
#include <openssl/ssl.h>
#endif

#define UNUSED __attribute__((unused))

UNUSED static void fail(const char *format, ...) {
    va_list values;
    va_start(values, format);
    vfprintf(stderr, format, values);
    va_end(values);
    fputc('\n', stderr);
    exit(2);
}

/* ---- clocks: seconds ---- */

static double clock_seconds(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
UNUSED static double now(void) { return clock_seconds(CLOCK_MONOTONIC); }
UNUSED static double wall_clock(void) { return clock_seconds(CLOCK_REALTIME); }
UNUSED static double own_cpu(void) { return clock_seconds(CLOCK_PROCESS_CPUTIME_ID); }

/* ---- samples ---- */

struct samples {
    double *values;
    size_t count, room;
};

UNUSED static void add_sample(struct samples *s, double value) {
    if (s->count == s->room) {
        s->room = s->room ? 2 * s->room : 1024;
        s->values = realloc(s->values, s->room * sizeof *s->values);
        if (!s->values) fail("out of memory");
    }
    s->values[s->count++] = value;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Nearest rank: the smallest sample that at least `share` of all samples do not exceed. */
static double percentile(const struct samples *sorted, double share) {
    size_t rank = (size_t)ceil(share * (double)sorted->count);
    return sorted->values[rank ? rank - 1 : 0];
}

UNUSED static void print_samples(const char *name, struct samples *s) {
    if (!s->count) {
        printf(",\"%s\":null", name);
        return;
    }
    qsort(s->values, s->count, sizeof *s->values, by_value);
    printf(",\"%s\":{\"count\":%zu,\"min\":%.6f,\"p50\":%.6f,\"p95\":%.6f,\"p99\":%.6f,\"max\":%.6f}", name,
           s->count, s->values[0], percentile(s, 0.50), percentile(s, 0.95), percentile(s, 0.99),
           s->values[s->count - 1]);
}

/* Tells the caller that something begins, so that it reads the server's counters now. */
UNUSED static void announce(const char *event) {
    printf("{\"event\":\"%s\"}\n", event);
    fflush(stdout);
}

/* ---- options: --name value ---- */

enum option_kind { WHOLE, REAL, TEXT, TEXTS };
enum { TEXTS_MAX = 8 };
struct option {
    const char *name;
    enum option_kind kind;
    void *target; /* long *, double *, const char **, or const char *[TEXTS_MAX] ended by NULL */
};

UNUSED static void read_options(int argc, char **argv, const struct option *options) {
    for (int i = 1; i < argc; i += 2) {
        const struct option *o = options;
        while (o->name && strcmp(o->name, argv[i])) o++;
        if (!o->name || i + 1 == argc) {
            fprintf(stderr, "%s: cannot use %s; options, each with a value:", argv[0], argv[i]);
            for (o = options; o->name; o++) fprintf(stderr, " %s", o->name);
            fail("%s", "");
        }
        const char *value = argv[i + 1];
        const char **list = o->target;
        switch (o->kind) {
        case WHOLE: *(long *)o->target = atol(value); break;
        case REAL: *(double *)o->target = atof(value); break;
        case TEXT: *list = value; break;
        case TEXTS: {
            int used = 0;
            while (used < TEXTS_MAX - 1 && list[used]) used++;
            list[used] = value;
        }
        }
    }
}

/* ---- connections ---- */

static const char *host = "127.0.0.1", *path = "/";
static long port = 8080, use_tls = 0;
#define CONNECTION_OPTIONS \
    {"--host", TEXT, &host}, {"--port", WHOLE, &port}, {"--path", TEXT, &path}, {"--tls", WHOLE, &use_tls}

static struct sockaddr_storage server_address;
static socklen_t server_address_size;
static int poller = -1;
static char waste[1 << 20]; /* where unwanted bytes go */

struct connection {
    int fd;
    bool connected;
#ifdef WITH_TLS
    SSL *tls;
#endif
};

#ifdef WITH_TLS
static SSL_CTX *tls_context;
#endif

UNUSED static void start_network(void) {
    signal(SIGPIPE, SIG_IGN);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);

    char service[16];
    snprintf(service, sizeof service, "%ld", port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    if (getaddrinfo(host, service, &hints, &found)) fail("unknown host %s", host);
    memcpy(&server_address, found->ai_addr, found->ai_addrlen);
    server_address_size = found->ai_addrlen;
    freeaddrinfo(found);

    poller = epoll_create1(EPOLL_CLOEXEC);
    if (use_tls) {
#ifdef WITH_TLS
        tls_context = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_verify(tls_context, SSL_VERIFY_NONE, NULL); /* self-signed certificates are usual */
#else
        fail("this client was built without TLS: install OpenSSL's headers and build again");
#endif
    }
}

static void watch(struct connection *c, int operation, uint32_t events, void *owner) {
    struct epoll_event event = {.events = events, .data.ptr = owner};
    epoll_ctl(poller, operation, c->fd, &event);
}

/* Start connecting; progress is driven by finish_opening. receive_buffer: bytes, 0 for the system's. */
UNUSED static bool start_opening(struct connection *c, int receive_buffer, void *owner) {
    memset(c, 0, sizeof *c);
    c->fd = socket(server_address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) return false;
    int on = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (receive_buffer) setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    if (connect(c->fd, (struct sockaddr *)&server_address, server_address_size) && errno != EINPROGRESS) {
        close(c->fd);
        c->fd = -1;
        return false;
    }
    watch(c, EPOLL_CTL_ADD, EPOLLOUT, owner);
    return true;
}

UNUSED static void close_connection(struct connection *c) {
#ifdef WITH_TLS
    SSL_free(c->tls);
    c->tls = NULL;
#endif
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
}

/* Go on with TCP connect and TLS handshake. 1: open and watched for input; 0: later; -1: failed. */
UNUSED static int finish_opening(struct connection *c, void *owner) {
    if (!c->connected) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error) return -1;
        c->connected = true;
#ifdef WITH_TLS
        if (use_tls) {
            c->tls = SSL_new(tls_context);
            SSL_set_fd(c->tls, c->fd);
            SSL_set_connect_state(c->tls);
        }
#endif
    }
#ifdef WITH_TLS
    if (c->tls) {
        int done = SSL_do_handshake(c->tls);
        if (done != 1) {
            int why = SSL_get_error(c->tls, done);
            ERR_clear_error();
            if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) return -1;
            watch(c, EPOLL_CTL_MOD, why == SSL_ERROR_WANT_READ ? EPOLLIN : EPOLLOUT, owner);
            return 0;
        }
    }
#endif
    watch(c, EPOLL_CTL_MOD, EPOLLIN, owner);
    return 1;
}

enum { LATER = -1, BROKEN = -2 };

/* Bytes read, 0 at the end of the stream, LATER or BROKEN. flags: as for recv, ignored with TLS. */
static ssize_t receive(struct connection *c, void *buffer, size_t size, int flags) {
#ifdef WITH_TLS
    if (c->tls) {
        int got = SSL_read(c->tls, buffer, (int)size);
        if (got > 0) return got;
        int why = SSL_get_error(c->tls, got);
        ERR_clear_error();
        if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return LATER;
        return why == SSL_ERROR_ZERO_RETURN ? 0 : BROKEN;
    }
#endif
    ssize_t got = recv(c->fd, buffer, size, flags);
    if (got >= 0) return got;
    return errno == EAGAIN || errno == EINTR ? LATER : BROKEN;
}

/* As receive, for bytes nobody looks at: on plain TCP the kernel drops them without a copy (tcp(7)). */
UNUSED static ssize_t skip(struct connection *c, size_t size) {
    return receive(c, waste, size < sizeof waste ? size : sizeof waste, MSG_TRUNC);
}

/* Send a short message whole. The peer's window holds it unless the server stopped reading: then false. */
UNUSED static bool transmit(struct connection *c, const void *bytes, size_t size) {
    const char *rest = bytes;
    for (int tries = 0; size && tries < 1000; tries++) {
        ssize_t sent;
#ifdef WITH_TLS
        if (c->tls) {
            sent = SSL_write(c->tls, rest, (int)size);
            if (sent <= 0) {
                int why = SSL_get_error(c->tls, (int)sent);
                ERR_clear_error();
                if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) return false;
                errno = EAGAIN;
                sent = -1;
            }
        } else
#endif
            sent = send(c->fd, rest, size, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno != EAGAIN && errno != EINTR) return false;
            usleep(1000);
            continue;
        }
        rest += sent;
        size -= (size_t)sent;
    }
    return size == 0;
}

/* ---- HTTP ---- */

/* The value of a header in a NUL-terminated header block (names in any case), or NULL. */
UNUSED static const char *header_value(const char *block, const char *name) {
    size_t size = strlen(name);
    for (const char *line = block; line; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        if (strncasecmp(line, name, size) || line[size] != ':') continue;
        line += size + 1;
        while (*line == ' ' || *line == '\t') line++;
        return line;
    }
    return NULL;
}

UNUSED static int status_of(const char *block) {
    int status = 0;
    return sscanf(block, "HTTP/%*s %d", &status) == 1 ? status : 0;
}

#endif
