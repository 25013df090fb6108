//! The first words on a link, and what the answers mean. No I/O.
//!
//! HELLO proves life, protocol and role in one round trip and needs no right of its own, so every link begins with it:
//! the role of a data node and the mode of a sentinel are checked before the first command. Servers that do not know it are
//! greeted in the words of RESP2.

use redis::Value;

use super::resp::text;
use crate::command::encode;
use crate::config::{Credentials, HostPort, ProtocolPolicy};
use crate::error::{Error, ErrorKind, Result};
use crate::node::role::Role;

/// Which hop a link belongs to: it decides how refusals are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hop {
    Sentinel,
    Data,
}

/// What a server and we speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Resp2,
    Resp3,
}

/// What a server says about itself.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Hello {
    pub(crate) server_version: String,
    pub(crate) role: Role,
    pub(crate) protocol: Protocol,
    /// On links that ask for it, it answers commands that belong to another node with REDIRECT and does not execute them
    /// (Valkey from 8.0: `CLIENT CAPA redirect`).
    pub(crate) redirects: bool,
}

/// A handshake: what to ask, and after the replies what to ask next, until it is known who answers.
///
/// A server that does not know HELLO is asked in the words of RESP2: AUTH, SELECT, CLIENT SETNAME, ROLE, and INFO, if ROLE is
/// not for this user.
#[derive(Debug)]
pub(crate) struct Handshake<'a> {
    hop: Hop,
    credentials: &'a Credentials,
    client_name: &'a str,
    db: u64,
    policy: ProtocolPolicy,
    /// Ask for REDIRECT; only said to servers that are known to understand it.
    redirect: bool,
    step: Greeting,
}

#[derive(Debug)]
enum Greeting {
    Hello,
    /// In the words of RESP2.
    Plain,
    /// What ROLE did not say. The version is known.
    Replication(String),
}

/// What the words of RESP2 ask for, in order.
#[derive(Clone, Copy, Debug)]
enum Word {
    Auth,
    Select,
    Name,
    Role,
    Server,
}

