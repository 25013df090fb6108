/*
 * Standfast: a Redis and Valkey client that stands fast while the master falls.
 *
 * These rules hold for every function; each function documents only what differs.
 *
 *  1. The object first, then inputs, then outputs. There are no in/out parameters. Outputs are set to NULL or 0 on failure.
 *     Functions that can fail return a standfast_status: STANDFAST_OK (0), or a code. standfast_last_error() says more; it
 *     belongs to the thread and lasts until the next call on it that is not one of standfast_error_...().
 *  2. Opaque types only. A pointer to one is a number in disguise, never an address: do not dereference, do not change it.
 *     A freed pointer, freeing twice and a pointer of another type are STANDFAST_ERR_INVALID_HANDLE, NULL is
 *     STANDFAST_ERR_NULL_ARGUMENT; neither does harm.
 *  3. Text in: UTF-8, ending at a NUL. Bytes in: pointer and length; (NULL, 0) is empty, and the length
 *     STANDFAST_TERMINATED means up to the first NUL. Everything is copied before the function returns.
 *  4. Text and bytes out: borrowed from the owner that they were read from, valid until it is freed; never NULL, always with
 *     a NUL behind them.
 *  5. What _new, _open and functions with an output give, _free takes back. _free(NULL) does nothing. _close stops, and ends
 *     calls that wait, but the object stays valid; _free closes too. Objects may be freed in any order.
 *  6. Any function may be called from any thread, concurrently. A queue is meant for one thread or event loop: two threads
 *     that read it each get a part of the results.
 *  7. There are no callbacks. Whoever wants something pulls it: standfast_subscription_next(), standfast_events_next(),
 *     standfast_queue_next(), standfast_logs_next(). Event loops watch the descriptors of subscriptions, queues and logs.
 *  8. Time-outs are milliseconds. Commands: STANDFAST_DEFAULT_TIMEOUT, STANDFAST_NO_TIMEOUT or 1 and more; 0 is invalid.
 *     "next" and "wait": 0 = look only, STANDFAST_FOREVER = no limit; a "next" whose time-out passes returns STANDFAST_OK
 *     and NULL.
 *  9. A bug in the library becomes STANDFAST_ERR_PANIC; it never ends the process.
 * 10. After fork() every call on an object of the parent returns STANDFAST_ERR_FORKED in the child; new objects work there.
 *     Nothing happens when the library is loaded: no thread, no descriptor, no signal handler before the first client.
 */

#ifndef STANDFAST_H
#define STANDFAST_H

/* Generated from bindings-c/src. Do not edit: UPDATE=1 cargo test -p standfast-c --lib header */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The version of this header; the library says its own by standfast_version(). */
#define STANDFAST_VERSION "0.1.0"
#define STANDFAST_VERSION_MAJOR 0
#define STANDFAST_VERSION_MINOR 1
#define STANDFAST_VERSION_PATCH 0
/* For #if: major * 1000000 + minor * 1000 + patch. */
#define STANDFAST_VERSION_NUMBER 1000

/* As a length: up to the first NUL. */
#define STANDFAST_TERMINATED SIZE_MAX

/* As the time-out of a command: what the option "command_timeout" says; no time-out. */
#define STANDFAST_DEFAULT_TIMEOUT (-1)
#define STANDFAST_NO_TIMEOUT INT64_MAX
/* As the time-out of a "next" or a "wait": no limit. */
#define STANDFAST_FOREVER (-1)

/* usage */
#define STANDFAST_ERR_NULL_ARGUMENT 101
#define STANDFAST_ERR_INVALID_ARGUMENT 102
#define STANDFAST_ERR_INVALID_HANDLE 103
#define STANDFAST_ERR_CLOSED 104
#define STANDFAST_ERR_WOULD_DEADLOCK 105
#define STANDFAST_ERR_FORKED 106

/* configuration */
#define STANDFAST_ERR_INVALID_URL 201
#define STANDFAST_ERR_INVALID_OPTION 202
#define STANDFAST_ERR_UNKNOWN_OPTION 203

/* discovery */
#define STANDFAST_ERR_SENTINELS_UNREACHABLE 301
#define STANDFAST_ERR_UNKNOWN_MASTER 302
#define STANDFAST_ERR_NOT_A_SENTINEL 303
#define STANDFAST_ERR_NOT_MASTER 304
#define STANDFAST_ERR_NO_REPLICA 305
#define STANDFAST_ERR_NO_QUORUM 306
#define STANDFAST_ERR_NOT_READY 307

