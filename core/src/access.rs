//! What it takes to be let in: the credentials and the TLS settings of each hop, as they are at this moment.
//!
//! The two hops have nothing in common unless the user said so (`sentinel_auth=same`, `sentinel_tls=same`). Credentials are
//! looked up for every connection, so that a password that changes in its file, by its function, or by
//! [`Client::set_credentials`](crate::Client::set_credentials), is used from the next connection on.

use std::io::Read;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use crate::config::hooks::{self, CredentialsFunction};
use crate::config::{Config, Credentials, Hop, HostPort, Mode, Secret, SentinelTls};
use crate::error::{Error, ErrorKind, Result};
use crate::link::tls::TlsStage;
use crate::link::trust::Trust;
use crate::sync::lock;

/// A password is not longer.
const MOST: u64 = 64 << 10;

/// Where the credentials of a hop come from.
enum Source {
    Given(Credentials),
    File { username: Option<String>, option: &'static str, path: PathBuf, last: Mutex<Option<Secret>> },
    Function(Arc<CredentialsFunction>),
}

/// The way into the servers of one hop. It stays what it is when other credentials are set.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) hop: Hop,
    source: Arc<Source>,
    trust: Option<Arc<Trust>>,
}

/// The doors of one client.
pub(crate) struct Access {
    data: Mutex<Door>,
    sentinel: Mutex<Door>,
    /// `sentinel_auth=same`.
    same: bool,
    direct: bool,
}

impl Access {
    pub(crate) fn new(config: &Config) -> Access {
        let source = |hop| Arc::new(Source::of(config, hop));
        let trust = |hop: Hop, block: Hop| config.encrypts(hop).then(|| Arc::new(Trust::of(config, block)));
        let data = Door { hop: Hop::Data, source: source(Hop::Data), trust: trust(Hop::Data, Hop::Data) };
        let tls_of = if config.options.sentinel_tls == SentinelTls::Same { Hop::Data } else { Hop::Sentinel };
        let sentinel = Door {
            hop: Hop::Sentinel,
            source: if config.sentinel_same { Arc::clone(&data.source) } else { source(Hop::Sentinel) },
            trust: trust(Hop::Sentinel, tls_of),
        };
        let direct = matches!(config.mode, Mode::Direct { .. });
        Access { data: Mutex::new(data), sentinel: Mutex::new(sentinel), same: config.sentinel_same, direct }
    }

    /// Whether every file can be read and means something.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOption`], naming the option.
    pub(crate) fn check(config: &Config) -> Result<()> {
        let access = Access::new(config);
        for door in [access.door(Hop::Data), access.door(Hop::Sentinel)] {
            if let Source::File { .. } = *door.source {
                door.credentials()?;
            }
            if let Some(trust) = &door.trust {
                trust.config()?;
            }
        }
        Ok(())
    }

    /// The way in, as it is now.
    pub(crate) fn door(&self, hop: Hop) -> Door {
        lock(self.slot(hop)).clone()
    }

    /// From the next connection on these credentials are used. `true` if they are used for sentinels, too.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`]
    pub(crate) fn set(&self, hop: Hop, credentials: Credentials) -> Result<()> {
        let wrong = |text: &str| Err(Error::new(ErrorKind::InvalidArgument, text));
        let has_password = credentials.password.as_ref().is_some_and(|password| !password.reveal().is_empty());
        if credentials.password.is_some() && !has_password {
            return wrong("the password is empty");
        }
        match &credentials.username {
            Some(_) if !has_password => return wrong("a username needs a password: without one no AUTH would be sent"),
            Some(username) if username.is_empty() => return wrong("the username is empty"),
            _ => {}
        }
        if hop == Hop::Sentinel && self.direct {
            return wrong("there are no sentinels in direct mode (redis://)");
        }
        if hop == Hop::Sentinel && self.same {
            return wrong("with sentinel_auth=same the sentinels take the credentials of the data nodes");
        }
        let source = Arc::new(Source::Given(credentials));
        lock(self.slot(hop)).source = Arc::clone(&source);
        if self.same {
            lock(&self.sentinel).source = source;
        }
        Ok(())
    }

