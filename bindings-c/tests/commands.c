/* Commands, reports and closing, against real servers: commands URL */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>

#include "live.h"

static const char *text(const standfast_reply *reply) { return standfast_reply_string(reply); }

static void bytes_with_nuls(const standfast_client *client) {
    const char *set[] = {"SET", "c\0key", "\0\xff\r\nvalue"}, *get[] = {"GET", "c\0key"};
    const size_t set_lengths[] = {3, 5, 9}, get_lengths[] = {3, 5};
    standfast_reply *reply;
    CHECK_OK(standfast_command(client, 3, set, set_lengths, STANDFAST_DEFAULT_TIMEOUT, &reply));
    CHECK(strcmp(text(reply), "OK") == 0);
    CHECK_OK(standfast_reply_free(reply));
    CHECK_OK(standfast_command(client, 2, get, get_lengths, 5000, &reply));
    CHECK(standfast_reply_length(reply) == 9 && memcmp(text(reply), "\0\xff\r\nvalue", 10) == 0);
    CHECK_OK(standfast_reply_free(reply));
}

static void every_type(const standfast_client *client) {
    standfast_reply *reply;
    const standfast_reply *element;
    const char *script = "redis.setresp(3); return {true, {double=1.5}, {err='MYERR inside'}, {map={k='v'}}, {set={m=true}}}";

    reply = run(client, "INCRBY", "c:number", "41", (char *)NULL);
    CHECK(standfast_reply_type(reply) == STANDFAST_TYPE_INTEGER && standfast_reply_integer(reply) == 41);
    CHECK_OK(standfast_reply_free(reply));

    reply = run(client, "GET", "c:missing", (char *)NULL);
    CHECK(standfast_reply_type(reply) == STANDFAST_TYPE_NIL && strcmp(text(reply), "") == 0);
    CHECK_OK(standfast_reply_free(reply));

    CHECK_OK(standfast_reply_free(run(client, "HSET", "c:hash", "field", "value", "other", "", (char *)NULL)));
    reply = run(client, "HGETALL", "c:hash", (char *)NULL);
    CHECK(standfast_reply_type(reply) == STANDFAST_TYPE_MAP && standfast_reply_count(reply) == 2);
    CHECK(strcmp(text(standfast_reply_get(reply, "field")), "value") == 0);
    CHECK(strcmp(text(standfast_reply_key(reply, 0)), "field") == 0);
    CHECK(strcmp(text(standfast_reply_value(reply, 0)), "value") == 0);
    CHECK(standfast_reply_type(standfast_reply_value(reply, 1)) == STANDFAST_TYPE_STRING);
    CHECK(standfast_reply_key(reply, 2) == NULL);
    CHECK_OK(standfast_reply_free(reply));

    reply = run(client, "EVAL", script, "0", (char *)NULL);
    CHECK(standfast_reply_type(reply) == STANDFAST_TYPE_ARRAY && standfast_reply_count(reply) == 5);
    element = standfast_reply_element(reply, 0);
    CHECK(standfast_reply_type(element) == STANDFAST_TYPE_BOOLEAN && standfast_reply_boolean(element));
    element = standfast_reply_element(reply, 1);
    CHECK(standfast_reply_type(element) == STANDFAST_TYPE_DOUBLE && standfast_reply_double(element) == 1.5);
    element = standfast_reply_element(reply, 2);
    CHECK(standfast_reply_type(element) == STANDFAST_TYPE_ERROR);
    CHECK(strcmp(standfast_reply_error_code(element), "MYERR") == 0 && strcmp(text(element), "inside") == 0);
    element = standfast_reply_element(reply, 3);
    CHECK(standfast_reply_type(element) == STANDFAST_TYPE_MAP && strcmp(text(standfast_reply_get(element, "k")), "v") == 0);
    element = standfast_reply_element(reply, 4);
    CHECK(standfast_reply_type(element) == STANDFAST_TYPE_SET && standfast_reply_count(element) == 1);
    CHECK(strcmp(text(standfast_reply_element(element, 0)), "m") == 0);
    CHECK(standfast_reply_element(reply, 5) == NULL);
    CHECK_OK(standfast_reply_free(reply));
}

