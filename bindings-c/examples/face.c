/* The demo's face in C: a writer and a subscriber that live through failovers and record what they saw.
 *
 * face URL NAME CHANNEL: prints {"ready":true} once connected and subscribed, then writes SADD demo:NAME 0, 1, 2, ... and
 * collects what arrives on the channel, until a line or the end comes on standard input. Then it prints its records. */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <standfast.h>

static int64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void say_error(const char *what) {
    fprintf(stderr, "%s: %s\n", what, standfast_error_text(standfast_last_error()));
}

/* One line of the record. What the numbers mean depends on the kind. */
typedef struct {
    char kind; /* w: written, m: message, g: gap, d: dropped */
    int64_t number, start, end;
    char text[40];
} record;

/* Each thread has a journal of its own, printed when the threads are done. */
typedef struct {
    record *records;
    size_t count, room;
} journal;

static void note(journal *to, char kind, int64_t number, int64_t start, int64_t end, const char *text) {
    if (to->count == to->room) {
        to->room = to->room ? to->room * 2 : 1024;
        to->records = realloc(to->records, to->room * sizeof *to->records);
        if (!to->records) abort();
    }
    record *line = &to->records[to->count++];
    *line = (record){.kind = kind, .number = number, .start = start, .end = end};
    snprintf(line->text, sizeof line->text, "%s", text);
}

static void print(const journal *from) {
    for (size_t i = 0; i < from->count; i++) {
        const record *line = &from->records[i];
        if (line->kind == 'w')
            printf("[\"w\",%" PRId64 ",%" PRId64 ",%" PRId64 ",\"%s\"]\n", line->number, line->start, line->end, line->text);
        else if (line->kind == 'm')
            printf("[\"m\",%" PRId64 ",%" PRId64 "]\n", line->number, line->end);
        else if (line->kind == 'g')
            printf("[\"g\",%" PRId64 ",%" PRId64 ",\"%s\"]\n", line->start, line->end, line->text);
        else
            printf("[\"d\",%" PRId64 "]\n", line->number);
    }
}

typedef struct {
    standfast_client *client;
    standfast_subscription *subscription;
    const char *name;
    pthread_mutex_t lock;
    bool stopping; /* under the lock */
    journal written, received;
} face;

static bool stopping(face *self) {
    pthread_mutex_lock(&self->lock);
    bool stop = self->stopping;
    pthread_mutex_unlock(&self->lock);
    return stop;
}

/* Write one number after the other. A number is never written twice, also when nobody knows what became of it. */
static void *write_numbers(void *argument) {
    face *self = argument;
    const struct timespec pause = {0, 1000000};
    char key[128], number[24];
    const char *command[] = {"SADD", key, number};
    snprintf(key, sizeof key, "demo:%s", self->name);
    for (int64_t n = 0; !stopping(self); n++) {
        standfast_reply *reply;
        snprintf(number, sizeof number, "%" PRId64, n);
        int64_t start = now_us();
        standfast_status status = standfast_command(self->client, 3, command, NULL, STANDFAST_DEFAULT_TIMEOUT, &reply);
        note(&self->written, 'w', n, start, now_us(), status ? standfast_status_name(status) : "ok");
        standfast_reply_free(reply);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

static int64_t field(const standfast_reply *item, const char *name) {
    return standfast_reply_integer(standfast_reply_get(item, name));
}

/* Collect what arrives, until the subscription is closed and everything was read. */
static void *collect_items(void *argument) {
    face *self = argument;
    standfast_reply *item;
    while (standfast_subscription_next(self->subscription, STANDFAST_FOREVER, &item) == STANDFAST_OK) {
        const char *type = standfast_reply_string(standfast_reply_get(item, "type"));
        if (strcmp(type, "message") == 0) {
            const char *payload = standfast_reply_string(standfast_reply_get(item, "payload"));
            note(&self->received, 'm', strtoll(payload, NULL, 10), 0, now_us(), "");
        } else if (strcmp(type, "gap") == 0) {
            const char *reason = standfast_reply_string(standfast_reply_get(item, "reason"));
            note(&self->received, 'g', 0, field(item, "since"), field(item, "until"), reason);
        } else if (strcmp(type, "dropped") == 0) {
            note(&self->received, 'd', field(item, "count"), 0, 0, "");
        }
        standfast_reply_free(item);
    }
    return NULL;
}

static bool start(face *self, const char *url, const char *channel) {
    standfast_options *options = NULL;
    standfast_channels *channels = NULL;
    bool ready = !standfast_options_new(url, &options) && !standfast_connect(options, &self->client) &&
                 !standfast_channels_new(&channels) && !standfast_channels_add(channels, channel, STANDFAST_TERMINATED) &&
                 !standfast_subscribe(self->client, channels, &self->subscription) &&
                 !standfast_subscription_ready(self->subscription, 10000);
    if (!ready) say_error("cannot start");
    standfast_channels_free(channels);
    standfast_options_free(options);
    return ready;
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: face URL NAME CHANNEL\n");
        return 2;
    }
    face self = {.name = argv[2], .lock = PTHREAD_MUTEX_INITIALIZER};
    if (!start(&self, argv[1], argv[3])) return 1;
    printf("{\"ready\":true}\n");
    fflush(stdout);

    pthread_t writer, collector;
    if (pthread_create(&writer, NULL, write_numbers, &self) || pthread_create(&collector, NULL, collect_items, &self)) {
        fprintf(stderr, "no thread\n");
        return 1;
    }
    char line[64];
    if (!fgets(line, sizeof line, stdin)) line[0] = 0;

    pthread_mutex_lock(&self.lock);
    self.stopping = true;
    pthread_mutex_unlock(&self.lock);
    pthread_join(writer, NULL);
    standfast_subscription_close(self.subscription); /* The collector reads what has arrived, then ends. */
    pthread_join(collector, NULL);
    standfast_subscription_free(self.subscription);
    standfast_client_free(self.client);

    print(&self.written);
    print(&self.received);
    printf("{\"done\":true}\n");
    free(self.written.records);
    free(self.received.records);
    return 0;
}
