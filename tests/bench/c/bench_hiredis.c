/* hiredis: one call at a time, pipelined, and a loop that receives messages. */
#include <hiredis/hiredis.h>

#include "measure.h"

static redisContext *context, *subscriber;

static redisContext *open_to(const char *url)
{
    char host[128];
    int port;
    redisContext *made;
    if (sscanf(url, "redis://%127[^:]:%d", host, &port) != 2)
        die("not a URL");
    made = redisConnect(host, port);
    if (made == NULL || made->err)
        die("no connection");
    return made;
}

static const char *version(void)
{
    static char text[32];
    snprintf(text, sizeof text, "%d.%d.%d", HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
    return text;
}

static void connect_to(const char *url)
{
    context = open_to(url);
}

static void check(redisReply *reply, int type, size_t length)
{
    if (reply == NULL || reply->type != type || (size_t)reply->len != length)
        die("a wrong reply");
    freeReplyObject(reply);
}

static void set(const char *key, const char *what)
{
    const char *argv[] = {"SET", key, what};
    const size_t lengths[] = {3, strlen(key), LENGTH};
    check(redisCommandArgv(context, 3, argv, lengths), REDIS_REPLY_STATUS, 2);
}

static void get(const char *key)
{
    const char *argv[] = {"GET", key};
    const size_t lengths[] = {3, strlen(key)};
    check(redisCommandArgv(context, 2, argv, lengths), REDIS_REPLY_STRING, LENGTH);
}

/* The depth is written at once and read at once: hiredis knows no other way to have many in flight on one connection. */
static uint64_t many(int in_flight, double until)
{
    uint64_t done = 0;
    char key[32];
    while (now() < until) {
        for (int at = 0; at < in_flight; at++) {
            const int length = snprintf(key, sizeof key, "bench:%d", at / 2);
            const char *argv[] = {at % 2 ? "GET" : "SET", key, value};
            const size_t lengths[] = {3, (size_t)length, LENGTH};
            redisAppendCommandArgv(context, at % 2 ? 2 : 3, argv, lengths);
        }
        for (int at = 0; at < in_flight; at++) {
            void *reply;
            if (redisGetReply(context, &reply) != REDIS_OK)
                die("no reply");
            check(reply, at % 2 ? REDIS_REPLY_STRING : REDIS_REPLY_STATUS, at % 2 ? LENGTH : 2);
        }
        done += (uint64_t)in_flight;
    }
    return done;
}

static void subscribe_to(const char *url, const char *channel)
{
    redisReply *reply;
    subscriber = open_to(url);
    reply = redisCommand(subscriber, "SUBSCRIBE %s", channel);
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY)
        die("not subscribed");
    freeReplyObject(reply);
}

static size_t next_message(void)
{
    void *received;
    redisReply *reply;
    size_t length;
    if (redisGetReply(subscriber, &received) != REDIS_OK)
        die("no message");
    reply = received;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3)
        die("not a message");
    length = (size_t)reply->element[2]->len;
    freeReplyObject(reply);
    return length;
}

int main(void)
{
    return serve();
}
