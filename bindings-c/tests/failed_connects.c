/* What is left of clients that could not connect: nothing. failed_connects TIMES; under valgrind a few are enough, which sees
 * every lost byte, without it a thousand. */
#include "check.h"

#include <dirent.h>

static int entries(const char *path) {
    DIR *folder = opendir(path);
    int count = 0;
    CHECK(folder != NULL);
    while (readdir(folder)) count++;
    closedir(folder);
    return count;
}

static long memory(void) {
    FILE *file = fopen("/proc/self/statm", "r");
    long size, resident = 0;
    CHECK(file != NULL);
    CHECK(fscanf(file, "%ld %ld", &size, &resident) == 2);
    fclose(file);
    return resident * 4;
}

static void fail(int times) {
    const char *urls[] = {"redis+sentinel://127.0.0.1:1,127.0.0.1:2/m?connect_deadline=1ms",
                          "redis://127.0.0.1:1?connect_deadline=1ms"};
    for (int i = 0; i < times; i++) {
        standfast_options *options;
        standfast_client *client;
        CHECK_OK(standfast_options_new(urls[i % 2], &options));
        CHECK(standfast_connect(options, &client) != STANDFAST_OK);
        CHECK(client == NULL);
        CHECK_OK(standfast_options_free(options));
    }
}

int main(int argc, char **argv) {
    int times = argc == 2 ? atoi(argv[1]) : 0, threads, descriptors;
    long before;
    fail(times / 5);
    threads = entries("/proc/self/task");
    descriptors = entries("/proc/self/fd");
    before = memory();
    fail(times);
    CHECK(entries("/proc/self/task") == threads);
    CHECK(entries("/proc/self/fd") == descriptors);
    CHECK(standfast_debug_live_handles() == 0);
    /* Valgrind keeps what was freed, to see who uses it. */
    if (times >= 1000) CHECK(memory() < before + 2048);
    return 0;
}
