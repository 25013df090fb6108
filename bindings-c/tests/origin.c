/* Locks, scans and single nodes: origin URL. */
#include "live.h"

static const char *text(const standfast_reply *map, const char *name) {
    return standfast_reply_string(standfast_reply_get(map, name));
}

static void check_state(const standfast_lock *lock, const char *state) {
    standfast_reply *status;
    CHECK_OK(standfast_lock_get(lock, &status));
    CHECK(strcmp(text(status, "state"), state) == 0);
    CHECK_OK(standfast_reply_free(status));
}

static void locks(const standfast_client *client) {
    standfast_lock *ours, *theirs;
    standfast_reply *reply;
    int taken;
    CHECK_OK(standfast_lock_open(client, "c:job", STANDFAST_TERMINATED, "a", 1, 60000, 0, &ours));
    CHECK_OK(standfast_lock_open(client, "c:job", STANDFAST_TERMINATED, NULL, 0, 60000, 1, &theirs));
    check_state(ours, "free");
    CHECK_OK(standfast_lock_take(ours, 0, &taken));
    CHECK(taken == 1);
    CHECK_OK(standfast_lock_take(theirs, 0, &taken));
    CHECK(taken == 0);
    CHECK_STATUS(STANDFAST_ERR_LOCK_NOT_HELD, standfast_lock_extend(theirs, STANDFAST_DEFAULT_TIMEOUT));
    CHECK_STATUS(STANDFAST_ERR_LOCK_NOT_HELD, standfast_lock_release(theirs));
    CHECK_OK(standfast_lock_query(theirs, &reply));
    CHECK(strcmp(standfast_reply_string(reply), "a") == 0);
    CHECK_OK(standfast_reply_free(reply));
    CHECK_OK(standfast_lock_extend(ours, 120000));
    check_state(ours, "held");
    CHECK(standfast_lock_fd(ours) >= 0);
    CHECK_OK(standfast_lock_next(ours, PATIENCE_MS, &reply));
    CHECK(strcmp(text(reply, "state"), "held") == 0);
    CHECK_OK(standfast_reply_free(reply));
    CHECK_OK(standfast_lock_next(ours, 0, &reply));
    CHECK(reply == NULL);
    CHECK_OK(standfast_lock_release(ours));
    CHECK_OK(standfast_lock_take(theirs, PATIENCE_MS, &taken));
    CHECK(taken == 1);
    CHECK_OK(standfast_lock_get(theirs, &reply));
    CHECK(standfast_reply_integer(standfast_reply_get(reply, "fence_counter")) >= 2);
    CHECK(standfast_reply_integer(standfast_reply_get(reply, "time_left")) > 0);
    CHECK_OK(standfast_reply_free(reply));
    CHECK_OK(standfast_lock_release(theirs));
    CHECK_STATUS(STANDFAST_ERR_INVALID_ARGUMENT, standfast_lock_extend(ours, -2));
    CHECK_OK(standfast_lock_free(ours));
    CHECK_OK(standfast_lock_free(theirs));
    CHECK_STATUS(STANDFAST_ERR_INVALID_HANDLE, standfast_lock_free(ours));
}

static void scans(const standfast_client *client) {
    const char *words[] = {"SCAN", "MATCH", "c:scan:*", "COUNT", "7", "MASTER"};
    const char *wrong[] = {"SCAN", "NONSENSE"};
    standfast_scan *scan;
    standfast_status status;
    size_t found = 0;
    for (int n = 0; n < 50; n++) {
        char key[16];
        snprintf(key, sizeof key, "c:scan:%d", n);
        CHECK_OK(standfast_reply_free(run(client, "SET", key, "v", NULL)));
    }
    CHECK_STATUS(STANDFAST_ERR_INVALID_ARGUMENT, standfast_scan_open(client, 2, wrong, NULL, &scan));
    CHECK_OK(standfast_scan_open(client, 6, words, NULL, &scan));
    for (;;) {
        standfast_reply *items;
        status = standfast_scan_next(scan, &items);
        if (status != STANDFAST_OK) break;
        CHECK(standfast_reply_count(items) > 0);
        CHECK(strncmp(standfast_reply_string(standfast_reply_element(items, 0)), "c:scan:", 7) == 0);
        found += standfast_reply_count(items);
        CHECK_OK(standfast_reply_free(items));
    }
    CHECK(status == STANDFAST_ERR_END_OF_STREAM && found >= 50);
    CHECK_OK(standfast_scan_free(scan));
}

static void reads(const standfast_client *client) {
    const char *get[] = {"GET", "c:scan:1"};
    standfast_reply *reply;
    CHECK_OK(standfast_command_from(client, "replica", 2, get, NULL, PATIENCE_MS, &reply));
    CHECK_OK(standfast_reply_free(reply));
    CHECK_STATUS(STANDFAST_ERR_INVALID_ARGUMENT,
                 standfast_command_from(client, "nonsense", 2, get, NULL, PATIENCE_MS, &reply));
}

static void nodes(const standfast_client *client) {
    const char *size[] = {"DBSIZE"}, *set[] = {"SET", "k", "v"}, *identity[] = {"SENTINEL", "MYID"};
    standfast_reply *status, *known, *reply;
    standfast_node *node;
    CHECK_OK(standfast_client_nodes(client, &known));
    for (size_t at = 0; at < standfast_reply_count(known); at++) {
        const standfast_reply *about = standfast_reply_element(known, at);
        CHECK_OK(standfast_node_open(client, text(about, "address"), &node));
        CHECK_OK(standfast_node_send(node, 1, size, NULL, PATIENCE_MS, &reply));
        CHECK_OK(standfast_reply_free(reply));
        CHECK_STATUS(STANDFAST_ERR_INVALID_ARGUMENT, standfast_node_send(node, 3, set, NULL, PATIENCE_MS, &reply));
        CHECK_OK(standfast_node_get(node, &reply));
        CHECK(strcmp(text(reply, "role"), text(about, "role")) == 0);
        CHECK_OK(standfast_reply_free(reply));
        CHECK_OK(standfast_node_free(node));
    }
    CHECK_OK(standfast_reply_free(known));
    CHECK_OK(standfast_client_status(client, &status));
    known = NULL;
    CHECK_OK(standfast_sentinel_open(
        client, text(standfast_reply_element(standfast_reply_get(status, "sentinels"), 0), "address"), &node));
    CHECK_OK(standfast_node_send(node, 2, identity, NULL, PATIENCE_MS, &reply));
    CHECK(standfast_reply_type(reply) == STANDFAST_TYPE_STRING);
    CHECK_OK(standfast_reply_free(reply));
    CHECK_OK(standfast_reply_free(status));
    CHECK_OK(standfast_node_free(node));
    CHECK_STATUS(STANDFAST_ERR_INVALID_ARGUMENT, standfast_node_open(client, "127.0.0.1:1", &node));
}

int main(int argc, char **argv) {
    standfast_client *client;
    if (argc != 2) return 2;
    client = connected(argv[1]);
    locks(client);
    scans(client);
    reads(client);
    nodes(client);
    CHECK_OK(standfast_client_free(client));
    CHECK(standfast_debug_live_handles() == 0);
    return 0;
}