static void errors_of_the_server(const standfast_client *client) {
    const char *wrong[] = {"LPUSH", "c:number", "secret-value"};
    standfast_reply *reply;
    const standfast_error *error;
    CHECK_STATUS(STANDFAST_ERR_REPLY_ERROR, standfast_command(client, 3, wrong, NULL, STANDFAST_DEFAULT_TIMEOUT, &reply));
    CHECK(reply == NULL);
    error = standfast_last_error();
    CHECK(strcmp(standfast_error_server_code(error), "WRONGTYPE") == 0);
    CHECK(strstr(standfast_error_server_text(error), "wrong kind of value") != NULL);
    CHECK(strcmp(standfast_error_category(error), "server") == 0 && strcmp(standfast_error_retry(error), "never") == 0);
    CHECK(strstr(standfast_error_text(error), "secret-value") == NULL);
}

static void timeouts(const standfast_client *client) {
    const char *slow[] = {"DEBUG", "SLEEP", "0.5"};
    standfast_reply *reply;
    int64_t start = monotonic_ms();
    /* Had it waited longer, it would have the reply. */
    CHECK_STATUS(STANDFAST_ERR_MAYBE_EXECUTED, standfast_command(client, 3, slow, NULL, 50, &reply));
    CHECK(monotonic_ms() - start >= 49);
    CHECK(strcmp(standfast_error_phase(standfast_last_error()), "reply") == 0);
    CHECK(strcmp(standfast_error_retry(standfast_last_error()), "if_idempotent") == 0);
    /* The late reply is not given to the next command. */
    reply = run(client, "ECHO", "mine", (char *)NULL);
    CHECK(strcmp(text(reply), "mine") == 0);
    CHECK_OK(standfast_reply_free(reply));
}

static void reports(const standfast_client *client) {
    standfast_reply *reply, *event;
    int64_t receivers = -1;
    bool ready = false;
    CHECK_OK(standfast_client_wait_ready(client, 0));
    CHECK_OK(standfast_client_status(client, &reply));
    CHECK(strcmp(text(standfast_reply_get(reply, "state")), "ready") == 0);
    CHECK(strchr(text(standfast_reply_get(reply, "master")), ':') != NULL);
    CHECK(standfast_reply_integer(standfast_reply_get(reply, "generation")) >= 1);
    CHECK(standfast_reply_integer(standfast_reply_get(reply, "since")) > INT64_C(1600000000000000));
    CHECK_OK(standfast_reply_free(reply));

    CHECK_OK(standfast_client_nodes(client, &reply));
    CHECK(standfast_reply_count(reply) >= 1);
    CHECK(strchr(text(standfast_reply_get(standfast_reply_element(reply, 0), "address")), ':') != NULL);
    CHECK_OK(standfast_reply_free(reply));

    while (!ready) {
        CHECK_OK(standfast_events_next(client, PATIENCE_MS, &event));
        CHECK(event != NULL);
        ready = strcmp(text(standfast_reply_get(event, "kind")), "ready") == 0;
        CHECK_OK(standfast_reply_free(event));
    }

    reply = run(client, "CLIENT", "GETNAME", (char *)NULL);
    CHECK(strcmp(text(reply), "standfast:c:" STANDFAST_VERSION) == 0);
    CHECK_OK(standfast_reply_free(reply));

    CHECK_OK(standfast_publish(client, "c:nobody", STANDFAST_TERMINATED, "\0\0", 2, &receivers));
    CHECK(receivers == 0);
    CHECK_OK(standfast_publish(client, "c:nobody", STANDFAST_TERMINATED, NULL, 0, NULL));
}

static void *many(void *argument) {
    const standfast_client *client = argument;
    char key[40];
    for (int i = 0; i < 100; i++) {
        standfast_reply *reply;
        snprintf(key, sizeof key, "%p %d", (void *)key, i);
        reply = run(client, "ECHO", key, (char *)NULL);
        CHECK(strcmp(text(reply), key) == 0);
        CHECK_OK(standfast_reply_free(reply));
    }
    return NULL;
}