/* network */
#define STANDFAST_ERR_CONNECT_FAILED 401
#define STANDFAST_ERR_TIMEOUT 402
#define STANDFAST_ERR_DISCONNECTED 403
#define STANDFAST_ERR_MAYBE_EXECUTED 404
#define STANDFAST_ERR_TLS_FAILED 405
#define STANDFAST_ERR_QUEUE_FULL 406
#define STANDFAST_ERR_NOT_REPLICATED 407
#define STANDFAST_ERR_CANCELLED 408
#define STANDFAST_ERR_PROTOCOL 409

/* server */
#define STANDFAST_ERR_MASTER_AUTH_REQUIRED 501
#define STANDFAST_ERR_MASTER_AUTH_FAILED 502
#define STANDFAST_ERR_SENTINEL_AUTH_REQUIRED 503
#define STANDFAST_ERR_SENTINEL_AUTH_FAILED 504
#define STANDFAST_ERR_AUTH_NOT_EXPECTED 505
#define STANDFAST_ERR_NO_PERMISSION 506
#define STANDFAST_ERR_REPLY_ERROR 507
#define STANDFAST_ERR_TRANSACTION_ABORTED 508
#define STANDFAST_ERR_UNAVAILABLE 509

/* subscription */
#define STANDFAST_ERR_SUBSCRIBE_FAILED 601
#define STANDFAST_ERR_OVERFLOW 602
#define STANDFAST_ERR_END_OF_STREAM 603
#define STANDFAST_ERR_LOCK_NOT_HELD 604

/* internal */
#define STANDFAST_ERR_PANIC 901
#define STANDFAST_ERR_INTERNAL 902


/**
 * Incremented together with the SONAME whenever a program must be compiled anew.
 */
#define STANDFAST_ABI_VERSION 1

/**
 * The channels and patterns of a subscription, and how it queues.
 */
typedef struct standfast_channels standfast_channels;

/**
 * A client of one master: its connections, its watch on the sentinels, its events.
 */
typedef struct standfast_client standfast_client;

/**
 * What went wrong in the last call on this thread. Not an object: there is nothing to free.
 */
typedef struct standfast_error standfast_error;

/**
 * A reader of the log records of this process.
 */
typedef struct standfast_logs standfast_logs;

/**
 * What to connect to, and how.
 */
typedef struct standfast_options standfast_options;

/**
 * A queue of commands under way and of their results.
 */
typedef struct standfast_queue standfast_queue;

/**
 * A reply, or an element of one. Elements belong to the reply and are freed with it.
 */
typedef struct standfast_reply standfast_reply;

/**
 * A subscription.
 */
typedef struct standfast_subscription standfast_subscription;

/**
 * The result of a call: STANDFAST_OK, or one of STANDFAST_ERR_...
 */
typedef int32_t standfast_status;

/**
 * The type of a reply: one of STANDFAST_TYPE_...
 */
typedef int32_t standfast_type;

/**
 * The call did what it should.
 */
#define STANDFAST_OK 0

/**
 * NULL, or a handle that is not valid.
 */
#define STANDFAST_TYPE_NONE 0

/**
 * Nothing: no such key, not known.
 */
#define STANDFAST_TYPE_NIL 1

/**
 * standfast_reply_integer()
 */
#define STANDFAST_TYPE_INTEGER 2

/**
 * standfast_reply_double()
 */
#define STANDFAST_TYPE_DOUBLE 3

/**
 * standfast_reply_boolean()
 */
#define STANDFAST_TYPE_BOOLEAN 4

/**
 * standfast_reply_string() and standfast_reply_length()
 */
#define STANDFAST_TYPE_STRING 5

/**
 * standfast_reply_error_code(), and standfast_reply_string() for its text
 */
#define STANDFAST_TYPE_ERROR 6

/**
 * standfast_reply_count() and standfast_reply_element()
 */
#define STANDFAST_TYPE_ARRAY 7

/**
 * The same as an array, in no order.
 */
#define STANDFAST_TYPE_SET 8

