//! Tables that say what becomes of an address: `address_map` (which address instead) and `tls_server_name` (which name its
//! certificate must have). Pure.
//!
//! A rule is written `from=to`, rules are separated by commas. `from` is `host:port`, or `host` for all its ports; the rule
//! with the port goes before the one without. IPv6 addresses with a port stand in brackets.

use std::fmt;
use std::net::Ipv6Addr;

use super::HostPort;

/// A host, or a host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    host: String,
    port: Option<u16>,
}

/// Rules `from=to`, in the order in which they were given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table<T>(Vec<(Place, T)>);

/// `address_map`: which addresses are replaced, and by what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressMap(Table<Place>);

/// `tls_server_name`: which name a server's certificate must have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ServerNames {
    /// The host of the address that is connected to.
    #[default]
    Announced,
    /// The same name for all servers.
    Fixed(String),
    /// By address; the host of the address where no rule fits.
    #[non_exhaustive]
    Map(NameTable),
}

/// The rules of [`ServerNames::Map`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameTable(Table<String>);

impl Place {
    fn parse(text: &str) -> Option<Place> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, tail) = rest.split_once(']')?;
                host.parse::<Ipv6Addr>().ok()?;
                (host, tail)
            }
            // An IPv6 address without brackets has no port.
            None if text.parse::<Ipv6Addr>().is_ok() => (text, ""),
            None => text.split_at(text.find(':').unwrap_or(text.len())),
        };
        let port = match port.strip_prefix(':') {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(digits.parse().ok().filter(|port| *port > 0)?)
            }
            Some(_) => return None,
            None if port.is_empty() => None,
            None => return None,
        };
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_' | ':' | '%');
        (!host.is_empty() && host.chars().all(plain)).then(|| Place { host: canonical(host), port })
    }

    fn fits(&self, address: &HostPort) -> bool {
        self.port.is_none_or(|port| port == address.port) && self.host.eq_ignore_ascii_case(&canonical(&address.host))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}", HostPort::new(self.host.clone(), port)),
            None => f.write_str(&self.host),
        }
    }
}

/// An IPv6 address has many forms.
fn canonical(host: &str) -> String {
    host.parse::<Ipv6Addr>().map_or_else(|_| host.to_owned(), |address| address.to_string())
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table(Vec::new())
    }
}

impl<T> Table<T> {
    fn parse(text: &str, read: impl Fn(&str) -> Option<T>) -> Option<Table<T>> {
        let rules = text.split(',').map(|rule| {
            let (from, to) = rule.split_once('=')?;
            Some((Place::parse(from)?, read(to)?))
        });
        rules.collect::<Option<Vec<_>>>().map(Table)
    }

    fn find(&self, address: &HostPort) -> Option<&T> {
        let fits = || self.0.iter().filter(|(from, _)| from.fits(address));
        fits().find(|(from, _)| from.port.is_some()).or_else(|| fits().next()).map(|(_, to)| to)
    }
}

impl<T: fmt::Display> fmt::Display for Table<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (from, to)) in self.0.iter().enumerate() {
            write!(f, "{}{from}={to}", if at > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

impl AddressMap {
    /// `none`, or rules `from=to,...`.
    pub(super) fn parse(text: &str) -> Option<AddressMap> {
        if matches!(text, "none" | "") {
            Some(AddressMap::default())
        } else {
            Table::parse(text, Place::parse).map(AddressMap)
        }
    }

    /// The address to use instead of this one. A rule without a port on its right side keeps the port.
    pub(crate) fn apply(&self, address: &HostPort) -> HostPort {
        match self.0.find(address) {
            Some(to) => HostPort { host: to.host.clone(), port: to.port.unwrap_or(address.port) },
            None => address.clone(),
        }
    }
}

impl fmt::Display for AddressMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.0.is_empty() { f.write_str("none") } else { self.0.fmt(f) }
    }
}