static void from_many_threads(standfast_client *client) {
    pthread_t threads[8];
    for (int i = 0; i < 8; i++) CHECK(pthread_create(&threads[i], NULL, many, client) == 0);
    for (int i = 0; i < 8; i++) CHECK(pthread_join(threads[i], NULL) == 0);
}

static void *block(void *argument) {
    const char *pop[] = {"BLPOP", "c:never", "0"};
    standfast_reply *reply;
    standfast_status status = standfast_command(argument, 3, pop, NULL, STANDFAST_NO_TIMEOUT, &reply);
    CHECK(status == STANDFAST_ERR_CLOSED || status == STANDFAST_ERR_MAYBE_EXECUTED);
    CHECK(reply == NULL);
    return NULL;
}

static void *wait_for_events(void *argument) {
    standfast_reply *event;
    standfast_status status;
    while ((status = standfast_events_next(argument, STANDFAST_FOREVER, &event)) == STANDFAST_OK) standfast_reply_free(event);
    CHECK(status == STANDFAST_ERR_END_OF_STREAM);
    return NULL;
}

static void close_ends_waiting_calls(standfast_client *client) {
    pthread_t blocked, waiting;
    int64_t limit = monotonic_ms() + PATIENCE_MS;
    bool seen = false;
    CHECK(pthread_create(&waiting, NULL, wait_for_events, client) == 0);
    CHECK(pthread_create(&blocked, NULL, block, client) == 0);
    while (!seen) {
        standfast_reply *list = run(client, "CLIENT", "LIST", (char *)NULL);
        seen = strstr(text(list), "cmd=blpop") != NULL;
        CHECK_OK(standfast_reply_free(list));
        CHECK(monotonic_ms() < limit);
    }
    CHECK_OK(standfast_client_close(client));
    CHECK(pthread_join(blocked, NULL) == 0);
    CHECK(pthread_join(waiting, NULL) == 0);
}

static void closed(standfast_client *client) {
    standfast_channels *channels;
    standfast_subscription *subscription;
    standfast_queue *queue;
    standfast_reply *reply;
    const char *ping[] = {"PING"};
    CHECK_OK(standfast_channels_new(&channels));
    CHECK_OK(standfast_channels_add(channels, "news", STANDFAST_TERMINATED));
    CHECK_STATUS(STANDFAST_ERR_CLOSED, standfast_command(client, 1, ping, NULL, STANDFAST_DEFAULT_TIMEOUT, &reply));
    CHECK_STATUS(STANDFAST_ERR_CLOSED, standfast_publish(client, "c", 1, "m", 1, NULL));
    CHECK_STATUS(STANDFAST_ERR_CLOSED, standfast_client_wait_ready(client, STANDFAST_FOREVER));
    CHECK_STATUS(STANDFAST_ERR_CLOSED, standfast_subscribe(client, channels, &subscription));
    CHECK_STATUS(STANDFAST_ERR_CLOSED, standfast_queue_open(client, &queue));
    CHECK(reply == NULL && subscription == NULL && queue == NULL);
    CHECK_STATUS(STANDFAST_ERR_END_OF_STREAM, standfast_events_next(client, STANDFAST_FOREVER, &reply));
    CHECK_OK(standfast_client_status(client, &reply));
    CHECK(strcmp(text(standfast_reply_get(reply, "state")), "closed") == 0);
    CHECK_OK(standfast_reply_free(reply));
    CHECK_OK(standfast_client_close(client));
    CHECK_OK(standfast_channels_free(channels));
}

int main(int argc, char **argv) {
    standfast_client *client;
    if (argc != 2) return 2;
    client = connected(argv[1]);
    CHECK_OK(standfast_reply_free(run(client, "DEL", "c:number", "c:hash", "c:missing", (char *)NULL)));
    bytes_with_nuls(client);
    every_type(client);
    errors_of_the_server(client);
    timeouts(client);
    reports(client);
    from_many_threads(client);
    close_ends_waiting_calls(client);
    closed(client);
    CHECK_OK(standfast_client_free(client));
    CHECK(standfast_debug_live_handles() == 0);
    return 0;
}
