/* The quick start: connect, write, read, subscribe, and say what went wrong if something did.
 * cc quickstart.c -lstandfast && ./a.out "redis+sentinel://s1,s2,s3/mymaster" */
#include <stdio.h>
#include <standfast.h>

static int failed(const char *what) {
    fprintf(stderr, "%s: %s\n", what, standfast_error_text(standfast_last_error()));
    return 1;
}

static int talk(const standfast_client *client, const standfast_subscription *news) {
    const char *set[] = {"SET", "greeting", "hello"}, *get[] = {"GET", "greeting"};
    standfast_reply *reply, *item;

    if (standfast_command(client, 3, set, NULL, STANDFAST_DEFAULT_TIMEOUT, &reply)) return failed("SET");
    standfast_reply_free(reply);
    if (standfast_command(client, 2, get, NULL, STANDFAST_DEFAULT_TIMEOUT, &reply)) return failed("GET");
    printf("greeting = %s\n", standfast_reply_string(reply));
    standfast_reply_free(reply);

    if (standfast_subscription_ready(news, 5000)) return failed("subscribe");
    if (standfast_publish(client, "news", STANDFAST_TERMINATED, "it works", STANDFAST_TERMINATED, NULL))
        return failed("publish");
    if (standfast_subscription_next(news, 5000, &item)) return failed("next");
    printf("news: %s\n", standfast_reply_string(standfast_reply_get(item, "payload")));
    standfast_reply_free(item);
    return 0;
}

int main(int argc, char **argv) {
    standfast_options *options = NULL;
    standfast_client *client = NULL;
    standfast_channels *channels = NULL;
    standfast_subscription *news = NULL;
    int result = 1;

    if (standfast_options_new(argc > 1 ? argv[1] : "redis+sentinel://127.0.0.1/mymaster", &options))
        failed("options");
    else if (standfast_connect(options, &client))
        failed("connect");
    else if (standfast_channels_new(&channels) || standfast_channels_add(channels, "news", STANDFAST_TERMINATED) ||
             standfast_subscribe(client, channels, &news))
        failed("subscribe");
    else
        result = talk(client, news);

    standfast_subscription_free(news); /* Freeing NULL does nothing. */
    standfast_channels_free(channels);
    standfast_client_free(client);
    standfast_options_free(options);
    return result;
}
