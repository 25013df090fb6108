/* What a user of C sees when the master falls silent without a word. Whoever starts it breaks the master between the lines:
 * prints "ready", waits for a line; writes until a write succeeds, prints "written MICROSECONDS ERRORS MASTER"; publishes until it hears itself,
 * prints "heard GAPS OLD-MASTER NEW-MASTER"; waits for a line with a master; when it has that one,
 * writes and prints "end". */
#define _POSIX_C_SOURCE 200809L
#include "live.h"

static void wait_for_line(char line[64]) {
    CHECK(fgets(line, 64, stdin) != NULL);
    line[strcspn(line, "\n")] = 0;
}

static void say(const char *line) {
    printf("%s\n", line);
    fflush(stdout);
}

/* The master that commands go to. */
static void master_of(const standfast_client *client, char master[64]) {
    standfast_reply *status;
    CHECK_OK(standfast_client_status(client, &status));
    snprintf(master, 64, "%s", standfast_reply_string(standfast_reply_get(status, "master")));
    standfast_reply_free(status);
}

static void wait_for_master(const standfast_client *client, const char *wanted) {
    int64_t limit = monotonic_ms() + PATIENCE_MS;
    char master[64];
    const struct timespec pause = {0, 5000000};
    for (master_of(client, master); strcmp(master, wanted) != 0; master_of(client, master)) {
        CHECK(monotonic_ms() < limit);
        nanosleep(&pause, NULL);
    }
}

static void write_until_it_succeeds(const standfast_client *client) {
    const char *increment[] = {"INCR", "half-dead"};
    standfast_reply *reply;
    struct timespec now;
    char line[128], master[64];
    int errors = 0;
    while (standfast_command(client, 2, increment, NULL, STANDFAST_DEFAULT_TIMEOUT, &reply)) {
        CHECK(standfast_error_code(standfast_last_error()) == STANDFAST_ERR_MAYBE_EXECUTED);
        CHECK(++errors < 100);
    }
    clock_gettime(CLOCK_REALTIME, &now);
    standfast_reply_free(reply);
    master_of(client, master);
    snprintf(line, sizeof line, "written %lld %d %s", (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000, errors, master);
    say(line);
}

/* Others are told nothing of when the subscription is there again, so it is published until it is heard. */
static void publish_until_heard(const standfast_client *client, const standfast_subscription *news) {
    int64_t limit = monotonic_ms() + PATIENCE_MS;
    char old[64] = "", new[64] = "";
    int gaps = 0, heard = 0;
    while (!heard) {
        standfast_reply *item;
        CHECK(monotonic_ms() < limit);
        CHECK_OK(standfast_publish(client, "half-dead", STANDFAST_TERMINATED, "after", STANDFAST_TERMINATED, NULL));
        CHECK_OK(standfast_subscription_next(news, 200, &item));
        if (item == NULL) continue;
        if (strcmp(standfast_reply_string(standfast_reply_get(item, "type")), "message") == 0) {
            heard = 1;
        } else {
            gaps++;
            snprintf(old, sizeof old, "%s", standfast_reply_string(standfast_reply_get(item, "old_master")));
            snprintf(new, sizeof new, "%s", standfast_reply_string(standfast_reply_get(item, "new_master")));
        }
        standfast_reply_free(item);
    }
    printf("heard %d %s %s\n", gaps, old, new);
    fflush(stdout);
}

int main(int argc, char **argv) {
    standfast_client *client;
    standfast_subscription *news;
    char line[64];
    CHECK(argc == 2);
    client = connected(argv[1]);
    news = subscribed(client, "half-dead");
    standfast_reply_free(run(client, "SET", "half-dead", "0", NULL));
    say("ready");
    wait_for_line(line);
    write_until_it_succeeds(client);
    publish_until_heard(client, news);
    wait_for_line(line);
    wait_for_master(client, line);
    standfast_reply_free(run(client, "SET", "half-dead", "healed", NULL));
    say("end");
    CHECK_OK(standfast_subscription_free(news));
    CHECK_OK(standfast_client_free(client));
    return 0;
}
