/* What a planned failover looks like in events, status, nodes and log records: reports URL [slow]
 * Says "ready" on its output; whoever started it then switches the master on purpose. "slow": under valgrind the first look at the
 * new master may find it promoted already; then what the old master took meanwhile cannot be told apart. */
#include "live.h"

static const standfast_reply *field(const standfast_reply *map, const char *name, standfast_type type) {
    const standfast_reply *value = standfast_reply_get(map, name);
    if (standfast_reply_type(value) != type) {
        fprintf(stderr, "%s is of type %d, expected %d\n", name, (int)standfast_reply_type(value), (int)type);
        exit(1);
    }
    return value;
}

static int64_t number(const standfast_reply *map, const char *name) {
    return standfast_reply_integer(field(map, name, STANDFAST_TYPE_INTEGER));
}

static const char *text(const standfast_reply *map, const char *name) {
    return standfast_reply_string(field(map, name, STANDFAST_TYPE_STRING));
}

static void the_report(const standfast_client *client, const char *old_master, bool slow) {
    standfast_reply *event;
    for (;;) {
        CHECK_OK(standfast_events_next(client, PATIENCE_MS, &event));
        CHECK(event != NULL);
        if (strcmp(text(event, "kind"), "switch_report") == 0) break;
        CHECK_OK(standfast_reply_free(event));
    }
    CHECK(strcmp(text(event, "old_master"), old_master) == 0);
    CHECK(strcmp(text(event, "new_master"), old_master) != 0);
    CHECK(standfast_reply_boolean(field(event, "eager", STANDFAST_TYPE_BOOLEAN)));
    field(event, "since_lost", STANDFAST_TYPE_NIL);
    /* Microseconds. */
    CHECK(number(event, "held_for") > 0 && number(event, "held_for") <= number(event, "since_announced"));
    CHECK(number(event, "commands_held") == 0 && number(event, "maybe_executed") == 0);
    if (slow && standfast_reply_type(standfast_reply_get(event, "since_replica")) == STANDFAST_TYPE_NIL) {
        CHECK(number(event, "bytes_at_risk") >= 0);
    } else {
        CHECK(number(event, "since_replica") >= 0);
        CHECK(number(event, "bytes_at_risk") == 0);
    }
    CHECK_OK(standfast_reply_free(event));
}

static void the_status(const standfast_client *client) {
    static const char *const names[] = {"switches", "corrections", "fences",   "losses",    "epoch_resets",
                                        "retries",  "maybe_executed", "timeouts", "queue_full"};
    standfast_reply *status;
    const standfast_reply *counters;
    CHECK_OK(standfast_client_status(client, &status));
    CHECK(strlen(text(status, "minority")) > 0);
    counters = field(status, "counters", STANDFAST_TYPE_MAP);
    CHECK(standfast_reply_count(counters) == sizeof names / sizeof *names);
    for (size_t at = 0; at < sizeof names / sizeof *names; at++) CHECK(number(counters, names[at]) >= 0);
    CHECK(number(counters, "switches") == 1 && number(counters, "fences") == 1 && number(counters, "losses") == 0);
    CHECK_OK(standfast_reply_free(status));
}

/* Every sentinel has an opinion on every node, and one node is the master that is used. */
static void the_nodes(const standfast_client *client) {
    standfast_reply *nodes;
    int used = 0;
    CHECK_OK(standfast_client_nodes(client, &nodes));
    CHECK(standfast_reply_count(nodes) >= 2);
    for (size_t at = 0; at < standfast_reply_count(nodes); at++) {
        const standfast_reply *node = standfast_reply_element(nodes, at), *opinions;
        if (standfast_reply_boolean(field(node, "used", STANDFAST_TYPE_BOOLEAN))) {
            CHECK(strcmp(text(node, "role"), "master") == 0);
            used++;
        }
        opinions = field(node, "opinions", STANDFAST_TYPE_ARRAY);
        CHECK(standfast_reply_count(opinions) > 0);
        for (size_t of = 0; of < standfast_reply_count(opinions); of++) {
            const standfast_reply *opinion = standfast_reply_element(opinions, of);
            CHECK(strchr(text(opinion, "sentinel"), ':') != NULL && strlen(text(opinion, "role")) > 0);
            field(opinion, "flags", STANDFAST_TYPE_STRING);
        }
    }
    CHECK(used == 1);
    CHECK_OK(standfast_reply_free(nodes));
}

static void the_records(const standfast_logs *logs) {
    for (bool switched = false, reported = false; !switched || !reported;) {
        standfast_reply *record;
        CHECK_OK(standfast_logs_next(logs, PATIENCE_MS, &record));
        CHECK(record != NULL);
        switched |= strncmp(text(record, "message"), "master_switched", 15) == 0;
        reported |= strncmp(text(record, "message"), "switch_report", 13) == 0;
        CHECK_OK(standfast_reply_free(record));
    }
}

int main(int argc, char **argv) {
    standfast_client *client;
    standfast_logs *logs;
    standfast_reply *status;
    if (argc != 2 && argc != 3) return 2;
    CHECK_OK(standfast_logs_open("info", &logs));
    client = connected(argv[1]);
    CHECK_OK(standfast_client_status(client, &status));
    puts("ready");
    fflush(stdout);

    the_report(client, text(status, "master"), argc == 3);
    the_status(client);
    the_nodes(client);
    the_records(logs);
    CHECK_OK(standfast_reply_free(status));
    CHECK_OK(standfast_client_free(client));
    CHECK_OK(standfast_logs_free(logs));
    CHECK(standfast_debug_live_handles() == 0);
    return 0;
}
