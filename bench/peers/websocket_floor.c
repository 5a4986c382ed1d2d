/* The least a WebSocket broadcast can do: a text frame that arrives is unmasked once and the same bytes are
 * sent to every connection. No JSON, no queue: a connection whose socket is full misses the message.
 *
 * usage: websocket_floor PORT [LIMIT]
 * Knows one handshake key, the example of RFC 6455 section 1.3, which the bench's clients send: the SHA-1
 * of any other would be code that no measurement needs.
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
#include <unistd.h>

struct client {
    int fd;
    long place; /* in `clients` */
    bool open;
    size_t size;
    unsigned char bytes[8192]; /* received, not yet taken */
};

static const char UPGRADE[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
static const char BUSY[] = "HTTP/1.1 503 Server busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
static struct client **clients;
static long count, room, open_count, limit;
static int poller;

static void watch(int fd, void *owner) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = owner};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

static void accept_all(int listener) {
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (count == room) clients = realloc(clients, (size_t)(room = 2 * room + 64) * sizeof *clients);
        struct client *c = calloc(1, sizeof *c);
        c->fd = fd;
        c->place = count;
        clients[count++] = c;
        watch(fd, c);
    }
}

static void forget(struct client *c) {
    open_count -= c->open;
    clients[c->place] = clients[--count];
    clients[c->place]->place = c->place;
    close(c->fd);
    free(c);
}

static void send_now(struct client *c, const void *bytes, size_t size) {
    if (send(c->fd, bytes, size, MSG_NOSIGNAL) < 0) return; /* full or gone: missed */
}

/* False: refused. */
static bool upgrade(struct client *c) {
    c->bytes[c->size] = 0;
    char *end = strstr((char *)c->bytes, "\r\n\r\n");
    if (!end) return c->size < sizeof c->bytes - 1;
    if (limit && open_count >= limit) {
        send_now(c, BUSY, sizeof BUSY - 1);
        return false;
    }
    send_now(c, UPGRADE, sizeof UPGRADE - 1);
    c->open = true;
    open_count++;
    size_t used = (size_t)(end + 4 - (char *)c->bytes);
    memmove(c->bytes, c->bytes + used, c->size -= used);
    return true;
}

/* Bytes of the first frame; 0: incomplete; -1: close. A frame that fits the buffer has 2 or 4 bytes of header. */
static long take_frame(struct client *c, unsigned char *b, size_t there) {
    static unsigned char frame[8192];
    if (there < 2) return 0;
    size_t head = (b[1] & 127) < 126 ? 2 : 4, size = b[1] & 127;
    if (head == 4 && there < 4) return 0;
    if (head == 4) size = (size_t)(b[2] << 8 | b[3]);
    if (!(b[1] & 128) || size + 8 >= sizeof c->bytes) return -1;
    if (there < head + 4 + size) return 0;
    const unsigned char *mask = b + head, *payload = mask + 4;
    memcpy(frame, b, head);
    frame[1] &= 127;
    for (size_t i = 0; i < size; i++) frame[head + i] = payload[i] ^ mask[i % 4];
    switch (b[0] & 15) {
    case 1:
        for (long i = 0; i < count; i++)
            if (clients[i]->open) send_now(clients[i], frame, head + size);
        break;
    case 9:
        frame[0] = 0x8A;
        send_now(c, frame, head + size);
        break;
    case 8: send_now(c, frame, head + size); return -1;
    }
    return (long)(head + 4 + size);
}

static bool take(struct client *c) {
    ssize_t got = recv(c->fd, c->bytes + c->size, sizeof c->bytes - 1 - c->size, 0);
    if (got < 0 && errno == EAGAIN) return true;
    if (got <= 0) return false;
    c->size += (size_t)got;
    if (!c->open) return upgrade(c);
    size_t used = 0;
    for (long frame; (frame = take_frame(c, c->bytes + used, c->size - used)) != 0; used += (size_t)frame)
        if (frame < 0) return false;
    memmove(c->bytes, c->bytes + used, c->size -= used);
    return true;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: %s PORT [LIMIT]\n", argv[0]);
        return 2;
    }
    limit = argc > 2 ? atol(argv[2]) : 0;
    signal(SIGPIPE, SIG_IGN);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1])),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024)) {
        perror("listen");
        return 1;
    }
    poller = epoll_create1(0);
    watch(listener, NULL);
    for (;;) {
        struct epoll_event events[64];
        int ready = epoll_wait(poller, events, 64, -1);
        for (int i = 0; i < ready; i++) {
            struct client *c = events[i].data.ptr;
            if (!c) accept_all(listener);
            else if (!take(c)) forget(c);
        }
    }
}
