/* One writer and N listeners of a state broadcast by WebSocket.
 *
 * The writer, a connection of its own, sends --template at --rate messages a second; every "%d" becomes a
 * counter that runs from --base and wraps after --modulo values. A received message counts when it holds
 * all --match texts in their order and, behind the last, the number of a message sent in the window; so the
 * server may wrap or reformat it. Latency: from just before the writer's send to the listener's read.
 * `served`: the same, to the last listener. --modulo / --rate seconds must exceed the worst latency.
 * --mute K: K more connections that never read once open, with the smallest receive buffer.
 */
#include "websocket.h"

static long listeners_count = 10, mute_count = 0, base = 0, modulo = 1000000000;
static double rate = 20, seconds = 4, settle = 1, drain = 3, patience = 20;
static const char *template = "{\"brightness\": %d}", *matches[TEXTS_MAX];
static struct peer *peers, *writer;

static long opened_count, gone_count, lost_connections; /* opened or failed; ended */
static bool measuring;
static long sent_count, first_counted, counted; /* messages; the window is [first_counted, + counted) */
static double *sent_at, *last_at;
static long *copies;
static unsigned char *seen;
static long deliveries, repeated, unmatched;
static struct samples latencies, served;

static void on_open(struct peer *p) {
    (void)p;
    opened_count++;
}

static void on_closed(struct peer *p) {
    if (p->opened) lost_connections++;
    else gone_count++;
}

/* The number behind the last match, or false. */
static bool find_number(const char *text, size_t size, long *number) {
    const char *at = text, *end = text + size;
    for (const char **match = matches; *match; match++) {
        at = memmem(at, (size_t)(end - at), *match, strlen(*match));
        if (!at) return false;
        at += strlen(*match);
    }
    while (at < end && (*at == ' ' || *at == ':')) at++;
    bool negative = at < end && *at == '-';
    if (negative) at++;
    if (at == end || *at < '0' || *at > '9') return false;
    long value = 0;
    for (; at < end && *at >= '0' && *at <= '9'; at++) value = value * 10 + (*at - '0');
    *number = negative ? -value : value;
    return true;
}

static void on_text(struct peer *p, const char *text, size_t size, double when) {
    if (p == writer) return;
    long number;
    if (!find_number(text, size, &number)) {
        unmatched += measuring;
        return;
    }
    long newest = sent_count - 1, wanted = number - base;
    if (newest < 0 || wanted < 0 || wanted >= modulo) return;
    long behind = (newest % modulo - wanted + modulo) % modulo, message = newest - behind;
    long index = message - first_counted;
    if (message < 0 || index < 0 || index >= counted) return; /* sent before the window */
    unsigned char *mark = &seen[p->number * counted + index];
    if (*mark) {
        repeated++;
        return;
    }
    *mark = 1;
    deliveries++;
    copies[index]++;
    last_at[index] = when;
    add_sample(&latencies, when - sent_at[message]);
}

static void open_all(void) {
    long total = listeners_count + mute_count + 1, started = 0;
    peers = calloc((size_t)total, sizeof *peers);
    writer = &peers[total - 1];
    double deadline = now() + patience;
    while (opened_count + gone_count < total && now() < deadline) {
        while (started < total && started - opened_count - gone_count < 64) {
            struct peer *p = &peers[started];
            p->number = started++;
            p->mute = p != writer && p->number >= listeners_count;
            start_peer(p, p->mute ? 1 : 0);
        }
        poll_peers(0.02);
    }
    if (writer->state != OPEN) fail("the writer could not connect: %s", writer->why ? writer->why : "no answer");
}

static void send_next(void) {
    char text[8192];
    size_t size = 0;
    for (const char *t = template; *t && size < sizeof text - 32; t++) {
        if (t[0] == '%' && t[1] == 'd') {
            size += (size_t)sprintf(text + size, "%ld", base + sent_count % modulo);
            t++;
        } else {
            text[size++] = *t;
        }
    }
    sent_at[sent_count++] = now();
    if (!send_frame(writer, OP_TEXT, text, size)) fail("the server stopped reading from the writer");
}

static void print_result(double connected, double span, double cpu, long listening, long late) {
    for (long i = 0; i < counted; i++)
        if (listening && copies[i] == listening) add_sample(&served, last_at[i] - sent_at[first_counted + i]);
    long expected = listening * counted;
    printf("{\"event\":\"result\",\"seconds\":%.6f,\"client_cpu\":%.6f,\"connect_seconds\":%.6f,\"listening\":%ld,"
           "\"lost_connections\":%ld,\"sent\":%ld,\"late_sends\":%ld,\"expected\":%ld,\"deliveries\":%ld,"
           "\"lost\":%ld,\"repeated\":%ld,\"unmatched\":%ld",
           span, cpu, connected, listening, lost_connections, counted, late, expected, deliveries,
           expected - deliveries, repeated, unmatched);
    print_samples("latency", &latencies);
    print_samples("served", &served);
    printf("}\n");
}

int main(int argc, char **argv) {
    const struct option options[] = {
        CONNECTION_OPTIONS, {"--listeners", WHOLE, &listeners_count}, {"--mute", WHOLE, &mute_count},
        {"--rate", REAL, &rate}, {"--seconds", REAL, &seconds}, {"--settle", REAL, &settle},
        {"--drain", REAL, &drain}, {"--patience", REAL, &patience}, {"--template", TEXT, &template},
        {"--match", TEXTS, matches}, {"--base", WHOLE, &base}, {"--modulo", WHOLE, &modulo},
        {NULL, TEXT, NULL}};
    read_options(argc, argv, options);
    if (!matches[0]) matches[0] = "\"brightness\"";
    start_network();
    double began = now();
    open_all();
    double connected = now() - began;
    long listening = 0;
    for (long i = 0; i < listeners_count; i++) listening += peers[i].state == OPEN;
    poll_peers_for(0.5);
    announce("ready");

    first_counted = lround(settle * rate);
    counted = lround(seconds * rate);
    long total = first_counted + counted, late = 0;
    sent_at = calloc((size_t)total, sizeof *sent_at);
    last_at = calloc((size_t)counted, sizeof *last_at);
    copies = calloc((size_t)counted, sizeof *copies);
    seen = calloc((size_t)(counted * listeners_count) + 1, 1);

    double start = now() + 0.05, window = 0, cpu = 0;
    while (sent_count < total || (deliveries < listening * counted && now() < sent_at[total - 1] + drain)) {
        double due = sent_count < total ? start + (double)sent_count / rate : now() + 0.02;
        if (!measuring && sent_count == first_counted) { /* half a period early: nothing is on its way */
            due -= 0.5 / rate;
            if (now() >= due) {
                announce("start");
                measuring = true;
                window = now();
                cpu = own_cpu();
                continue;
            }
        } else if (sent_count < total && now() >= due) {
            late += now() > due + 0.02;
            send_next();
            continue;
        }
        poll_peers(due - now());
    }
    double span = now() - window;
    cpu = own_cpu() - cpu;
    announce("end");
    print_result(connected, span, cpu, listening, late);
    return 0;
}
