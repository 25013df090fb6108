/* TLS, and passwords that change while a client runs: credentials URL [TLS-URL]. */
#include "live.h"

static const char *whoami(const standfast_client *client, standfast_reply **reply) {
    const char *question[] = {"ACL", "WHOAMI"};
    if (standfast_command(client, 2, question, NULL, STANDFAST_DEFAULT_TIMEOUT, reply)) return "";
    return standfast_reply_string(*reply);
}

static void rotate(const standfast_client *client) {
    const char *add[] = {"ACL", "SETUSER", "rotated", "on", ">canary", "~*", "&*", "+@all"};
    const char *end[] = {"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no"};
    standfast_reply *reply = NULL;
    int tries, done = 0;
    CHECK_OK(standfast_command(client, 8, add, NULL, STANDFAST_DEFAULT_TIMEOUT, &reply));
    CHECK_OK(standfast_reply_free(reply));
    CHECK_OK(standfast_client_set_credentials(client, "data", "rotated", "canary"));
    CHECK(strcmp(whoami(client, &reply), "default") == 0);
    CHECK_OK(standfast_reply_free(reply));
    /* It ends its own connection, too: whether that was answered is chance. */
    reply = NULL;
    standfast_command(client, 6, end, NULL, STANDFAST_DEFAULT_TIMEOUT, &reply);
    standfast_reply_free(reply);
    for (tries = 0; !done && tries < 10000; tries++) {
        reply = NULL;
        done = strcmp(whoami(client, &reply), "rotated") == 0;
        standfast_reply_free(reply);
    }
    CHECK(done);
    CHECK_STATUS(STANDFAST_ERR_INVALID_ARGUMENT, standfast_client_set_credentials(client, "data", "canary", NULL));
    CHECK(strstr(standfast_error_text(standfast_last_error()), "canary") == NULL);
    CHECK_STATUS(STANDFAST_ERR_INVALID_ARGUMENT, standfast_client_set_credentials(client, "other", NULL, "canary"));
    CHECK_STATUS(STANDFAST_ERR_INVALID_ARGUMENT, standfast_client_set_credentials(client, "sentinel", NULL, ""));
    CHECK_STATUS(STANDFAST_ERR_NULL_ARGUMENT, standfast_client_set_credentials(client, NULL, NULL, NULL));
}

int main(int argc, char **argv) {
    standfast_client *client;
    if (argc != 2 && argc != 3) return 2;
    client = connected(argv[1]);
    rotate(client);
    CHECK_OK(standfast_client_free(client));
    if (argc == 3) {
        client = connected(argv[2]);
        CHECK_OK(standfast_reply_free(run(client, "SET", "k", "v", NULL)));
        CHECK_OK(standfast_client_free(client));
    }
    CHECK(standfast_debug_live_handles() == 0);
    return 0;
}
