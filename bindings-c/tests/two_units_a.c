/* Two files with the header in one program: nothing is defined twice, and a handle of one works in the other. */
#include "check.h"

void use(standfast_channels *channels);

int main(void) {
    standfast_channels *channels;
    CHECK_OK(standfast_channels_new(&channels));
    use(channels);
    CHECK_OK(standfast_channels_free(channels));
    CHECK(standfast_debug_live_handles() == 0);
    return 0;
}
