/* Pipelines, transactions, transactions over watched keys, and a command that is idempotent by call: units URL */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>

#include "live.h"

static const char *text(const standfast_reply *reply) { return standfast_reply_string(reply); }

static void add(standfast_unit *unit, const char *first, const char *second, const char *third) {
    const char *argv[] = {first, second, third};
    CHECK_OK(standfast_unit_add(unit, third != NULL ? 3 : second != NULL ? 2 : 1, argv, NULL));
}

static standfast_unit *unit_of(standfast_unit_kind kind) {
    standfast_unit *unit;
    CHECK_OK(standfast_unit_new(kind, &unit));
    return unit;
}

static void pipelines(const standfast_client *client) {
    standfast_unit *unit = unit_of(STANDFAST_UNIT_PIPELINE);
    standfast_reply *reply;
    const standfast_reply *element;
    CHECK_STATUS(STANDFAST_ERR_INVALID_ARGUMENT, standfast_unit_send(client, unit, STANDFAST_DEFAULT_TIMEOUT, &reply));
    add(unit, "SET", "u:k", "v");
    add(unit, "INCR", "u:k", NULL);
    add(unit, "GET", "u:k", NULL);
    CHECK_OK(standfast_unit_send(client, unit, STANDFAST_DEFAULT_TIMEOUT, &reply));
    CHECK(standfast_reply_type(reply) == STANDFAST_TYPE_ARRAY && standfast_reply_count(reply) == 3);
    CHECK(strcmp(text(standfast_reply_element(reply, 0)), "OK") == 0);
    element = standfast_reply_element(reply, 1);
    CHECK(standfast_reply_type(element) == STANDFAST_TYPE_ERROR);
    CHECK(standfast_reply_error_status(element) == STANDFAST_ERR_REPLY_ERROR);
    CHECK(strcmp(standfast_reply_error_code(element), "ERR") == 0);
    CHECK(strcmp(text(standfast_reply_element(reply, 2)), "v") == 0);
    CHECK_OK(standfast_reply_free(reply));
    add(unit, "SUBSCRIBE", "u:k", NULL);
    CHECK_STATUS(STANDFAST_ERR_INVALID_ARGUMENT, standfast_unit_send(client, unit, STANDFAST_DEFAULT_TIMEOUT, &reply));
    CHECK(reply == NULL);
    CHECK_OK(standfast_unit_free(unit));
    CHECK_STATUS(STANDFAST_ERR_INVALID_HANDLE, standfast_unit_free(unit));
    CHECK_STATUS(STANDFAST_ERR_INVALID_ARGUMENT, standfast_unit_new(7, &unit));
}

static void transactions(const standfast_client *client) {
    standfast_unit *unit = unit_of(STANDFAST_UNIT_TRANSACTION);
    standfast_reply *reply;
    standfast_queue *queue;
    standfast_status status;
    uint64_t tag;
    add(unit, "INCR", "u:n", NULL);
    add(unit, "INCR", "u:n", NULL);
    CHECK_OK(standfast_unit_send(client, unit, STANDFAST_DEFAULT_TIMEOUT, &reply));
    CHECK(standfast_reply_count(reply) == 2 && standfast_reply_integer(standfast_reply_element(reply, 1)) == 2);
    CHECK_OK(standfast_reply_free(reply));

    CHECK_OK(standfast_queue_open(client, &queue));
    CHECK_OK(standfast_queue_send_unit(queue, unit, STANDFAST_DEFAULT_TIMEOUT, 7));
    CHECK_OK(standfast_queue_next(queue, PATIENCE_MS, &tag, &status, &reply));
    CHECK(tag == 7 && status == STANDFAST_OK && standfast_reply_integer(standfast_reply_element(reply, 1)) == 4);
    CHECK_OK(standfast_reply_free(reply));
    CHECK_OK(standfast_queue_free(queue));

    add(unit, "NO.SUCH", NULL, NULL);
    CHECK_STATUS(STANDFAST_ERR_REPLY_ERROR, standfast_unit_send(client, unit, STANDFAST_DEFAULT_TIMEOUT, &reply));
    CHECK(strcmp(standfast_error_server_code(standfast_last_error()), "EXECABORT") == 0);
    CHECK_OK(standfast_unit_free(unit));
}

