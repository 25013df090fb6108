//! What to connect to, and how: a URL and options, checked before anything is dialled.

mod check;
mod env;
pub(crate) mod hooks;
mod nearest;
mod options;
mod rules;
mod secret;
mod url;

pub(crate) use options::SYSTEM;
pub(crate) use options::parse_duration;
pub use options::{
    ConnectPolicy, IpPreference, MinorityPolicy, OptionKind, OptionScope, OptionSpec, OptionValue, Options,
    OverflowPolicy, ProtocolPolicy, ReadFrom, SentinelTls, TlsPolicy, UnavailablePolicy, VerifyPolicy,
};
pub use rules::{AddressMap, NameTable, ServerNames};
pub use secret::Secret;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use hooks::Hooks;

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

impl Credentials {
    /// A password, and perhaps a user for it.
    pub fn new(username: Option<String>, password: impl Into<String>) -> Credentials {
        Credentials { username, password: Some(Secret::new(password)) }
    }
}

/// Which servers a link leads to. Each of the two has credentials, TLS settings and time limits of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hop {
    /// To a master or a replica.
    Data,
    /// To a sentinel.
    Sentinel,
}

impl Hop {
    /// The hop as a word, the same in every language.
    pub const fn as_str(self) -> &'static str {
        match self {
            Hop::Data => "data",
            Hop::Sentinel => "sentinel",
        }
    }

    /// The hop of this name.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`]
    pub fn from_name(name: &str) -> Result<Hop> {
        match name {
            "data" => Ok(Hop::Data),
            "sentinel" => Ok(Hop::Sentinel),
            _ => Err(Error::new(ErrorKind::InvalidArgument, "credentials are for \"data\" or for \"sentinel\"")),
        }
    }
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
    data: Credentials,
    sentinel: Credentials,
    /// `sentinel_auth=same`, whatever the data nodes have in the end.
    pub(crate) sentinel_same: bool,
    pub(crate) db: u64,
    pub(crate) options: Options,
    pub(crate) hooks: Hooks,
}

impl Config {
    /// Nothing but an address: everything else has its default.
    fn to(mode: Mode) -> Config {
        Config {
            mode,
            data: Credentials::default(),
            sentinel: Credentials::default(),
            sentinel_same: false,
            db: 0,
            options: Options::default(),
            hooks: Hooks::default(),
        }
    }

    /// Read a URL: `redis+sentinel://[user:password@]host[:port][,host...]/master[/db][?option=value&...]` or
    /// `redis://[user:password@]host[:port][,host...][/db][?...]`, with `rediss` for TLS on every link. The URL `env:` stands for the environment: see
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

    /// Decide by a function what is connected to instead of an address that was announced: by sentinels for nodes and for
    /// other sentinels, in answers and events. The option `address_map` comes first. The function is called on the thread of
    /// the supervisor and must not block.
    pub fn set_address_map(&mut self, map: impl Fn(&HostPort) -> HostPort + Send + Sync + 'static) {
        self.hooks.address_map = Some(Arc::new(map));
    }

    /// Decide by a function which name the certificate of the server at an address must have; it goes before the option
    /// `tls_server_name` (`sentinel_tls_server_name`). The function must not block.
    pub fn set_server_name(&mut self, hop: Hop, name: impl Fn(&HostPort) -> String + Send + Sync + 'static) {
        self.hooks.of_mut(hop).server_name = Some(Arc::new(name));
    }

    /// Take credentials from a function, anew for every connection. It is called on the thread of the supervisor and on
    /// threads that wait for a command, and must not block.
    pub fn set_credentials_provider(&mut self, hop: Hop, provider: impl Fn() -> Credentials + Send + Sync + 'static) {
        self.hooks.of_mut(hop).credentials = Some(Arc::new(provider));
    }

    /// Resolve host names by a function instead of the system, anew for every attempt to connect. The function is called on
    /// the thread of the supervisor and must not block.
    pub fn set_resolver(
        &mut self,
        resolver: impl Fn(&str, u16) -> std::io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) {
        self.hooks.resolver = Some(Arc::new(resolver));
    }

    /// The credentials as configured, and the file that holds the password, if one does.
    pub(crate) fn credentials(&self, hop: Hop) -> (&Credentials, Option<&str>) {
        let (given, file) = match hop {
            Hop::Data => (&self.data, &self.options.password_file),
            Hop::Sentinel => (&self.sentinel, &self.options.sentinel_password_file),
        };
        (given, Some(file.as_str()).filter(|file| !file.is_empty()))
    }

    /// Whether anything was said about credentials for this hop.
    fn has_credentials(&self, hop: Hop) -> bool {
        let (given, file) = self.credentials(hop);
        *given != Credentials::default() || file.is_some() || self.hooks.of(hop).credentials.is_some()
    }

    /// Whether the links of this hop are encrypted.
    pub(crate) fn encrypts(&self, hop: Hop) -> bool {
        match hop {
            Hop::Data => matches!(self.options.tls, TlsPolicy::Data | TlsPolicy::Both),
            Hop::Sentinel => matches!(self.options.tls, TlsPolicy::Sentinel | TlsPolicy::Both),
        }
    }

    /// An address that was announced, as it is to be connected to.
    pub(crate) fn rewrite(&self, address: &HostPort) -> HostPort {
        let mapped = self.options.address_map.apply(address);
        match &self.hooks.address_map {
            Some(map) => hooks::call(|| map(&mapped)).unwrap_or(mapped),
            None => mapped,
        }
    }

    /// Whether everything fits together; called before anything is dialled.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOption`], naming what would otherwise be ignored silently.
    pub fn check(&self) -> Result<()> {
        check::check(self)
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
