/* C connections that ask for one picture after the other (HTTP/1.1 keep-alive).
 *
 * Each connection sends its next request when the last answer is complete, or, with --interval, that many
 * seconds after it sent the previous one. An answer must be 200 with Content-Length and hold a JPEG.
 * Latency: from just before the send to the last byte. A connection that the server closes is opened again
 * and counted in `reopened`.
 */
#include "common.h"

enum { HEADER_MAX = 8192 };
enum stage { OPENING, WAITING, HEADER, BODY, CLOSED };

struct viewer {
    struct connection link;
    enum stage stage;
    char header[HEADER_MAX];
    size_t header_size, length, received;
    unsigned char first[2], last[2];
    double asked; /* monotonic, 0 before the first request */
    long answers;
};

static long clients_count = 1;
static double seconds = 4, settle = 1, interval = 0;
static struct viewer *viewers;
static bool measuring;
static long damaged, refused, refused_status, reopened;
static uint64_t body_bytes;
static struct samples latencies;

static void open_viewer(struct viewer *v) {
    v->stage = OPENING;
    if (!start_opening(&v->link, 0, v)) v->stage = CLOSED;
}

static void lose(struct viewer *v) {
    close_connection(&v->link);
    v->stage = CLOSED;
    reopened += measuring;
}

static void ask(struct viewer *v) {
    char request[1024];
    int size = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s:%ld\r\nAccept: */*\r\n\r\n",
                        path, host, port);
    v->asked = now();
    v->stage = HEADER;
    v->header_size = v->received = 0;
    if (!transmit(&v->link, request, (size_t)size)) lose(v);
}

static void ask_when_due(struct viewer *v) {
    if (interval <= 0 || now() >= v->asked + interval) ask(v);
    else v->stage = WAITING;
}

static void finish_answer(struct viewer *v) {
    int status = status_of(v->header);
    bool whole = v->first[0] == 0xFF && v->first[1] == 0xD8 && v->last[0] == 0xFF && v->last[1] == 0xD9;
    if (measuring) {
        body_bytes += v->length;
        if (status != 200) {
            refused++;
            refused_status = status;
        } else if (!whole) {
            damaged++;
        } else {
            v->answers++;
            add_sample(&latencies, now() - v->asked);
        }
    }
    ask_when_due(v);
}

static void take_body(struct viewer *v, const unsigned char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        size_t at = v->received + i;
        if (at < 2) v->first[at] = bytes[i];
        if (at + 2 >= v->length) v->last[at + 2 - v->length] = bytes[i];
    }
    v->received += size;
    if (v->received == v->length) finish_answer(v);
}

/* Look for the header's end among the bytes read so far; what follows belongs to the body. */
static void take_header(struct viewer *v) {
    v->header[v->header_size] = 0;
    char *end = strstr(v->header, "\r\n\r\n");
    if (!end) {
        if (v->header_size == HEADER_MAX - 1) lose(v);
        return;
    }
    size_t used = (size_t)(end + 4 - v->header), rest = v->header_size - used;
    end[2] = 0;
    const char *length = header_value(v->header, "Content-Length");
    v->length = length ? strtoul(length, NULL, 10) : 0;
    v->stage = BODY;
    if (v->length < 4 || rest > v->length) fail("answer without a usable Content-Length: %.200s", v->header);
    if (rest) take_body(v, (unsigned char *)v->header + used, rest);
}

static void read_some(struct viewer *v) {
    for (int turn = 0; turn < 64 && (v->stage == HEADER || v->stage == BODY || v->stage == WAITING); turn++) {
        unsigned char edge[512];
        size_t left = v->length - v->received;
        ssize_t got;
        if (v->stage == HEADER) {
            size_t room = HEADER_MAX - 1 - v->header_size;
            got = receive(&v->link, v->header + v->header_size, room < 1024 ? room : 1024, 0);
            if (got > 0) {
                v->header_size += (size_t)got;
                take_header(v);
            }
        } else if (v->stage == BODY && v->received >= 2 && left > 2) {
            got = skip(&v->link, left - 2);
            if (got > 0) v->received += (size_t)got;
        } else {
            size_t wanted = v->stage == WAITING ? sizeof edge : left < sizeof edge ? left : sizeof edge;
            got = receive(&v->link, edge, wanted, 0);
            if (got > 0 && v->stage == BODY) take_body(v, edge, (size_t)got);
        }
        if (got == LATER) return;
        if (got <= 0) {
            lose(v);
            return;
        }
    }
}

static void poll_until(double deadline) {
    struct epoll_event events[256];
    while (now() < deadline) {
        int wait = (int)((deadline - now()) * 1000) + 1;
        int count = epoll_wait(poller, events, 256, wait < 10 ? wait : 10);
        for (int i = 0; i < count; i++) {
            struct viewer *v = events[i].data.ptr;
            if (v->stage == CLOSED) continue;
            if (v->stage != OPENING) {
                read_some(v);
                continue;
            }
            int opened = finish_opening(&v->link, v);
            if (opened < 0) lose(v);
            if (opened > 0) ask_when_due(v);
        }
        for (long i = 0; i < clients_count; i++) {
            if (viewers[i].stage == WAITING) ask_when_due(&viewers[i]);
            if (viewers[i].stage == CLOSED) open_viewer(&viewers[i]);
        }
    }
}

int main(int argc, char **argv) {
    const struct option options[] = {
        CONNECTION_OPTIONS, {"--clients", WHOLE, &clients_count}, {"--seconds", REAL, &seconds},
        {"--settle", REAL, &settle}, {"--interval", REAL, &interval}, {NULL, TEXT, NULL}};
    read_options(argc, argv, options);
    start_network();
    viewers = calloc((size_t)clients_count, sizeof *viewers);
    for (long i = 0; i < clients_count; i++) {
        viewers[i].asked = now() - interval * (double)i / (double)clients_count; /* paced ones take turns */
        open_viewer(&viewers[i]);
    }
    poll_until(now() + settle);
    announce("start");
    double began = now(), cpu = own_cpu();
    measuring = true;
    poll_until(began + seconds);
    measuring = false;
    double span = now() - began;
    cpu = own_cpu() - cpu;
    announce("end");
    printf("{\"event\":\"result\",\"seconds\":%.6f,\"client_cpu\":%.6f,\"body_bytes\":%llu,\"damaged\":%ld,"
           "\"refused\":%ld,\"refused_status\":%ld,\"reopened\":%ld,\"requests\":%zu,\"answers\":[",
           span, cpu, (unsigned long long)body_bytes, damaged, refused, refused_status, reopened, latencies.count);
    for (long i = 0; i < clients_count; i++) printf("%s%ld", i ? "," : "", viewers[i].answers);
    printf("]");
    print_samples("latency", &latencies);
    printf("}\n");
    return 0;
}
