/* Log records against real servers: logs URL */
#define _POSIX_C_SOURCE 200809L
#include <poll.h>
#include <pthread.h>

#include "live.h"

static standfast_logs *opened(const char *level) {
    standfast_logs *logs;
    CHECK_OK(standfast_logs_open(level, &logs));
    return logs;
}

static bool says(const standfast_reply *record, const char *start) {
    const char *message = standfast_reply_string(standfast_reply_get(record, "message"));
    return strncmp(message, start, strlen(start)) == 0;
}

/* The next record whose message begins like this, freed by the caller. */
static standfast_reply *wait_for(const standfast_logs *logs, const char *start) {
    for (;;) {
        standfast_reply *record;
        CHECK_OK(standfast_logs_next(logs, PATIENCE_MS, &record));
        CHECK(record != NULL);
        if (says(record, start)) return record;
        CHECK_OK(standfast_reply_free(record));
    }
}

static int readable(int fd, int timeout_ms) {
    struct pollfd descriptor = {.fd = fd, .events = POLLIN};
    return poll(&descriptor, 1, timeout_ms);
}

static void levels(void) {
    standfast_logs *logs = (standfast_logs *)1;
    CHECK_STATUS(STANDFAST_ERR_INVALID_ARGUMENT, standfast_logs_open("loud", &logs));
    CHECK(logs == NULL);
    CHECK(strstr(standfast_error_message(standfast_last_error()), "error warn info debug") != NULL);
    CHECK_STATUS(STANDFAST_ERR_INVALID_ARGUMENT, standfast_logs_open("\xff", &logs));
}

/* A client's life in records, for each reader what it asked for. */
static void a_life(const char *url) {
    standfast_logs *logs = opened("info"), *errors = opened("error");
    standfast_client *client;
    standfast_reply *record;
    const standfast_reply *at;
    int fd = standfast_logs_fd(logs);
    CHECK(fd >= 0 && standfast_logs_fd(logs) == fd);
    CHECK_OK(standfast_logs_next(logs, 0, &record));
    CHECK(record == NULL && readable(fd, 0) == 0);

    client = connected(url);
    CHECK(readable(fd, (int)PATIENCE_MS) == 1);
    record = wait_for(logs, "ready");
    at = standfast_reply_get(record, "at");
    CHECK(standfast_reply_type(at) == STANDFAST_TYPE_INTEGER && standfast_reply_integer(at) > INT64_C(1600000000000000));
    CHECK(strcmp(standfast_reply_string(standfast_reply_get(record, "level")), "info") == 0);
    CHECK(standfast_reply_type(standfast_reply_get(record, "dropped_before")) == STANDFAST_TYPE_INTEGER);
    CHECK(standfast_reply_integer(standfast_reply_get(record, "dropped_before")) == 0);
    CHECK(standfast_reply_count(record) == 4);
    CHECK_OK(standfast_reply_free(record));
    CHECK_OK(standfast_client_free(client));
    CHECK_OK(standfast_reply_free(wait_for(logs, "closed")));

    /* Close: what is there can be read, then comes the end; and nothing more is recorded for this reader. */
    client = connected(url);
    CHECK_OK(standfast_client_free(client));
    CHECK_OK(standfast_logs_close(logs));
    CHECK_OK(standfast_logs_close(logs));
    client = connected(url);
    CHECK_OK(standfast_client_free(client));
    for (int closed = 0;;) {
        standfast_status status = standfast_logs_next(logs, 0, &record);
        if (status == STANDFAST_ERR_END_OF_STREAM) {
            CHECK(closed == 1 && record == NULL);
            break;
        }
        CHECK(status == STANDFAST_OK && record != NULL);
        closed += says(record, "closed");
        CHECK_OK(standfast_reply_free(record));
    }
    CHECK(readable(fd, 0) == 1);
    CHECK_OK(standfast_logs_next(errors, 0, &record));
    CHECK(record == NULL);
    CHECK_OK(standfast_logs_free(errors));
    CHECK_OK(standfast_logs_free(logs));
}

/* A reader that does not read loses the oldest records, countably. */
static void a_slow_reader(const char *url) {
    standfast_logs *slow = opened("info"), *quick = opened("info");
    standfast_reply *record;
    int64_t dropped;
    size_t recorded = 0, kept = 0;
    while (recorded <= 1024 + 16) {
        bool last = false;
        CHECK_OK(standfast_client_free(connected(url)));
        while (!last) {
            CHECK_OK(standfast_logs_next(quick, PATIENCE_MS, &record));
            CHECK(record != NULL);
            last = says(record, "closed");
            recorded++;
            CHECK_OK(standfast_reply_free(record));
        }
    }
    CHECK_OK(standfast_logs_free(quick));
    CHECK_OK(standfast_logs_next(slow, 0, &record));
    CHECK(record != NULL);
    dropped = standfast_reply_integer(standfast_reply_get(record, "dropped_before"));
    for (; record; kept++) {
        CHECK_OK(standfast_reply_free(record));
        CHECK_OK(standfast_logs_next(slow, 0, &record));
        if (record) CHECK(standfast_reply_integer(standfast_reply_get(record, "dropped_before")) == 0);
    }
    CHECK(kept == 1024 && dropped > 0 && (size_t)dropped + kept >= recorded);
    CHECK_OK(standfast_logs_free(slow));
}

static void *wait_for_end(void *argument) {
    standfast_reply *record;
    standfast_status status = standfast_logs_next(argument, STANDFAST_FOREVER, &record);
    CHECK(record == NULL);
    CHECK(status == STANDFAST_ERR_END_OF_STREAM || status == STANDFAST_ERR_INVALID_HANDLE);
    return NULL;
}

static void close_and_free_end_a_wait(void) {
    pthread_t thread;
    standfast_logs *logs = opened("info");
    CHECK(pthread_create(&thread, NULL, wait_for_end, logs) == 0);
    CHECK_OK(standfast_logs_close(logs));
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_OK(standfast_logs_free(logs));

    logs = opened("info");
    CHECK(pthread_create(&thread, NULL, wait_for_end, logs) == 0);
    CHECK_OK(standfast_logs_free(logs));
    CHECK(pthread_join(thread, NULL) == 0);
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    levels();
    a_life(argv[1]);
    a_slow_reader(argv[1]);
    close_and_free_end_a_wait();
    CHECK(standfast_debug_live_handles() == 0);
    return 0;
}