    fn slot(&self, hop: Hop) -> &Mutex<Door> {
        match hop {
            Hop::Data => &self.data,
            Hop::Sentinel => &self.sentinel,
        }
    }
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Access")
    }
}

impl Door {
    /// The credentials for the next connection.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOption`] when the file never could be read.
    pub(crate) fn credentials(&self) -> Result<Credentials> {
        match &*self.source {
            Source::Given(credentials) => Ok(credentials.clone()),
            Source::Function(function) => hooks::call(|| function()).ok_or_else(|| {
                Error::new(ErrorKind::InvalidOption, "the function that gives the credentials panicked")
            }),
            Source::File { username, option, path, last } => {
                let mut last = lock(last);
                match (read(path), &*last) {
                    (Ok(secret), _) => *last = Some(secret),
                    // Half-way through a rotation the old password may still be good; if it is not, the server says so.
                    (Err(why), Some(_)) => {
                        tracing::warn!(target: "standfast", option, why, "the password file cannot be read");
                    }
                    // The path is not shown: it may be a password that was given to the wrong option.
                    (Err(why), None) => {
                        let text = format!("option {option}: the file cannot be used: {why}");
                        return Err(Error::new(ErrorKind::InvalidOption, text));
                    }
                }
                Ok(Credentials { username: username.clone(), password: last.clone() })
            }
        }
    }

    /// What a link to this address is encrypted with, if it is.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOption`], [`ErrorKind::TlsFailed`]
    pub(crate) fn stage(&self, address: &HostPort) -> Result<Option<TlsStage>> {
        self.trust.as_ref().map(|trust| trust.stage(address)).transpose()
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        self.trust.is_some()
    }

    /// Whether both lead into the same servers as the same user, so that one link is good for both.
    pub(crate) fn is_shared_with(&self, other: &Door) -> bool {
        self.hop == other.hop
            && self.source.is(&other.source)
            && match (&self.trust, &other.trust) {
                (Some(one), Some(other)) => one.is(other),
                (None, None) => true,
                _ => false,
            }
    }
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Door({})", self.hop.as_str())
    }
}

impl Source {
    fn of(config: &Config, hop: Hop) -> Source {
        let (given, file) = config.credentials(hop);
        match (&config.hooks.of(hop).credentials, file) {
            (Some(function), _) => Source::Function(Arc::clone(function)),
            (None, Some(path)) => Source::File {
                username: given.username.clone(),
                option: if hop == Hop::Data { "password_file" } else { "sentinel_password_file" },
                path: path.into(),
                last: Mutex::default(),
            },
            (None, None) => Source::Given(given.clone()),
        }
    }

    fn is(&self, other: &Source) -> bool {
        match (self, other) {
            (Source::Given(one), Source::Given(other)) => one == other,
            (Source::Function(one), Source::Function(other)) => Arc::ptr_eq(one, other),
            (Source::File { username: one, path, .. }, Source::File { username: other, path: other_path, .. }) => {
                one == other && path == other_path
            }
            _ => false,
        }
    }
}

