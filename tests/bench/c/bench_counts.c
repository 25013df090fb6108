/*
 * What every call of the C library goes through on its way in: the boundary and the look-up of the handle, a thousand times each. There is no server;
 * see tests/bench/rust/src/bin/bench-counts.rs for the rest.
 */
#include <standfast.h>
#include <stdio.h>
#include <stdlib.h>

enum { TIMES = 1000 };

static void good(standfast_status status)
{
    if (status != STANDFAST_OK) {
        fprintf(stderr, "%s\n", standfast_error_text(standfast_last_error()));
        exit(1);
    }
}

/* An object: the handle is looked up, the object is kept alive for the call, its lock is taken. */
__attribute__((noinline)) void counted_c_object_look_up(standfast_options *options)
{
    for (int at = 0; at < TIMES; at++)
        good(standfast_options_set_language(options, "c"));
}

/* A node of a reply. */
__attribute__((noinline)) void counted_c_reply_look_up(const standfast_reply *reply)
{
    for (int at = 0; at < TIMES; at++)
        if (standfast_reply_type(reply) != STANDFAST_TYPE_MAP)
            exit(1);
}

/* A handle of something that was freed is found out. */
__attribute__((noinline)) void counted_c_refused_look_up(const standfast_reply *reply)
{
    for (int at = 0; at < TIMES; at++)
        if (standfast_reply_count(reply) != 0)
            exit(1);
}

int main(void)
{
    standfast_options *options;
    standfast_reply *reply;
    good(standfast_options_new("redis://127.0.0.1:1", &options));
    counted_c_object_look_up(options);
    good(standfast_options_describe(options, &reply));
    counted_c_reply_look_up(reply);
    good(standfast_reply_free(reply));
    counted_c_refused_look_up(reply);
    good(standfast_options_free(options));
    return 0;
}