/**
 * standfast_reply_count(), standfast_reply_key(), standfast_reply_value() and standfast_reply_get()
 */
#define STANDFAST_TYPE_MAP 9

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * What went wrong in the last call on this thread.
 *
 * @return The error, until the next call on this thread that is not one of standfast_error_...(); NULL when the last call
 * succeeded.
 *
 * Threads: any; each has its own. Never blocks.
 */
const standfast_error *standfast_last_error(void);

/**
 * The number, one of STANDFAST_ERR_...; STANDFAST_OK for NULL.
 */
standfast_status standfast_error_code(const standfast_error *error);

/**
 * The name of the number, "UnknownMaster".
 */
const char *standfast_error_name(const standfast_error *error);

/**
 * "usage", "configuration", "discovery", "network", "server", "subscription" or "internal": the number divided by 100.
 */
const char *standfast_error_category(const standfast_error *error);

/**
 * Whether the same call may be made again: "never", "now", "later", or "if_idempotent" when it may have been executed.
 */
const char *standfast_error_retry(const standfast_error *error);

/**
 * What happened, in one line. Contains no secret and no argument of a command.
 */
const char *standfast_error_message(const standfast_error *error);

/**
 * Everything in one line, for a log: the name, the message and the causes.
 */
const char *standfast_error_text(const standfast_error *error);

/**
 * Where a command was when it failed: "discovering", "no_master", "fenced", "connect", "pending", "reply", or "".
 */
const char *standfast_error_phase(const standfast_error *error);

/**
 * For an error that the server gave: its first word, "WRONGTYPE"; otherwise "".
 */
const char *standfast_error_server_code(const standfast_error *error);

/**
 * For an error that the server gave: what follows the first word; otherwise "".
 */
const char *standfast_error_server_text(const standfast_error *error);

/**
 * How many sentinels or nodes contributed to the failure.
 */
size_t standfast_error_cause_count(const standfast_error *error);

/**
 * The address of a sentinel or node, as configured or announced; "" when there is no cause of this index.
 */
const char *standfast_error_cause_address(const standfast_error *error, size_t index);

/**
 * The address that was really dialled, or "".
 */
const char *standfast_error_cause_resolved(const standfast_error *error, size_t index);

/**
 * How far the attempt came: "resolve", "connect", "tls", "auth", "query" or "role"; or "".
 */
const char *standfast_error_cause_step(const standfast_error *error, size_t index);

/**
 * What kind of failure it was, one of STANDFAST_ERR_...
 */
standfast_status standfast_error_cause_code(const standfast_error *error, size_t index);

/**
 * What happened there, in words.
 */
const char *standfast_error_cause_text(const standfast_error *error, size_t index);

/**
 * The name of a number: "UnknownMaster" for STANDFAST_ERR_UNKNOWN_MASTER, "Ok" for 0, "" for a number that is none.
 *
 * @return Static text.
 *
 * Threads: any. Never blocks. Leaves the last error alone.
 */
const char *standfast_status_name(standfast_status status);

/**
 * Make options from a URL.
 *
 * "redis+sentinel://[user:password@]host[:26379][,host...]/master[/db][?option=value&...]" asks sentinels for the master of
 * this name; "redis://host[:6379][,host...][/db]" uses the one of these nodes that is a master; "env:" takes the URL from
 * the environment variable STANDFAST_URL, and options from STANDFAST_COMMAND_TIMEOUT and so on.
 *
 * @param url  Text.
 * @param out  Receives new options. Free with standfast_options_free().
 * @return STANDFAST_OK, STANDFAST_ERR_NULL_ARGUMENT, STANDFAST_ERR_INVALID_URL, STANDFAST_ERR_UNKNOWN_OPTION,
 * STANDFAST_ERR_INVALID_OPTION.
 *
 * Threads: any. Never blocks.
 */
standfast_status standfast_options_new(const char *url,
                                       standfast_options **out);

/**
 * Set an option by its name, the same as in a URL: "command_timeout" to "250ms", "password" to "...".
 *
 * @return STANDFAST_OK, STANDFAST_ERR_UNKNOWN_OPTION (the message names the nearest option), STANDFAST_ERR_INVALID_OPTION.
 *
 * Threads: any. Never blocks. Clients that are open do not change.
 */
standfast_status standfast_options_set(standfast_options *options,
                                       const char *name,
                                       const char *value);

