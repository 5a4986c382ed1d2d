/* N viewers of one motion-JPEG stream (multipart/x-mixed-replace, each part with Content-Length).
 *
 * Each part must begin and end as a JPEG does. Frames are counted per viewer between two moments, `start`
 * and `end`: start is --settle seconds after the last viewer has its first frame. The time a frame took is
 * known when the server passes one on: a JPEG comment "fakecam SEQUENCE MICROSECONDS" (monotonic clock of
 * the camera) or else a part header X-Timestamp (seconds since 1970). --slow K: K of the viewers read
 * --slow-rate bytes a second, with a small receive buffer; they are left out of gaps and times.
 */
#include "common.h"

enum { PREFIX = 256, HEADER_MAX = 8192 };
enum stage { OPENING, RESPONSE, PART, BODY, CLOSED };
enum chunk { SIZE_LINE, DATA, AFTER };

struct viewer {
    struct connection link;
    enum stage stage;
    bool slow;
    double allowance; /* bytes a slow viewer may still read */

    bool chunked; /* Transfer-Encoding of the response */
    enum chunk chunk;
    size_t chunk_left;

    char header[HEADER_MAX];
    size_t header_size;
    size_t length, received; /* of the part's body */
    unsigned char prefix[PREFIX + 1], last[2];

    double opened, first, previous; /* monotonic */
    double stamp;                   /* of the part, since 1970 */
    unsigned long sequence;
    long frames, bytes;
};

static long viewers_count = 1, slow_count = 0;
static double seconds = 4, settle = 1.5, patience = 10, slow_rate = 50000;
static struct viewer *viewers;
static bool measuring;
static long damaged, skipped, repeated, seen_first, closed, refused_status;
static const char *closed_why = "";
static uint64_t wire_bytes;
static struct samples gaps, comment_ages, header_ages, first_frames, sizes;

static void drop(struct viewer *v, const char *why) {
    if (v->stage == CLOSED) return;
    if (!v->first) seen_first++; /* nobody waits for it any more */
    v->stage = CLOSED;
    closed++;
    closed_why = why;
    close_connection(&v->link);
}

static void note_times(struct viewer *v, double when) {
    v->prefix[v->received < PREFIX ? v->received : PREFIX] = 0;
    unsigned long sequence, micros;
    const char *comment = memmem(v->prefix, PREFIX, "fakecam ", 8);
    bool told = comment && sscanf(comment, "fakecam %lu %lu", &sequence, &micros) == 2;
    if (measuring && !v->slow) {
        if (v->previous > 0) add_sample(&gaps, when - v->previous);
        if (v->stamp > 1e9) add_sample(&header_ages, wall_clock() - v->stamp);
        add_sample(&sizes, (double)v->length);
        if (told) {
            add_sample(&comment_ages, when - (double)micros / 1e6);
            if (v->sequence && sequence > v->sequence + 1) skipped += (long)(sequence - v->sequence - 1);
            if (v->sequence && sequence <= v->sequence) repeated++;
        }
    }
    if (told) v->sequence = sequence;
}

static void finish_frame(struct viewer *v) {
    double when = now();
    bool whole = v->prefix[0] == 0xFF && v->prefix[1] == 0xD8 && v->last[0] == 0xFF && v->last[1] == 0xD9;
    if (!v->first) {
        v->first = when;
        seen_first++;
        add_sample(&first_frames, when - v->opened);
    }
    note_times(v, when);
    if (measuring) {
        if (whole) v->frames++;
        else damaged++;
        v->bytes += (long)v->length;
    }
    v->previous = when;
    v->stage = PART;
    v->header_size = 0;
}

static void finish_header(struct viewer *v) {
    v->header[v->header_size] = 0;
    if (v->stage == RESPONSE) {
        if (status_of(v->header) != 200) {
            refused_status = status_of(v->header);
            drop(v, "status");
            return;
        }
        const char *coding = header_value(v->header, "Transfer-Encoding");
        v->chunked = coding && !strncasecmp(coding, "chunked", 7);
        v->stage = PART;
    } else {
        const char *length = header_value(v->header, "Content-Length");
        const char *stamp = header_value(v->header, "X-Timestamp");
        v->length = length ? strtoul(length, NULL, 10) : 0;
        if (v->length < 4) {
            drop(v, "part without Content-Length");
            return;
        }
        v->stamp = stamp ? atof(stamp) : 0;
        v->received = 0;
        v->stage = BODY;
    }
    v->header_size = 0;
}

