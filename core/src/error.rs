//! What can go wrong, as one table.
//!
//! [`ErrorKind`] is generated from the list below; its codes, names and advice are the same in every language (the bindings
//! read them from here, `tests/drift` compares). [`Error`] adds what a person needs: one line of text without secrets and
//! without command arguments, and, for discovery, what every sentinel said.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// Whether, and when, the same call may be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Retry {
    /// The same call would fail in the same way.
    Never,
    /// The call was certainly not executed; it may be made again at once.
    Now,
    /// The call was certainly not executed; wait a moment before the next try.
    Later,
    /// The call may have been executed: only the caller knows whether twice is as good as once.
    IfIdempotent,
}

impl Retry {
    /// The advice as a word, the same in every language.
    pub const fn as_str(self) -> &'static str {
        match self {
            Retry::Never => "never",
            Retry::Now => "now",
            Retry::Later => "later",
            Retry::IfIdempotent => "if_idempotent",
        }
    }
}

macro_rules! error_table {
    ($( $(#[$doc:meta])* $code:literal $name:ident $retry:ident $remedy:literal; )*) => {
        /// The kind of an [`Error`]: a stable number, a name and an advice.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[repr(i32)]
        pub enum ErrorKind {
            $( $(#[$doc])* $name = $code, )*
        }

        impl ErrorKind {
            /// Every kind, in the order of the codes.
            pub const ALL: &'static [ErrorKind] = &[ $( ErrorKind::$name, )* ];

            /// The name, the same in every language.
            pub const fn name(self) -> &'static str {
                match self { $( ErrorKind::$name => stringify!($name), )* }
            }

            const fn usual_retry(self) -> Retry {
                match self { $( ErrorKind::$name => Retry::$retry, )* }
            }

            /// What to do about it.
            pub const fn remedy(self) -> &'static str {
                match self { $( ErrorKind::$name => $remedy, )* }
            }
        }
    };
}

// Retired numbers stay here as comments and are never given out again. (None yet.)
error_table! {
    /// An argument that must not be NULL is NULL.
    101 NullArgument Never
        "Pass a value.";
    /// An argument has a value that the call does not take.
    102 InvalidArgument Never
        "Correct the argument that the message names.";
    /// The handle was freed, never existed, or is of another type.
    103 InvalidHandle Never
        "Use a handle only between its making and its freeing, and with the functions of its own type.";
    /// The client, subscription or queue was closed by the user.
    104 Closed Never
        "Make a new client or subscription; the old one does not come back.";
    /// The call would wait for itself.
    105 WouldDeadlock Never
        "Make this call on another thread than the one that the call waits for.";
    /// The handle was made before `fork()` and is used in the child.
    106 Forked Never
        "Make a new client in the child process.";
    /// The URL cannot be understood.
    201 InvalidUrl Never
        "Correct the URL at the position that the message names; what is special in a password is written %XX.";
    /// An option has a value that it does not take.
    202 InvalidOption Never
        "Give the option a value that it takes; the list of options says which.";
    /// There is no option of this name.
    203 UnknownOption Never
        "Correct the name; the message proposes the nearest one.";
    /// No sentinel could be asked.
    301 SentinelsUnreachable Later
        "See in the causes how far each sentinel was reached: name, port, firewall, or nothing runs there.";
    /// Every sentinel that answered says that it does not know this master name.
    302 UnknownMaster Later
        "Compare the master name with `sentinel monitor` in the sentinels' configuration.";
    /// What answers at the address is not a sentinel.
    303 NotASentinel Later
        "Give the sentinels' own port (usually 26379), not that of a data node, and no other program's.";
    /// The node does not say that it is the master.
    304 NotMaster Later
        "In sentinel mode wait: a failover is under way. In direct mode give the address of the master; a cluster, or a sentinel's port, cannot be used there.";
    /// No replica fits the request.
    305 NoReplica Later
        "Wait for a replica, or let reads go to the master.";
    /// Fewer sentinels answered than the policy asks for.
    306 NoQuorum Later
        "See in the causes which sentinels do not answer, or accept the word of a minority.";
    /// There is no master yet, and the policy is not to wait for one.
    307 NotReady Later
        "Try again later, or use `when_unavailable=wait`.";
    /// No connection to the node could be made.
    401 ConnectFailed Later
        "See in the causes whether the address that the sentinels announce can be reached from here; behind NAT or in containers it often cannot (`sentinel announce-ip`, `replica-announce-ip`). The server may also be full (`maxclients`) or in protected mode.";
    /// The deadline passed; the command was certainly not executed, or it only reads.
    402 Timeout Now
        "Try again, or allow more time; the phase says what it was spent on.";
    /// The connection was lost; the command was certainly not executed.
    403 Disconnected Now
        "Try again.";
    /// The connection was lost, the master switched or the deadline passed after the command was sent.
    404 MaybeExecuted IfIdempotent
        "Find out whether it was executed before trying again, or try again if twice is as good as once.";
    /// The TLS handshake failed.
    405 TlsFailed Never
        "Check certificates, names and whether the port speaks TLS.";
    /// Too many commands, or too many bytes, are waiting.
    406 QueueFull Later
        "Send less at once, or raise `max_pending` or `max_pending_bytes`.";
    /// Fewer replicas than asked for confirmed the write.
    407 NotReplicated Later
        "Treat the write as one that may be lost in a failover; write it again if twice is as good as once.";
    /// The caller gave the command up; it was certainly not executed.
    408 Cancelled Never
        "Nothing: it was your own wish.";
    /// The peer sent what is not RESP, or more of it than the bounds allow.
    409 Protocol Later
        "Check what listens at the address, or raise `max_reply_bytes` or `max_reply_depth`.";
    /// The master asks for a password.
    501 MasterAuthRequired Never
        "Give the password of the data nodes: `:password@` or `user:password@` in the URL, or the option `password`.";
    /// The master refuses the password.
    502 MasterAuthFailed Never
        "Correct user and password of the data nodes.";
    /// The sentinels ask for a password.
    503 SentinelAuthRequired Never
        "Give the password of the sentinels: the option `sentinel_password`, or `sentinel_auth=same` if it is that of the data nodes.";
    /// The sentinels refuse the password.
    504 SentinelAuthFailed Never
        "Correct `sentinel_username` and `sentinel_password`; with `sentinel_auth=same`, the sentinels have another one than the data nodes.";
    /// A password was sent to a server that has none.
    505 AuthNotExpected Never
        "Leave the password away, or set one on the server; the cause names the server.";
    /// The user may not do this.
    506 NoPermission Never
        "Give the user the right that the message names, or use another user.";
    /// The server answered the command with an error of its own.
    507 ReplyError Never
        "Correct the command; server code and text say what is wrong.";
    /// A watched key changed, or the watch was lost; the transaction did nothing.
    508 TransactionAborted Now
        "Read again what was watched, and try again.";
    /// The server refused the command until the deadline (READONLY, LOADING, ...); it was not executed.
    509 Unavailable Later
        "Try again later; the server code says what the server is waiting for.";
    /// The subscription could not be made.
    601 SubscribeFailed Later
        "Check channel names and the user's rights on channels.";
    /// The subscription's queue overflowed and its policy is to close.
    602 Overflow Never
        "Read faster, or raise `subscription_items` or `subscription_bytes`, or let `overflow` drop messages.";
    /// There is nothing more to read: the subscription was closed.
    603 EndOfStream Never
        "Stop reading.";
    /// The lock is not held by this token.
    604 LockNotHeld Never
        "Stop doing what the lock protects; take it again.";
    /// A panic was caught: this is a bug in Standfast.
    901 Panic Never
        "Report it, with the version and what was called.";
    /// An invariant does not hold: this is a bug in Standfast.
    902 Internal Never
        "Report it, with the version and what was called.";
}

impl ErrorKind {
    /// The number, the same in every language.
    pub const fn code(self) -> i32 {
        self as i32
    }

    /// The kind with this number.
    pub fn from_code(code: i32) -> Option<ErrorKind> {
        Self::ALL.iter().copied().find(|kind| kind.code() == code)
    }

    /// The category is the number divided by 100.
    pub const fn category(self) -> &'static str {
        match self.code() / 100 {
            1 => "usage",
            2 => "configuration",
            3 => "discovery",
            4 => "network",
            5 => "server",
            6 => "subscription",
            _ => "internal",
        }
    }

    /// Mistakes in the configuration, as far as a server can tell: `connect` reports them at once when every sentinel that
    /// answers sees one, instead of trying for ever.
    pub(crate) const fn is_configuration(self) -> bool {
        matches!(
            self,
            ErrorKind::InvalidOption
                | ErrorKind::UnknownMaster
                | ErrorKind::NotASentinel
                | ErrorKind::MasterAuthRequired
                | ErrorKind::MasterAuthFailed
                | ErrorKind::SentinelAuthRequired
                | ErrorKind::SentinelAuthFailed
                | ErrorKind::AuthNotExpected
                | ErrorKind::NoPermission
                | ErrorKind::TlsFailed
        )
    }
}

/// Where a command, or an attempt to connect, was when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// Waiting for the first master.
    Discovering,
    /// Waiting because there is no master just now.
    NoMaster,
    /// Held because a planned failover is under way.
    Fenced,
    /// Connecting to the master.
    Connect,
    /// Waiting to be written.
    Pending,
    /// Written, waiting for the reply.
    Reply,
}