/**
 * What these options say, all in all; a way to check a URL without connecting.
 *
 * @param report  Receives a map with "mode" ("sentinel" or "direct"), "hosts", "master", "db", "username", "password",
 *                "sentinel_username", "sentinel_password", "sentinel_auth" and "options", a map by name. A password is
 *                "***" or nil, lengths of time are microseconds. Free with standfast_reply_free().
 * @return STANDFAST_OK, STANDFAST_ERR_INVALID_OPTION when the options do not fit together.
 *
 * Threads: any. Never blocks.
 */
standfast_status standfast_options_describe(const standfast_options *options,
                                            standfast_reply **report);

/**
 * For libraries that wrap this one: their language, in the name that servers show when no "client_name" is set
 * ("standfast:LANGUAGE:VERSION"). Without this call it is "c".
 *
 * Threads: any. Never blocks.
 */
standfast_status standfast_options_set_language(standfast_options *options,
                                                const char *language);

/**
 * Free options. NULL is ignored.
 *
 * Threads: any. Never blocks.
 */
standfast_status standfast_options_free(standfast_options *options);

/**
 * Open a client and wait for its first master, up to the option "connect_deadline".
 *
 * With the option "connect" set to "background" this is standfast_client_open().
 *
 * @param options  Copied. May be freed as soon as this function returns.
 * @param out      Receives a new client on success. Free with standfast_client_free().
 * @return STANDFAST_OK, or why there is no master: STANDFAST_ERR_UNKNOWN_MASTER, STANDFAST_ERR_SENTINELS_UNREACHABLE,
 * STANDFAST_ERR_NOT_A_SENTINEL, STANDFAST_ERR_MASTER_AUTH_FAILED, ... The causes say what each sentinel contributed.
 *
 * Threads: any. Blocks up to "connect_deadline".
 */
standfast_status standfast_connect(const standfast_options *options,
                                   standfast_client **out);

/**
 * Open a client.
 *
 * Returns at once; the first connection is made in the background. standfast_client_wait_ready() waits for it.
 *
 * @param options  Copied. May be freed as soon as this function returns.
 * @param out      Receives a new client on success. Free with standfast_client_free().
 *
 * Threads: any. Never blocks.
 */
standfast_status standfast_client_open(const standfast_options *options,
                                       standfast_client **out);

/**
 * Wait until there is a verified master.
 *
 * @param timeout_ms  0 = look only, STANDFAST_FOREVER = no limit.
 * @return STANDFAST_OK, or why there is no master yet; STANDFAST_ERR_CLOSED.
 *
 * Threads: any. Blocks up to timeout_ms.
 */
standfast_status standfast_client_wait_ready(const standfast_client *client, int64_t timeout_ms);

/**
 * Send a command to the master and wait for its reply.
 *
 * @param argc        How many arguments, the name of the command included.
 * @param argv        The arguments.
 * @param argvlen     Their lengths; NULL when each argument ends at its first NUL.
 * @param timeout_ms  STANDFAST_DEFAULT_TIMEOUT = the option "command_timeout", STANDFAST_NO_TIMEOUT = no limit, otherwise
 *                    milliseconds. 0 is invalid.
 * @param reply       Receives the reply. Free with standfast_reply_free().
 * @return STANDFAST_OK; STANDFAST_ERR_REPLY_ERROR and others of category 5 when the server answered with an error;
 * STANDFAST_ERR_TIMEOUT, STANDFAST_ERR_DISCONNECTED when it was certainly not executed; STANDFAST_ERR_MAYBE_EXECUTED when
 * that is unknown. Errors inside an array or a transaction's result are elements of type STANDFAST_TYPE_ERROR.
 *
 * Threads: any, concurrently. Blocks up to timeout_ms.
 */
standfast_status standfast_command(const standfast_client *client,
                                   size_t argc,
                                   const char *const *argv,
                                   const size_t *argvlen,
                                   int64_t timeout_ms,
                                   standfast_reply **reply);

/**
 * Publish a message through the master.
 *
 * @param channel_length  Bytes, or STANDFAST_TERMINATED.
 * @param payload_length  Bytes, or STANDFAST_TERMINATED.
 * @param receivers       Receives the number of subscribers that the master itself sent the message to. May be NULL.
 *
 * Threads: any, concurrently. Blocks up to the option "command_timeout".
 */
