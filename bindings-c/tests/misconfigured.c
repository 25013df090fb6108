/* A configuration that cannot work: misconfigured URL NAME WORD
 * The error has this name and contains this word, nothing of a password, and leaves nothing behind. */
#include "check.h"

int main(int argc, char **argv) {
    standfast_options *options = NULL;
    standfast_client *client = NULL;
    standfast_status status;
    const standfast_error *error;
    if (argc != 4) return 2;
    status = standfast_options_new(argv[1], &options);
    if (status == STANDFAST_OK) status = standfast_connect(options, &client);
    error = standfast_last_error();
    printf("%s\n", standfast_error_text(error));
    CHECK(status != STANDFAST_OK);
    CHECK(standfast_error_code(error) == status);
    CHECK(strcmp(standfast_error_name(error), argv[2]) == 0);
    CHECK(strcmp(standfast_status_name(status), argv[2]) == 0);
    CHECK(strstr(standfast_error_text(error), argv[3]) != NULL);
    CHECK(strstr(standfast_error_text(error), "hunter2") == NULL);
    CHECK(client == NULL);
    for (size_t i = 0; i < standfast_error_cause_count(error); i++) {
        CHECK(strcmp(standfast_error_cause_address(error, i), "") != 0);
        CHECK(strcmp(standfast_error_cause_step(error, i), "") != 0);
        CHECK(strcmp(standfast_error_cause_text(error, i), "") != 0);
        CHECK(standfast_error_cause_code(error, i) != STANDFAST_OK);
    }
    /* Every problem of category 3 comes from asking somebody. */
    if (strcmp(standfast_error_category(error), "discovery") == 0) CHECK(standfast_error_cause_count(error) > 0);
    CHECK_OK(standfast_options_free(options));
    CHECK(standfast_debug_live_handles() == 0);
    return 0;
}