impl Phase {
    /// The phase as a word, the same in every language.
    pub const fn as_str(self) -> &'static str {
        match self {
            Phase::Discovering => "discovering",
            Phase::NoMaster => "no_master",
            Phase::Fenced => "fenced",
            Phase::Connect => "connect",
            Phase::Pending => "pending",
            Phase::Reply => "reply",
        }
    }
}

/// The step of an attempt to reach a sentinel or a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Name resolution.
    Resolve,
    /// TCP connect.
    Connect,
    /// TLS handshake.
    Tls,
    /// HELLO and AUTH.
    Auth,
    /// The question for the master.
    Query,
    /// The proof of the role.
    Role,
}

impl Step {
    /// The step as a word, the same in every language.
    pub const fn as_str(self) -> &'static str {
        match self {
            Step::Resolve => "resolve",
            Step::Connect => "connect",
            Step::Tls => "tls",
            Step::Auth => "auth",
            Step::Query => "query",
            Step::Role => "role",
        }
    }
}

/// What one sentinel or node contributed to a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cause {
    /// The address as configured or announced.
    pub address: String,
    /// The address that was really dialled, where there was one.
    pub resolved: Option<SocketAddr>,
    /// How far the attempt came.
    pub step: Step,
    /// What kind of failure it was.
    pub kind: ErrorKind,
    /// What happened, in words.
    pub text: String,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cause { address, resolved, step, kind: _, text } = self;
        write!(f, "{address}")?;
        match resolved {
            Some(addr) if addr.to_string() != *address => write!(f, " ({addr})")?,
            _ => {}
        }
        write!(f, ": {}: {text}", step.as_str())
    }
}