standfast_status standfast_publish(const standfast_client *client,
                                   const void *channel,
                                   size_t channel_length,
                                   const void *payload,
                                   size_t payload_length,
                                   int64_t *receivers);

/**
 * What happened to the client, in order: "ready", "master_switched", "switch_report", "sentinel_down", ... All kinds and their
 * fields are in core/docs/events.md. Times are microseconds since 1970-01-01 UTC, lengths of time are microseconds, both as
 * integers; what is not known is nil.
 *
 * @param timeout_ms  0 = look only, STANDFAST_FOREVER = no limit.
 * @param event       Receives a map with "seq", "at", "kind", "generation", "epoch" and what else there is to say; NULL,
 *                    with STANDFAST_OK, when the time-out passed first. Free with standfast_reply_free().
 * @return STANDFAST_OK; STANDFAST_ERR_END_OF_STREAM once the event "closed" was read.
 *
 * Threads: any. The readers of one client share one position. Blocks up to timeout_ms.
 */
standfast_status standfast_events_next(const standfast_client *client,
                                       int64_t timeout_ms,
                                       standfast_reply **event);

/**
 * What the client knows about itself and its servers.
 *
 * @param status  Receives a map with "state" ("connecting", "ready", "fenced", "no_master" or "closed"), "master",
 *                "generation", "epoch", "confirmed_by", "since", "nodes", "sentinels", "links", "minority", "pending" and
 *                "counters" (every one of them, zero or not). Times are microseconds since 1970-01-01 UTC. Free with standfast_reply_free().
 *
 * Threads: any. Never blocks. Works on a closed client.
 */
standfast_status standfast_client_status(const standfast_client *client,
                                         standfast_reply **status);

/**
 * The data nodes that the sentinels report, and what each sentinel thinks of them.
 *
 * @param nodes  Receives an array of maps with "address", "role", "used" (whether it is the master of this client) and
 *               "opinions": an array of maps with "sentinel", "role", "flags", "epoch" and "link" (nil where the sentinel
 *               says nothing). Free with standfast_reply_free().
 *
 * Threads: any. Never blocks.
 */
standfast_status standfast_client_nodes(const standfast_client *client,
                                        standfast_reply **nodes);

/**
 * Close a client: every call that waits on it, on any thread, ends with STANDFAST_ERR_CLOSED, every subscription ends. The
 * handle stays valid until it is freed. Closing twice is harmless.
 *
 * Threads: any. Never blocks.
 */
standfast_status standfast_client_close(const standfast_client *client);

/**
 * Close and free a client. NULL is ignored. Its subscriptions and queues are freed on their own.
 *
 * Threads: any, also while other threads wait on it.
 */
standfast_status standfast_client_free(standfast_client *client);

/**
 * The type. STANDFAST_TYPE_NONE for NULL and for a handle that is not valid.
 *
 * Threads: any. Never blocks.
 */
standfast_type standfast_reply_type(const standfast_reply *reply);

/**
 * The number, or 0.
 *
 * Threads: any. Never blocks.
 */
int64_t standfast_reply_integer(const standfast_reply *reply);

/**
 * The number, or 0.
 *
 * Threads: any. Never blocks.
 */
double standfast_reply_double(const standfast_reply *reply);

/**
 * Yes or no; false when it is neither.
 *
 * Threads: any. Never blocks.
 */
bool standfast_reply_boolean(const standfast_reply *reply);

/**
 * The bytes of a string, or the text of an error, with a NUL behind them; "" when it is neither, never NULL. The bytes may
 * contain NULs of their own: standfast_reply_length() counts them all.
 *
 * @return Valid until the reply is freed.
 *
 * Threads: any. Never blocks.
 */
const char *standfast_reply_string(const standfast_reply *reply);

/**
 * The number of bytes of standfast_reply_string(), without the NUL behind them.
 *
 * Threads: any. Never blocks.
 */
size_t standfast_reply_length(const standfast_reply *reply);

/**
 * The first word of an error inside a reply, "WRONGTYPE"; "" when it is no error.
 *
 * @return Valid until the reply is freed.
 *
 * Threads: any. Never blocks.
 */
const char *standfast_reply_error_code(const standfast_reply *reply);

