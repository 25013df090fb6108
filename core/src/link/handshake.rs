//! The first words on a link, and what the answers mean. No I/O.
//!
//! HELLO proves life, protocol and role in one round trip and needs no right of its own, so every link begins with it:
//! the role of a data node and the mode of a sentinel are checked before the first command.

use redis::Value;

use super::resp::text;
use crate::command::encode;
use crate::config::{Credentials, HostPort};
use crate::error::{Error, ErrorKind, Result};
use crate::node::role::Role;

/// Which hop a link belongs to: it decides how refusals are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hop {
    Sentinel,
    Data,
}

/// What a server says about itself.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Hello {
    pub(crate) server_version: String,
    pub(crate) role: Role,
}

/// The requests of a handshake, and how many replies they have.
pub(crate) fn requests(credentials: &Credentials, client_name: &str, db: u64) -> (Vec<u8>, usize) {
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
    let mode = field("mode");
    match (hop, mode) {
        (Hop::Sentinel, "sentinel") => {}
        (Hop::Sentinel, mode) => {
            return Err(Error::new(
                ErrorKind::NotASentinel,
                format!("what answers is not a sentinel but a {} server in mode {mode}", field("server")),
            ));
        }
        (Hop::Data, "sentinel") => {
            return Err(Error::new(ErrorKind::NotMaster, "what answers is a sentinel, not a data node"));
        }
        (Hop::Data, "cluster") => {
            return Err(Error::new(
                ErrorKind::NotMaster,
                "the server is in cluster mode, which this client does not speak",
            ));
        }
        (Hop::Data, _) => {}
    }
    if let Some(Value::ServerError(error)) = replies.get(1) {
        let kind = if error.code() == "NOPERM" { ErrorKind::NoPermission } else { ErrorKind::InvalidOption };
        return Err(Error::server(
            kind,
            error.code(),
            &format!("{} (selecting the database)", error.details().unwrap_or_default()),
        ));
    }
    Ok(Hello { server_version: field("version").to_owned(), role: Role::from_name(field("role")) })
}

/// What the replies to [`requests`] mean on a link that carries commands: the node must say that it is the master.
///
/// # Errors
/// As [`judge`], and `NotMaster`.
pub(crate) fn prove_master(node: &HostPort, replies: &[Value]) -> Result<()> {
    match judge(Hop::Data, replies)?.role {
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
        ("ERR", _) if text.contains("without any password configured") => ErrorKind::AuthNotExpected,
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

    #[test]
    fn refusals_name_the_hop() {
        assert_eq!(refusal(Hop::Sentinel, "NOAUTH", "x").kind(), ErrorKind::SentinelAuthRequired);
        assert_eq!(refusal(Hop::Data, "WRONGPASS", "x").kind(), ErrorKind::MasterAuthFailed);
    }
}
