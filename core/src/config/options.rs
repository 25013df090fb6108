//! The list of options: name, type, default, range, scope and one line of text.
//!
//! Everything that knows options reads this list: the URL, the environment, the setters of the bindings, and what is generated
//! from it (the option types of Python, Node and C#, the documentation). Options of a later version stand in it, too: their
//! default is accepted, anything else is refused by name, so that nobody believes in what is not there.

use std::fmt;
use std::sync::LazyLock;
use std::time::Duration;

use super::nearest::nearest;
use crate::error::{Error, ErrorKind, Result};
use crate::tree::Tree;

/// What `connect` does while there is no master.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectPolicy {
    /// Wait for the first master, up to `connect_deadline`.
    Wait,
    /// Return at once and connect in the background.
    Background,
}

/// What a command does while there is no master.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnavailablePolicy {
    /// Wait, inside its deadline.
    Wait,
    /// Fail with `NotReady`.
    Fail,
}

/// The version of RESP that is spoken with servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolPolicy {
    /// RESP3, and RESP2 with servers that do not know it.
    Auto,
    /// RESP2, whatever a server knows.
    Resp2,
    /// RESP3, and nothing with servers that do not know it.
    Resp3,
}

/// What is believed when fewer than a majority of the known sentinels answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MinorityPolicy {
    /// Those that answer.
    #[default]
    Accept,
    /// Nobody: no master is chosen, until a majority answers. A master in use stays in use.
    Refuse,
}

/// What a full subscription queue does with a new item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverflowPolicy {
    /// Forget the oldest message.
    DropOldest,
    /// Forget the new message.
    DropNewest,
    /// End the subscription with `Overflow`.
    Close,
}

/// The kind of value that an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionKind {
    /// A length of time; in a URL `250ms`, `5s`, `2m`, `1h`, or a number of milliseconds.
    Duration,
    /// A whole number.
    Count,
    /// `on` or `off`.
    Switch,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Text.
    Text,
    /// Text that is never printed.
    Secret,
}

/// Where an option may be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionScope {
    /// In the URL, the environment, and with `connect`.
    Client,
    /// With one subscription, too; there it goes before the client's.
    Subscription,
    /// With one command, too; there it goes before the client's.
    Call,
}

impl OptionScope {
    /// The scope as a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            OptionScope::Client => "client",
            OptionScope::Subscription => "subscription",
            OptionScope::Call => "call",
        }
    }
}

/// One line of the list of options.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OptionSpec {
    /// The name in a URL; other languages adapt its case.
    pub name: &'static str,
    /// What it takes.
    pub kind: OptionKind,
    /// The default, as it would be written in a URL; empty for none.
    pub default: &'static str,
    /// The smallest and the largest value, in its unit.
    pub range: Option<(u64, u64)>,
    /// Where it may be given beside the client.
    pub scope: OptionScope,
    /// It belongs to a later version: this one takes its default only.
    pub reserved: bool,
    /// One line of text.
    pub help: &'static str,
}

impl OptionSpec {
    /// What a number is counted in: `ms`, `bytes`, or nothing.
    pub fn unit(&self) -> &'static str {
        match self.kind {
            OptionKind::Duration => "ms",
            OptionKind::Count if self.name.ends_with("_bytes") => "bytes",
            _ => "",
        }
    }
}

/// A value for an option, as a URL or a language gives it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum OptionValue {
    /// Text, read as in a URL.
    Text(String),
    /// A whole number.
    Int(i64),
    /// Yes or no.
    Bool(bool),
    /// A length of time.
    Duration(Duration),
}

impl OptionValue {
    pub(super) fn into_text(self, name: &str) -> Result<String> {
        match self {
            OptionValue::Text(text) => Ok(text),
            _ => Err(invalid(name, "takes text")),
        }
    }

