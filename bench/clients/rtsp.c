/* N RTSP players of one H.264 stream, interleaved in their TCP connections.
 *
 * Each asks DESCRIBE, SETUP and PLAY, and then counts access units by their marker bits, and gaps in the
 * sequence numbers. Counted is between two moments, `start` and `end`: start is --settle seconds after the last
 * player has its first access unit. --track: the control of the video behind the path. Receiver reports are sent every five seconds, as players do.
 */
#include "common.h"

enum { ROOM = 1 << 18 };
enum stage { OPENING, DESCRIBE, SETUP, PLAY, PLAYING, CLOSED };

struct player {
    struct connection link;
    enum stage stage;
    char session[128];
    unsigned char buffer[ROOM];
    size_t held;
    int sequence; /* of the packet before, -1 for none */
    uint32_t source;
    double opened, first, previous, reported;
    long frames;
};

static long players_count = 1;
static double seconds = 4, settle = 1.5, patience = 10;
static struct player *players;
static bool measuring;
static long lost, reports, seen_first, closed, refused_status;
static const char *closed_why = "", *track = "trackID=0";
static uint64_t wire_bytes;
static struct samples gaps, first_frames;

static void drop(struct player *p, const char *why) {
    if (p->stage == CLOSED) return;
    if (!p->first) seen_first++; /* nobody waits for it any more */
    p->stage = CLOSED;
    closed++;
    closed_why = why;
    close_connection(&p->link);
}

