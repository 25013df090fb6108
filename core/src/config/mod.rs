//! What to connect to, and how: a URL and options, checked before anything is dialled.

mod env;
mod nearest;
mod options;
mod secret;
mod url;

pub use options::{
    ConnectPolicy, MinorityPolicy, OptionKind, OptionScope, OptionSpec, OptionValue, Options, OverflowPolicy,
    ProtocolPolicy, UnavailablePolicy,
};
pub use secret::Secret;

use std::fmt;

use crate::error::{Error, ErrorKind, Result};
use crate::tree::Tree;

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
    /// `redis://[user:password@]host[:port][,host...][/db][?...]`. The URL `env:` stands for the environment: see
    /// [`Config::from_env`].
    ///
    /// # Errors
    /// [`ErrorKind::InvalidUrl`], [`ErrorKind::UnknownOption`] or [`ErrorKind::InvalidOption`], naming the offending part and
    /// its position (in bytes, from 0), never a secret.
    pub fn from_url(text: &str) -> Result<Config> {
        if text == "env:" { Config::from_env() } else { url::parse(text) }
    }

    /// Read the environment: `STANDFAST_URL`, and `STANDFAST_COMMAND_TIMEOUT` and so on for the options, which go before
    /// those in the URL. Nothing else ever looks there: only this function, and the URL `env:`.
    ///
    /// # Errors
    /// As [`Config::from_url`], naming the variable; [`ErrorKind::InvalidUrl`] without `STANDFAST_URL`;
    /// [`ErrorKind::UnknownOption`] for a variable whose name is nearly that of an option. Never a secret.
    pub fn from_env() -> Result<Config> {
        env::read(std::env::vars_os())
    }

    /// Set an option by its name.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownOption`] (with the nearest known name) or [`ErrorKind::InvalidOption`].
    pub fn set(&mut self, name: &str, value: impl Into<OptionValue>) -> Result<()> {
        let value = value.into();
        match name {
            "username" => self.data.username = Some(value.into_words(name)?),
            "password" => self.data.password = Some(Secret::new(value.into_words(name)?)),
            "sentinel_username" => self.sentinel.username = Some(value.into_words(name)?),
            "sentinel_password" => self.sentinel.password = Some(Secret::new(value.into_words(name)?)),
            "sentinel_auth" => match value.into_text(name)?.as_str() {
                "same" => self.sentinel_same = true,
                _ => {
                    return Err(Error::new(
                        ErrorKind::InvalidOption,
                        "option sentinel_auth takes `same`; give sentinel_username and sentinel_password instead",
                    ));
                }
            },
            "db" => self.db = value.into_count(name, 0, options::MAX_DB)?,
            _ => self.options.set(name, value)?,
        }
        Ok(())
    }

    /// Whether everything fits together; called before anything is dialled.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOption`], naming what would otherwise be ignored silently.
    pub fn check(&self) -> Result<()> {
        let wrong = |text: &str| Err(Error::new(ErrorKind::InvalidOption, text));
        let nameless = |credentials: &Credentials| credentials.username.is_some() && credentials.password.is_none();
        if nameless(&self.data) {
            return wrong("option username needs a password: without one no AUTH would be sent");
        }
        if nameless(&self.sentinel) {
            return wrong("option sentinel_username needs a sentinel_password: without one no AUTH would be sent");
        }
        let for_sentinels = self.sentinel_same || self.sentinel != Credentials::default();
        match &self.mode {
            Mode::Direct { .. } if for_sentinels => {
                return wrong("options sentinel_username, sentinel_password and sentinel_auth need redis+sentinel://");
            }
            _ => {}
        }
        if self.sentinel_same && self.sentinel != Credentials::default() {
            return wrong("option sentinel_auth=same conflicts with sentinel_username or sentinel_password");
        }
        // Servers refuse such a name, on every connection, with no word about which option it comes from.
        if !self.options.client_name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return wrong("option client_name takes visible ASCII without spaces");
        }
        Ok(())
    }

    /// The whole configuration as a report: `mode` (`sentinel` or `direct`), `hosts`, `master`, `db`, `username`, `password`,
    /// `sentinel_username`, `sentinel_password`, `sentinel_auth`, and `options` by name. A password is `***`, or nil.
    pub fn describe(&self) -> Tree {
        let (mode, hosts, master) = match &self.mode {
            Mode::Sentinel { sentinels, master } => ("sentinel", sentinels, Some(master.clone())),
            Mode::Direct { hosts } => ("direct", hosts, None),
        };
        let masked = |credentials: &Credentials| Tree::from(credentials.password.as_ref().map(|_| "***"));
        Tree::Map(vec![
            ("mode", mode.into()),
            ("hosts", Tree::List(hosts.iter().map(|host| host.to_string().into()).collect())),
            ("master", master.into()),
            ("db", self.db.into()),
            ("username", self.data.username.clone().into()),
            ("password", masked(&self.data)),
            ("sentinel_username", self.sentinel.username.clone().into()),
            ("sentinel_password", masked(&self.sentinel)),
            ("sentinel_auth", self.sentinel_same.then_some("same").into()),
            ("options", Tree::Map(self.options.show())),
        ])
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

    /// The list of all options, for bindings and documentation.
    pub fn option_specs() -> impl Iterator<Item = &'static OptionSpec> {
        options::SPECS.iter()
    }

    /// Whether a subscription may have this option of its own.
    pub(crate) fn is_for_subscriptions(name: &str) -> bool {
        options::find(name).is_ok_and(|spec| spec.scope == OptionScope::Subscription)
    }

    /// The kind of the option of this name.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownOption`] with the nearest known name.
    pub fn option_kind(name: &str) -> Result<OptionKind> {
        options::find(name).map(|spec| spec.kind)
    }
}
