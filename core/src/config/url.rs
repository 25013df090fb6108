//! The URL: strict, with the position of what is wrong, never with a secret in the message.
//!
//! The authority is split here because it may name several hosts, which the `url` crate refuses; percent-encoding is left to
//! its crate. Every message ends with the offending part and its position in bytes, `(port at position 22)`. No part of the
//! text is repeated in it: what looks like a port may be the end of a password that was not encoded.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

use percent_encoding::percent_decode_str;

use super::{Config, Credentials, HostPort, Mode, Options, Secret, options};
use crate::error::{Error, ErrorKind, Result};

const SENTINEL_PORT: u16 = 26379;
const DATA_PORT: u16 = 6379;

/// A piece of the URL that remembers where it stands, for messages.
#[derive(Clone, Copy)]
struct Piece<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Piece<'a> {
    /// The piece from here to there, counted from its own beginning.
    fn slice(self, from: usize, to: usize) -> Piece<'a> {
        Piece { text: &self.text[from..to], at: self.at + from }
    }

    fn split_once(self, separator: char) -> Option<(Piece<'a>, Piece<'a>)> {
        let found = self.text.find(separator)?;
        Some((self.slice(0, found), self.slice(found + separator.len_utf8(), self.text.len())))
    }

    /// What stands before a separator, and what behind it if it is there.
    fn cut(self, separator: char) -> (Piece<'a>, Option<Piece<'a>>) {
        match self.split_once(separator) {
            Some((head, tail)) => (head, Some(tail)),
            None => (self, None),
        }
    }

    fn split(self, separator: char) -> impl Iterator<Item = Piece<'a>> {
        let mut rest = Some(self);
        std::iter::from_fn(move || {
            let (head, tail) = rest?.cut(separator);
            rest = tail;
            Some(head)
        })
    }

    fn decode(self, part: &'static str) -> Result<Cow<'a, str>> {
        let bytes = self.text.as_bytes();
        for (at, _) in self.text.match_indices('%') {
            let valid = bytes.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit));
            if !valid {
                return Err(invalid("a % is followed by two hexadecimal digits", part, self.at + at));
            }
        }
        percent_decode_str(self.text)
            .decode_utf8()
            .map_err(|_| invalid("what the %XX stand for is not UTF-8", part, self.at))
    }
}

fn invalid(what: &str, part: &'static str, at: usize) -> Error {
    located(ErrorKind::InvalidUrl, what, part, at)
}

fn located(kind: ErrorKind, what: &str, part: &'static str, at: usize) -> Error {
    Error::new(kind, format!("{what} ({part} at position {at})"))
}

