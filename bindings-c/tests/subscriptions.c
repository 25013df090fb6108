/* Subscriptions against real servers: subscriptions URL */
#define _POSIX_C_SOURCE 200809L
#include <poll.h>
#include <pthread.h>

#include "live.h"

static standfast_reply *next(const standfast_subscription *subscription, const char *type) {
    standfast_reply *item;
    CHECK_OK(standfast_subscription_next(subscription, PATIENCE_MS, &item));
    CHECK(item != NULL);
    CHECK(strcmp(standfast_reply_string(standfast_reply_get(item, "type")), type) == 0);
    return item;
}

static void publish_numbers(const standfast_client *client, const char *channel, int count) {
    for (int i = 0; i < count; i++) {
        char payload[16];
        snprintf(payload, sizeof payload, "%d", i);
        CHECK_OK(standfast_publish(client, channel, STANDFAST_TERMINATED, payload, STANDFAST_TERMINATED, NULL));
    }
}

static void messages_in_order(const standfast_client *client) {
    standfast_subscription *subscription = subscribed(client, "c:order");
    standfast_reply *item;
    CHECK_OK(standfast_subscription_next(subscription, 0, &item));
    CHECK(item == NULL);
    publish_numbers(client, "c:order", 100);
    for (int i = 0; i < 100; i++) {
        item = next(subscription, "message");
        CHECK(atoi(standfast_reply_string(standfast_reply_get(item, "payload"))) == i);
        CHECK(strcmp(standfast_reply_string(standfast_reply_get(item, "channel")), "c:order") == 0);
        CHECK(standfast_reply_type(standfast_reply_get(item, "pattern")) == STANDFAST_TYPE_NIL);
        CHECK(standfast_reply_type(standfast_reply_get(item, "gap_before")) == STANDFAST_TYPE_NIL);
        CHECK(standfast_reply_integer(standfast_reply_get(item, "generation")) >= 1);
        CHECK_OK(standfast_reply_free(item));
    }
    CHECK_OK(standfast_subscription_free(subscription));
}

static void patterns_and_bytes(const standfast_client *client) {
    standfast_channels *channels;
    standfast_subscription *subscription;
    standfast_reply *item;
    const standfast_reply *payload;
    CHECK_OK(standfast_channels_new(&channels));
    CHECK_OK(standfast_channels_add_pattern(channels, "c:\0*", 4));
    CHECK_OK(standfast_subscribe(client, channels, &subscription));
    CHECK_OK(standfast_channels_free(channels));
    CHECK_OK(standfast_subscription_ready(subscription, PATIENCE_MS));
    CHECK_OK(standfast_publish(client, "c:\0x", 4, "\0\xff", 2, NULL));
    item = next(subscription, "message");
    payload = standfast_reply_get(item, "payload");
    CHECK(standfast_reply_length(payload) == 2 && memcmp(standfast_reply_string(payload), "\0\xff", 3) == 0);
    CHECK(standfast_reply_length(standfast_reply_get(item, "channel")) == 4);
    CHECK(standfast_reply_length(standfast_reply_get(item, "pattern")) == 4);
    CHECK_OK(standfast_reply_free(item));
    CHECK_OK(standfast_subscription_free(subscription));
}

static int readable(int fd, int timeout_ms) {
    struct pollfd descriptor = {.fd = fd, .events = POLLIN};
    return poll(&descriptor, 1, timeout_ms);
}

static void descriptor(const standfast_client *client) {
    standfast_subscription *subscription = subscribed(client, "c:fd");
    standfast_reply *item;
    int fd = standfast_subscription_fd(subscription);
    CHECK(fd >= 0 && standfast_subscription_fd(subscription) == fd);
    CHECK(readable(fd, 0) == 0);
    CHECK_OK(standfast_publish(client, "c:fd", 4, "ring", 4, NULL));
    CHECK(readable(fd, (int)PATIENCE_MS) == 1);
    item = next(subscription, "message");
    CHECK_OK(standfast_reply_free(item));
    CHECK(readable(fd, 0) == 0);
    CHECK_OK(standfast_subscription_close(subscription));
    CHECK(readable(fd, (int)PATIENCE_MS) == 1);
    CHECK_STATUS(STANDFAST_ERR_END_OF_STREAM, standfast_subscription_next(subscription, 0, &item));
    CHECK_OK(standfast_subscription_free(subscription));
}