/**
 * The number of elements of an array or a set, or of pairs of a map; otherwise 0.
 *
 * Threads: any. Never blocks.
 */
size_t standfast_reply_count(const standfast_reply *reply);

/**
 * An element of an array or a set; NULL when there is none of this index.
 *
 * @return Belongs to the reply.
 *
 * Threads: any. Never blocks.
 */
const standfast_reply *standfast_reply_element(const standfast_reply *reply, size_t index);

/**
 * The key of a pair of a map; NULL when there is none of this index.
 *
 * @return Belongs to the reply.
 *
 * Threads: any. Never blocks.
 */
const standfast_reply *standfast_reply_key(const standfast_reply *reply, size_t index);

/**
 * The value of a pair of a map; NULL when there is none of this index.
 *
 * @return Belongs to the reply.
 *
 * Threads: any. Never blocks.
 */
const standfast_reply *standfast_reply_value(const standfast_reply *reply, size_t index);

/**
 * The value of a key of a map; NULL, without an error, when the map has no such key.
 *
 * @param key  Text.
 * @return Belongs to the reply.
 *
 * Threads: any. Never blocks.
 */
const standfast_reply *standfast_reply_get(const standfast_reply *reply, const char *key);

/**
 * Free a reply with all its elements, keys and texts. NULL is ignored. An element cannot be freed on its own.
 *
 * Threads: any. Never blocks.
 */
standfast_status standfast_reply_free(standfast_reply *reply);

/**
 * Make an empty list of channels.
 *
 * @param out  Receives the list. Free with standfast_channels_free().
 *
 * Threads: any. Never blocks.
 */
standfast_status standfast_channels_new(standfast_channels **out);

/**
 * Add a channel.
 *
 * @param length  Bytes, or STANDFAST_TERMINATED.
 *
 * Threads: any. Never blocks.
 */
standfast_status standfast_channels_add(standfast_channels *channels, const void *channel, size_t length);

/**
 * Add a pattern, "news.*".
 *
 * @param length  Bytes, or STANDFAST_TERMINATED.
 *
 * Threads: any. Never blocks.
 */
standfast_status standfast_channels_add_pattern(standfast_channels *channels,
                                                const void *pattern,
                                                size_t length);

/**
 * Set how the subscription queues, instead of what the client's options say: "subscription_items", "subscription_bytes",
 * "overflow".
 *
 * @return STANDFAST_OK, STANDFAST_ERR_UNKNOWN_OPTION, STANDFAST_ERR_INVALID_OPTION.
 *
 * Threads: any. Never blocks.
 */
standfast_status standfast_channels_set(standfast_channels *channels,
                                        const char *name,
                                        const char *value);

/**
 * Free a list of channels. NULL is ignored.
 *
 * Threads: any. Never blocks.
 */
standfast_status standfast_channels_free(standfast_channels *channels);

/**
 * Subscribe. Returns at once; standfast_subscription_ready() waits until the server has confirmed every channel.
 *
 * The subscription follows the master through failovers. Where messages may be missing it says so.
 *
 * @param channels  Copied. May be freed as soon as this function returns.
 * @param out       Receives the subscription. Free with standfast_subscription_free().
 *
 * Threads: any. Never blocks.
 */
standfast_status standfast_subscribe(const standfast_client *client,
                                     const standfast_channels *channels,
                                     standfast_subscription **out);

/**
 * Wait until the server has confirmed every channel and pattern.
 *
 * @param timeout_ms  0 = look only, STANDFAST_FOREVER = no limit.
 * @return STANDFAST_OK; STANDFAST_ERR_SUBSCRIBE_FAILED when the server refuses; STANDFAST_ERR_TIMEOUT when it has not
 * confirmed in time (the subscription goes on); STANDFAST_ERR_END_OF_STREAM when the subscription is closed.
 *
 * Threads: any. Blocks up to timeout_ms.
 */
standfast_status standfast_subscription_ready(const standfast_subscription *subscription,
                                              int64_t timeout_ms);

