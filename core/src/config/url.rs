//! The URL: strict, with the position of what is wrong, never with a secret in the message.
//!
//! The authority is split here because it may name several hosts, which the `url` crate refuses; percent-encoding is left to
//! its crate.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::{Config, Credentials, HostPort, Mode, Options, Secret};
use crate::error::{Error, ErrorKind, Result};

const SENTINEL_PORT: u16 = 26379;
const DATA_PORT: u16 = 6379;

/// A part of the URL that remembers where it stands, for messages.
#[derive(Clone, Copy)]
struct Part<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Part<'a> {
    fn split_once(self, separator: char) -> Option<(Part<'a>, Part<'a>)> {
        let found = self.text.find(separator)?;
        Some((
            Part { text: &self.text[..found], at: self.at },
            Part { text: &self.text[found + separator.len_utf8()..], at: self.at + found + separator.len_utf8() },
        ))
    }

    fn split(self, separator: char) -> impl Iterator<Item = Part<'a>> {
        let mut rest = Some(self);
        std::iter::from_fn(move || {
            let part = rest?;
            match part.split_once(separator) {
                Some((head, tail)) => {
                    rest = Some(tail);
                    Some(head)
                }
                None => {
                    rest = None;
                    Some(part)
                }
            }
        })
    }

    fn decode(self, what: &str) -> Result<Cow<'a, str>> {
        let bytes = self.text.as_bytes();
        for (at, _) in self.text.match_indices('%') {
            let valid = bytes.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit));
            if !valid {
                return Err(invalid(
                    format!("{what} has a % that is not followed by two hexadecimal digits"),
                    self.at + at,
                ));
            }
        }
        percent_decode_str(self.text)
            .decode_utf8()
            .map_err(|_| invalid(format!("{what} is not UTF-8 after decoding its %XX"), self.at))
    }
}

fn invalid(what: impl std::fmt::Display, position: usize) -> Error {
    Error::new(ErrorKind::InvalidUrl, format!("{what}, at position {position}"))
}

pub(super) fn parse(text: &str) -> Result<Config> {
    if let Some((at, _)) = text.char_indices().find(|(_, c)| c.is_control() || *c == ' ') {
        return Err(invalid("a space or control character must be written as %XX", at));
    }
    let Some(scheme_end) = text.find("://") else {
        return Err(invalid("a URL starts with redis+sentinel:// or redis://", 0));
    };
    let scheme = &text[..scheme_end];
    let (sentinel, lettuce) = match scheme {
        "redis+sentinel" => (true, false),
        "redis-sentinel" => (true, true),
        "redis" => (false, false),
        "rediss+sentinel" | "rediss-sentinel" | "rediss" => {
            return Err(invalid(format!("scheme {scheme}: this version speaks no TLS yet"), 0));
        }
        // Whatever stands before :// may be a mistyped secret: it is not repeated.
        _ => return Err(invalid("unknown scheme; known are redis+sentinel and redis", 0)),
    };

    let after = Part { text: &text[scheme_end + 3..], at: scheme_end + 3 };
    let (after, fragment) = match after.split_once('#') {
        Some((head, tail)) => (head, Some(tail)),
        None => (after, None),
    };
    let (after, query) = match after.split_once('?') {
        Some((head, tail)) => (head, Some(tail)),
        None => (after, None),
    };
    let (authority, path) = match after.split_once('/') {
        Some((head, tail)) => (head, Some(tail)),
        None => (after, None),
    };

    let (data, hosts) = match authority.text.rfind('@') {
        Some(at) => (
            userinfo(Part { text: &authority.text[..at], at: authority.at })?,
            Part { text: &authority.text[at + 1..], at: authority.at + at + 1 },
        ),
        None => (Credentials::default(), authority),
    };
    let default_port = if sentinel { SENTINEL_PORT } else { DATA_PORT };
    let hosts = hosts.split(',').map(|part| host(part, default_port)).collect::<Result<Vec<_>>>()?;
    for (at, host) in hosts.iter().enumerate() {
        if hosts[..at].contains(host) {
            return Err(invalid(format!("host {host} is named twice"), authority.at));
        }
    }

    let (mode, db) = if sentinel {
        sentinel_target(hosts, path, fragment, lettuce, text.len())?
    } else {
        if let Some(fragment) = fragment {
            return Err(invalid("a fragment (#) is only known in redis-sentinel://...#master", fragment.at - 1));
        }
        (Mode::Direct { hosts }, database(path)?)
    };

    let mut config =
        Config { mode, data, sentinel: Credentials::default(), sentinel_same: false, db, options: Options::default() };
    if let Some(query) = query {
        apply(&mut config, query, path.is_some_and(|path| !path.text.is_empty()))?;
    }
    Ok(config)
}

