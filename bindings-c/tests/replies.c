/* Commands from standard input, one a line with tabs between its words; for each its reply on a line: its kind and what it
 * consists of, bytes that are not printable as \xHH. Arguments: the URLs of two servers; a line begins with the number of one. */
#include "live.h"

static void show_text(const char *text, size_t length) {
    size_t i;
    for (i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte >= ' ' && byte < 127 && byte != '\\')
            putchar(byte);
        else
            printf("\\x%02x", byte);
    }
}

static void show(const standfast_reply *reply);

static void show_all(const char *kind, const standfast_reply *reply) {
    size_t i;
    printf("%s [", kind);
    for (i = 0; i < standfast_reply_count(reply); i++) {
        if (i > 0) printf(", ");
        show(standfast_reply_element(reply, i));
    }
    putchar(']');
}

static void show(const standfast_reply *reply) {
    size_t i;
    switch (standfast_reply_type(reply)) {
    case STANDFAST_TYPE_NIL: printf("nil"); break;
    case STANDFAST_TYPE_BOOLEAN: printf("bool %s", standfast_reply_boolean(reply) ? "true" : "false"); break;
    case STANDFAST_TYPE_INTEGER: printf("int %lld", (long long)standfast_reply_integer(reply)); break;
    case STANDFAST_TYPE_DOUBLE: printf("double %.17g", standfast_reply_double(reply)); break;
    case STANDFAST_TYPE_STRING:
        printf("text ");
        show_text(standfast_reply_string(reply), standfast_reply_length(reply));
        break;
    case STANDFAST_TYPE_ERROR:
        printf("error %s ", standfast_reply_error_code(reply));
        show_text(standfast_reply_string(reply), standfast_reply_length(reply));
        break;
    case STANDFAST_TYPE_ARRAY: show_all("list", reply); break;
    case STANDFAST_TYPE_SET: show_all("set", reply); break;
    case STANDFAST_TYPE_MAP:
        printf("map [");
        for (i = 0; i < standfast_reply_count(reply); i++) {
            if (i > 0) printf(", ");
            show(standfast_reply_key(reply, i));
            printf(": ");
            show(standfast_reply_value(reply, i));
        }
        putchar(']');
        break;
    default: CHECK(!"a type that the header has");
    }
}

int main(int argc, char **argv) {
    standfast_client *clients[2];
    char line[1024];
    CHECK(argc == 3);
    clients[0] = connected(argv[1]);
    clients[1] = connected(argv[2]);
    while (fgets(line, sizeof line, stdin)) {
        const char *words[16];
        size_t count = 0;
        standfast_reply *reply;
        char *word = strtok(line, "\t\n");
        CHECK(word != NULL);
        const standfast_client *client = clients[word[0] == '2'];
        while (count < 16 && (word = strtok(NULL, "\t\n")) != NULL) words[count++] = word;
        if (standfast_command(client, count, words, NULL, PATIENCE_MS, &reply)) {
            const standfast_error *error = standfast_last_error();
            printf("%s %s %s\n", standfast_error_name(error), standfast_error_server_code(error),
                   standfast_error_server_text(error));
            continue;
        }
        show(reply);
        putchar('\n');
        CHECK_OK(standfast_reply_free(reply));
    }
    CHECK_OK(standfast_client_free(clients[0]));
    CHECK_OK(standfast_client_free(clients[1]));
    return 0;
}
