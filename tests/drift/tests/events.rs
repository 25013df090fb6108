//! `core/docs/events.md` is written from core's own lists; what the fields mean is told here. The types of Node, and the tests of the
//! bindings, have the same kinds and counters.

use std::collections::BTreeSet;
use std::fmt::Write;

use standfast_drift::{events, must_be, read};

/// A field of an event: name, type, meaning.
type Field = (&'static str, &'static str, &'static str);

const LENGTH: &str = "length of time, or nothing";

/// The fields of each kind of event that has some, besides those that all have.
const FIELDS: &[(&str, &[Field])] = &[
    ("ready", &[("master", "text", "its address")]),
    ("not_ready", &[("master", "text", "the one that was lost"), ("why", "text", "what happened to it")]),
    ("link_lost", &[("master", "text", "the one that was lost"), ("why", "text", "what happened to the link")]),
    ("link_restored", &[("master", "text", "its address")]),
    ("failover_started", &[("candidate", "text", "the replica that was selected")]),
    ("unfenced", &[("why", "text", "what ended the fence: the switch, an aborted failover, `fence_timeout`, a loss")]),
    (
        "master_switched",
        &[
            ("old_master", "text", "the master before"),
            ("new_master", "text", "the master from here on"),
            ("eager", "yes or no", "whether the sentinels are still to announce it"),
            ("duration", LENGTH, "since the first sign: a failover that was announced, otherwise the loss"),
        ],
    ),
    ("switch_confirmed", &[("master", "text", "the one in use, whose epoch is `epoch` from now on")]),
    ("switch_corrected", &[("master", "text", "the one in use now")]),
    (
        "switch_report",
        &[
            ("old_master", "text", "the master before"),
            ("new_master", "text", "the master after"),
            ("eager", "yes or no", "whether the switch was made before the sentinels announced it"),
            ("since_lost", LENGTH, "from the loss of the old master to the switch; nothing when it was not lost"),
            ("since_announced", LENGTH, "from the announcement of the failover to the switch; nothing without one"),
            (
                "since_replica",
                LENGTH,
                "from the last answer in which the new master was still a replica to the switch; nothing without one",
            ),
            ("held_for", LENGTH, "how long commands were held; nothing when they were not"),
            ("commands_held", "number", "commands that waited at the switch"),
            ("maybe_executed", "number", "commands of this client that ended with an unknown outcome since it began"),
            (
                "bytes_at_risk",
                "number, or nothing",
                "bytes of the replication stream that the old master took and the new one does not have: 0 proves that nothing was lost; nothing when it cannot be known, as after a crash",
            ),
        ],
    ),
    ("epoch_reset", &[("from", "number", "the epoch before"), ("to", "number", "the lower epoch")]),
    (
        "sentinel_up",
        &[
            ("sentinel", "text", "its address"),
            ("state", "text", "`subscribed`, or `polling` when it refuses subscriptions"),
        ],
    ),
    ("sentinel_down", &[("sentinel", "text", "its address"), ("why", "text", "what went wrong")]),
    ("sentinel_added", &[("sentinel", "text", "its address")]),
    ("tilt", &[("sentinel", "text", "its address"), ("on", "yes or no", "whether it is in TILT mode now")]),
    ("subscription_ready", &[("subscription", "number", "which one, counted from the first of this client")]),
    (
        "subscription_gap",
        &[
            ("reason", "text", "`switched`, `link_lost`, `old_master_silent`, …"),
            ("since", "time", "the last moment when nothing was missing"),
            ("until", "time", "the moment from which nothing is missing any more"),
            ("old_master", "text, or nothing", "the master before"),
            ("new_master", "text, or nothing", "the master after"),
        ],
    ),
    ("subscription_dropped", &[("queues", "number", "queues that had no room for a message")]),
    (
        "auth_failed",
        &[("address", "text", "the sentinel or node that refused"), ("error", "text", "the name of the error")],
    ),
];

fn fields(word: &str) -> &'static [Field] {
    FIELDS.iter().find(|(kind, _)| *kind == word).map_or(&[], |(_, fields)| fields)
}

#[test]
fn fields_are_those_that_core_announces() {
    let kinds = events::kinds();
    for (kind, _) in FIELDS {
        assert!(kinds.iter().any(|known| known.word == *kind), "there is no kind {kind}");
    }
    let announced = events::announced();
    for kind in &kinds {
        let told: BTreeSet<String> = fields(&kind.word).iter().map(|(name, ..)| (*name).to_owned()).collect();
        let core = announced.get(&kind.variant).cloned().unwrap_or_default();
        assert_eq!(told, core, "the fields of {} in {} (left) and in core (right)", kind.word, file!());
    }
}