/* A queue of ten: what does not fit is counted, nothing is lost silently. */
static void overflow(const standfast_client *client) {
    standfast_channels *channels;
    standfast_subscription *small, *large;
    standfast_reply *item;
    int64_t dropped = 0, received = 0;
    CHECK_OK(standfast_channels_new(&channels));
    CHECK_OK(standfast_channels_add(channels, "c:many", STANDFAST_TERMINATED));
    CHECK_STATUS(STANDFAST_ERR_INVALID_OPTION, standfast_channels_set(channels, "overflow", "explode"));
    CHECK_STATUS(STANDFAST_ERR_UNKNOWN_OPTION, standfast_channels_set(channels, "colour", "red"));
    /* Known, but not to be chosen for one subscription; and known, but of a later version. */
    CHECK_STATUS(STANDFAST_ERR_INVALID_OPTION, standfast_channels_set(channels, "db", "1"));
    CHECK_STATUS(STANDFAST_ERR_INVALID_OPTION, standfast_channels_set(channels, "max_silence", "30s"));
    CHECK_OK(standfast_channels_set(channels, "subscription_items", "10"));
    CHECK_OK(standfast_subscribe(client, channels, &small));
    CHECK_OK(standfast_channels_free(channels));
    CHECK_OK(standfast_subscription_ready(small, PATIENCE_MS));
    /* Another subscription tells when everything has arrived. */
    large = subscribed(client, "c:many");
    publish_numbers(client, "c:many", 100);
    for (int i = 0; i < 100; i++) CHECK_OK(standfast_reply_free(next(large, "message")));
    for (;;) {
        const char *type;
        CHECK_OK(standfast_subscription_next(small, 0, &item));
        if (!item) break;
        type = standfast_reply_string(standfast_reply_get(item, "type"));
        if (strcmp(type, "dropped") == 0)
            dropped += standfast_reply_integer(standfast_reply_get(item, "count"));
        else
            received++;
        CHECK_OK(standfast_reply_free(item));
    }
    CHECK(received > 0 && received <= 10);
    CHECK(dropped + received == 100);
    CHECK_OK(standfast_subscription_free(large));
    CHECK_OK(standfast_subscription_free(small));
}

static void *wait_for_end(void *argument) {
    standfast_reply *item;
    standfast_status status = standfast_subscription_next(argument, STANDFAST_FOREVER, &item);
    CHECK(item == NULL);
    /* Freed under the call: the call ends, and says so. */
    CHECK(status == STANDFAST_ERR_END_OF_STREAM || status == STANDFAST_ERR_INVALID_HANDLE);
    return NULL;
}

static void close_and_free_end_a_wait(standfast_client *client) {
    pthread_t thread;
    standfast_subscription *subscription = subscribed(client, "c:end");
    CHECK(pthread_create(&thread, NULL, wait_for_end, subscription) == 0);
    CHECK_OK(standfast_subscription_close(subscription));
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_OK(standfast_subscription_free(subscription));

    subscription = subscribed(client, "c:end");
    CHECK(pthread_create(&thread, NULL, wait_for_end, subscription) == 0);
    CHECK_OK(standfast_subscription_free(subscription));
    CHECK(pthread_join(thread, NULL) == 0);

    subscription = subscribed(client, "c:end");
    CHECK(pthread_create(&thread, NULL, wait_for_end, subscription) == 0);
    CHECK_OK(standfast_client_close(client));
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_OK(standfast_subscription_free(subscription));
}

static void no_channels(const standfast_client *client) {
    standfast_channels *channels;
    standfast_subscription *subscription;
    CHECK_OK(standfast_channels_new(&channels));
    CHECK_STATUS(STANDFAST_ERR_INVALID_ARGUMENT, standfast_subscribe(client, channels, &subscription));
    CHECK(subscription == NULL);
    CHECK_OK(standfast_channels_free(channels));
}

int main(int argc, char **argv) {
    standfast_client *client;
    if (argc != 2) return 2;
    client = connected(argv[1]);
    no_channels(client);
    messages_in_order(client);
    patterns_and_bytes(client);
    descriptor(client);
    overflow(client);
    close_and_free_end_a_wait(client);
    CHECK_OK(standfast_client_free(client));
    CHECK(standfast_debug_live_handles() == 0);
    return 0;
}