impl<'a> Handshake<'a> {
    pub(crate) fn new(
        hop: Hop,
        policy: ProtocolPolicy,
        credentials: &'a Credentials,
        client_name: &'a str,
        db: u64,
    ) -> Handshake<'a> {
        let step = if policy == ProtocolPolicy::Resp2 { Greeting::Plain } else { Greeting::Hello };
        Handshake { hop, credentials, client_name, db, policy, redirect: false, step }
    }

    /// The server is known to redirect: ask for it. A replica then refuses reads, too, which would be stale.
    pub(crate) fn redirected(self, redirect: bool) -> Self {
        Handshake { redirect, ..self }
    }

    /// What is to be sent now, and how many replies it has.
    pub(crate) fn request(&self) -> (Vec<u8>, usize) {
        match self.step {
            Greeting::Hello => {
                let (mut bytes, mut replies) = requests(self.credentials, self.client_name, self.db);
                if self.redirect {
                    // Behind the others, and whatever it answers is as good.
                    bytes.extend(encode(&[b"CLIENT".as_slice(), b"CAPA", b"redirect"]));
                    replies += 1;
                }
                (bytes, replies)
            }
            Greeting::Plain => {
                let words = self.words();
                (words.iter().flat_map(|word| self.encoded(*word)).collect(), words.len())
            }
            Greeting::Replication(_) => (encode(&[b"INFO".as_slice(), b"replication"]), 1),
        }
    }

    /// What the replies say: who answers, or nothing yet.
    ///
    /// # Errors
    /// The kinds of the hop: `SentinelAuthRequired`, `MasterAuthFailed`, `NotASentinel`, ...
    pub(crate) fn answer(&mut self, replies: &[Value]) -> Result<Option<Hello>> {
        match &self.step {
            Greeting::Hello if self.policy == ProtocolPolicy::Auto && is_too_old(replies.first()) => {
                self.step = Greeting::Plain;
                Ok(None)
            }
            Greeting::Hello => {
                let of_capabilities = usize::from(self.redirect);
                judge(self.hop, &replies[..replies.len() - of_capabilities]).map(Some)
            }
            Greeting::Plain => self.answer_plain(replies),
            Greeting::Replication(version) => {
                let info = replies.first().and_then(text).unwrap_or_default();
                let role = Role::from_name(info_field(info, "role"));
                Ok(Some(Hello { server_version: version.clone(), role, protocol: Protocol::Resp2, redirects: false }))
            }
        }
    }

    fn words(&self) -> Vec<Word> {
        let mut words = Vec::with_capacity(5);
        if self.credentials.password.is_some() {
            words.push(Word::Auth);
        }
        if self.db != 0 {
            words.push(Word::Select);
        }
        if !self.client_name.is_empty() {
            words.push(Word::Name);
        }
        words.extend([Word::Role, Word::Server]);
        words
    }

    fn encoded(&self, word: Word) -> Vec<u8> {
        match word {
            Word::Auth => {
                let password = self.credentials.password.as_ref().map_or("", |password| password.reveal());
                match &self.credentials.username {
                    // Servers without users know the short form only.
                    Some(user) => encode(&[b"AUTH".as_slice(), user.as_bytes(), password.as_bytes()]),
                    None => encode(&[b"AUTH".as_slice(), password.as_bytes()]),
                }
            }
            Word::Select => encode(&[b"SELECT".as_slice(), self.db.to_string().as_bytes()]),
            Word::Name => encode(&[b"CLIENT".as_slice(), b"SETNAME", self.client_name.as_bytes()]),
            Word::Role => encode(&[b"ROLE".as_slice()]),
            Word::Server => encode(&[b"INFO".as_slice(), b"server"]),
        }
    }

    fn answer_plain(&mut self, replies: &[Value]) -> Result<Option<Hello>> {
        let (mut role, mut info) = (None, String::new());
        for (word, reply) in self.words().into_iter().zip(replies) {
            match (word, reply) {
                (Word::Auth, Value::ServerError(error)) => {
                    return Err(refusal(self.hop, error.code(), error.details().unwrap_or_default()));
                }
                (Word::Select, Value::ServerError(error)) => return Err(not_selected(error)),
                (Word::Role, Value::Array(parts)) => role = parts.first().and_then(text),
                // It is not for this user, or the server is too old to know it.
                (Word::Role, Value::ServerError(error)) if matches!(error.code(), "NOPERM" | "ERR") => {}
                (Word::Role, Value::ServerError(error)) => {
                    return Err(refusal(self.hop, error.code(), error.details().unwrap_or_default()));
                }
                (Word::Server, reply) => info = text(reply).unwrap_or_default().to_owned(),
                // A client without a name is as good.
                _ => {}
            }
        }
        let mode = match (role, info_field(&info, "redis_mode")) {
            (Some("sentinel"), _) => "sentinel",
            (_, mode) => mode,
        };
        check_mode(self.hop, mode, "Redis")?;
        let server_version = info_field(&info, "redis_version").to_owned();
        match role {
            Some(role) => Ok(Some(Hello {
                server_version,
                role: Role::from_name(role),
                protocol: Protocol::Resp2,
                redirects: false,
            })),
            None => {
                self.step = Greeting::Replication(server_version);
                Ok(None)
            }
        }
    }
}

/// Whether a server does not know HELLO, or not RESP3.
fn is_too_old(hello: Option<&Value>) -> bool {
    match hello {
        Some(Value::ServerError(error)) => {
            error.code() == "NOPROTO" || error.details().is_some_and(|text| text.starts_with("unknown command"))
        }
        _ => false,
    }
}

/// The value of a line `name:value`.
fn info_field<'a>(info: &'a str, name: &str) -> &'a str {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap_or_default().trim()
}