#[test]
fn events_and_counters_are_documented_as_core_has_them() {
    let mut text = String::from(
        "# Events, counters, status, log records\n\n\
         <!-- Generated by `cargo xtask codegen` from core/src/event.rs, core/src/counters.rs and tests/drift/tests/events.rs. Do not edit. -->\n\n\
         What a client has to tell, with the same names in every language; Node writes names of fields in camelCase (`bytesAtRisk`), but not kinds and counters.\n\n\
         | | Rust | C | C# | Python | Node |\n|---|---|---|---|---|---|\n\
         | a length of time | `Duration` | microseconds | `TimeSpan` | seconds, `float` | milliseconds, `number` |\n\
         | a time (UTC) | `SystemTime` | microseconds since 1970 | `DateTime` | seconds since 1970, `float` | milliseconds since 1970, `number` |\n\
         | nothing | `None`, `Tree::Nil` | `STANDFAST_TYPE_NIL` | `null` | `None` | `null` |\n\
         | events | `client.events()` | `standfast_events_next` | `client.Events()`; `switch_report` is a `SwitchReport` | `client.events()` | `client.events()` |\n\
         | status | `client.status()` | `standfast_client_status` | `client.Status()` | `client.status()` | `client.status()` |\n\
         | nodes | `client.nodes()` | `standfast_client_nodes` | `client.Nodes()` | `client.nodes()` | `client.nodes()` |\n\
         | log records | `tracing` | `standfast_logs_open` | `Logs.Open` | `standfast.logs`, `standfast.log_to` | `logs()` |\n\n\
         ## Events\n\n\
         Every event has `seq` (counts up by one for each event of the client; a jump means that a reader was too slow for the latest 1024), `at` (a time), `kind`,\n\
         `generation` (counts the masters of the client; 0 before the first) and `epoch` (the `config-epoch`, or nothing while it is not known).\n\n\
         | kind | says | more fields |\n|---|---|---|\n",
    );
    let announced = events::announced();
    for kind in events::kinds() {
        let mut names: Vec<String> = fields(&kind.word).iter().map(|(name, ..)| format!("`{name}`")).collect();
        if !announced.contains_key(&kind.variant) {
            names.push("(not in this version)".to_owned());
        }
        writeln!(text, "| `{}` | {} | {} |", kind.word, kind.help, names.join(", ")).unwrap();
    }
    for kind in events::kinds() {
        let fields = fields(&kind.word);
        if !fields.is_empty() {
            writeln!(text, "\n### {}\n\n| field | is | |\n|---|---|---|", kind.word).unwrap();
            for (name, is, meaning) in fields {
                writeln!(text, "| `{name}` | {is} | {meaning} |").unwrap();
            }
        }
    }
    text.push_str(
        "\n## Counters\n\n`status()` has all of them under `counters`, zero or not, since the client was opened.\n\n| counter | counts |\n|---|---|\n",
    );
    for counter in events::counters() {
        writeln!(text, "| `{}` | {} |", counter.word, counter.help).unwrap();
    }
    text.push_str(
        "\n## Log records\n\n\
         Every event is a log record, too: `error` for what somebody must mend, `warn` for what is not as it should be, `info` for the milestones, `debug` for every\n\
         decision. A record has `at` (a time), `level`, `message` (one line) and `dropped_before` (records that a slow reader missed; the latest 1024 are kept).\n\
         Nothing is recorded while nobody reads. Records contain neither secrets nor arguments of commands.\n\
         A Rust program installs the `tracing` subscriber that it likes: targets begin with `standfast`, the spans are `client` and `watch`.\n",
    );
    must_be("core/docs/events.md", &text);
}

/// The types of Node, the C# test, the Python test and the C test have every counter and no other.
#[test]
fn bindings_have_the_counters_of_core() {
    let names: Vec<String> = events::counters().into_iter().map(|counter| counter.word).collect();
    let types = read("bindings-node/index.d.ts");
    let body = between(&types, "export interface Counters {", "\n}");
    let declared: Vec<&str> = body.lines().filter_map(|line| line.trim().strip_suffix(": number;")).collect();
    assert_eq!(declared, names, "index.d.ts");
    for (file, begin, end) in [
        ("bindings-node/test/logs.test.js", "const COUNTERS = [", "]"),
        ("bindings-python/tests/test_reports.py", "COUNTERS = {", "}"),
        ("bindings-c/tests/reports.c", "names[] = {", "}"),
    ] {
        let text = read(file);
        let listed: Vec<&str> = between(&text, begin, end).split(['"', '\'']).skip(1).step_by(2).collect();
        assert_eq!(listed, names, "{file}");
    }
}

#[test]
fn types_of_node_have_the_kinds_and_the_report_of_core() {
    let types = read("bindings-node/index.d.ts");
    let kinds: Vec<String> = events::kinds().into_iter().map(|kind| kind.word).collect();
    let declared: Vec<&str> = between(&types, "export type EventKind =", ";").split('\'').skip(1).step_by(2).collect();
    assert_eq!(declared, kinds);

    let report = between(&types, "export interface SwitchReport extends EventBase {", "\n}");
    let declared: Vec<&str> = report
        .lines()
        .filter_map(|line| line.trim().split_once(": "))
        .map(|(name, _)| name)
        .filter(|name| *name != "kind" && name.chars().all(char::is_alphanumeric))
        .collect();
    let told: Vec<String> = fields("switch_report").iter().map(|(name, ..)| camel(name)).collect();
    assert_eq!(declared, told);
}

/// C#'s class reads every field of the report.
#[test]
fn switch_report_of_csharp_has_the_fields_of_core() {
    let source = read("bindings-c/csharp/Standfast/SwitchReport.cs");
    let read: Vec<&str> = source.split("fields[\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let told: Vec<&str> = fields("switch_report").iter().map(|(name, ..)| *name).collect();
    assert_eq!(read, told);
}

fn between<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    let rest = text.split_once(begin).unwrap_or_else(|| panic!("there is no {begin:?}")).1;
    rest.split_once(end).unwrap_or_else(|| panic!("{begin:?} has no end")).0
}

fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |text, word| text + &word[..1].to_uppercase() + &word[1..])
}
