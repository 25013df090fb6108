/* What the library makes of URLs, for the vectors in tests/vectors: reads lines "URL", or "URL<TAB>WORD<TAB>WORD...", and prints
 * one line of JSON for each: {"parsed": ...} or {"error": ...} for a URL alone; with a command, which is executed after
 * connecting, {"reply": ...} or {"error": ...}. */
#include "check.h"

static void text(const char *name, const char *value, const char *end) {
    if (name) printf("\"%s\":", name);
    putchar('"');
    for (; *value; value++) {
        if (*value == '"' || *value == '\\') putchar('\\');
        putchar(*value);
    }
    printf("\"%s", end);
}

static void show(const standfast_reply *reply) {
    size_t i;
    switch (standfast_reply_type(reply)) {
    case STANDFAST_TYPE_NIL: printf("null"); break;
    case STANDFAST_TYPE_INTEGER: printf("%lld", (long long)standfast_reply_integer(reply)); break;
    case STANDFAST_TYPE_BOOLEAN: printf(standfast_reply_boolean(reply) ? "true" : "false"); break;
    case STANDFAST_TYPE_STRING: text(NULL, standfast_reply_string(reply), ""); break;
    case STANDFAST_TYPE_ARRAY:
        putchar('[');
        for (i = 0; i < standfast_reply_count(reply); i++) {
            if (i) putchar(',');
            show(standfast_reply_element(reply, i));
        }
        putchar(']');
        break;
    case STANDFAST_TYPE_MAP:
        putchar('{');
        for (i = 0; i < standfast_reply_count(reply); i++) {
            if (i) putchar(',');
            show(standfast_reply_key(reply, i));
            putchar(':');
            show(standfast_reply_value(reply, i));
        }
        putchar('}');
        break;
    default: CHECK(!"a type that no vector has");
    }
}

static void fail(void) {
    const standfast_error *error = standfast_last_error();
    size_t i;
    printf("{\"error\":{\"code\":%d,", (int)standfast_error_code(error));
    text("name", standfast_error_name(error), ",");
    text("category", standfast_error_category(error), ",");
    text("retry", standfast_error_retry(error), ",");
    text("message", standfast_error_message(error), ",");
    text("text", standfast_error_text(error), ",");
    text("phase", standfast_error_phase(error), ",");
    text("server", standfast_error_server_code(error), ",\"causes\":[");
    for (i = 0; i < standfast_error_cause_count(error); i++) {
        printf(i ? ",{" : "{");
        text("address", standfast_error_cause_address(error, i), ",");
        text("resolved", standfast_error_cause_resolved(error, i), ",");
        text("step", standfast_error_cause_step(error, i), ",");
        printf("\"code\":%d,", (int)standfast_error_cause_code(error, i));
        text("text", standfast_error_cause_text(error, i), "}");
    }
    printf("]}}\n");
}

static void done(const char *name, standfast_reply *reply) {
    printf("{\"%s\":", name);
    show(reply);
    printf("}\n");
    CHECK_OK(standfast_reply_free(reply));
}

int main(void) {
    static char line[65536];
    while (fgets(line, sizeof line, stdin)) {
        const char *words[16];
        size_t count = 0;
        char *at, *url = line;
        standfast_options *options = NULL;
        standfast_client *client = NULL;
        standfast_reply *reply = NULL;
        line[strcspn(line, "\n")] = '\0';
        for (at = strchr(line, '\t'); at && count < 16; at = strchr(at, '\t')) {
            *at++ = '\0';
            words[count++] = at;
        }
        if (standfast_options_new(url, &options)) fail();
        else if (count == 0) {
            if (standfast_options_describe(options, &reply)) fail();
            else done("parsed", reply);
        } else if (standfast_connect(options, &client)) fail();
        else if (standfast_command(client, count, words, NULL, STANDFAST_DEFAULT_TIMEOUT, &reply)) fail();
        else done("reply", reply);
        CHECK_OK(standfast_client_free(client));
        CHECK_OK(standfast_options_free(options));
        CHECK(standfast_debug_live_handles() == 0);
        fflush(stdout);
    }
    return 0;
}
