/* fork(): the child can use nothing of the parent, is told so, and can make its own; the parent goes on: forked URL */
#define _POSIX_C_SOURCE 200809L
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "live.h"

#define FORKED(call) CHECK_STATUS(STANDFAST_ERR_FORKED, call)

static void in_the_child(const char *url, standfast_client *client, standfast_subscription *subscription,
                         standfast_logs *logs, standfast_reply *reply) {
    const char *ping[] = {"PING"};
    standfast_client *own;
    standfast_reply *answer;
    FORKED(standfast_command(client, 1, ping, NULL, STANDFAST_DEFAULT_TIMEOUT, &answer));
    FORKED(standfast_publish(client, "c", 1, "m", 1, NULL));
    FORKED(standfast_client_status(client, &answer));
    FORKED(standfast_subscription_next(subscription, STANDFAST_FOREVER, &answer));
    FORKED(standfast_logs_next(logs, STANDFAST_FOREVER, &answer));
    CHECK(standfast_reply_type(reply) == STANDFAST_TYPE_NONE);
    FORKED(standfast_reply_free(reply));
    FORKED(standfast_subscription_free(subscription));
    FORKED(standfast_logs_free(logs));
    FORKED(standfast_client_close(client));
    FORKED(standfast_client_free(client));
    CHECK(standfast_debug_live_handles() == 0);

    own = connected(url);
    CHECK_OK(standfast_reply_free(run(own, "SET", "c:child", "was here", (char *)NULL)));
    CHECK_OK(standfast_client_free(own));
    CHECK(standfast_debug_live_handles() == 0);
}

/* Read every record that is there; afterwards the descriptor is silent. */
static void silent(const standfast_logs *logs) {
    struct pollfd descriptor = {.fd = standfast_logs_fd(logs), .events = POLLIN};
    standfast_reply *record;
    do {
        CHECK_OK(standfast_logs_next(logs, 0, &record));
        CHECK_OK(standfast_reply_free(record));
    } while (record);
    CHECK(poll(&descriptor, 1, 0) == 0);
}

int main(int argc, char **argv) {
    standfast_client *client;
    standfast_subscription *subscription;
    standfast_logs *logs;
    standfast_reply *reply;
    pid_t child;
    int status;
    if (argc != 2) return 2;
    CHECK_OK(standfast_logs_open("info", &logs));
    client = connected(argv[1]);
    subscription = subscribed(client, "c:fork");
    reply = run(client, "DEL", "c:child", (char *)NULL);

    silent(logs);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        in_the_child(argv[1], client, subscription, logs, reply);
        /* Not exit(): what the parent's other threads hold looks lost in a child that does not have them, and a leak
         * checker would look for it at the exit. */
        execl("/bin/true", "true", (char *)NULL);
        _exit(1);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    /* What the child had to tell rings no bell here. */
    silent(logs);

    CHECK_OK(standfast_reply_free(reply));
    reply = run(client, "GET", "c:child", (char *)NULL);
    CHECK(strcmp(standfast_reply_string(reply), "was here") == 0);
    CHECK_OK(standfast_reply_free(reply));
    CHECK_OK(standfast_publish(client, "c:fork", STANDFAST_TERMINATED, "still here", STANDFAST_TERMINATED, NULL));
    CHECK_OK(standfast_subscription_next(subscription, PATIENCE_MS, &reply));
    CHECK(strcmp(standfast_reply_string(standfast_reply_get(reply, "payload")), "still here") == 0);
    CHECK_OK(standfast_reply_free(reply));
    CHECK_OK(standfast_subscription_free(subscription));
    CHECK_OK(standfast_client_free(client));
    CHECK_OK(standfast_logs_free(logs));
    CHECK(standfast_debug_live_handles() == 0);
    return 0;
}
