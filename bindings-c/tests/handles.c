/* What programs do wrong with handles: twice freed, used when freed, of the wrong type, invented. Never a crash. */
#include "check.h"

#define INVALID(call) CHECK_STATUS(STANDFAST_ERR_INVALID_HANDLE, call)

/* The compiler would refuse the wrong type; programs get there through casts and void pointers. */
static void *as(const void *handle) {
    void *copy;
    memcpy(&copy, &handle, sizeof copy);
    return copy;
}

static void freed_twice_and_used_when_freed(standfast_options *options, standfast_client *client) {
    standfast_channels *channels;
    standfast_subscription *subscription;
    standfast_queue *queue;
    standfast_logs *logs;
    standfast_reply *reply;
    CHECK_OK(standfast_channels_new(&channels));
    CHECK_OK(standfast_channels_add(channels, "news", 4));
    CHECK_OK(standfast_subscribe(client, channels, &subscription));
    CHECK_OK(standfast_queue_open(client, &queue));
    CHECK_OK(standfast_logs_open("debug", &logs));

    CHECK_OK(standfast_channels_free(channels));
    INVALID(standfast_channels_free(channels));
    INVALID(standfast_channels_add(channels, "news", 4));
    CHECK_OK(standfast_subscription_free(subscription));
    INVALID(standfast_subscription_free(subscription));
    INVALID(standfast_subscription_next(subscription, 0, &reply));
    CHECK(standfast_subscription_fd(subscription) == -1);
    CHECK_OK(standfast_queue_free(queue));
    INVALID(standfast_queue_free(queue));
    INVALID(standfast_queue_cancel(queue, 1));
    CHECK_OK(standfast_logs_free(logs));
    INVALID(standfast_logs_free(logs));
    INVALID(standfast_logs_close(logs));
    INVALID(standfast_logs_next(logs, 0, &reply));
    CHECK(standfast_logs_fd(logs) == -1);
    CHECK_OK(standfast_client_free(client));
    INVALID(standfast_client_free(client));
    INVALID(standfast_client_close(client));
    INVALID(standfast_client_status(client, &reply));
    CHECK(reply == NULL);
    CHECK_OK(standfast_options_free(options));
    INVALID(standfast_options_free(options));
    INVALID(standfast_connect(options, &client));
    CHECK(client == NULL);
}

static void wrong_type(standfast_options *options, standfast_client *client) {
    standfast_reply *reply;
    int on_the_stack = 0;
    INVALID(standfast_client_close(as(options)));
    INVALID(standfast_client_free(as(options)));
    INVALID(standfast_options_set(as(client), "db", "1"));
    INVALID(standfast_options_free(as(client)));
    INVALID(standfast_reply_free(as(client)));
    INVALID(standfast_subscription_next(as(client), 0, &reply));
    INVALID(standfast_queue_close(as(client)));
    INVALID(standfast_logs_next(as(client), 0, &reply));
    CHECK(standfast_reply_type(as(client)) == STANDFAST_TYPE_NONE);
    CHECK(strstr(standfast_error_message(standfast_last_error()), "of type client") != NULL);
    /* The most common slip: the address of the variable instead of the variable; and what was never a handle. */
    INVALID(standfast_client_close(as(&client)));
    INVALID(standfast_client_close(as(&on_the_stack)));
    INVALID(standfast_client_close(as("text")));
    CHECK(standfast_error_code(as(client)) == STANDFAST_OK);
}

static void children_of_replies(const standfast_client *client) {
    standfast_reply *status;
    const standfast_reply *state;
    CHECK_OK(standfast_client_status(client, &status));
    CHECK(standfast_reply_type(status) == STANDFAST_TYPE_MAP);
    state = standfast_reply_get(status, "state");
    CHECK(strcmp(standfast_reply_string(state), "") != 0);
    CHECK(standfast_reply_get(status, "no such key") == NULL && standfast_last_error() == NULL);
    CHECK(standfast_reply_element(status, 0) == NULL);
    CHECK(standfast_error_code(standfast_last_error()) == STANDFAST_ERR_INVALID_ARGUMENT);
    CHECK(standfast_reply_key(status, 10000) == NULL && standfast_reply_value(status, (size_t)-1) == NULL);
    CHECK(standfast_reply_integer(state) == 0);
    CHECK(standfast_error_code(standfast_last_error()) == STANDFAST_ERR_INVALID_ARGUMENT);

    INVALID(standfast_reply_free(as(state)));
    CHECK(standfast_reply_type(state) == STANDFAST_TYPE_STRING);
    CHECK_OK(standfast_reply_free(status));
    CHECK(standfast_reply_type(state) == STANDFAST_TYPE_NONE);
    CHECK(standfast_error_code(standfast_last_error()) == STANDFAST_ERR_INVALID_HANDLE);
    CHECK(strcmp(standfast_reply_string(state), "") == 0 && standfast_reply_length(state) == 0);
    CHECK(standfast_reply_get(status, "state") == NULL && standfast_reply_count(status) == 0);
    INVALID(standfast_reply_free(status));
}

static void outdated_errors(void) {
    const standfast_error *first, *second;
    CHECK_STATUS(STANDFAST_ERR_NULL_ARGUMENT, standfast_client_close(NULL));
    first = standfast_last_error();
    CHECK(standfast_error_code(first) == STANDFAST_ERR_NULL_ARGUMENT);
    INVALID(standfast_client_close(as("text")));
    second = standfast_last_error();
    CHECK(standfast_error_code(first) == STANDFAST_OK && strcmp(standfast_error_text(first), "") == 0);
    CHECK(standfast_error_code(second) == STANDFAST_ERR_INVALID_HANDLE);
    CHECK_OK(standfast_client_free(NULL));
    CHECK(standfast_last_error() == NULL && standfast_error_code(second) == STANDFAST_OK);
}

int main(void) {
    standfast_options *options;
    standfast_client *client;
    CHECK_OK(standfast_options_new("redis://127.0.0.1:1", &options));
    CHECK_OK(standfast_client_open(options, &client));
    CHECK(standfast_debug_live_handles() == 2);
    wrong_type(options, client);
    children_of_replies(client);
    outdated_errors();
    freed_twice_and_used_when_freed(options, client);
    CHECK(standfast_debug_live_handles() == 0);
    return 0;
}
