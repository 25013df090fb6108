/* Every function of the header with NULL for every pointer: a documented status, and something harmless to read. */
#include "check.h"

#define NULL_ARGUMENT(call) CHECK_STATUS(STANDFAST_ERR_NULL_ARGUMENT, call)
#define EMPTY(call) CHECK(strcmp((call), "") == 0)
/* The value is harmless, and the last error says why. */
#define HARMLESS(expected, call)                                                     \
    do {                                                                             \
        CHECK((call) == (expected));                                                 \
        CHECK(standfast_error_code(standfast_last_error()) == STANDFAST_ERR_NULL_ARGUMENT); \
    } while (0)

static void errors(void) {
    CHECK(standfast_error_code(NULL) == STANDFAST_OK);
    EMPTY(standfast_error_name(NULL));
    EMPTY(standfast_error_category(NULL));
    EMPTY(standfast_error_retry(NULL));
    EMPTY(standfast_error_message(NULL));
    EMPTY(standfast_error_text(NULL));
    EMPTY(standfast_error_phase(NULL));
    EMPTY(standfast_error_server_code(NULL));
    EMPTY(standfast_error_server_text(NULL));
    CHECK(standfast_error_cause_count(NULL) == 0);
    EMPTY(standfast_error_cause_address(NULL, 0));
    EMPTY(standfast_error_cause_resolved(NULL, 0));
    EMPTY(standfast_error_cause_step(NULL, 0));
    CHECK(standfast_error_cause_code(NULL, 0) == STANDFAST_OK);
    EMPTY(standfast_error_cause_text(NULL, 0));
    EMPTY(standfast_status_name(12345));
    CHECK(standfast_last_error() == NULL);
}

static void options(void) {
    standfast_options *options = NULL;
    standfast_reply *report = NULL;
    NULL_ARGUMENT(standfast_options_new(NULL, NULL));
    NULL_ARGUMENT(standfast_options_new("redis://h", NULL));
    NULL_ARGUMENT(standfast_options_new(NULL, &options));
    CHECK(options == NULL);
    NULL_ARGUMENT(standfast_options_set(NULL, "db", "1"));
    NULL_ARGUMENT(standfast_options_set_language(NULL, "c"));
    CHECK_OK(standfast_options_new("redis://h", &options));
    NULL_ARGUMENT(standfast_options_set(options, NULL, "1"));
    NULL_ARGUMENT(standfast_options_set(options, "db", NULL));
    NULL_ARGUMENT(standfast_options_set_language(options, NULL));
    NULL_ARGUMENT(standfast_options_describe(options, NULL));
    NULL_ARGUMENT(standfast_options_describe(NULL, &report));
    CHECK(report == NULL);
    CHECK_OK(standfast_options_free(options));
    CHECK_OK(standfast_options_free(NULL));
}

static void clients(void) {
    standfast_client *client = NULL;
    standfast_reply *reply = NULL;
    const char *argv[] = {"PING"};
    NULL_ARGUMENT(standfast_connect(NULL, NULL));
    NULL_ARGUMENT(standfast_connect(NULL, &client));
    NULL_ARGUMENT(standfast_client_open(NULL, NULL));
    NULL_ARGUMENT(standfast_client_open(NULL, &client));
    NULL_ARGUMENT(standfast_client_wait_ready(NULL, 0));
    NULL_ARGUMENT(standfast_command(NULL, 0, NULL, NULL, 0, NULL));
    NULL_ARGUMENT(standfast_command(NULL, 1, argv, NULL, STANDFAST_DEFAULT_TIMEOUT, &reply));
    NULL_ARGUMENT(standfast_publish(NULL, NULL, 0, NULL, 0, NULL));
    NULL_ARGUMENT(standfast_events_next(NULL, 0, NULL));
    NULL_ARGUMENT(standfast_events_next(NULL, 0, &reply));
    NULL_ARGUMENT(standfast_client_status(NULL, NULL));
    NULL_ARGUMENT(standfast_client_status(NULL, &reply));
    NULL_ARGUMENT(standfast_client_nodes(NULL, NULL));
    NULL_ARGUMENT(standfast_client_nodes(NULL, &reply));
    NULL_ARGUMENT(standfast_client_close(NULL));
    CHECK_OK(standfast_client_free(NULL));
}

