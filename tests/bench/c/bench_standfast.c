/* Standfast in C: calls that wait, a queue, and a subscription that is read. */
#include <standfast.h>

#include "measure.h"

static standfast_client *client;
static standfast_queue *queue;
static standfast_subscription *subscription;

static void good(standfast_status status)
{
    if (status != STANDFAST_OK)
        die(standfast_error_text(standfast_last_error()));
}

static const char *version(void)
{
    return STANDFAST_VERSION;
}

static void connect_to(const char *url)
{
    standfast_options *options;
    good(standfast_options_new(url, &options));
    good(standfast_connect(options, &client));
    good(standfast_options_free(options));
    good(standfast_queue_open(client, &queue));
}

static void check(standfast_reply *reply, size_t length)
{
    if (standfast_reply_type(reply) != STANDFAST_TYPE_STRING || standfast_reply_length(reply) != length)
        die("a wrong reply");
    good(standfast_reply_free(reply));
}

static void set(const char *key, const char *what)
{
    const char *argv[] = {"SET", key, what};
    const size_t lengths[] = {3, strlen(key), LENGTH};
    standfast_reply *reply;
    good(standfast_command(client, 3, argv, lengths, STANDFAST_DEFAULT_TIMEOUT, &reply));
    check(reply, 2);
}

static void get(const char *key)
{
    const char *argv[] = {"GET", key};
    const size_t lengths[] = {3, strlen(key)};
    standfast_reply *reply;
    good(standfast_command(client, 2, argv, lengths, STANDFAST_DEFAULT_TIMEOUT, &reply));
    check(reply, LENGTH);
}

static void send_one(uint64_t number, int at)
{
    char key[32];
    const int length = snprintf(key, sizeof key, "bench:%d", at / 2);
    const char *argv[] = {number % 2 ? "GET" : "SET", key, value};
    const size_t lengths[] = {3, (size_t)length, LENGTH};
    good(standfast_queue_send(queue, number % 2 ? 2 : 3, argv, lengths, STANDFAST_DEFAULT_TIMEOUT, number));
}

/* Each result makes room for the next command, so that the depth is always there. */
static uint64_t many(int in_flight, double until)
{
    uint64_t sent = 0, done = 0;
    for (int at = 0; at < in_flight; at++)
        send_one(sent++, at);
    while (done < sent) {
        uint64_t tag;
        standfast_status status;
        standfast_reply *reply;
        good(standfast_queue_next(queue, STANDFAST_FOREVER, &tag, &status, &reply));
        good(status);
        check(reply, tag % 2 ? LENGTH : 2);
        done++;
        /* The clock is read once a depth, as hiredis's loop reads it. */
        if (until > 0 && done % (uint64_t)in_flight == 0 && now() >= until)
            until = 0;
        if (until > 0) {
            send_one(sent, (int)(sent % (uint64_t)in_flight));
            sent++;
        }
    }
    return done;
}

static void subscribe_to(const char *url, const char *channel)
{
    standfast_channels *channels;
    (void)url;
    good(standfast_channels_new(&channels));
    good(standfast_channels_add(channels, channel, strlen(channel)));
    /* As many as a round has: what is slow is to be seen as slow, not as a loss. */
    good(standfast_channels_set(channels, "subscription_items", "10000000"));
    good(standfast_channels_set(channels, "subscription_bytes", "4294967296"));
    good(standfast_subscribe(client, channels, &subscription));
    good(standfast_channels_free(channels));
    good(standfast_subscription_ready(subscription, 5000));
}

static size_t next_message(void)
{
    standfast_reply *item;
    size_t length;
    good(standfast_subscription_next(subscription, STANDFAST_FOREVER, &item));
    length = standfast_reply_length(standfast_reply_get(item, "payload"));
    good(standfast_reply_free(item));
    return length;
}

int main(void)
{
    return serve();
}