pub(super) fn parse(text: &str) -> Result<Config> {
    // Positions mean the same in every language because everything before the first mistake is ASCII.
    if let Some((at, _)) = text.char_indices().find(|(_, c)| !c.is_ascii_graphic()) {
        return Err(invalid("spaces, control characters and what is not ASCII are written as %XX", "url", at));
    }
    let Some(scheme_end) = text.find("://") else {
        return Err(invalid("a URL starts with redis+sentinel:// or redis://", "scheme", 0));
    };
    let form = Form::of(&text[..scheme_end])?;
    let whole = Piece { text, at: 0 }.slice(scheme_end + 3, text.len());
    let (rest, fragment) = whole.cut('#');
    let (rest, query) = rest.cut('?');
    let (authority, path) = rest.cut('/');
    // A / ? or # in a password ends the authority too early; then its @ stands here, and half a password among the hosts.
    if let Some(at) = whole.text[authority.text.len()..].find('@') {
        let at = authority.at + authority.text.len() + at;
        let text = "an @ outside of user:password@ is written %40, and in user:password@ / ? # are %2F %3F %23";
        return Err(invalid(text, "url", at));
    }

    let (data, hosts) = match authority.split_once('@') {
        Some((userinfo, hosts)) => (credentials(userinfo, form)?, hosts),
        None => (Credentials::default(), authority),
    };
    if let Some(at) = hosts.text.find('@') {
        return Err(invalid(
            "there is one @, before the first host; another one is written %40",
            "host",
            hosts.at + at,
        ));
    }
    let hosts = hosts_of(hosts, if form == Form::Direct { DATA_PORT } else { SENTINEL_PORT })?;
    let end = text.len();
    let (mode, db) = match form {
        Form::Direct => {
            if let Some(fragment) = fragment {
                return Err(invalid("a # belongs to redis-sentinel://...#master only", "fragment", fragment.at - 1));
            }
            (Mode::Direct { hosts }, path.filter(|path| !path.text.is_empty()))
        }
        Form::Sentinel => {
            if let Some(fragment) = fragment {
                return Err(invalid("the master name stands behind a /, not behind a #", "fragment", fragment.at - 1));
            }
            let missing = || invalid("the master name is missing: redis+sentinel://host/master", "master", end);
            let (name, db) = path.ok_or_else(missing)?.cut('/');
            if name.text.is_empty() {
                return Err(invalid("the master name is missing: redis+sentinel://host/master", "master", name.at));
            }
            (Mode::Sentinel { sentinels: hosts, master: master_name(name)? }, db)
        }
        Form::Lettuce => {
            let name = fragment.filter(|fragment| !fragment.text.is_empty());
            let missing = || invalid("redis-sentinel:// takes the master name behind a #", "master", end);
            let master = master_name(name.ok_or_else(missing)?)?;
            (Mode::Sentinel { sentinels: hosts, master }, path.filter(|path| !path.text.is_empty()))
        }
    };

    let mut config = Config {
        mode,
        data,
        sentinel: Credentials::default(),
        sentinel_same: false,
        db: db.map_or(Ok(0), database)?,
        options: Options::default(),
    };
    if let Some(query) = query {
        apply(&mut config, query, db.is_some())?;
    }
    Ok(config)
}

/// What the scheme says about the rest.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `redis://host/db`
    Direct,
    /// `redis+sentinel://host/master/db`
    Sentinel,
    /// `redis-sentinel://host/db#master`, as lettuce writes it.
    Lettuce,
}

impl Form {
    fn of(scheme: &str) -> Result<Form> {
        match scheme.to_ascii_lowercase().as_str() {
            "redis" => Ok(Form::Direct),
            "redis+sentinel" => Ok(Form::Sentinel),
            "redis-sentinel" => Ok(Form::Lettuce),
            "rediss" | "rediss+sentinel" | "rediss-sentinel" => {
                Err(invalid("TLS is not supported by this version", "scheme", 0))
            }
            _ => Err(invalid("unknown scheme; known are redis+sentinel and redis", "scheme", 0)),
        }
    }
}

fn credentials(userinfo: Piece<'_>, form: Form) -> Result<Credentials> {
    let (user, password) = match userinfo.split_once(':') {
        Some((user, password)) => (Some(user), password),
        // lettuce writes a password without a user so.
        None if form == Form::Lettuce => (None, userinfo),
        None => return Err(invalid("before the @ stands user:password, or :password", "password", userinfo.at)),
    };
    let username = user.map(|user| user.decode("user")).transpose()?.filter(|user| !user.is_empty());
    let secret = password.decode("password")?;
    if secret.is_empty() {
        return Err(invalid("the password before the @ is empty", "password", password.at));
    }
    Ok(Credentials { username: username.map(Cow::into_owned), password: Some(Secret::new(secret)) })
}

fn hosts_of(list: Piece<'_>, default_port: u16) -> Result<Vec<HostPort>> {
    let mut hosts: Vec<HostPort> = Vec::new();
    for piece in list.split(',') {
        let host = host(piece, default_port)?;
        if hosts.iter().any(|known| known.port == host.port && known.host.eq_ignore_ascii_case(&host.host)) {
            return Err(invalid("a host is named twice", "host", piece.at));
        }
        hosts.push(host);
    }
    Ok(hosts)
}