/* One byte of a header; header blocks are short, so this is cheap. */
static void take_header_byte(struct viewer *v, char byte) {
    if (v->header_size == 0 && (byte == '\r' || byte == '\n')) return; /* line end after the last body */
    if (v->header_size == HEADER_MAX - 1) {
        drop(v, "header too long");
        return;
    }
    v->header[v->header_size++] = byte;
    if (v->header_size >= 4 && !memcmp(v->header + v->header_size - 4, "\r\n\r\n", 4)) finish_header(v);
}

static size_t take_body(struct viewer *v, const unsigned char *bytes, size_t size) {
    if (size > v->length - v->received) size = v->length - v->received;
    if (v->received < PREFIX) {
        size_t room = PREFIX - v->received;
        memcpy(v->prefix + v->received, bytes, size < room ? size : room);
    }
    for (size_t i = size > 2 ? size - 2 : 0; i < size; i++) {
        v->last[0] = v->last[1];
        v->last[1] = bytes[i];
    }
    v->received += size;
    if (v->received == v->length) finish_frame(v);
    return size;
}

static void take(struct viewer *v, const char *bytes, size_t size) {
    while (size && v->stage != CLOSED) {
        size_t used = 1;
        if (v->stage == BODY) used = take_body(v, (const unsigned char *)bytes, size);
        else take_header_byte(v, *bytes);
        bytes += used;
        size -= used;
    }
}

/* Take the chunked coding off (RFC 9112 section 7.1). */
static void take_chunked(struct viewer *v, const char *bytes, size_t size) {
    while (size && v->stage != CLOSED) {
        size_t used = 1;
        if (v->chunk == SIZE_LINE) {
            char digit[2] = {*bytes, 0}, *end;
            long value = strtol(digit, &end, 16);
            if (end != digit) v->chunk_left = v->chunk_left * 16 + (size_t)value;
            else if (*bytes == '\n') {
                if (!v->chunk_left) drop(v, "end of stream");
                v->chunk = DATA;
            }
        } else if (v->chunk == DATA) {
            used = size < v->chunk_left ? size : v->chunk_left;
            take(v, bytes, used);
            v->chunk_left -= used;
            if (!v->chunk_left) v->chunk = AFTER;
        } else if (*bytes == '\n') v->chunk = SIZE_LINE;
        bytes += used;
        size -= used;
    }
}

/* Read what has arrived, at most `limit` bytes. */
static void read_some(struct viewer *v, size_t limit) {
    static char buffer[65536];
    while (limit && v->stage != CLOSED) {
        ssize_t got;
        if (v->stage == BODY && !v->chunked && v->received >= PREFIX && v->length - v->received > 2) {
            size_t middle = v->length - v->received - 2; /* the last two bytes are looked at */
            got = skip(&v->link, middle < limit ? middle : limit);
            if (got > 0) v->received += (size_t)got;
        } else {
            size_t wanted = v->chunked ? sizeof buffer : 1024;
            got = receive(&v->link, buffer, wanted < limit ? wanted : limit, 0);
            if (got > 0 && v->stage == RESPONSE) { /* the coding is known only after the header */
                size_t i = 0;
                while (i < (size_t)got && v->stage == RESPONSE) take_header_byte(v, buffer[i++]);
                if (v->chunked) take_chunked(v, buffer + i, (size_t)got - i);
                else take(v, buffer + i, (size_t)got - i);
            } else if (got > 0 && v->chunked) take_chunked(v, buffer, (size_t)got);
            else if (got > 0) take(v, buffer, (size_t)got);
        }
        if (got == LATER) return;
        if (got <= 0) {
            drop(v, got ? "broken" : "end of stream");
            return;
        }
        if (measuring) wire_bytes += (uint64_t)got;
        limit -= (size_t)got;
    }
}

