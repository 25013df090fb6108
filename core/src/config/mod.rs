//! What to connect to, and how: a URL and options, checked before anything is dialled.

mod options;
mod secret;
mod url;

pub use options::{
    ConnectPolicy, MinorityPolicy, OptionKind, OptionSpec, OptionValue, Options, OverflowPolicy, ProtocolPolicy,
    UnavailablePolicy,
};
pub use secret::Secret;

use std::fmt;

use crate::error::{Error, ErrorKind, Result};

/// A host and a port, as configured or announced. The name is resolved at every attempt, never before.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostPort {
    /// A host name, an IPv4 address, or an IPv6 address without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

impl HostPort {
    /// A host and a port.
    pub fn new(host: impl Into<String>, port: u16) -> HostPort {
        HostPort { host: host.into(), port }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// User and password for one hop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// The ACL user; none means `default`.
    pub username: Option<String>,
    /// The password; none means that no AUTH is sent.
    pub password: Option<Secret>,
}

/// How the master is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Ask the sentinels at these addresses for the master of this name.
    Sentinel {
        /// The seeds: asked for ever, whatever the sentinels report.
        sentinels: Vec<HostPort>,
        /// The name in `sentinel monitor`.
        master: String,
    },
    /// Use that one of these nodes which says that it is the master.
    Direct {
        /// The nodes.
        hosts: Vec<HostPort>,
    },
}

/// Everything a client needs to know. Made from a URL; options may be set afterwards by name.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) mode: Mode,
    pub(crate) data: Credentials,
    sentinel: Credentials,
    /// `sentinel_auth=same`, whatever the data nodes have in the end.
    sentinel_same: bool,
    pub(crate) db: u64,
    pub(crate) options: Options,
}

impl Config {
    /// Read a URL: `redis+sentinel://[user:password@]host[:port][,host...]/master[/db][?option=value&...]` or
    /// `redis://[user:password@]host[:port][,host...][/db][?...]`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidUrl`], [`ErrorKind::UnknownOption`] or [`ErrorKind::InvalidOption`], naming the offending part and
    /// its position, never a secret.
    pub fn from_url(text: &str) -> Result<Config> {
        url::parse(text)
    }

    /// Set an option by its name.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownOption`] (with the nearest known name) or [`ErrorKind::InvalidOption`].
    pub fn set(&mut self, name: &str, value: impl Into<OptionValue>) -> Result<()> {
        let value = value.into();
        match name {
            "username" => self.data.username = Some(value.into_text(name)?),
            "password" => self.data.password = Some(Secret::new(value.into_text(name)?)),
            "sentinel_username" => self.sentinel.username = Some(value.into_text(name)?),
            "sentinel_password" => self.sentinel.password = Some(Secret::new(value.into_text(name)?)),
            "sentinel_auth" => match value.into_text(name)?.as_str() {
                "same" => self.sentinel_same = true,
                _ => {
                    return Err(Error::new(
                        ErrorKind::InvalidOption,
                        "option sentinel_auth takes `same`; give sentinel_username and sentinel_password instead",
                    ));
                }
            },
            "db" => self.db = value.into_count(name, 0, 1_000_000)?,
            "tls" => {
                if value.into_text(name)? != "none" {
                    return Err(Error::new(ErrorKind::InvalidOption, "option tls: this version speaks no TLS yet"));
                }
            }
            _ => self.options.set(name, value)?,
        }
        Ok(())
    }

    /// What the sentinels are greeted with.
    pub(crate) fn sentinel_credentials(&self) -> &Credentials {
        if self.sentinel_same { &self.data } else { &self.sentinel }
    }

    /// How the master is found.
    pub fn mode(&self) -> &Mode {
        &self.mode
    }

    /// The options.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The names and kinds of all options, for bindings and documentation.
    pub fn option_specs() -> impl Iterator<Item = &'static OptionSpec> {
        options::CONNECTION_SPECS.iter().chain(Options::SPECS.iter())
    }

    /// The kind of the option of this name.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownOption`] with the nearest known name.
    pub fn option_kind(name: &str) -> Result<OptionKind> {
        Config::option_specs()
            .find(|spec| spec.name == name)
            .map(|spec| spec.kind)
            .ok_or_else(|| options::unknown(name))
    }
}
