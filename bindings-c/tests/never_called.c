/* Loads the library, calls nothing of it, unloads it, and ends: no thread, no descriptor, no signal handler. */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static int entries(const char *path) {
    int count = 0;
    DIR *directory = opendir(path);
    if (!directory) return -1;
    while (readdir(directory)) count++;
    closedir(directory);
    return count;
}

int main(int argc, char **argv) {
    int threads = entries("/proc/self/task"), descriptors = entries("/proc/self/fd");
    void *library;
    if (argc != 2 || threads < 0) return 2;
    library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    if (entries("/proc/self/task") != threads || entries("/proc/self/fd") != descriptors) {
        fprintf(stderr, "loading the library left a thread or a descriptor\n");
        return 1;
    }
    for (int number = 1; number < 32; number++) {
        struct sigaction action;
        memset(&action, 0, sizeof action);
        if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN) {
            fprintf(stderr, "loading the library left a handler for signal %d\n", number);
            return 1;
        }
    }
    return dlclose(library) == 0 ? 0 : 1;
}
