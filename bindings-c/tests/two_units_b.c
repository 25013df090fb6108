/* The second file of two_units_a.c. */
#include "check.h"

void use(standfast_channels *channels);

void use(standfast_channels *channels) { CHECK_OK(standfast_channels_add(channels, "news", STANDFAST_TERMINATED)); }