/**
 * The next item.
 *
 * @param timeout_ms  0 = look only, STANDFAST_FOREVER = no limit.
 * @param item        Receives a map whose "type" says what it is; NULL, with STANDFAST_OK, when the time-out passed first.
 *                    Free with standfast_reply_free().
 *                    "message": "channel", "pattern" (nil without one), "payload", "gap_before" (nil, or a map like "gap"),
 *                    "generation", "received_at".
 *                    "gap": messages between "since" and "until" may be missing; "reason", "old_master", "new_master",
 *                    "generation".
 *                    "dropped": the queue was full; "count" messages of "bytes" bytes were forgotten.
 *                    Times are microseconds since 1970-01-01 UTC.
 * @return STANDFAST_OK; STANDFAST_ERR_END_OF_STREAM when the subscription or its client was closed and everything was
 * read.
 *
 * Threads: any. Blocks up to timeout_ms.
 */
standfast_status standfast_subscription_next(const standfast_subscription *subscription,
                                             int64_t timeout_ms,
                                             standfast_reply **item);

/**
 * A descriptor for poll(): readable while standfast_subscription_next() has something to say. Never read it, never close
 * it; it lives until the subscription is freed.
 *
 * @return The descriptor, or -1.
 *
 * Threads: any. Never blocks.
 */
int standfast_subscription_fd(const standfast_subscription *subscription);

/**
 * Close a subscription: what has arrived can still be read, then standfast_subscription_next() returns
 * STANDFAST_ERR_END_OF_STREAM, also on threads that are waiting in it. Closing twice is harmless.
 *
 * Threads: any. Never blocks.
 */
standfast_status standfast_subscription_close(const standfast_subscription *subscription);

/**
 * Close and free a subscription. NULL is ignored.
 *
 * Threads: any, also while other threads wait on it.
 */
standfast_status standfast_subscription_free(standfast_subscription *subscription);

/**
 * Open a queue for commands of this client.
 *
 * @param out  Receives the queue. Free with standfast_queue_free().
 *
 * Threads: any. Never blocks.
 */
standfast_status standfast_queue_open(const standfast_client *client, standfast_queue **out);

/**
 * Send a command without waiting for its reply. The parameters are those of standfast_command().
 *
 * @param tag  Comes back with the result.
 * @return STANDFAST_OK when the command was accepted; STANDFAST_ERR_QUEUE_FULL, STANDFAST_ERR_CLOSED.
 *
 * Never blocks.
 */
standfast_status standfast_queue_send(const standfast_queue *queue,
                                      size_t argc,
                                      const char *const *argv,
                                      const size_t *argvlen,
                                      int64_t timeout_ms,
                                      uint64_t tag);

/**
 * The wait of standfast_connect() without waiting: for the first master, up to the option "connect_deadline". The result comes
 * through the queue of a client that was made by standfast_client_open().
 *
 * Never blocks.
 */
standfast_status standfast_queue_connected(const standfast_queue *queue,
                                           uint64_t tag);

/**
 * standfast_client_wait_ready() without waiting: the result comes through the queue.
 *
 * Never blocks.
 */
standfast_status standfast_queue_wait_ready(const standfast_queue *queue, int64_t timeout_ms, uint64_t tag);

/**
 * standfast_subscription_ready() without waiting: the result comes through the queue.
 *
 * Never blocks.
 */
standfast_status standfast_queue_subscription_ready(const standfast_queue *queue,
                                                    const standfast_subscription *subscription,
                                                    int64_t timeout_ms,
                                                    uint64_t tag);

/**
 * The next result.
 *
 * @param timeout_ms  0 = look only, STANDFAST_FOREVER = no limit.
 * @param tag         Receives the tag of the command, 0 when there is no result.
 * @param status      Receives what became of the command; standfast_last_error() describes it, as if it had failed just
 *                    now.
 * @param reply       Receives the reply when the status is STANDFAST_OK, otherwise NULL. Free with standfast_reply_free().
 *                    The time-out passed without a result when *status is STANDFAST_OK and *reply is NULL.
 * @return STANDFAST_OK, whatever became of the command; STANDFAST_ERR_END_OF_STREAM when the queue was closed and
 * everything was read.
 *
 * Blocks up to timeout_ms.
 */
standfast_status standfast_queue_next(const standfast_queue *queue,
                                      int64_t timeout_ms,
                                      uint64_t *tag,
                                      standfast_status *status,
                                      standfast_reply **reply);