static void ask(struct player *p, enum stage stage) {
    static const char *const methods[] = {"", "DESCRIBE", "SETUP", "PLAY"};
    char request[2048], more[256] = "";
    if (stage == SETUP) strcpy(more, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n");
    if (stage == PLAY) snprintf(more, sizeof more, "Session: %s\r\n", p->session);
    const char *query = strchr(path, '?');
    int plain = query ? (int)(query - path) : (int)strlen(path);
    int size = snprintf(request, sizeof request, "%s rtsp://%s:%ld%.*s%s%s%s RTSP/1.0\r\nCSeq: %d\r\n%s\r\n",
                        methods[stage], host, port, plain, path, stage == SETUP ? "/" : "",
                        stage == SETUP ? track : "", query ? query : "", (int)stage, more);
    p->stage = stage;
    if (!transmit(&p->link, request, (size_t)size)) drop(p, "request not sent");
}

static void take_answer(struct player *p, const char *head) {
    int status = 0;
    sscanf(head, "RTSP/%*s %d", &status);
    if (status != 200) {
        refused_status = status;
        drop(p, "status");
        return;
    }
    const char *session = header_value(head, "Session");
    if (session) snprintf(p->session, sizeof p->session, "%.*s", (int)strcspn(session, ";\r\n"), session);
    if (p->stage < PLAY) ask(p, p->stage + 1);
    else p->stage = PLAYING;
}

static void take_packet(struct player *p, const unsigned char *packet, size_t size) {
    if (size < 12) return;
    int sequence = packet[2] << 8 | packet[3];
    memcpy(&p->source, packet + 8, 4);
    if (measuring && p->sequence >= 0) lost += (sequence - p->sequence - 1) & 0xffff;
    p->sequence = sequence;
    if (!(packet[1] & 0x80)) return;
    double when = now();
    if (!p->first) {
        p->first = when;
        seen_first++;
        add_sample(&first_frames, when - p->opened);
    }
    if (measuring) {
        p->frames++;
        if (p->previous > 0) add_sample(&gaps, when - p->previous);
    }
    p->previous = when;
}

/* Take what is whole off the buffer. */
static void take(struct player *p) {
    size_t at = 0;
    while (p->stage != CLOSED && at < p->held) {
        unsigned char *rest = p->buffer + at;
        size_t left = p->held - at, size;
        if (*rest == '$') {
            if (left < 4) break;
            size = 4 + (size_t)(rest[2] << 8 | rest[3]);
            if (left < size) break;
            if (rest[1] == 0) take_packet(p, rest + 4, size - 4);
            else if (measuring) reports++;
        } else {
            unsigned char *end = memmem(rest, left, "\r\n\r\n", 4);
            if (!end) break;
            *end = 0;
            const char *length = header_value((char *)rest, "Content-Length");
            size = (size_t)(end - rest) + 4 + (length ? strtoul(length, NULL, 10) : 0);
            *end = '\r';
            if (left < size) break;
            *end = 0;
            take_answer(p, (char *)rest);
        }
        at += size;
    }
    memmove(p->buffer, p->buffer + at, p->held - at);
    p->held -= at;
}

static void read_some(struct player *p) {
    for (int turns = 0; turns < 16 && p->stage != CLOSED; turns++) {
        ssize_t got = receive(&p->link, p->buffer + p->held, ROOM - p->held, 0);
        if (got == LATER) return;
        if (got <= 0) {
            drop(p, got ? "broken" : "end of stream");
            return;
        }
        if (measuring) wire_bytes += (uint64_t)got;
        p->held += (size_t)got;
        take(p);
        if (p->held == ROOM) drop(p, "no packet");
    }
}

static void on_ready(struct player *p) {
    if (p->stage == OPENING) {
        int opened = finish_opening(&p->link, p);
        if (opened < 0) drop(p, "connect");
        if (opened > 0) ask(p, DESCRIBE);
    } else if (p->stage != CLOSED) {
        read_some(p);
    }
}

/* A receiver report that says all is well (RFC 3550 section 6.4.2). */
static void report(struct player *p) {
    unsigned char data[36] = {'$', 1, 0, 32, 0x81, 201, 0, 7, 'b', 'e', 'n', 'c'};
    memcpy(data + 12, &p->source, 4);
    data[22] = (unsigned char)(p->sequence >> 8);
    data[23] = (unsigned char)p->sequence;
    if (!transmit(&p->link, data, sizeof data)) drop(p, "report not sent");
    p->reported = now();
}

static void poll_until(double deadline, bool (*done)(void)) {
    struct epoll_event events[256];
    for (double t = now(); t < deadline && closed < players_count && !(done && done()); t = now()) {
        int wait = (int)((deadline - t) * 1000) + 1;
        int count = epoll_wait(poller, events, 256, wait < 20 ? wait : 20);
        for (int i = 0; i < count; i++) on_ready(events[i].data.ptr);
        for (long i = 0; i < players_count; i++)
            if (players[i].stage == PLAYING && t - players[i].reported > 5) report(&players[i]);
    }
}

static bool all_see(void) { return seen_first >= players_count; }

int main(int argc, char **argv) {
    const struct option options[] = {
        CONNECTION_OPTIONS, {"--clients", WHOLE, &players_count}, {"--seconds", REAL, &seconds},
        {"--settle", REAL, &settle}, {"--patience", REAL, &patience}, {"--track", TEXT, &track},
        {NULL, TEXT, NULL}};
    read_options(argc, argv, options);
    start_network();
    players = calloc((size_t)players_count, sizeof *players);
    for (long i = 0; i < players_count; i++) {
        players[i].opened = players[i].reported = now();
        players[i].sequence = -1;
        if (!start_opening(&players[i].link, 0, &players[i])) drop(&players[i], "connect");
        poll_until(now() + 0.02, NULL); /* they do not come all at once */
    }
    poll_until(now() + patience, all_see);
    poll_until(now() + settle, NULL);

    announce("start");
    double began = now(), cpu = own_cpu();
    for (long i = 0; i < players_count; i++) players[i].previous = 0;
    measuring = true;
    poll_until(began + seconds, NULL);
    measuring = false;
    double span = now() - began;
    cpu = own_cpu() - cpu;
    announce("end");
    printf("{\"event\":\"result\",\"seconds\":%.6f,\"client_cpu\":%.6f,\"wire_bytes\":%llu,\"lost\":%ld,"
           "\"reports\":%ld,\"closed\":%ld,\"closed_why\":\"%s\",\"refused_status\":%ld,\"frames\":[",
           span, cpu, (unsigned long long)wire_bytes, lost, reports, closed, closed_why, refused_status);
    for (long i = 0; i < players_count; i++) printf("%s%ld", i ? "," : "", players[i].frames);
    printf("]");
    print_samples("gap", &gaps);
    print_samples("first_frame", &first_frames);
    printf("}\n");
    return 0;
}
