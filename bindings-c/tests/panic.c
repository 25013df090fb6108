/* A bug in the library: a status, an error with a name, and a process that goes on. Linked with a library that has the bug
 * built in (the feature debug-panic); the export is not in the header. */
#include "check.h"

standfast_status standfast_debug_panic(void);

int main(void) {
    standfast_options *options;
    for (int i = 0; i < 3; i++) {
        CHECK_STATUS(STANDFAST_ERR_PANIC, standfast_debug_panic());
        CHECK(strcmp(standfast_error_name(standfast_last_error()), "Panic") == 0);
        CHECK(strcmp(standfast_error_category(standfast_last_error()), "internal") == 0);
    }
    CHECK_OK(standfast_options_new("redis://localhost", &options));
    CHECK_OK(standfast_options_free(options));
    CHECK(standfast_debug_live_handles() == 0);
    return 0;
}