fn userinfo(part: Part<'_>) -> Result<Credentials> {
    let (user, password) = match part.split_once(':') {
        Some((user, password)) => (user, password),
        None => {
            return Err(invalid("before @ stands user:password, or :password", part.at));
        }
    };
    let username = user.decode("the user name")?;
    let password = password.decode("the password")?;
    if password.is_empty() {
        return Err(invalid("the password before @ is empty", part.at + user.text.len() + 1));
    }
    Ok(Credentials {
        username: (!username.is_empty()).then(|| username.into_owned()),
        password: Some(Secret::new(password)),
    })
}

fn host(part: Part<'_>, default_port: u16) -> Result<HostPort> {
    if part.text.is_empty() {
        return Err(invalid("a host is missing", part.at));
    }
    let (name, port) = if let Some(rest) = part.text.strip_prefix('[') {
        let Some(end) = rest.find(']') else {
            return Err(invalid("an IPv6 address lacks its closing ]", part.at));
        };
        let address = &rest[..end];
        if address.parse::<std::net::Ipv6Addr>().is_err() {
            return Err(invalid("what stands in [ ] is not an IPv6 address", part.at + 1));
        }
        let tail = Part { text: &rest[end + 1..], at: part.at + end + 2 };
        match tail.text.strip_prefix(':') {
            Some(port) => (address.to_owned(), Some(Part { text: port, at: tail.at + 1 })),
            None if tail.text.is_empty() => (address.to_owned(), None),
            None => return Err(invalid("after ] stands a colon and a port", tail.at)),
        }
    } else {
        let (name, port) = match part.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (part, None),
        };
        if let Some(port) = port
            && port.text.contains(':')
        {
            return Err(invalid("an IPv6 address stands in [ ]", part.at));
        }
        let decoded = name.decode("a host name")?;
        if decoded.is_empty() {
            return Err(invalid("a host is missing", name.at));
        }
        (decoded.into_owned(), port)
    };
    let port = match port {
        None => default_port,
        Some(port) => match port.text.parse::<u16>() {
            Ok(number) if number > 0 && port.text.bytes().all(|b| b.is_ascii_digit()) => number,
            _ => return Err(invalid("a port is a number from 1 to 65535", port.at)),
        },
    };
    Ok(HostPort { host: name, port })
}

fn sentinel_target(
    hosts: Vec<HostPort>,
    path: Option<Part<'_>>,
    fragment: Option<Part<'_>>,
    lettuce: bool,
    end: usize,
) -> Result<(Mode, u64)> {
    if lettuce {
        // lettuce: redis-sentinel://host[,host]/db#master
        let Some(fragment) = fragment.filter(|fragment| !fragment.text.is_empty()) else {
            return Err(invalid("redis-sentinel:// takes the master name after #", end));
        };
        let master = fragment.decode("the master name")?.into_owned();
        return Ok((Mode::Sentinel { sentinels: hosts, master }, database(path)?));
    }
    if let Some(fragment) = fragment {
        return Err(invalid("the master name stands after /, not after #", fragment.at - 1));
    }
    let missing = || invalid("the master name is missing: redis+sentinel://host/master", end);
    let path = path.ok_or_else(missing)?;
    let (name, db) = match path.split_once('/') {
        Some((name, db)) => (name, Some(db)),
        None => (path, None),
    };
    if name.text.is_empty() {
        return Err(missing());
    }
    let master = name.decode("the master name")?.into_owned();
    Ok((Mode::Sentinel { sentinels: hosts, master }, database(db)?))
}

