/* The program ends while clients are opening, working and closing on other threads: exit_while_closing URL
 * It ends at once and with its own exit status, whatever the library is doing. */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>

#include "live.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t progress = PTHREAD_COND_INITIALIZER;
static int rounds;

static void *open_and_close(void *argument) {
    for (;;) {
        standfast_client *client = connected(argument);
        CHECK_OK(standfast_reply_free(run(client, "PING", (char *)NULL)));
        pthread_mutex_lock(&lock);
        rounds++;
        pthread_cond_signal(&progress);
        pthread_mutex_unlock(&lock);
        CHECK_OK(standfast_client_free(client));
    }
    return NULL;
}

int main(int argc, char **argv) {
    pthread_t threads[3];
    if (argc != 2) return 2;
    for (int i = 0; i < 3; i++) CHECK(pthread_create(&threads[i], NULL, open_and_close, argv[1]) == 0);
    pthread_mutex_lock(&lock);
    while (rounds < 6) pthread_cond_wait(&progress, &lock);
    pthread_mutex_unlock(&lock);
    exit(7);
}