static void request_stream(struct viewer *v) {
    char request[1024];
    int size = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s:%ld\r\nAccept: */*\r\n\r\n",
                        path, host, port);
    v->stage = RESPONSE;
    if (!transmit(&v->link, request, (size_t)size)) drop(v, "request not sent");
}

static void open_viewers(void) {
    viewers = calloc((size_t)viewers_count, sizeof *viewers);
    for (long i = 0; i < viewers_count; i++) {
        struct viewer *v = &viewers[i];
        v->slow = i >= viewers_count - slow_count;
        v->opened = now();
        if (!start_opening(&v->link, v->slow ? 65536 : 0, v)) drop(v, "connect");
    }
}

static void on_ready(struct viewer *v) {
    if (v->stage == CLOSED) return;
    if (v->stage == OPENING) {
        int opened = finish_opening(&v->link, v);
        if (opened < 0) drop(v, "connect");
        if (opened > 0) request_stream(v);
    } else if (v->slow && v->first) {
        watch(&v->link, EPOLL_CTL_MOD, 0, v); /* from now on read by feed_slow alone */
    } else {
        read_some(v, v->slow ? 65536 : 4 << 20); /* bounded: the others want their turn */
    }
}

static void feed_slow(double elapsed) {
    for (long i = viewers_count - slow_count; i < viewers_count; i++) {
        struct viewer *v = &viewers[i];
        if (v->stage == CLOSED || !v->first) continue;
        v->allowance += elapsed * slow_rate;
        if (v->allowance > slow_rate) v->allowance = slow_rate;
        size_t whole = (size_t)v->allowance;
        v->allowance -= (double)whole;
        read_some(v, whole);
    }
}

static void poll_until(double deadline, bool (*done)(void)) {
    struct epoll_event events[256];
    double fed = now();
    for (double t = fed; t < deadline && closed < viewers_count && !(done && done()); t = now()) {
        int wait = (int)((deadline - t) * 1000) + 1;
        int count = epoll_wait(poller, events, 256, wait < 20 ? wait : 20);
        for (int i = 0; i < count; i++) on_ready(events[i].data.ptr);
        if (slow_count && now() - fed > 0.05) {
            feed_slow(now() - fed);
            fed = now();
        }
    }
}

static bool all_see(void) { return seen_first >= viewers_count; }

static void print_result(double span, double cpu) {
    printf("{\"event\":\"result\",\"seconds\":%.6f,\"client_cpu\":%.6f,\"wire_bytes\":%llu,\"damaged\":%ld,"
           "\"skipped\":%ld,\"repeated\":%ld,\"closed\":%ld,\"closed_why\":\"%s\",\"refused_status\":%ld,\"frames\":[",
           span, cpu, (unsigned long long)wire_bytes, damaged, skipped, repeated, closed, closed_why,
           refused_status);
    for (long i = 0; i < viewers_count; i++) printf("%s%ld", i ? "," : "", viewers[i].frames);
    printf("],\"bytes\":[");
    for (long i = 0; i < viewers_count; i++) printf("%s%ld", i ? "," : "", viewers[i].bytes);
    printf("]");
    print_samples("gap", &gaps);
    print_samples("first_frame", &first_frames);
    print_samples("frame_size", &sizes);
    print_samples("age", comment_ages.count ? &comment_ages : &header_ages);
    printf(",\"age_from\":%s}\n", comment_ages.count ? "\"camera\"" : header_ages.count ? "\"server\"" : "null");
}

int main(int argc, char **argv) {
    const struct option options[] = {
        CONNECTION_OPTIONS, {"--clients", WHOLE, &viewers_count}, {"--seconds", REAL, &seconds},
        {"--settle", REAL, &settle}, {"--patience", REAL, &patience}, {"--slow", WHOLE, &slow_count},
        {"--slow-rate", REAL, &slow_rate}, {NULL, TEXT, NULL}};
    read_options(argc, argv, options);
    start_network();
    open_viewers();
    poll_until(now() + patience, all_see);
    poll_until(now() + settle, NULL);

    announce("start");
    double began = now(), cpu = own_cpu();
    for (long i = 0; i < viewers_count; i++) viewers[i].previous = 0;
    measuring = true;
    poll_until(began + seconds, NULL);
    measuring = false;
    double span = now() - began;
    cpu = own_cpu() - cpu;
    announce("end");
    print_result(span, cpu);
    return 0;
}
