/* Opening WebSocket connections: how fast (--seconds S), or how many stay (--hold N).
 *
 * --seconds: --clients connections are opened, closed with code 1000 and opened again for S seconds.
 * --hold: N connections are opened and kept; `held` of them stay, `refused_status` tells how the
 * others were refused. After `ready` the program waits for a line on standard input, so that the caller can look
 * at the server; then the held ones are pinged, one leaves, and a new one tries (`slot_reused`).
 */
#include "websocket.h"

static long clients_count = 16, hold = 0;
static double seconds = 0, settle = 0.5, patience = 10;
static struct peer *peers;
static bool churning, measuring;
static long handshakes, failures, in_flight, refused, refused_status;
static struct samples handshake_times;

static void on_text(struct peer *p, const char *text, size_t size, double when) {
    (void)p, (void)text, (void)size, (void)when;
}

static void on_open(struct peer *p) {
    in_flight--;
    if (measuring || !churning) add_sample(&handshake_times, now() - p->began);
    if (!churning) return;
    handshakes += measuring;
    p->state = CLOSING;
    if (!send_frame(p, OP_CLOSE, "\x03\xe8", 2)) hang_up(p, "close not sent");
}

static void on_closed(struct peer *p) {
    if (p->opened) return;
    in_flight--;
    failures += measuring;
    if (p->status) {
        refused++;
        refused_status = p->status;
    }
}

static void churn(void) {
    churning = true;
    peers = calloc((size_t)clients_count, sizeof *peers);
    for (long i = 0; i < clients_count; i++) start_peer(&peers[i], 0);
    double begin = now() + settle, end = begin + seconds, window = 0, cpu = 0;
    while (now() < end) {
        if (!measuring && now() >= begin) {
            announce("start");
            measuring = true;
            window = now();
            cpu = own_cpu();
        }
        poll_peers(0.02);
        for (long i = 0; i < clients_count; i++) {
            struct peer *p = &peers[i];
            if (p->state != CLOSED && now() - p->began > patience) hang_up(p, "no answer");
            if (p->state == CLOSED) start_peer(p, 0);
        }
    }
    measuring = false;
    double span = now() - window;
    cpu = own_cpu() - cpu;
    announce("end");
    printf("{\"event\":\"result\",\"seconds\":%.6f,\"client_cpu\":%.6f,\"handshakes\":%ld,\"failures\":%ld,"
           "\"refused_status\":%ld", span, cpu, handshakes, failures, refused_status);
    print_samples("handshake", &handshake_times);
    printf("}\n");
}

static long count_open(void) {
    long count = 0;
    for (long i = 0; i < hold; i++) count += peers[i].state == OPEN;
    return count;
}

static bool one_more(void) {
    struct peer extra = {0};
    in_flight++;
    start_peer(&extra, 0);
    for (double until = now() + 2; now() < until && extra.state != OPEN && extra.state != CLOSED;) poll_peers(0.02);
    poll_peers_for(0.2); /* a server may also close it after the upgrade */
    bool stays = extra.state == OPEN;
    if (extra.state != CLOSED) hang_up(&extra, "done");
    return stays;
}

static void keep(void) {
    peers = calloc((size_t)hold, sizeof *peers);
    double deadline = now() + patience, began = now();
    long started = 0;
    while ((started < hold || in_flight) && now() < deadline) {
        for (; started < hold && in_flight < 32; started++) {
            in_flight++;
            start_peer(&peers[started], 0);
        }
        poll_peers(0.02);
    }
    double opening = now() - began;
    poll_peers_for(settle);
    long held = count_open(), surplus = refused, status = refused_status, pongs = 0, closed = 0;
    for (long i = 0; i < hold; i++) closed += peers[i].opened && peers[i].state == CLOSED;
    announce("ready");
    char line[16];
    if (!fgets(line, sizeof line, stdin)) line[0] = 0;

    for (long i = 0; i < hold; i++)
        if (peers[i].state == OPEN) send_frame(&peers[i], OP_PING, "?", 1);
    for (double until = now() + 2; now() < until && pongs < held;) {
        poll_peers(0.02);
        pongs = 0;
        for (long i = 0; i < hold; i++) pongs += peers[i].state == OPEN && peers[i].pongs;
    }
    bool reused = false;
    for (long i = 0; i < hold; i++) {
        if (peers[i].state != OPEN) continue;
        peers[i].state = CLOSING;
        send_frame(&peers[i], OP_CLOSE, "\x03\xe8", 2);
        poll_peers_for(0.5);
        reused = one_more();
        break;
    }
    printf("{\"event\":\"result\",\"tried\":%ld,\"opening_seconds\":%.6f,\"held\":%ld,\"pongs\":%ld,\"refused\":%ld,"
           "\"refused_status\":%ld,\"closed_after_open\":%ld,\"slot_reused\":%s",
           started, opening, held, pongs, surplus, status, closed, reused ? "true" : "false");
    print_samples("handshake", &handshake_times);
    printf("}\n");
}

int main(int argc, char **argv) {
    const struct option options[] = {
        CONNECTION_OPTIONS, {"--clients", WHOLE, &clients_count}, {"--seconds", REAL, &seconds},
        {"--hold", WHOLE, &hold}, {"--settle", REAL, &settle}, {"--patience", REAL, &patience},
        {NULL, TEXT, NULL}};
    read_options(argc, argv, options);
    start_network();
    if (hold) keep();
    else churn();
    return 0;
}