static void replies(void) {
    HARMLESS(STANDFAST_TYPE_NONE, standfast_reply_type(NULL));
    HARMLESS(0, standfast_reply_integer(NULL));
    HARMLESS(0.0, standfast_reply_double(NULL));
    HARMLESS(false, standfast_reply_boolean(NULL));
    HARMLESS(0, strcmp(standfast_reply_string(NULL), ""));
    HARMLESS(0u, standfast_reply_length(NULL));
    HARMLESS(0, strcmp(standfast_reply_error_code(NULL), ""));
    HARMLESS(0u, standfast_reply_count(NULL));
    HARMLESS(NULL, standfast_reply_element(NULL, 0));
    HARMLESS(NULL, standfast_reply_key(NULL, 0));
    HARMLESS(NULL, standfast_reply_value(NULL, 0));
    HARMLESS(NULL, standfast_reply_get(NULL, "key"));
    HARMLESS(NULL, standfast_reply_get(NULL, NULL));
    CHECK_OK(standfast_reply_free(NULL));
}

static void subscriptions(void) {
    standfast_channels *channels = NULL;
    standfast_subscription *subscription = NULL;
    standfast_reply *item = NULL;
    NULL_ARGUMENT(standfast_channels_new(NULL));
    NULL_ARGUMENT(standfast_channels_add(NULL, "c", 1));
    NULL_ARGUMENT(standfast_channels_add_pattern(NULL, "c*", 2));
    NULL_ARGUMENT(standfast_channels_set(NULL, "overflow", "close"));
    CHECK_OK(standfast_channels_new(&channels));
    NULL_ARGUMENT(standfast_channels_add(channels, NULL, 1));
    NULL_ARGUMENT(standfast_channels_add(channels, NULL, STANDFAST_TERMINATED));
    NULL_ARGUMENT(standfast_channels_add_pattern(channels, NULL, 1));
    NULL_ARGUMENT(standfast_channels_set(channels, NULL, "close"));
    NULL_ARGUMENT(standfast_channels_set(channels, "overflow", NULL));
    NULL_ARGUMENT(standfast_subscribe(NULL, NULL, NULL));
    NULL_ARGUMENT(standfast_subscribe(NULL, channels, &subscription));
    CHECK_OK(standfast_channels_free(channels));
    CHECK_OK(standfast_channels_free(NULL));
    NULL_ARGUMENT(standfast_subscription_ready(NULL, 0));
    NULL_ARGUMENT(standfast_subscription_next(NULL, 0, NULL));
    NULL_ARGUMENT(standfast_subscription_next(NULL, 0, &item));
    HARMLESS(-1, standfast_subscription_fd(NULL));
    NULL_ARGUMENT(standfast_subscription_close(NULL));
    CHECK_OK(standfast_subscription_free(NULL));
}

static void queues(void) {
    standfast_queue *queue = NULL;
    standfast_reply *reply = NULL;
    standfast_status status = 1;
    uint64_t tag = 1;
    const char *argv[] = {"PING"};
    NULL_ARGUMENT(standfast_queue_open(NULL, NULL));
    NULL_ARGUMENT(standfast_queue_open(NULL, &queue));
    NULL_ARGUMENT(standfast_queue_send(NULL, 0, NULL, NULL, 0, 0));
    NULL_ARGUMENT(standfast_queue_send(NULL, 1, argv, NULL, STANDFAST_DEFAULT_TIMEOUT, 1));
    NULL_ARGUMENT(standfast_queue_connected(NULL, 0));
    NULL_ARGUMENT(standfast_queue_wait_ready(NULL, 0, 0));
    NULL_ARGUMENT(standfast_queue_subscription_ready(NULL, NULL, 0, 0));
    NULL_ARGUMENT(standfast_queue_next(NULL, 0, NULL, NULL, NULL));
    NULL_ARGUMENT(standfast_queue_next(NULL, 0, &tag, &status, NULL));
    NULL_ARGUMENT(standfast_queue_next(NULL, 0, &tag, NULL, &reply));
    NULL_ARGUMENT(standfast_queue_next(NULL, 0, NULL, &status, &reply));
    NULL_ARGUMENT(standfast_queue_next(NULL, 0, &tag, &status, &reply));
    CHECK(tag == 0 && status == STANDFAST_OK && reply == NULL);
    NULL_ARGUMENT(standfast_queue_cancel(NULL, 0));
    HARMLESS(-1, standfast_queue_fd(NULL));
    NULL_ARGUMENT(standfast_queue_close(NULL));
    CHECK_OK(standfast_queue_free(NULL));
}