/// A failure: what kind, what happened, and who contributed to it.
///
/// `Display` is one line without a full stop. It never contains a secret or a command's arguments.
#[derive(Clone, Debug)]
pub struct Error(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    causes: Vec<Cause>,
    phase: Option<Phase>,
    retry: Retry,
    server: Option<(String, String)>,
}

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of this kind, with one line of text.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error(Box::new(Inner {
            kind,
            message: message.into(),
            causes: Vec::new(),
            phase: None,
            retry: kind.usual_retry(),
            server: None,
        }))
    }

    /// A deadline that passed in this phase, before anything could have been executed.
    pub(crate) fn timeout(phase: Phase, after: Duration, detail: impl fmt::Display) -> Error {
        let mut error = Error::new(
            ErrorKind::Timeout,
            format!("gave up after {} ms (phase {}): {detail}", after.as_millis(), phase.as_str()),
        );
        error.0.phase = Some(phase);
        error
    }

    /// A command that was sent and whose fate is unknown.
    pub(crate) fn maybe_executed(phase: Phase, detail: impl fmt::Display) -> Error {
        let mut error =
            Error::new(ErrorKind::MaybeExecuted, format!("the command was sent and may have been executed: {detail}"));
        error.0.phase = Some(phase);
        error
    }

    /// The client was closed.
    pub(crate) fn closed() -> Error {
        Error::new(ErrorKind::Closed, "the client is closed")
    }

    /// A reply of the server that is an error.
    pub(crate) fn server(kind: ErrorKind, code: &str, text: &str) -> Error {
        let message = if text.is_empty() { code.to_owned() } else { format!("{code} {text}") };
        let mut error = Error::new(kind, message);
        error.0.server = Some((code.to_owned(), text.to_owned()));
        error
    }

    /// The error for an error reply, wherever it stands: at the top, or inside an array.
    pub fn from_reply(reply: &redis::ServerError) -> Error {
        let kind = match reply.code() {
            "NOPERM" => ErrorKind::NoPermission,
            "NOAUTH" => ErrorKind::MasterAuthRequired,
            "EXECABORT" => ErrorKind::TransactionAborted,
            code if is_refusal(code) => ErrorKind::Unavailable,
            _ => ErrorKind::ReplyError,
        };
        let text = reply.details().unwrap_or_default();
        // Servers repeat arguments here, and arguments may be secret.
        let text = text.split_once(", with args beginning with:").map_or(text, |(text, _)| text);
        Error::server(kind, reply.code(), text)
    }

    pub(crate) fn with_causes(mut self, causes: Vec<Cause>) -> Error {
        self.0.causes = causes;
        self
    }

    /// Before the first success a mistake in the configuration does not heal by itself: `connect` fails at once.
    pub(crate) fn mistake(mut self) -> Error {
        self.0.retry = Retry::Never;
        self
    }

    /// Whether waiting is of no use.
    pub(crate) fn is_mistake(&self) -> bool {
        self.0.retry == Retry::Never
    }

    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The number of the kind.
    pub fn code(&self) -> i32 {
        self.0.kind.code()
    }

    /// The name of the kind.
    pub fn name(&self) -> &'static str {
        self.0.kind.name()
    }

    /// The category of the kind.
    pub fn category(&self) -> &'static str {
        self.0.kind.category()
    }

    /// Whether, and when, to try again.
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// What happened, in one line.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What every sentinel or node contributed.
    pub fn causes(&self) -> &[Cause] {
        &self.0.causes
    }

    /// For [`ErrorKind::Timeout`] and [`ErrorKind::MaybeExecuted`]: where it happened.
    pub fn phase(&self) -> Option<Phase> {
        self.0.phase
    }

    /// For errors that the server gave: its code word (`WRONGTYPE`) and its text.
    pub fn server_reply(&self) -> Option<(&str, &str)> {
        self.0.server.as_ref().map(|(code, text)| (code.as_str(), text.as_str()))
    }
}

