/*
 * The work by which every C client is measured, ours and hiredis, and how it is told; see tests/bench/README.md. A program includes this file once,
 * defines the functions declared here and calls serve() from its main().
 */
#ifndef STANDFAST_BENCH_MEASURE_H
#define STANDFAST_BENCH_MEASURE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>

#define LENGTH 100
#define MOST_CALLS 4096
#define MOST_TOOK (1 << 22)

/* What a program has: each looks at the replies and ends the process at a wrong one. */
static const char *version(void);
static void connect_to(const char *url);
/* One SET or GET; waits for its reply. */
static void set(const char *key, const char *value);
static void get(const char *key);
/* SET and GET in turns with so many in flight, until `until`; gives how many were done. */
static uint64_t many(int in_flight, double until);
static void subscribe_to(const char *url, const char *channel);
/* The length of the next message. */
static size_t next_message(void);

static char value[LENGTH + 1];

static void die(const char *why)
{
    fprintf(stderr, "%s\n", why);
    exit(1);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double cpu(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
        + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static int earlier(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* The microseconds of each call are in `took`, where there is one at a time. */
static void tell(uint64_t ops, double wall_since, double cpu_since, double *took, size_t count)
{
    const double seconds = now() - wall_since, cpu_seconds = cpu() - cpu_since;
    printf("{\"ops\":%llu,\"seconds\":%.6f,\"cpu_seconds\":%.6f", (unsigned long long)ops, seconds, cpu_seconds);
    if (count > 0) {
        qsort(took, count, sizeof *took, earlier);
        printf(",\"p50_us\":%.2f,\"p99_us\":%.2f}\n", took[count / 2] * 1e6, took[count * 99 / 100] * 1e6);
    } else {
        printf(",\"p50_us\":null,\"p99_us\":null}\n");
    }
}

static void one_after_the_other(double length)
{
    static double took[MOST_TOOK];
    size_t count = 0;
    const double cpu_since = cpu(), wall_since = now();
    double since = wall_since;
    while (since < wall_since + length && count + 2 <= MOST_TOOK) {
        set("bench:0", value);
        const double middle = now();
        get("bench:0");
        const double end = now();
        took[count++] = middle - since;
        took[count++] = end - middle;
        since = end;
    }
    tell(count, wall_since, cpu_since, took, count);
}

static int serve(void)
{
    char line[512], text[256];
    unsigned long long number, length;
    memset(value, 'x', LENGTH);
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("{\"started\":true,\"version\":\"%s\",\"import_us\":null}\n", version());
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (sscanf(line, "connect %255s", text) == 1) {
            static char url[256];
            const double since = now();
            memcpy(url, text, sizeof url);
            connect_to(url);
            printf("{\"ready\":true,\"connect_us\":%.0f}\n", (now() - since) * 1e6);
            memcpy(text, url, sizeof text);
            setenv("BENCH_URL", url, 1);
        } else if (sscanf(line, "calls %llu %llu", &number, &length) == 2) {
            if (number == 1) {
                one_after_the_other((double)length / 1e3);
            } else {
                const double cpu_since = cpu(), wall_since = now();
                tell(many((int)number, wall_since + (double)length / 1e3), wall_since, cpu_since, NULL, 0);
            }
        } else if (sscanf(line, "subscribe %255s", text) == 1) {
            subscribe_to(getenv("BENCH_URL"), text);
            printf("{\"subscribed\":true}\n");
        } else if (sscanf(line, "messages %llu", &number) == 1) {
            printf("{\"waiting\":true}\n");
            const double cpu_since = cpu();
            double wall_since = now();
            for (unsigned long long at = 0; at < number; at++) {
                if (next_message() != 64)
                    die("not what was published");
                if (at == 0)
                    wall_since = now();
            }
            tell(number, wall_since, cpu_since, NULL, 0);
        } else {
            die("not understood");
        }
    }
    return 0;
}

#endif
