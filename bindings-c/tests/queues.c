/* Commands that are not waited for, against real servers: queues URL */
#define _POSIX_C_SOURCE 200809L
#include <poll.h>
#include <pthread.h>

#include "live.h"

static void send_echo(const standfast_queue *queue, uint64_t tag) {
    char number[24];
    const char *argv[] = {"ECHO", number};
    snprintf(number, sizeof number, "%d", (int)tag);
    CHECK_OK(standfast_queue_send(queue, 2, argv, NULL, PATIENCE_MS, tag));
}

static standfast_reply *next(const standfast_queue *queue, uint64_t *tag, standfast_status expected) {
    standfast_status status;
    standfast_reply *reply;
    CHECK(standfast_queue_next(queue, PATIENCE_MS, tag, &status, &reply) == STANDFAST_OK);
    CHECK(status == expected && standfast_error_code(standfast_last_error()) == expected);
    CHECK((reply != NULL) == (expected == STANDFAST_OK));
    return reply;
}

static void results_come_with_their_tags(const standfast_queue *queue) {
    bool seen[201] = {false};
    for (uint64_t tag = 1; tag <= 200; tag++) send_echo(queue, tag);
    for (int i = 0; i < 200; i++) {
        uint64_t tag;
        standfast_reply *reply = next(queue, &tag, STANDFAST_OK);
        CHECK(tag >= 1 && tag <= 200 && !seen[tag]);
        seen[tag] = true;
        CHECK(atoi(standfast_reply_string(reply)) == (int)tag);
        CHECK_OK(standfast_reply_free(reply));
    }
}

static void errors_come_with_their_words(const standfast_queue *queue) {
    const char *set[] = {"SET", "c:text", "x"}, *push[] = {"LPUSH", "c:text", "secret-value"};
    uint64_t tag;
    CHECK_OK(standfast_queue_send(queue, 3, set, NULL, PATIENCE_MS, 1));
    CHECK_OK(standfast_reply_free(next(queue, &tag, STANDFAST_OK)));
    CHECK_OK(standfast_queue_send(queue, 3, push, NULL, PATIENCE_MS, 2));
    next(queue, &tag, STANDFAST_ERR_REPLY_ERROR);
    CHECK(tag == 2);
    CHECK(strcmp(standfast_error_server_code(standfast_last_error()), "WRONGTYPE") == 0);
    CHECK(strstr(standfast_error_text(standfast_last_error()), "secret-value") == NULL);
    CHECK_STATUS(STANDFAST_ERR_INVALID_ARGUMENT, standfast_queue_send(queue, 0, set, NULL, PATIENCE_MS, 3));
    CHECK_STATUS(STANDFAST_ERR_INVALID_ARGUMENT, standfast_queue_send(queue, 3, set, NULL, 0, 3));
}

static void descriptor(const standfast_queue *queue) {
    struct pollfd descriptor = {.fd = standfast_queue_fd(queue), .events = POLLIN};
    uint64_t tag;
    standfast_status status;
    standfast_reply *reply;
    CHECK(descriptor.fd >= 0);
    CHECK(poll(&descriptor, 1, 0) == 0);
    CHECK_OK(standfast_queue_next(queue, 0, &tag, &status, &reply));
    CHECK(tag == 0 && status == STANDFAST_OK && reply == NULL);
    send_echo(queue, 7);
    CHECK(poll(&descriptor, 1, (int)PATIENCE_MS) == 1);
    CHECK_OK(standfast_queue_next(queue, 0, &tag, &status, &reply));
    CHECK(tag == 7 && status == STANDFAST_OK && reply != NULL);
    CHECK_OK(standfast_reply_free(reply));
    CHECK(poll(&descriptor, 1, 0) == 0);
}