/// Codes of error replies that say: not executed, because of the state of the node.
pub(crate) fn is_refusal(code: &str) -> bool {
    matches!(code, "READONLY" | "LOADING" | "MASTERDOWN" | "NOREPLICAS" | "REDIRECT")
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name(), self.message())?;
        let causes = self.causes();
        if !causes.is_empty() {
            f.write_str(" [")?;
            for (at, cause) in causes.iter().enumerate() {
                if at > 0 {
                    f.write_str("; ")?;
                }
                write!(f, "{cause}")?;
            }
            f.write_str("]")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_ascending() {
        let codes: Vec<i32> = ErrorKind::ALL.iter().map(|kind| kind.code()).collect();
        assert!(codes.windows(2).all(|pair| pair[0] < pair[1]), "{codes:?}");
        for kind in ErrorKind::ALL {
            assert_eq!(ErrorKind::from_code(kind.code()), Some(*kind));
        }
    }

    #[test]
    fn arguments_that_a_server_repeats_are_cut_off() {
        let line = b"-ERR unknown command 'X', with args beginning with: 'canary' \r\n";
        let Ok(redis::Value::ServerError(reply)) = redis::parse_redis_value(line) else { panic!() };
        let error = Error::from_reply(&reply);
        assert!(!error.to_string().contains("canary") && error.to_string().contains("unknown command 'X'"), "{error}");
    }

    #[test]
    fn display_is_one_line_with_every_cause() {
        let error =
            Error::new(ErrorKind::SentinelsUnreachable, "no sentinel could be asked").with_causes(vec![Cause {
                address: "s1:26379".into(),
                resolved: None,
                step: Step::Resolve,
                kind: ErrorKind::ConnectFailed,
                text: "no such host".into(),
            }]);
        assert_eq!(
            error.to_string(),
            "SentinelsUnreachable: no sentinel could be asked [s1:26379: resolve: no such host]"
        );
    }
}