/// The password in a file, without the end of its line. The error never shows what the file holds.
fn read(path: &PathBuf) -> std::result::Result<Secret, String> {
    let file = std::fs::File::open(path).map_err(|error| error.kind().to_string())?;
    let mut text = String::new();
    match file.take(MOST + 1).read_to_string(&mut text) {
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => return Err("it is not UTF-8".to_owned()),
        Err(error) => return Err(error.kind().to_string()),
        Ok(length) if length as u64 > MOST => return Err("it is too long for a password".to_owned()),
        Ok(_) => {}
    }
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let password = line.strip_suffix('\r').unwrap_or(line);
    match password {
        "" => Err("it is empty".to_owned()),
        password if password.contains('\n') => Err("it holds more than one line".to_owned()),
        password => Ok(Secret::new(password)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str) -> Config {
        Config::from_url(url).unwrap()
    }

    fn password(access: &Access, hop: Hop) -> Option<String> {
        let credentials = access.door(hop).credentials().unwrap();
        credentials.password.map(|password| password.reveal().to_owned())
    }

    #[test]
    fn nothing_is_inherited_unless_the_user_says_so() {
        let access = Access::new(&config("rediss+sentinel://:data@h/m?tls=data"));
        assert_eq!((password(&access, Hop::Data), password(&access, Hop::Sentinel)), (Some("data".into()), None));
        assert!(access.door(Hop::Data).is_encrypted() && !access.door(Hop::Sentinel).is_encrypted());
        let access = Access::new(&config("redis+sentinel://:data@h/m?sentinel_auth=same"));
        assert_eq!(password(&access, Hop::Sentinel), Some("data".into()));
        access.set(Hop::Data, Credentials::new(None, "new")).unwrap();
        assert_eq!(password(&access, Hop::Sentinel), Some("new".into()));
    }

    #[test]
    fn a_door_is_not_changed_by_other_credentials() {
        let access = Access::new(&config("redis+sentinel://h/m?sentinel_password=old"));
        let before = access.door(Hop::Sentinel);
        access.set(Hop::Sentinel, Credentials::new(Some("u".into()), "new")).unwrap();
        assert_eq!(before.credentials().unwrap(), Credentials::new(None, "old"));
        let after = access.door(Hop::Sentinel);
        assert_eq!(after.credentials().unwrap(), Credentials::new(Some("u".into()), "new"));
        assert!(!before.is_shared_with(&after) && after.is_shared_with(&access.door(Hop::Sentinel)));
    }

    #[test]
    fn credentials_that_would_be_ignored_are_refused() {
        let sentinels = Access::new(&config("redis+sentinel://h/m?sentinel_auth=same&password=x"));
        let direct = Access::new(&config("redis://h"));
        for (access, hop, credentials) in [
            (&direct, Hop::Sentinel, Credentials::new(None, "canary")),
            (&sentinels, Hop::Sentinel, Credentials::new(None, "canary")),
            (&direct, Hop::Data, Credentials::new(None, "")),
            (&direct, Hop::Data, Credentials { username: Some("canary".into()), password: None }),
            (&direct, Hop::Data, Credentials::new(Some(String::new()), "canary")),
        ] {
            let error = access.set(hop, credentials).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(!error.to_string().contains("canary"), "{error}");
        }
        direct.set(Hop::Data, Credentials::default()).unwrap();
    }

    #[test]
    fn a_file_is_read_for_every_connection_and_its_last_word_outlives_it() {
        let folder = std::env::temp_dir().join(format!("standfast-access-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("password");
        let url = format!("redis://h?username=u&password_file={}", path.display());
        std::fs::write(&path, "one\n").unwrap();
        let access = Access::new(&config(&url));
        assert_eq!(access.door(Hop::Data).credentials().unwrap(), Credentials::new(Some("u".into()), "one"));
        std::fs::write(&path, "two\r\n").unwrap();
        assert_eq!(password(&access, Hop::Data), Some("two".into()));
        for bad in [&b""[..], b"\n", b"a\nb\n", b"\xff\xfe"] {
            std::fs::write(&path, bad).unwrap();
            assert_eq!(password(&access, Hop::Data), Some("two".into()));
            let error = Access::check(&config(&url)).unwrap_err();
            assert!(error.message().starts_with("option password_file: the file cannot be used"), "{error}");
        }
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(password(&access, Hop::Data), Some("two".into()));
        let error = Access::check(&config("redis://h?password_file=/canary")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidOption);
        assert!(!error.to_string().contains("canary"), "{error}");
    }

    #[test]
    fn a_function_that_panics_has_said_nothing() {
        let mut config = config("redis://h");
        config.set_credentials_provider(Hop::Data, || panic!("on purpose"));
        Access::check(&config).unwrap();
        let error = Access::new(&config).door(Hop::Data).credentials().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidOption);
    }
}
