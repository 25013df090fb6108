/* What the tests against real servers share: a client, a command, a wait for a condition with a hard limit. */
#ifndef LIVE_H
#define LIVE_H

#include <stdarg.h>
#include <time.h>

#include "check.h"

static const int64_t PATIENCE_MS = 30000;

static inline standfast_client *connected(const char *url) {
    standfast_options *options;
    standfast_client *client;
    CHECK_OK(standfast_options_new(url, &options));
    CHECK_OK(standfast_connect(options, &client));
    CHECK_OK(standfast_options_free(options));
    return client;
}

/* Run a command of texts, ended by NULL, that succeeds. */
static inline standfast_reply *run(const standfast_client *client, ...) {
    const char *argv[16];
    size_t argc = 0;
    standfast_reply *reply;
    va_list arguments;
    va_start(arguments, client);
    while (argc < 16 && (argv[argc] = va_arg(arguments, const char *)) != NULL) argc++;
    va_end(arguments);
    CHECK_OK(standfast_command(client, argc, argv, NULL, PATIENCE_MS, &reply));
    return reply;
}

static inline standfast_subscription *subscribed(const standfast_client *client, const char *channel) {
    standfast_channels *channels;
    standfast_subscription *subscription;
    CHECK_OK(standfast_channels_new(&channels));
    CHECK_OK(standfast_channels_add(channels, channel, STANDFAST_TERMINATED));
    CHECK_OK(standfast_subscribe(client, channels, &subscription));
    CHECK_OK(standfast_channels_free(channels));
    CHECK_OK(standfast_subscription_ready(subscription, PATIENCE_MS));
    return subscription;
}

static inline int64_t monotonic_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#endif