/// The question for a node's role, in the words of what it speaks, and how many replies it has. HELLO without arguments needs
/// no right; without it ROLE is asked, and INFO in case it is not for this user.
pub(crate) fn role_question(protocol: Protocol) -> (Vec<u8>, usize) {
    match protocol {
        Protocol::Resp3 => (encode(&[b"HELLO".as_slice()]), 1),
        Protocol::Resp2 => {
            let mut question = encode(&[b"ROLE".as_slice()]);
            question.extend(encode(&[b"INFO".as_slice(), b"replication"]));
            (question, 2)
        }
    }
}

/// The role in the replies to [`role_question`].
pub(crate) fn role_answer(protocol: Protocol, replies: &[Value]) -> Option<Role> {
    match (protocol, replies) {
        (Protocol::Resp3, replies) => judge(Hop::Data, replies).ok().map(|hello| hello.role),
        (Protocol::Resp2, [Value::Array(parts), ..]) => parts.first().and_then(text).map(Role::from_name),
        (Protocol::Resp2, [_, info]) => text(info).map(|info| Role::from_name(info_field(info, "role"))),
        (Protocol::Resp2, _) => None,
    }
}

/// The request of a handshake that begins with HELLO, and how many replies it has.
fn requests(credentials: &Credentials, client_name: &str, db: u64) -> (Vec<u8>, usize) {
    let mut hello: Vec<&[u8]> = vec![b"HELLO", b"3"];
    if let Some(password) = &credentials.password {
        hello.push(b"AUTH");
        hello.push(credentials.username.as_deref().unwrap_or("default").as_bytes());
        hello.push(password.reveal().as_bytes());
    }
    if !client_name.is_empty() {
        hello.push(b"SETNAME");
        hello.push(client_name.as_bytes());
    }
    let mut bytes = encode(&hello);
    let mut replies = 1;
    if db != 0 {
        bytes.extend(encode(&[b"SELECT".as_slice(), db.to_string().as_bytes()]));
        replies += 1;
    }
    (bytes, replies)
}

/// What the replies to [`requests`] mean.
///
/// # Errors
/// The kinds of the hop: `SentinelAuthRequired`, `MasterAuthFailed`, `NotASentinel`, ...
pub(crate) fn judge(hop: Hop, replies: &[Value]) -> Result<Hello> {
    let hello = match replies.first() {
        Some(Value::ServerError(error)) => return Err(refusal(hop, error.code(), error.details().unwrap_or_default())),
        Some(Value::Map(fields)) => fields,
        _ => {
            let kind = if hop == Hop::Sentinel { ErrorKind::NotASentinel } else { ErrorKind::Protocol };
            return Err(Error::new(kind, "the answer to HELLO is not a map"));
        }
    };
    let field = |name: &str| {
        hello.iter().find_map(|(key, value)| (text(key)? == name).then(|| text(value)).flatten()).unwrap_or_default()
    };
    check_mode(hop, field("mode"), field("server"))?;
    if let Some(Value::ServerError(error)) = replies.get(1) {
        return Err(not_selected(error));
    }
    let major: u32 = field("version").split('.').next().and_then(|major| major.parse().ok()).unwrap_or_default();
    Ok(Hello {
        server_version: field("version").to_owned(),
        role: Role::from_name(field("role")),
        protocol: Protocol::Resp3,
        redirects: field("server") == "valkey" && major >= 8,
    })
}

fn not_selected(error: &redis::ServerError) -> Error {
    let kind = if error.code() == "NOPERM" { ErrorKind::NoPermission } else { ErrorKind::InvalidOption };
    Error::server(kind, error.code(), &format!("{} (selecting the database)", error.details().unwrap_or_default()))
}

/// What answers must be what this hop looks for.
fn check_mode(hop: Hop, mode: &str, server: &str) -> Result<()> {
    match (hop, mode) {
        (Hop::Sentinel, "sentinel") => Ok(()),
        (Hop::Sentinel, mode) => Err(Error::new(
            ErrorKind::NotASentinel,
            format!("what answers is not a sentinel but a {server} server in mode {mode}"),
        )),
        (Hop::Data, "sentinel") => Err(Error::new(ErrorKind::NotMaster, "what answers is a sentinel, not a data node")),
        (Hop::Data, "cluster") => {
            Err(Error::new(ErrorKind::NotMaster, "the server is in cluster mode, which this client does not speak"))
        }
        (Hop::Data, _) => Ok(()),
    }
}