fn database(part: Option<Part<'_>>) -> Result<u64> {
    match part {
        None => Ok(0),
        Some(part) if part.text.is_empty() => Ok(0),
        Some(part) => {
            if let Some(extra) = part.text.find('/') {
                return Err(invalid("there is a path segment too many", part.at + extra));
            }
            if part.text.bytes().all(|b| b.is_ascii_digit()) && part.text.len() <= 6 {
                // At most six digits, so it is a number.
                Ok(part.text.parse().unwrap_or(0))
            } else {
                Err(invalid("the database is a number", part.at))
            }
        }
    }
}

fn apply(config: &mut Config, query: Part<'_>, has_path: bool) -> Result<()> {
    let mut seen: Vec<String> = Vec::new();
    let mut sentinel_same = None;
    for pair in query.split('&') {
        if pair.text.is_empty() {
            return Err(invalid("an option is missing", pair.at));
        }
        let Some((name, value)) = pair.split_once('=') else {
            return Err(invalid("an option is written name=value", pair.at));
        };
        let key = name.decode("the name of an option")?.into_owned();
        if seen.contains(&key) {
            return Err(invalid("an option is given twice", name.at));
        }
        let text = value.decode("the value of an option")?.into_owned();
        let conflict = match key.as_str() {
            "username" => config.data.username.is_some(),
            "password" => config.data.password.is_some(),
            "db" => has_path && config.db != 0,
            _ => false,
        };
        if conflict {
            return Err(invalid(format!("{key} is given twice, before and after the ?"), name.at));
        }
        if key == "sentinel_auth" {
            sentinel_same = Some((name.at, text.clone()));
        } else {
            config
                .set(&key, text)
                .map_err(|error| Error::new(error.kind(), format!("{}, at position {}", error.message(), name.at)))?;
        }
        seen.push(key);
    }
    // `same` means whatever the data nodes have in the end, wherever it stands in the query.
    if let Some((at, word)) = sentinel_same {
        if config.sentinel != Credentials::default() {
            return Err(invalid("sentinel_auth=same conflicts with sentinel_username or sentinel_password", at));
        }
        config.set("sentinel_auth", word)?;
    }
    Ok(())
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

    #[test]
    fn mistakes_are_named_with_their_position() {
        use ErrorKind::{InvalidOption, InvalidUrl, UnknownOption};
        for (url, kind, part) in [
            ("", InvalidUrl, "position 0"),
            ("localhost:6379", InvalidUrl, "starts with"),
            ("http://h/m", InvalidUrl, "unknown scheme"),
            ("rediss://h", InvalidUrl, "TLS"),
            ("redis+sentinel://", InvalidUrl, "host is missing, at position 17"),
            ("redis+sentinel://s1", InvalidUrl, "master name is missing, at position 19".split(',').next().unwrap()),
            ("redis+sentinel://s1,,s2/m", InvalidUrl, "position 20"),
            ("redis+sentinel://s1,s1/m", InvalidUrl, "named twice"),
            ("redis+sentinel://s1:0/m", InvalidUrl, "port"),
            ("redis+sentinel://s1:+5/m", InvalidUrl, "port"),
            ("redis+sentinel://::1/m", InvalidUrl, "[ ]"),
            ("redis+sentinel://s1/m/1/2", InvalidUrl, "segment too many, at position 23"),
            ("redis+sentinel://s1/m/x", InvalidUrl, "database"),
            ("redis+sentinel://user@s1/m", InvalidUrl, "user:password"),
            ("redis+sentinel://s1/m?colour=red", UnknownOption, "colour"),
            ("redis+sentinel://s1/m?command_timeout=soon", InvalidOption, "command_timeout"),
            ("redis+sentinel://s1/m?db=1&db=2", InvalidUrl, "twice"),
            ("redis+sentinel://:pw@s1/m?password=other", InvalidUrl, "twice"),
            ("redis+sentinel://s1/m%zz", InvalidUrl, "hexadecimal"),
            ("redis+sentinel://s1/m#x", InvalidUrl, "after /"),
            ("redis://h/1/2", InvalidUrl, "segment"),
        ] {
            let error = Config::from_url(url).expect_err(url);
            assert_eq!(error.kind(), kind, "{url}: {error}");
            assert!(error.message().contains(part), "{url}: {error}");
        }
    }

    #[test]
    fn no_message_contains_a_secret() {
        for url in [
            "redis+sentinel://user:canary@",
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