fn host(piece: Piece<'_>, default_port: u16) -> Result<HostPort> {
    let (host, port) = if piece.text.starts_with('[') {
        let Some(end) = piece.text.find(']') else {
            return Err(invalid("an IPv6 address lacks its closing ]", "host", piece.at));
        };
        let host = ipv6(piece.slice(1, end))?;
        let tail = piece.slice(end + 1, piece.text.len());
        match tail.text.strip_prefix(':') {
            Some(_) => (host, Some(tail.slice(1, tail.text.len()))),
            None if tail.text.is_empty() => (host, None),
            None => return Err(invalid("behind a ] stands a colon and a port", "host", tail.at)),
        }
    } else {
        let (name, port) = piece.cut(':');
        if port.is_some_and(|port| port.text.contains(':')) {
            return Err(invalid("an IPv6 address stands in [ ]", "host", piece.at));
        }
        (host_name(name)?, port)
    };
    Ok(HostPort { host, port: port.map_or(Ok(default_port), port_number)? })
}

fn host_name(piece: Piece<'_>) -> Result<String> {
    let name = piece.decode("host")?;
    let wrong = |what| Err(invalid(what, "host", piece.at));
    if name.is_empty() {
        return wrong("a host is missing");
    }
    if !name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '.' | '_')) {
        return wrong("a host name has letters, digits, '-', '.' and '_'");
    }
    if name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && name.parse::<Ipv4Addr>().is_err() {
        return wrong("this is not an IPv4 address");
    }
    Ok(name.into_owned())
}

/// An address in brackets; `%25` leads to the zone of a link-local one.
fn ipv6(piece: Piece<'_>) -> Result<String> {
    let (address, zone) = match piece.text.find("%25") {
        Some(at) => (&piece.text[..at], Some(piece.slice(at + 3, piece.text.len()))),
        None => (piece.text, None),
    };
    let Ok(address) = address.parse::<Ipv6Addr>() else {
        return Err(invalid("what stands in [ ] is not an IPv6 address", "host", piece.at));
    };
    match zone {
        None => Ok(address.to_string()),
        Some(zone) if !zone.text.is_empty() && zone.text.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            Ok(format!("{address}%{}", zone.text))
        }
        Some(zone) => Err(invalid("a zone has letters and digits", "host", zone.at)),
    }
}

fn port_number(piece: Piece<'_>) -> Result<u16> {
    number(piece, u64::from(u16::MAX))
        .and_then(|number| u16::try_from(number).ok())
        .filter(|number| *number > 0)
        .ok_or_else(|| invalid("a port is a number from 1 to 65535", "port", piece.at))
}

fn master_name(piece: Piece<'_>) -> Result<String> {
    let name = piece.decode("master")?;
    if name.chars().any(char::is_control) {
        return Err(invalid("a master name has no control characters", "master", piece.at));
    }
    Ok(name.into_owned())
}

fn database(piece: Piece<'_>) -> Result<u64> {
    if let Some(extra) = piece.text.find('/') {
        return Err(invalid("there is a path segment too many", "path", piece.at + extra));
    }
    number(piece, options::MAX_DB).ok_or_else(|| {
        invalid(&format!("the database is a number from 0 to {}", options::MAX_DB), "database", piece.at)
    })
}

/// A number in digits and nothing else, which `parse` alone would not be content with.
fn number(piece: Piece<'_>, max: u64) -> Option<u64> {
    let digits = !piece.text.is_empty() && piece.text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { piece.text.parse().ok().filter(|number| *number <= max) } else { None }
}