    /// Text that says something.
    pub(super) fn into_words(self, name: &str) -> Result<String> {
        match self.into_text(name)? {
            text if text.is_empty() => Err(invalid(name, "is empty")),
            text => Ok(text),
        }
    }

    pub(super) fn into_count(self, name: &str, min: u64, max: u64) -> Result<u64> {
        let number = match self {
            OptionValue::Int(number) => u64::try_from(number).ok(),
            // `parse` alone would take a sign.
            OptionValue::Text(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
            _ => None,
        };
        match number {
            Some(number) if (min..=max).contains(&number) => Ok(number),
            _ => Err(invalid(name, &format!("takes a whole number from {min} to {max}"))),
        }
    }

    fn into_duration(self, name: &str, min: Duration, max: Duration) -> Result<Duration> {
        let length = match self {
            OptionValue::Duration(length) => Some(length),
            OptionValue::Int(millis) => u64::try_from(millis).ok().map(Duration::from_millis),
            OptionValue::Text(text) => parse_duration(&text),
            OptionValue::Bool(_) => None,
        };
        match length {
            Some(length) if (min..=max).contains(&length) => Ok(length),
            _ => Err(invalid(name, &format!("takes a length of time from {min:?} to {max:?}, such as 250ms or 5s"))),
        }
    }

    fn into_switch(self, name: &str) -> Result<bool> {
        match self {
            OptionValue::Bool(yes) => Ok(yes),
            OptionValue::Text(text) if matches!(text.as_str(), "on" | "true" | "yes" | "1") => Ok(true),
            OptionValue::Text(text) if matches!(text.as_str(), "off" | "false" | "no" | "0") => Ok(false),
            _ => Err(invalid(name, "takes on or off")),
        }
    }
}

impl From<&str> for OptionValue {
    fn from(text: &str) -> Self {
        OptionValue::Text(text.to_owned())
    }
}

impl From<String> for OptionValue {
    fn from(text: String) -> Self {
        OptionValue::Text(text)
    }
}

impl From<i64> for OptionValue {
    fn from(number: i64) -> Self {
        OptionValue::Int(number)
    }
}

impl From<bool> for OptionValue {
    fn from(yes: bool) -> Self {
        OptionValue::Bool(yes)
    }
}

impl From<Duration> for OptionValue {
    fn from(length: Duration) -> Self {
        OptionValue::Duration(length)
    }
}

/// A type of option: how its kind is called and how its value is read.
trait OptionType: Sized {
    type Range;
    const KIND: OptionKind;
    fn read(name: &str, value: OptionValue, range: &Self::Range) -> Result<Self>;
    /// For reports.
    fn show(&self) -> Tree;
    fn bounds(range: &Self::Range) -> Option<(u64, u64)>;
}

impl OptionType for Duration {
    type Range = (Duration, Duration);
    const KIND: OptionKind = OptionKind::Duration;
    fn read(name: &str, value: OptionValue, range: &Self::Range) -> Result<Self> {
        value.into_duration(name, range.0, range.1)
    }
    fn show(&self) -> Tree {
        Tree::Duration(*self)
    }
    fn bounds(range: &Self::Range) -> Option<(u64, u64)> {
        let millis = |length: Duration| u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        Some((millis(range.0), millis(range.1)))
    }
}

impl OptionType for u64 {
    type Range = (u64, u64);
    const KIND: OptionKind = OptionKind::Count;
    fn read(name: &str, value: OptionValue, range: &Self::Range) -> Result<Self> {
        value.into_count(name, range.0, range.1)
    }
    fn show(&self) -> Tree {
        Tree::from(*self)
    }
    fn bounds(range: &Self::Range) -> Option<(u64, u64)> {
        Some(*range)
    }
}

impl OptionType for bool {
    type Range = ();
    const KIND: OptionKind = OptionKind::Switch;
    fn read(name: &str, value: OptionValue, (): &()) -> Result<Self> {
        value.into_switch(name)
    }
    fn show(&self) -> Tree {
        Tree::Bool(*self)
    }
    fn bounds((): &()) -> Option<(u64, u64)> {
        None
    }
}

impl OptionType for String {
    type Range = ();
    const KIND: OptionKind = OptionKind::Text;
    fn read(name: &str, value: OptionValue, (): &()) -> Result<Self> {
        value.into_text(name)
    }
    fn show(&self) -> Tree {
        Tree::Text(self.clone())
    }
    fn bounds((): &()) -> Option<(u64, u64)> {
        None
    }
}

macro_rules! choice {
    ($type:ident { $($word:literal => $variant:ident),* }) => {
        impl OptionType for $type {
            type Range = ();
            const KIND: OptionKind = OptionKind::Choice(&[$($word),*]);
            fn read(name: &str, value: OptionValue, (): &()) -> Result<Self> {
                let word = match value {
                    // `protocol=2` is written as a number where the language has them.
                    OptionValue::Int(number) => number.to_string(),
                    other => other.into_text(name)?,
                };
                match word.as_str() {
                    $($word => Ok($type::$variant),)*
                    _ => Err(invalid(name, concat!("takes one of:" $(, " ", $word)*))),
                }
            }
            fn show(&self) -> Tree {
                Tree::Text(self.to_string())
            }
            fn bounds((): &()) -> Option<(u64, u64)> {
                None
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $($type::$variant => $word,)* })
            }
        }
    };
}

