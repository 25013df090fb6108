/* The header alone, first and twice, in the strictest C99. */
#include <standfast.h>
#include <standfast.h>
#include "check.h"

#if STANDFAST_VERSION_NUMBER != STANDFAST_VERSION_MAJOR * 1000000 + STANDFAST_VERSION_MINOR * 1000 + STANDFAST_VERSION_PATCH
#error "the composite version number is not made of its parts"
#endif

int main(void) {
    char parts[64];
    snprintf(parts, sizeof parts, "%d.%d.%d", STANDFAST_VERSION_MAJOR, STANDFAST_VERSION_MINOR, STANDFAST_VERSION_PATCH);
    CHECK(strcmp(parts, STANDFAST_VERSION) == 0);
    CHECK(strcmp(standfast_version(), STANDFAST_VERSION) == 0);
    CHECK(standfast_abi_version() == STANDFAST_ABI_VERSION);
    CHECK(strcmp(standfast_status_name(STANDFAST_ERR_UNKNOWN_MASTER), "UnknownMaster") == 0);
    CHECK(STANDFAST_TERMINATED == (size_t)-1);
    CHECK(STANDFAST_NO_TIMEOUT == INT64_MAX);
    CHECK(standfast_last_error() == NULL);
    return 0;
}
