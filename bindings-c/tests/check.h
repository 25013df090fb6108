/* The one macro of the C tests: a check that fails says where, what and the last error, and ends the program. */
#ifndef CHECK_H
#define CHECK_H

#include <standfast.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                    \
    do {                                                                                    \
        if (!(condition)) {                                                                 \
            fprintf(stderr, "%s:%d: failed: %s (last error: %s)\n", __FILE__, __LINE__, #condition, \
                    standfast_error_text(standfast_last_error()));                          \
            exit(1);                                                                        \
        }                                                                                   \
    } while (0)

/* The call gives this status, and the last error says the same. */
#define CHECK_STATUS(expected, call)                                                        \
    do {                                                                                    \
        standfast_status status_ = (call);                                                  \
        if (status_ != (expected) || standfast_error_code(standfast_last_error()) != (expected)) { \
            fprintf(stderr, "%s:%d: %s gives %d (%s), expected %d (%s)\n", __FILE__, __LINE__, #call, (int)status_, \
                    standfast_error_text(standfast_last_error()), (int)(expected), standfast_status_name(expected)); \
            exit(1);                                                                        \
        }                                                                                   \
    } while (0)

#define CHECK_OK(call) CHECK_STATUS(STANDFAST_OK, call)

#endif