static void idempotent_commands(const standfast_client *client) {
    standfast_unit *unit = unit_of(STANDFAST_UNIT_COMMAND);
    standfast_reply *reply;
    add(unit, "SET", "u:i", "1");
    CHECK_OK(standfast_unit_set_idempotent(unit, true));
    CHECK_OK(standfast_unit_send(client, unit, STANDFAST_DEFAULT_TIMEOUT, &reply));
    CHECK(strcmp(text(reply), "OK") == 0);
    CHECK_OK(standfast_reply_free(reply));
    add(unit, "SET", "u:i", "2");
    CHECK_STATUS(STANDFAST_ERR_INVALID_ARGUMENT, standfast_unit_send(client, unit, STANDFAST_DEFAULT_TIMEOUT, &reply));
    CHECK_OK(standfast_unit_free(unit));
}

/* Reads a number and doubles it, while somebody else writes in the first round. */
static void watched(const standfast_client *client) {
    const char *keys[] = {"u:w"};
    const char *get[] = {"GET", "u:w"};
    const char *set[] = {"SET", "u:w", "5"};
    const char *incr[] = {"INCR", "u:w"};
    standfast_watch *watch;
    standfast_reply *reply;
    standfast_status status = STANDFAST_ERR_TRANSACTION_ABORTED;
    int rounds = 0;
    CHECK_OK(standfast_command(client, 3, set, NULL, STANDFAST_DEFAULT_TIMEOUT, &reply));
    CHECK_OK(standfast_reply_free(reply));
    CHECK_OK(standfast_watch_new(client, 1, keys, NULL, 0, STANDFAST_DEFAULT_TIMEOUT, &watch));
    CHECK_STATUS(STANDFAST_ERR_INVALID_ARGUMENT, standfast_watch_command(watch, 2, get, NULL, &reply));
    while (status == STANDFAST_ERR_TRANSACTION_ABORTED) {
        char doubled[32];
        standfast_unit *unit = unit_of(STANDFAST_UNIT_TRANSACTION);
        CHECK_OK(standfast_watch_begin(watch));
        CHECK_OK(standfast_watch_command(watch, 2, get, NULL, &reply));
        snprintf(doubled, sizeof doubled, "%d", 2 * atoi(text(reply)));
        CHECK_OK(standfast_reply_free(reply));
        if (rounds++ == 0) {
            CHECK_OK(standfast_command(client, 2, incr, NULL, STANDFAST_DEFAULT_TIMEOUT, &reply));
            CHECK_OK(standfast_reply_free(reply));
        }
        add(unit, "SET", "u:w", doubled);
        status = standfast_watch_commit(watch, unit, &reply);
        CHECK_OK(standfast_unit_free(unit));
    }
    CHECK(status == STANDFAST_OK && rounds == 2 && standfast_reply_count(reply) == 1);
    CHECK_OK(standfast_reply_free(reply));
    CHECK_OK(standfast_watch_free(watch));
    CHECK_OK(standfast_command(client, 2, get, NULL, STANDFAST_DEFAULT_TIMEOUT, &reply));
    CHECK(strcmp(text(reply), "12") == 0);
    CHECK_OK(standfast_reply_free(reply));

    CHECK_OK(standfast_watch_new(client, 1, keys, NULL, 1, STANDFAST_DEFAULT_TIMEOUT, &watch));
    CHECK_OK(standfast_watch_begin(watch));
    CHECK_STATUS(STANDFAST_ERR_TRANSACTION_ABORTED, standfast_watch_begin(watch));
    CHECK_OK(standfast_watch_free(watch));
}

int main(int argc, char **argv) {
    standfast_client *client;
    if (argc != 2) return 2;
    client = connected(argv[1]);
    CHECK_OK(standfast_reply_free(run(client, "DEL", "u:k", "u:n", "u:i", "u:w", (char *)NULL)));
    pipelines(client);
    transactions(client);
    idempotent_commands(client);
    watched(client);
    CHECK_OK(standfast_client_free(client));
    CHECK(standfast_debug_live_handles() == 0);
    return 0;
}