static void logs(void) {
    standfast_logs *logs = NULL;
    standfast_reply *record = NULL;
    NULL_ARGUMENT(standfast_logs_open(NULL, NULL));
    NULL_ARGUMENT(standfast_logs_open("info", NULL));
    NULL_ARGUMENT(standfast_logs_open(NULL, &logs));
    CHECK(logs == NULL);
    NULL_ARGUMENT(standfast_logs_next(NULL, 0, NULL));
    NULL_ARGUMENT(standfast_logs_next(NULL, 0, &record));
    HARMLESS(-1, standfast_logs_fd(NULL));
    NULL_ARGUMENT(standfast_logs_close(NULL));
    CHECK_OK(standfast_logs_free(NULL));
}

/* A client that is alive, and NULL for everything else. */
static void with_client(void) {
    standfast_options *options = NULL;
    standfast_client *client = NULL;
    standfast_subscription *subscription = NULL;
    standfast_queue *queue = NULL;
    standfast_reply *reply = NULL;
    const char *argv[] = {"ECHO", NULL};
    const size_t lengths[] = {4, 5};
    CHECK_OK(standfast_options_new("redis://127.0.0.1:1", &options));
    NULL_ARGUMENT(standfast_connect(options, NULL));
    NULL_ARGUMENT(standfast_client_open(options, NULL));
    CHECK_OK(standfast_client_open(options, &client));
    NULL_ARGUMENT(standfast_command(client, 1, argv, NULL, STANDFAST_DEFAULT_TIMEOUT, NULL));
    NULL_ARGUMENT(standfast_command(client, 1, NULL, NULL, STANDFAST_DEFAULT_TIMEOUT, &reply));
    NULL_ARGUMENT(standfast_command(client, 2, argv, NULL, STANDFAST_DEFAULT_TIMEOUT, &reply));
    NULL_ARGUMENT(standfast_command(client, 2, argv, lengths, STANDFAST_DEFAULT_TIMEOUT, &reply));
    CHECK_STATUS(STANDFAST_ERR_INVALID_ARGUMENT, standfast_command(client, 0, argv, NULL, STANDFAST_DEFAULT_TIMEOUT, &reply));
    CHECK_STATUS(STANDFAST_ERR_INVALID_ARGUMENT, standfast_command(client, 1, argv, NULL, 0, &reply));
    CHECK_STATUS(STANDFAST_ERR_INVALID_ARGUMENT, standfast_client_wait_ready(client, -2));
    NULL_ARGUMENT(standfast_publish(client, NULL, 1, "m", 1, NULL));
    NULL_ARGUMENT(standfast_publish(client, "c", 1, NULL, 1, NULL));
    NULL_ARGUMENT(standfast_events_next(client, 0, NULL));
    NULL_ARGUMENT(standfast_client_status(client, NULL));
    NULL_ARGUMENT(standfast_client_nodes(client, NULL));
    NULL_ARGUMENT(standfast_subscribe(client, NULL, &subscription));
    NULL_ARGUMENT(standfast_queue_open(client, NULL));
    CHECK_OK(standfast_queue_open(client, &queue));
    NULL_ARGUMENT(standfast_queue_send(queue, 1, NULL, NULL, STANDFAST_DEFAULT_TIMEOUT, 1));
    NULL_ARGUMENT(standfast_queue_subscription_ready(queue, NULL, 0, 1));
    CHECK(reply == NULL && subscription == NULL);
    CHECK_OK(standfast_queue_free(queue));
    CHECK_OK(standfast_client_free(client));
    CHECK_OK(standfast_options_free(options));
}

int main(void) {
    errors();
    options();
    clients();
    replies();
    subscriptions();
    queues();
    logs();
    with_client();
    CHECK(standfast_debug_live_handles() == 0);
    return 0;
}