/// On a link that carries commands the node must say that it is the master.
///
/// # Errors
/// `NotMaster`.
pub(crate) fn prove_master(node: &HostPort, hello: &Hello) -> Result<()> {
    match hello.role {
        Role::Master => Ok(()),
        _ => Err(Error::new(ErrorKind::NotMaster, format!("{node} does not say that it is the master"))),
    }
}

/// A server that answers a handshake with an error.
pub(crate) fn refusal(hop: Hop, code: &str, text: &str) -> Error {
    let kind = match (code, hop) {
        ("NOAUTH", Hop::Sentinel) => ErrorKind::SentinelAuthRequired,
        ("NOAUTH", Hop::Data) => ErrorKind::MasterAuthRequired,
        ("WRONGPASS", Hop::Sentinel) => ErrorKind::SentinelAuthFailed,
        ("WRONGPASS", Hop::Data) => ErrorKind::MasterAuthFailed,
        ("NOPERM", _) => ErrorKind::NoPermission,
        ("LOADING" | "MASTERDOWN" | "BUSY", _) => ErrorKind::Unavailable,
        // The second one is said by servers without users, and so is the first one of the next.
        ("ERR", _) if text.contains("without any password configured") || text.contains("no password is set") => {
            ErrorKind::AuthNotExpected
        }
        ("ERR", Hop::Sentinel) if text.contains("invalid password") => ErrorKind::SentinelAuthFailed,
        ("ERR", Hop::Data) if text.contains("invalid password") => ErrorKind::MasterAuthFailed,
        ("ERR", _) if text.contains("unknown command") => ErrorKind::Protocol,
        ("ERR" | "DENIED", _) => ErrorKind::ConnectFailed,
        _ => ErrorKind::Protocol,
    };
    Error::server(kind, code, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn hello(mode: &str, role: &str) -> Value {
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        Value::Map(vec![
            (text("server"), text("redis")),
            (text("version"), text("7.0.15")),
            (text("mode"), text(mode)),
            (text("role"), text(role)),
        ])
    }

    #[test]
    fn hello_carries_credentials_and_name() {
        let credentials = Credentials { username: None, password: Some(Secret::new("pw")) };
        let (bytes, replies) = requests(&credentials, "n", 2);
        assert_eq!(replies, 2);
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            "*7\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$4\r\nAUTH\r\n$7\r\ndefault\r\n$2\r\npw\r\n$7\r\nSETNAME\r\n$1\r\nn\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n2\r\n"
        );
    }

    #[test]
    fn the_mode_must_fit_the_hop() {
        assert_eq!(judge(Hop::Data, &[hello("standalone", "master")]).unwrap().role, Role::Master);
        assert_eq!(judge(Hop::Data, &[hello("standalone", "replica")]).unwrap().role, Role::Replica);
        assert!(judge(Hop::Sentinel, &[hello("sentinel", "")]).is_ok());
        for (hop, mode, kind) in [
            (Hop::Sentinel, "standalone", ErrorKind::NotASentinel),
            (Hop::Data, "sentinel", ErrorKind::NotMaster),
            (Hop::Data, "cluster", ErrorKind::NotMaster),
        ] {
            assert_eq!(judge(hop, &[hello(mode, "master")]).unwrap_err().kind(), kind);
        }
        // What does not even speak of a mode is no sentinel either.
        assert_eq!(judge(Hop::Sentinel, &[Value::Okay]).unwrap_err().kind(), ErrorKind::NotASentinel);
        assert_eq!(judge(Hop::Data, &[Value::Okay]).unwrap_err().kind(), ErrorKind::Protocol);
    }

    fn error(line: &str) -> Value {
        redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap()
    }

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    #[test]
    fn a_server_that_does_not_know_hello_is_greeted_in_resp2() {
        let credentials = Credentials { username: None, password: Some(Secret::new("pw")) };
        for refusal in
            ["ERR unknown command 'HELLO', with args beginning with: '3' ", "NOPROTO unsupported protocol version"]
        {
            let mut handshake = Handshake::new(Hop::Data, ProtocolPolicy::Auto, &credentials, "n", 2);
            assert_eq!(handshake.request().1, 2);
            assert_eq!(handshake.answer(&[error(refusal), Value::Okay]).unwrap(), None);
            let (request, replies) = handshake.request();
            assert_eq!(replies, 5);
            let request = String::from_utf8(request).unwrap();
            for word in ["*2\r\n$4\r\nAUTH\r\n$2\r\npw", "SELECT", "SETNAME", "ROLE", "INFO"] {
                assert!(request.contains(word), "{request}");
            }
            let info = bulk("# Server\r\nredis_version:4.0.1\r\nredis_mode:standalone\r\n");
            let role = Value::Array(vec![bulk("master"), Value::Int(0), Value::Array(vec![])]);
            let hello =
                handshake.answer(&[Value::Okay, Value::Okay, Value::Okay, role, info.clone()]).unwrap().unwrap();
            assert_eq!((hello.role, hello.protocol), (Role::Master, Protocol::Resp2));
            assert_eq!(hello.server_version, "4.0.1");
        }
    }

    #[test]
    fn without_the_right_to_role_info_tells() {
        let credentials = Credentials { username: None, password: None };
        let mut handshake = Handshake::new(Hop::Data, ProtocolPolicy::Resp2, &credentials, "", 0);
        assert_eq!(handshake.request().1, 2);
        assert_eq!(handshake.answer(&[error("NOPERM no"), error("NOPERM no")]).unwrap(), None);
        let hello = handshake.answer(&[bulk("# Replication\r\nrole:slave\r\n")]).unwrap().unwrap();
        assert_eq!(hello.role, Role::Replica);
    }

    #[test]
    fn the_words_of_resp2_fail_as_hello_does() {
        let credentials = Credentials { username: None, password: Some(Secret::new("pw")) };
        for (hop, replies, kind) in [
            (Hop::Data, vec![error("ERR invalid password")], ErrorKind::MasterAuthFailed),
            (Hop::Sentinel, vec![error("WRONGPASS x")], ErrorKind::SentinelAuthFailed),
            (Hop::Data, vec![error("ERR Client sent AUTH, but no password is set")], ErrorKind::AuthNotExpected),
            (Hop::Data, vec![Value::Okay, error("LOADING x"), error("LOADING x")], ErrorKind::Unavailable),
            (Hop::Data, vec![Value::Okay, Value::Array(vec![bulk("sentinel")]), error("ERR x")], ErrorKind::NotMaster),
            (
                Hop::Sentinel,
                vec![Value::Okay, Value::Array(vec![bulk("master")]), error("ERR x")],
                ErrorKind::NotASentinel,
            ),
            (
                Hop::Data,
                vec![Value::Okay, Value::Array(vec![bulk("master")]), bulk("redis_mode:cluster")],
                ErrorKind::NotMaster,
            ),
        ] {
            let mut handshake = Handshake::new(hop, ProtocolPolicy::Resp2, &credentials, "", 0);
            assert_eq!(handshake.answer(&replies).unwrap_err().kind(), kind, "{replies:?}");
        }
    }

    #[test]
    fn who_wants_resp3_only_gets_nothing_else() {
        let credentials = Credentials { username: None, password: None };
        let mut handshake = Handshake::new(Hop::Data, ProtocolPolicy::Resp3, &credentials, "", 0);
        assert_eq!(handshake.answer(&[error("ERR unknown command")]).unwrap_err().kind(), ErrorKind::Protocol);
    }

    #[test]
    fn refusals_name_the_hop() {
        assert_eq!(refusal(Hop::Sentinel, "NOAUTH", "x").kind(), ErrorKind::SentinelAuthRequired);
        assert_eq!(refusal(Hop::Data, "WRONGPASS", "x").kind(), ErrorKind::MasterAuthFailed);
    }
}