static void waits(const standfast_client *client, const standfast_queue *queue) {
    standfast_subscription *subscription = subscribed(client, "c:queue");
    uint64_t tag;
    CHECK_OK(standfast_queue_wait_ready(queue, PATIENCE_MS, 11));
    CHECK_OK(standfast_reply_free(next(queue, &tag, STANDFAST_OK)));
    CHECK(tag == 11);
    CHECK_OK(standfast_queue_connected(queue, 13));
    CHECK_OK(standfast_reply_free(next(queue, &tag, STANDFAST_OK)));
    CHECK(tag == 13);
    CHECK_OK(standfast_queue_subscription_ready(queue, subscription, PATIENCE_MS, 12));
    CHECK_OK(standfast_reply_free(next(queue, &tag, STANDFAST_OK)));
    CHECK(tag == 12);
    CHECK_OK(standfast_subscription_free(subscription));
}

/* A cancelled command never answers; the others do, each with its own. */
static void cancel(const standfast_client *client, const standfast_queue *queue) {
    const char *pop[] = {"BLPOP", "c:cancelled", "0"};
    uint64_t tag;
    standfast_status status;
    standfast_reply *reply;
    CHECK_OK(standfast_queue_send(queue, 3, pop, NULL, STANDFAST_NO_TIMEOUT, 21));
    status = standfast_queue_cancel(queue, 21);
    CHECK(status == STANDFAST_ERR_CANCELLED || status == STANDFAST_ERR_MAYBE_EXECUTED);
    CHECK(standfast_error_code(standfast_last_error()) == status);
    CHECK_OK(standfast_queue_cancel(queue, 21));
    CHECK_OK(standfast_queue_cancel(queue, 12345));
    send_echo(queue, 22);
    reply = next(queue, &tag, STANDFAST_OK);
    CHECK(tag == 22 && strcmp(standfast_reply_string(reply), "22") == 0);
    CHECK_OK(standfast_reply_free(reply));
    CHECK_OK(standfast_reply_free(run(client, "DEL", "c:cancelled", (char *)NULL)));
}

static void *wait_for_end(void *argument) {
    uint64_t tag;
    standfast_status status, result;
    standfast_reply *reply;
    /* What was under way when the queue was closed may still be told. */
    while ((result = standfast_queue_next(argument, STANDFAST_FOREVER, &tag, &status, &reply)) == STANDFAST_OK)
        standfast_reply_free(reply);
    CHECK(result == STANDFAST_ERR_END_OF_STREAM || result == STANDFAST_ERR_INVALID_HANDLE);
    return NULL;
}

static void close_and_free_end_a_wait(const standfast_client *client) {
    const char *pop[] = {"BLPOP", "c:never", "0"};
    for (int how = 0; how < 2; how++) {
        pthread_t thread;
        standfast_queue *queue;
        CHECK_OK(standfast_queue_open(client, &queue));
        CHECK_OK(standfast_queue_send(queue, 3, pop, NULL, STANDFAST_NO_TIMEOUT, 1));
        CHECK(pthread_create(&thread, NULL, wait_for_end, queue) == 0);
        CHECK_OK(how == 0 ? standfast_queue_close(queue) : standfast_queue_free(queue));
        CHECK(pthread_join(thread, NULL) == 0);
        if (how == 0) CHECK_STATUS(STANDFAST_ERR_CLOSED, standfast_queue_send(queue, 3, pop, NULL, PATIENCE_MS, 2));
        if (how == 0) CHECK_OK(standfast_queue_free(queue));
    }
}

int main(int argc, char **argv) {
    standfast_client *client;
    standfast_queue *queue;
    if (argc != 2) return 2;
    client = connected(argv[1]);
    CHECK_OK(standfast_queue_open(client, &queue));
    results_come_with_their_tags(queue);
    errors_come_with_their_words(queue);
    descriptor(queue);
    waits(client, queue);
    cancel(client, queue);
    close_and_free_end_a_wait(client);
    CHECK_OK(standfast_queue_free(queue));
    CHECK_OK(standfast_client_free(client));
    CHECK(standfast_debug_live_handles() == 0);
    return 0;
}