fn apply(config: &mut Config, query: Piece<'_>, db_in_path: bool) -> Result<()> {
    let mut seen: Vec<String> = Vec::new();
    let mut same = None;
    for pair in query.split('&') {
        let Some((name, value)) = pair.split_once('=') else {
            let what = if pair.text.is_empty() { "an option is missing" } else { "an option is written name=value" };
            return Err(invalid(what, "option", pair.at));
        };
        let key = name.decode("option")?.into_owned();
        if seen.contains(&key) {
            return Err(invalid("an option is given twice", "option", name.at));
        }
        let in_front = match key.as_str() {
            "username" => config.data.username.is_some(),
            "password" => config.data.password.is_some(),
            "db" => db_in_path,
            _ => false,
        };
        if in_front {
            return Err(invalid("this option is given twice, before and behind the ?", "option", name.at));
        }
        let text = value.decode("value")?.into_owned();
        config.set(&key, text).map_err(|error| match error.kind() {
            ErrorKind::UnknownOption => located(error.kind(), error.message(), "option", name.at),
            kind => located(kind, error.message(), "value", value.at),
        })?;
        if key == "sentinel_auth" {
            same = Some(name.at);
        }
        seen.push(key);
    }
    match same {
        Some(at) if config.sentinel != Credentials::default() => {
            let text = "sentinel_auth=same conflicts with sentinel_username or sentinel_password";
            Err(invalid(text, "option", at))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentinels(config: &Config) -> (Vec<String>, String) {
        match &config.mode {
            Mode::Sentinel { sentinels, master } => {
                (sentinels.iter().map(ToString::to_string).collect(), master.clone())
            }
            Mode::Direct { .. } => panic!("expected sentinel mode"),
        }
    }

    #[test]
    fn canonical_form_is_read() {
        let config = Config::from_url(
            "redis+sentinel://al%40ice:p%3A%2Fw@s1,s2:7000,[::1]:7001/my%20master/3?command_timeout=250ms&sentinel_auth=same",
        )
        .unwrap();
        assert_eq!(
            sentinels(&config),
            (vec!["s1:26379".into(), "s2:7000".into(), "[::1]:7001".into()], "my master".into())
        );
        assert_eq!(config.data.username.as_deref(), Some("al@ice"));
        assert_eq!(config.data.password.as_ref().unwrap().reveal(), "p:/w");
        assert_eq!(config.sentinel_credentials(), &config.data);
        assert_eq!(config.db, 3);
        assert_eq!(config.options.command_timeout.as_millis(), 250);
    }

    #[test]
    fn lettuce_form_is_read() {
        let config = Config::from_url("redis-sentinel://s1,s2:1/2#mymaster").unwrap();
        assert_eq!(sentinels(&config), (vec!["s1:26379".into(), "s2:1".into()], "mymaster".into()));
        assert_eq!(config.db, 2);
    }

    #[test]
    fn direct_form_is_read() {
        let config = Config::from_url("redis://h1,h2:7000/5").unwrap();
        assert_eq!(config.mode, Mode::Direct { hosts: vec![HostPort::new("h1", 6379), HostPort::new("h2", 7000)] });
        assert_eq!(config.db, 5);
    }

    /// The file that all languages share, with what only this crate can see: the secrets themselves.
    #[test]
    fn the_shared_vectors_hold() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/urls.json");
        let vectors: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        let vectors = vectors["vectors"].as_array().unwrap();
        for vector in vectors {
            let Some(expected) = vector.get("parsed") else { continue };
            let url = vector["url"].as_str().unwrap();
            let config = Config::from_url(url).unwrap_or_else(|error| panic!("{url}: {error}"));
            let secret = |credentials: &Credentials| {
                credentials.password.as_ref().map_or(serde_json::Value::Null, |secret| secret.reveal().into())
            };
            assert_eq!(secret(&config.data), expected["password"], "{url}");
            assert_eq!(secret(&config.sentinel), expected["sentinel_password"], "{url}");
        }
    }

    #[test]
    fn no_message_contains_a_secret() {
        for url in [
            "redis+sentinel://user:canary@",
            "redis+sentinel://user:can/ary@s1/m",
            "redis://user:9/canary@s1",
            "redis://user:can?canary=x@s1",
            "redis://user:x?canary@s1",
            "redis://user:x#canary@s1",
            "redis://user:x@canary@s1",
            "redis://canary,canary",
            "redis://canary:canary",
            "redis://h/canary",
            "redis://h?pool_size=canary",
            "redis+sentinel://user:canary@s1:bad/m",
            "redis+sentinel://user:canary%zz@s1/m",
            "redis+sentinel://s1/m?password=canary%zz",
            "redis+sentinel://s1/m?sentinel_password=canary&x=1",
            "canary",
            "canary://s1/m",
        ] {
            let error = Config::from_url(url).expect_err(url);
            assert!(!error.to_string().contains("canary"), "{error}");
        }
        let config = Config::from_url("redis+sentinel://user:canary@s1/m?sentinel_password=canary").unwrap();
        assert!(!format!("{config:?}").contains("canary"));
    }
}