choice!(ConnectPolicy { "wait" => Wait, "background" => Background });
choice!(UnavailablePolicy { "wait" => Wait, "fail" => Fail });
choice!(ProtocolPolicy { "auto" => Auto, "2" => Resp2, "3" => Resp3 });
choice!(MinorityPolicy { "accept" => Accept, "refuse" => Refuse });
choice!(OverflowPolicy { "drop_oldest" => DropOldest, "drop_newest" => DropNewest, "close" => Close });

macro_rules! options {
    ($( $name:ident: $type:ty = $default:expr, $shown:literal, $range:expr, $help:literal $(, $scope:ident)?; )*) => {
        /// The options of a client that are not part of the address, with their defaults.
        #[derive(Clone, Debug)]
        #[non_exhaustive]
        pub struct Options { $( #[doc = $help] pub $name: $type, )* }

        impl Default for Options {
            fn default() -> Self {
                Options { $( $name: $default, )* }
            }
        }

        impl Options {
            fn specs() -> Vec<OptionSpec> {
                vec![ $( OptionSpec {
                    name: stringify!($name),
                    kind: <$type as OptionType>::KIND,
                    default: $shown,
                    range: <$type as OptionType>::bounds(&$range),
                    scope: scope!($($scope)?),
                    reserved: false,
                    help: $help,
                }, )* ]
            }

            pub(crate) fn set(&mut self, name: &str, value: OptionValue) -> Result<()> {
                match name {
                    $( stringify!($name) => self.$name = <$type as OptionType>::read(name, value, &$range)?, )*
                    _ => match SPECS.iter().find(|spec| spec.name == name) {
                        Some(spec) if spec.reserved => read_reserved(spec, value)?,
                        // Those of the address are not here: they belong to a client and to nothing else.
                        Some(_) => return Err(invalid(name, "belongs to the client")),
                        None => return Err(unknown(name)),
                    },
                }
                Ok(())
            }

            /// For reports.
            pub(super) fn show(&self) -> Vec<(&'static str, Tree)> {
                vec![ $( (stringify!($name), self.$name.show()), )* ]
            }
        }
    };
}

macro_rules! scope {
    () => {
        OptionScope::Client
    };
    (subscription) => {
        OptionScope::Subscription
    };
    (call) => {
        OptionScope::Call
    };
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const DAY: Duration = secs(86_400);

options! {
    connect: ConnectPolicy = ConnectPolicy::Wait, "wait", (), "Whether connect waits for the first master.";
    connect_deadline: Duration = secs(10), "10s", (ms(1), DAY), "How long connect waits for the first master.";
    connect_timeout: Duration = secs(2), "2s", (ms(1), DAY), "Time for one connection to a data node: TCP, handshake and role.";
    sentinel_timeout: Duration = ms(300), "300ms", (ms(1), DAY), "Time for connecting to a sentinel, and for each question to it.";
    hedge_delay: Duration = ms(100), "100ms", (ms(1), DAY), "How long the first sentinel's answer waits for those of the others, unless a majority has answered.";
    minority: MinorityPolicy = MinorityPolicy::Accept, "accept", (), "Whether fewer than a majority of the known sentinels may name a master.";
    command_timeout: Duration = secs(5), "5s", (ms(1), DAY), "Time for a command, from the call to its reply.", call;
    blocking_grace: Duration = secs(1), "1s", (ms(0), DAY), "Time that a blocking command gets beyond its own.";
    when_unavailable: UnavailablePolicy = UnavailablePolicy::Wait, "wait", (), "Whether a command waits while there is no master.";
    protocol: ProtocolPolicy = ProtocolPolicy::Auto, "auto", (), "The version of RESP: 3, or 2 with servers that do not know it (`auto`), or one of them only.";
    max_pending: u64 = 10_000, "10000", (1, 100_000_000), "Commands that may wait at once.";
    max_pending_bytes: u64 = 64 << 20, "67108864", (1024, 1 << 40), "Bytes of commands that may wait at once.";
    pool_size: u64 = 64, "64", (1, 10_000), "Links for waiting threads.";
    pool_idle: Duration = secs(30), "30s", (ms(1), DAY), "How long an unused link for waiting threads is kept.";
    subscription_items: u64 = 10_000, "10000", (1, 100_000_000), "Items that a subscription's queue holds.", subscription;
    subscription_bytes: u64 = 16 << 20, "16777216", (1024, 1 << 40), "Bytes that a subscription's queue holds.", subscription;
    overflow: OverflowPolicy = OverflowPolicy::DropOldest, "drop_oldest", (), "What a full subscription queue does.", subscription;
    eager_switch: bool = true, "on", (), "Switch when the selected replica says that it is the master, before the sentinels confirm.";
    fence: bool = true, "on", (), "Hold commands during a planned failover.";
    fence_timeout: Duration = secs(3), "3s", (ms(1), DAY), "The longest time that commands are held.";
    poll_interval: Duration = secs(10), "10s", (ms(10), DAY), "How often a sentinel is asked without a reason.";
    heartbeat_interval: Duration = secs(5), "5s", (ms(10), DAY), "How often a link is asked whether it lives.";
    heartbeat_timeout: Duration = secs(3), "3s", (ms(10), DAY), "How long the answer to a heartbeat may take.";
    tcp_keepalive_idle: Duration = secs(5), "5s", (secs(1), DAY), "TCP keepalive: idle time before the first probe.";
    tcp_keepalive_interval: Duration = secs(2), "2s", (secs(1), DAY), "TCP keepalive: time between probes.";
    tcp_keepalive_probes: u64 = 3, "3", (1, 100), "TCP keepalive: probes before the connection counts as lost.";
    tcp_user_timeout: Duration = secs(10), "10s", (ms(1), DAY), "Linux: time that sent data may stay unacknowledged.";
    retry_backoff_base: Duration = ms(50), "50ms", (ms(1), DAY), "Back-off before the second retry; the first retry is immediate.";
    retry_backoff_cap: Duration = secs(5), "5s", (ms(1), DAY), "The longest back-off.";
    max_reply_bytes: u64 = 512 << 20, "536870912", (1024, 1 << 40), "The largest reply that is accepted.";
    max_reply_depth: u64 = 128, "128", (1, 1024), "The deepest nesting of a reply that is accepted.";
    client_name: String = String::new(), "standfast:<lang>:<version>", (), "The name that servers show in CLIENT LIST.";
}

/// The largest number of a database that is sent to a server; which of them there are, the server knows.
pub(super) const MAX_DB: u64 = 1_000_000;

const fn spec(name: &'static str, kind: OptionKind, default: &'static str, help: &'static str) -> OptionSpec {
    OptionSpec { name, kind, default, range: None, scope: OptionScope::Client, reserved: false, help }
}

const fn reserved(
    name: &'static str,
    kind: OptionKind,
    default: &'static str,
    scope: OptionScope,
    help: &'static str,
) -> OptionSpec {
    OptionSpec { name, kind, default, range: None, scope, reserved: true, help }
}

/// The options that belong to the address.
const ADDRESS: [OptionSpec; 6] = [
    spec("username", OptionKind::Text, "", "The user on the data nodes."),
    spec("password", OptionKind::Secret, "", "The password on the data nodes."),
    spec("sentinel_username", OptionKind::Text, "", "The user on the sentinels."),
    spec("sentinel_password", OptionKind::Secret, "", "The password on the sentinels."),
    spec(
        "sentinel_auth",
        OptionKind::Choice(&["same"]),
        "",
        "`same`: the sentinels take the user and password of the data nodes.",
    ),
    OptionSpec { range: Some((0, MAX_DB)), ..spec("db", OptionKind::Count, "0", "The database number.") },
];

/// The options of later versions. Whoever builds one moves its line.
const RESERVED: [OptionSpec; 11] = {
    use OptionKind::{Choice, Count, Duration, Text};
    use OptionScope::{Call, Client, Subscription};
    [
        reserved("tls", Choice(&["none", "data", "sentinel", "both"]), "none", Client, "Which hops are encrypted."),
        reserved("client_info", Text, "", Client, "The library's name and version that servers show in CLIENT LIST."),
        reserved("retry_backoff_first", Duration, "0s", Client, "Back-off before the first retry."),
        reserved("read_from", Choice(&["master", "replica", "any"]), "master", Call, "Which nodes reads may go to."),
        reserved("durability", Text, "none", Call, "How many replicas must have a write before it counts as done."),
        reserved(
            "write_probe_interval",
            Duration,
            "off",
            Client,
            "How often a write is tried to see whether writing works.",
        ),
        reserved("write_probe_key", Text, "", Client, "The key that the write probe sets."),
        reserved("write_probe_timeout", Duration, "off", Client, "How long a write probe may take."),
        reserved(
            "max_silence",
            Duration,
            "off",
            Subscription,
            "A subscription that is silent for so long is made anew.",
        ),
        reserved(
            "pulse_interval",
            Duration,
            "off",
            Subscription,
            "How often a message of our own proves that a subscription works.",
        ),
        reserved("redundancy", Count, "1", Subscription, "How many nodes a subscription listens to."),
    ]
};

/// The list: the address, what works, and what is reserved.
pub(super) static SPECS: LazyLock<Vec<OptionSpec>> =
    LazyLock::new(|| ADDRESS.into_iter().chain(Options::specs()).chain(RESERVED).collect());

/// The option of this name.
///
/// # Errors
/// [`ErrorKind::UnknownOption`] with the nearest known name.
pub(super) fn find(name: &str) -> Result<&'static OptionSpec> {
    SPECS.iter().find(|spec| spec.name == name).ok_or_else(|| unknown(name))
}

/// A value for an option of a later version: only the default is true already.
pub(super) fn read_reserved(spec: &OptionSpec, value: OptionValue) -> Result<()> {
    let word = match value {
        OptionValue::Text(word) => word,
        OptionValue::Int(number) => number.to_string(),
        OptionValue::Bool(yes) => if yes { "on" } else { "off" }.to_owned(),
        OptionValue::Duration(length) => format!("{}ms", length.as_millis()),
    };
    let same_length = || parse_duration(&word).is_some_and(|length| parse_duration(spec.default) == Some(length));
    if word == spec.default || (spec.kind == OptionKind::Duration && same_length()) {
        return Ok(());
    }
    match spec.kind {
        OptionKind::Choice(words) if !words.contains(&word.as_str()) => {
            Err(invalid(spec.name, &format!("takes one of: {}", words.join(" "))))
        }
        _ if spec.default.is_empty() => Err(invalid(spec.name, "is not supported by this version")),
        _ => Err(invalid(spec.name, &format!("is not supported by this version, which takes only `{}`", spec.default))),
    }
}

fn invalid(name: &str, what: &str) -> Error {
    Error::new(ErrorKind::InvalidOption, format!("option {name} {what}"))
}

fn unknown(name: &str) -> Error {
    let near = nearest(name, SPECS.iter().map(|spec| spec.name));
    let hint = near.map_or(String::new(), |near| format!("; did you mean {near}?"));
    // A text of any length may stand where a name is expected; a message stays one readable line.
    let shown: String = name.chars().take(40).collect();
    Error::new(ErrorKind::UnknownOption, format!("there is no option {shown:?}{hint}"))
}

fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let millis = match &text[digits..] {
        "" | "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(millis).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_in_the_list_reads_as_the_default() {
        let mut options = Options::default();
        let before = format!("{options:?}");
        let set_by_bindings = ["client_name"];
        for spec in Options::specs().iter().chain(&RESERVED).filter(|spec| !set_by_bindings.contains(&spec.name)) {
            options.set(spec.name, OptionValue::from(spec.default)).unwrap();
        }
        assert_eq!(format!("{options:?}"), before);
    }

    #[test]
    fn every_bound_in_the_list_is_a_bound() {
        for spec in Options::specs() {
            let Some((min, max)) = spec.range else { continue };
            for (number, fits) in
                [(Some(min), true), (Some(max), true), (min.checked_sub(1), false), (max.checked_add(1), false)]
            {
                let Some(number) = number else { continue };
                let result = Options::default().set(spec.name, OptionValue::from(number.to_string()));
                assert_eq!(result.is_ok(), fits, "{}={number}: {result:?}", spec.name);
            }
        }
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<&str> = SPECS.iter().map(|spec| spec.name).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    }

    #[test]
    fn what_is_reserved_is_refused_and_never_ignored() {
        for (spec, value) in
            RESERVED.iter().zip(["both", "mine", "1s", "replica", "2", "5s", "probe", "1s", "30s", "10s", "2"])
        {
            let error = Options::default().set(spec.name, OptionValue::from(value)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidOption);
            assert!(error.message().contains("is not supported by this version"), "{error}");
        }
        let error = Options::default().set("max_silence", OptionValue::Duration(secs(5))).unwrap_err();
        assert!(error.message().contains("only `off`"), "{error}");
        Options::default().set("max_silence", OptionValue::Bool(false)).unwrap();
        Options::default().set("redundancy", OptionValue::Int(1)).unwrap();
        Options::default().set("retry_backoff_first", OptionValue::Duration(ms(0))).unwrap();
        let error = Options::default().set("tls", OptionValue::from("maybe")).unwrap_err();
        assert!(error.message().contains("takes one of: none data sentinel both"), "{error}");
    }

    #[test]
    fn unknown_option_proposes_the_nearest_name() {
        let error = Options::default().set("comand_timeout", OptionValue::Int(5)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownOption);
        assert!(error.message().contains("did you mean command_timeout?"), "{error}");
    }

    #[test]
    fn durations_have_units() {
        for (text, expected) in [
            ("250ms", Some(250)),
            ("5s", Some(5_000)),
            ("7", Some(7)),
            ("2m", Some(120_000)),
            ("5 s", None),
            ("s", None),
            ("-1s", None),
        ] {
            assert_eq!(parse_duration(text), expected.map(Duration::from_millis), "{text}");
        }
    }
}
