/* The least a motion-JPEG server can do: one thread, one picture, one send per frame and viewer.
 *
 * usage: mjpeg_floor PORT FPS FILE.jpg
 * /snapshot answers the picture (keep-alive), every other path is the stream. A viewer that has not taken
 * the last frame whole misses the next one. Each part carries the time it was built as X-Timestamp.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { STAMP = 17 }; /* digits and point of "1700000000.123456" */
struct viewer {
    int fd;
    bool streams, waits; /* waits: for room in the socket */
    char request[4096];
    size_t request_size;
    const char *rest; /* of the frame or answer on its way */
    size_t rest_size;
    struct viewer *next, *previous; /* among those that stream */
};

static const char STREAM_HEADER[] = "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\n"
                                    "Content-Type: multipart/x-mixed-replace;boundary=frame\r\n\r\n";
static char *part, *stamp, *answer;
static size_t part_size, answer_size;
static struct viewer streaming = {.next = &streaming, .previous = &streaming};
static int poller;

static void watch(int operation, int fd, uint32_t events, void *owner) {
    struct epoll_event event = {.events = events, .data.ptr = owner};
    epoll_ctl(poller, operation, fd, &event);
}

static void load(const char *file) {
    FILE *f = fopen(file, "rb");
    if (!f) {
        perror(file);
        exit(1);
    }
    fseek(f, 0, SEEK_END);
    size_t size = (size_t)ftell(f);
    rewind(f);
    part = malloc(size + 256);
    answer = malloc(size + 256);
    answer_size = (size_t)sprintf(answer, "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: %zu\r\n\r\n", size);
    part_size = (size_t)sprintf(part, "--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %zu\r\nX-Timestamp: ", size);
    stamp = part + part_size;
    part_size += (size_t)sprintf(stamp, "%0*.6f\r\n\r\n", STAMP, 0.0);
    if (fread(part + part_size, 1, size, f) != size) exit(1);
    fclose(f);
    memcpy(answer + answer_size, part + part_size, size);
    memcpy(part + part_size + size, "\r\n", 2);
    answer_size += size;
    part_size += size + 2;
}

static void send_rest(struct viewer *v) {
    while (v->rest_size) {
        ssize_t sent = send(v->fd, v->rest, v->rest_size, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno != EAGAIN) v->rest_size = 0; /* the read will tell that it is gone */
            break;
        }
        v->rest += sent;
        v->rest_size -= (size_t)sent;
    }
    bool waits = v->rest_size > 0;
    if (waits != v->waits) watch(EPOLL_CTL_MOD, v->fd, waits ? EPOLLIN | EPOLLOUT : EPOLLIN, v);
    v->waits = waits;
}

static void send_frame_to_all(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    char digits[32];
    snprintf(digits, sizeof digits, "%010ld.%06ld", (long)t.tv_sec, t.tv_nsec / 1000);
    memcpy(stamp, digits, STAMP);
    for (struct viewer *v = streaming.next; v != &streaming; v = v->next) {
        if (v->rest_size) continue;
        v->rest = part;
        v->rest_size = part_size;
        send_rest(v);
    }
}

static void forget(struct viewer *v) {
    if (v->streams) {
        v->previous->next = v->next;
        v->next->previous = v->previous;
    }
    close(v->fd);
    free(v);
}

/* False when the viewer is gone. */
static bool take_request(struct viewer *v) {
    ssize_t got = recv(v->fd, v->request + v->request_size, sizeof v->request - 1 - v->request_size, 0);
    if (got < 0 && errno == EAGAIN) return true;
    if (got <= 0) return false;
    v->request_size += (size_t)got;
    v->request[v->request_size] = 0;
    if (!strstr(v->request, "\r\n\r\n")) return v->request_size < sizeof v->request - 1;
    v->request_size = 0;
    if (v->streams) return true;
    if (!strncmp(v->request, "GET /snapshot", 13)) {
        v->rest = answer;
        v->rest_size = answer_size;
        send_rest(v);
        return true;
    }
    v->streams = true;
    v->next = streaming.next;
    v->previous = &streaming;
    v->next->previous = streaming.next = v;
    return send(v->fd, STREAM_HEADER, sizeof STREAM_HEADER - 1, MSG_NOSIGNAL) > 0;
}

static void accept_all(int listener) {
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct viewer *v = calloc(1, sizeof *v);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        v->fd = fd;
        watch(EPOLL_CTL_ADD, fd, EPOLLIN, v);
    }
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: %s PORT FPS FILE.jpg\n", argv[0]);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    load(argv[3]);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1])),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024)) {
        perror("listen");
        return 1;
    }
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct itimerspec period = {.it_interval.tv_nsec = (long)(1e9 / atof(argv[2]))};
    period.it_value = period.it_interval;
    timerfd_settime(timer, 0, &period, NULL);
    poller = epoll_create1(0);
    watch(EPOLL_CTL_ADD, listener, EPOLLIN, &listener);
    watch(EPOLL_CTL_ADD, timer, EPOLLIN, &timer);
    for (;;) {
        struct epoll_event events[64];
        int count = epoll_wait(poller, events, 64, -1);
        for (int i = 0; i < count; i++) {
            struct viewer *v = events[i].data.ptr;
            uint64_t ticks;
            if (events[i].data.ptr == &listener) accept_all(listener);
            else if (events[i].data.ptr == &timer) {
                if (read(timer, &ticks, sizeof ticks) > 0) send_frame_to_all();
            } else {
                if (events[i].events & EPOLLOUT) send_rest(v);
                if (events[i].events & ~(uint32_t)EPOLLOUT && !take_request(v)) forget(v);
            }
        }
    }
}