/**
 * Give a command or a wait up: its result does not come any more.
 *
 * @return STANDFAST_ERR_CANCELLED when the command was certainly not executed, STANDFAST_ERR_MAYBE_EXECUTED when it had been
 * sent; STANDFAST_OK when nothing with this tag is under way, as its result has come already.
 *
 * Never blocks.
 */
standfast_status standfast_queue_cancel(const standfast_queue *queue,
                                        uint64_t tag);

/**
 * A descriptor for poll(): readable while standfast_queue_next() has something to say. Never read it, never close it; it
 * lives until the queue is freed.
 *
 * @return The descriptor, or -1.
 *
 * Never blocks.
 */
int standfast_queue_fd(const standfast_queue *queue);

/**
 * Close a queue: what is under way is given up; results that have arrived can still be read, then standfast_queue_next()
 * returns STANDFAST_ERR_END_OF_STREAM, also on threads that are waiting in it. Closing twice is harmless.
 *
 * Threads: any. Never blocks.
 */
standfast_status standfast_queue_close(const standfast_queue *queue);

/**
 * Close and free a queue. NULL is ignored.
 *
 * Threads: any, also while another thread waits on it.
 */
standfast_status standfast_queue_free(standfast_queue *queue);

/**
 * Record from now on, for this reader, what all clients of the process have to tell.
 *
 * Nothing is recorded for nobody: without a reader the library is silent. A reader that is slow keeps the latest 1024
 * records; older ones are forgotten and counted.
 *
 * @param level  "error", "warn", "info" or "debug": this one, and what is more serious.
 * @param out    Receives the reader. Free with standfast_logs_free().
 * @return STANDFAST_OK; STANDFAST_ERR_INVALID_ARGUMENT for another level, and in a Rust program that has installed a
 * `tracing` subscriber of its own, which has the records.
 *
 * Threads: any. Never blocks. No client is needed.
 */
standfast_status standfast_logs_open(const char *level,
                                     standfast_logs **out);

/**
 * The next record.
 *
 * @param timeout_ms  0 = look only, STANDFAST_FOREVER = no limit.
 * @param record      Receives a map with "at" (microseconds since 1970-01-01 UTC), "level" ("error", "warn", "info" or
 *                    "debug"), "message" (one line without secrets and without arguments of commands) and
 *                    "dropped_before" (records that were forgotten just before this one); NULL, with STANDFAST_OK, when
 *                    the time-out passed first. Free with standfast_reply_free().
 * @return STANDFAST_OK; STANDFAST_ERR_END_OF_STREAM when the reader was closed and everything was read.
 *
 * Threads: any; each record goes to one of those that read. Blocks up to timeout_ms.
 */
standfast_status standfast_logs_next(const standfast_logs *logs,
                                     int64_t timeout_ms,
                                     standfast_reply **record);

/**
 * A descriptor for poll(): readable while standfast_logs_next() has something to say. Never read it, never close it; it
 * lives until the reader is freed.
 *
 * @return The descriptor, or -1.
 *
 * Threads: any. Never blocks.
 */
int standfast_logs_fd(const standfast_logs *logs);

/**
 * Close a reader: nothing more is recorded for it. What was recorded can still be read, then standfast_logs_next() returns
 * STANDFAST_ERR_END_OF_STREAM, also on threads that are waiting in it. Closing twice is harmless.
 *
 * Threads: any. Never blocks.
 */
standfast_status standfast_logs_close(const standfast_logs *logs);

/**
 * Close and free a reader. NULL is ignored.
 *
 * Threads: any, also while other threads wait on it.
 */
standfast_status standfast_logs_free(standfast_logs *logs);

/**
 * The version of the library, "0.1.0". Compare with STANDFAST_VERSION, the version of the header.
 *
 * @return Static text.
 *
 * Threads: any. Never blocks.
 */
const char *standfast_version(void);

/**
 * The version of the binary interface. A program works with a library for which this equals the STANDFAST_ABI_VERSION
 * that the program was compiled with.
 *
 * Threads: any. Never blocks.
 */
int32_t standfast_abi_version(void);

/**
 * The number of objects that were made and not freed: options, clients, channels, subscriptions, queues and replies. Leak
 * checkers cannot see handles; a test that has freed everything asserts 0.
 *
 * Threads: any. Never blocks.
 */
size_t standfast_debug_live_handles(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* STANDFAST_H */
