/* WebSocket clients (RFC 6455) on the loop of common.h.
 *
 * The program that includes this defines on_open, on_text and on_closed. Messages in several frames are
 * not supported: no server here sends them, and a client that meets one closes with a reason.
 */
#ifndef BENCH_WEBSOCKET_H
#define BENCH_WEBSOCKET_H

#include "common.h"

enum opcode { OP_TEXT = 1, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10 };
enum state { UNUSED_STATE, OPENING, UPGRADING, OPEN, CLOSING, CLOSED };

struct peer {
    struct connection link;
    enum state state;
    long number;
    bool opened; /* ever; survives the end */
    bool mute;   /* never reads once open */
    int status, close_code;
    long pongs;
    double began;
    const char *why;
    char *bytes; /* received, not yet taken */
    size_t size, room;
};

static void on_open(struct peer *p);
static void on_text(struct peer *p, const char *text, size_t size, double when);
static void on_closed(struct peer *p);

/* The example key of RFC 6455 section 1.3 and its answer: the nonce protects caches, not benchmarks. */
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

static void hang_up(struct peer *p, const char *why) {
    if (p->state == CLOSED) return;
    p->state = CLOSED;
    p->why = why;
    close_connection(&p->link);
    free(p->bytes);
    p->bytes = NULL;
    p->size = p->room = 0;
    on_closed(p);
}

static void start_peer(struct peer *p, int receive_buffer) {
    p->state = OPENING;
    p->opened = false;
    p->status = p->close_code = 0;
    p->began = now();
    if (!start_opening(&p->link, receive_buffer, p)) hang_up(p, "connect");
}

static bool send_frame(struct peer *p, enum opcode opcode, const char *payload, size_t size) {
    static const unsigned char mask[4] = {0x12, 0x34, 0x56, 0x78};
    static char frame[65536 + 8];
    size_t head = 2;
    if (size > 65535) fail("a message of %zu bytes is too long", size);
    frame[0] = (char)(0x80 | opcode);
    frame[1] = (char)(0x80 | (size < 126 ? size : 126));
    if (size >= 126) {
        frame[2] = (char)(size >> 8);
        frame[3] = (char)size;
        head = 4;
    }
    memcpy(frame + head, mask, 4);
    for (size_t i = 0; i < size; i++) frame[head + 4 + i] = (char)(payload[i] ^ mask[i % 4]);
    return transmit(&p->link, frame, head + 4 + size);
}

static void request_upgrade(struct peer *p) {
    char request[1024];
    int size = snprintf(request, sizeof request,
                        "GET %s HTTP/1.1\r\nHost: %s:%ld\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY "\r\n\r\n",
                        path, host, port);
    p->state = UPGRADING;
    if (!transmit(&p->link, request, (size_t)size)) hang_up(p, "request not sent");
}

/* Bytes of the answer to the upgrade, 0 while it is incomplete or when it was a refusal. */
static size_t take_answer(struct peer *p) {
    p->bytes[p->size] = 0;
    char *end = memmem(p->bytes, p->size, "\r\n\r\n", 4);
    if (!end) return 0;
    end[2] = 0;
    p->status = status_of(p->bytes);
    if (p->status != 101) {
        hang_up(p, "refused");
        return 0;
    }
    const char *accept = header_value(p->bytes, "Sec-WebSocket-Accept");
    if (!accept || strncmp(accept, ACCEPT, strlen(ACCEPT))) {
        hang_up(p, "wrong accept");
        return 0;
    }
    p->state = OPEN;
    p->opened = true;
    on_open(p);
    return (size_t)(end + 4 - p->bytes);
}

/* Bytes of the first frame, 0 while it is incomplete. */
static size_t take_frame(struct peer *p, size_t offset, double when) {
    const unsigned char *b = (unsigned char *)p->bytes + offset;
    size_t there = p->size - offset, head = 2, size;
    if (there < 2) return 0;
    size = b[1] & 127;
    if (size == 126) head = 4;
    if (size == 127) head = 10;
    if (there < head) return 0;
    if (head > 2) {
        size = 0;
        for (size_t i = 2; i < head; i++) size = size << 8 | b[i];
    }
    if (there < head + size) return 0;
    const char *payload = (const char *)b + head;
    switch (b[0]) {
    case 0x80 | OP_TEXT: on_text(p, payload, size, when); break;
    case 0x80 | OP_PING: send_frame(p, OP_PONG, payload, size); break;
    case 0x80 | OP_PONG: p->pongs++; break;
    case 0x80 | OP_CLOSE:
        p->close_code = size >= 2 ? (unsigned char)payload[0] << 8 | (unsigned char)payload[1] : 1005;
        if (p->state != CLOSING) send_frame(p, OP_CLOSE, payload, size >= 2 ? 2 : 0);
        hang_up(p, "closed");
        break;
    default: hang_up(p, "unsupported frame");
    }
    return head + size;
}

static void read_peer(struct peer *p) {
    for (int turn = 0; turn < 16 && p->state != CLOSED; turn++) {
        if (p->room - p->size < 4096) {
            p->room = p->room ? 2 * p->room : 8192;
            p->bytes = realloc(p->bytes, p->room);
            if (!p->bytes) fail("out of memory");
        }
        size_t free_bytes = p->room - p->size - 1;
        ssize_t got = receive(&p->link, p->bytes + p->size, free_bytes, 0);
        if (got == LATER) return;
        if (got <= 0) {
            hang_up(p, got ? "broken" : "end of stream");
            return;
        }
        double when = now();
        p->size += (size_t)got;
        size_t taken = p->state == UPGRADING ? take_answer(p) : 0;
        while (p->state == OPEN || p->state == CLOSING) {
            size_t frame = take_frame(p, taken, when);
            if (!frame) break;
            taken += frame;
        }
        if (p->state == CLOSED) return;
        p->size -= taken;
        memmove(p->bytes, p->bytes + taken, p->size);
        if ((size_t)got < free_bytes && !use_tls) return; /* drained */
    }
}

static void poll_peers(double wait) {
    struct epoll_event events[256];
    int millis = wait <= 0 ? 0 : wait > 0.02 ? 20 : (int)(wait * 1000);
    int count = epoll_wait(poller, events, 256, millis);
    for (int i = 0; i < count; i++) {
        struct peer *p = events[i].data.ptr;
        if (p->state == CLOSED) continue;
        if (p->state == OPENING) {
            int opened = finish_opening(&p->link, p);
            if (opened < 0) hang_up(p, "connect");
            if (opened > 0) request_upgrade(p);
        } else if (p->mute && p->state == OPEN) {
            if (events[i].events & (EPOLLHUP | EPOLLERR)) hang_up(p, "broken");
            else watch(&p->link, EPOLL_CTL_MOD, 0, p);
        } else {
            read_peer(p);
        }
    }
}

UNUSED static void poll_peers_for(double wait) {
    for (double until = now() + wait; now() < until;) poll_peers(until - now());
}

#endif
