// The header as C++: its functions link, its types are types of their own.
#include <standfast.h>
#include "check.h"

#include <type_traits>

static_assert(!std::is_same<standfast_client, standfast_subscription>::value, "handles of C++ are told apart");

int main() {
    standfast_options *options = nullptr;
    CHECK_STATUS(STANDFAST_ERR_INVALID_URL, standfast_options_new("localhost:6379", &options));
    CHECK(options == nullptr);
    CHECK_OK(standfast_options_new("redis+sentinel://localhost/mymaster", &options));
    CHECK_OK(standfast_options_free(options));
    CHECK(standfast_debug_live_handles() == 0);
    return 0;
}