impl ServerNames {
    /// `announced`, a name, or rules `from=name,...`.
    pub(super) fn parse(text: &str) -> Option<ServerNames> {
        let name = |text: &str| Place::parse(text).filter(|place| place.port.is_none()).map(|place| place.host);
        match text {
            "announced" => Some(ServerNames::Announced),
            rules if rules.contains('=') => Table::parse(rules, name).map(NameTable).map(ServerNames::Map),
            fixed => name(fixed).map(ServerNames::Fixed),
        }
    }

    /// The name for the server at this address.
    pub(crate) fn of<'a>(&'a self, address: &'a HostPort) -> &'a str {
        match self {
            ServerNames::Announced => &address.host,
            ServerNames::Fixed(name) => name,
            ServerNames::Map(NameTable(table)) => table.find(address).map_or(&address.host, |name| name),
        }
    }
}

impl fmt::Display for ServerNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServerNames::Announced => f.write_str("announced"),
            ServerNames::Fixed(name) => f.write_str(name),
            ServerNames::Map(NameTable(table)) => table.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped(rules: &str, host: &str, port: u16) -> String {
        AddressMap::parse(rules).unwrap().apply(&HostPort::new(host, port)).to_string()
    }

    #[test]
    fn the_rule_with_the_port_goes_first_and_a_port_is_kept_where_none_is_given() {
        let rules = "10.0.0.1=localhost,10.0.0.1:6380=127.0.0.1:7001,redis-a=10.1.1.1:1,10.0.0.9:1=x";
        assert_eq!(mapped(rules, "10.0.0.1", 6380), "127.0.0.1:7001");
        assert_eq!(mapped(rules, "10.0.0.1", 6379), "localhost:6379");
        assert_eq!(mapped(rules, "Redis-A", 5), "10.1.1.1:1");
        assert_eq!(mapped(rules, "10.0.0.9", 1), "x:1");
        assert_eq!(mapped(rules, "10.0.0.9", 2), "10.0.0.9:2");
        assert_eq!(mapped("none", "10.0.0.9", 2), "10.0.0.9:2");
    }

    #[test]
    fn ipv6_is_understood_in_every_form() {
        let rules = "[fd00::1]:6379=[::1]:7000,fd00::2=::1";
        assert_eq!(mapped(rules, "fd00:0:0:0:0:0:0:1", 6379), "[::1]:7000");
        assert_eq!(mapped(rules, "fd00::1", 6380), "[fd00::1]:6380");
        assert_eq!(mapped(rules, "fd00::2", 9), "[::1]:9");
        assert_eq!(AddressMap::parse(rules).unwrap().to_string(), rules);
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for text in [
            "a",
            "a=",
            "=b",
            "a=b,",
            ",",
            "a:0=b",
            "a:x=b",
            "a:70000=b",
            "[::1=b",
            "a b=c",
            "a=b c",
            "[a]:1=b",
            "a:+1=b",
        ] {
            assert_eq!(AddressMap::parse(text), None, "{text}");
        }
        for text in ["", "a b", "a:1", "a=b:1", "a=b,c"] {
            assert_eq!(ServerNames::parse(text), None, "{text}");
        }
    }

    #[test]
    fn names_are_announced_fixed_or_mapped() {
        let name = |rules: &str, host: &str, port| {
            ServerNames::parse(rules).unwrap().of(&HostPort::new(host, port)).to_owned()
        };
        assert_eq!(name("announced", "10.0.0.1", 1), "10.0.0.1");
        assert_eq!(name("redis.example", "10.0.0.1", 1), "redis.example");
        assert_eq!(name("10.0.0.1=a.example,10.0.0.1:2=b.example", "10.0.0.1", 2), "b.example");
        assert_eq!(name("10.0.0.1=a.example", "10.0.0.2", 2), "10.0.0.2");
        assert_eq!(ServerNames::parse("10.0.0.1:2=b").unwrap().to_string(), "10.0.0.1:2=b");
    }
}
