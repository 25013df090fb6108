//! Whether everything in a configuration fits together. What would be ignored silently is refused, by name. Pure: whether files
//! hold what they should is looked at when a client is opened ([`crate::access`]).

use super::{Config, Hop, Mode, SentinelTls, TlsPolicy, VerifyPolicy};
use crate::error::{Error, ErrorKind, Result};

pub(super) fn check(config: &Config) -> Result<()> {
    credentials(config)?;
    tls(config)?;
    // Servers refuse such a name, on every connection, with no word about which option it comes from.
    if !config.options.client_name.bytes().all(|byte| byte.is_ascii_graphic()) {
        return wrong("option client_name takes visible ASCII without spaces");
    }
    Ok(())
}

fn credentials(config: &Config) -> Result<()> {
    for (hop, before) in [(Hop::Data, ""), (Hop::Sentinel, "sentinel_")] {
        let (given, file) = config.credentials(hop);
        let function = config.hooks.of(hop).credentials.is_some();
        let sources = [given.password.is_some(), file.is_some(), function];
        if sources.iter().filter(|given| **given).count() > 1 {
            return wrong(&format!("option {before}password conflicts with another source of the same password"));
        }
        if given.username.is_some() && !sources.contains(&true) {
            let text = "needs a password: without one no AUTH would be sent";
            return wrong(&format!("option {before}username {text} (option {before}password)"));
        }
        if given.username.is_some() && function {
            return wrong(&format!("option {before}username conflicts with a function that gives the credentials"));
        }
    }
    let for_sentinels = config.has_credentials(Hop::Sentinel);
    match &config.mode {
        Mode::Direct { .. } if config.sentinel_same || for_sentinels => {
            wrong("options sentinel_username, sentinel_password and sentinel_auth need redis+sentinel://")
        }
        _ if config.sentinel_same && for_sentinels => {
            wrong("option sentinel_auth=same conflicts with sentinel_username or sentinel_password")
        }
        _ => Ok(()),
    }
}

fn tls(config: &Config) -> Result<()> {
    let options = &config.options;
    let direct = matches!(config.mode, Mode::Direct { .. });
    if direct && matches!(options.tls, TlsPolicy::Sentinel | TlsPolicy::Both) {
        return wrong("options tls=sentinel and tls=both need redis+sentinel://");
    }
    let data = [
        ("tls_ca", options.tls_ca != super::SYSTEM),
        ("tls_cert", !options.tls_cert.is_empty()),
        ("tls_key", !options.tls_key.reveal().is_empty()),
        ("tls_server_name", options.tls_server_name != super::ServerNames::Announced),
        ("tls_verify", options.tls_verify != VerifyPolicy::Full),
    ];
    let sentinel = [
        ("sentinel_tls_ca", options.sentinel_tls_ca != super::SYSTEM),
        ("sentinel_tls_cert", !options.sentinel_tls_cert.is_empty()),
        ("sentinel_tls_key", !options.sentinel_tls_key.reveal().is_empty()),
        ("sentinel_tls_server_name", options.sentinel_tls_server_name != super::ServerNames::Announced),
        ("sentinel_tls_verify", options.sentinel_tls_verify != VerifyPolicy::Full),
    ];
    let given = |block: &[(&'static str, bool)]| block.iter().find(|(_, given)| *given).map(|(name, _)| *name);
    let same = options.sentinel_tls == SentinelTls::Same;
    let serves_sentinels = same && config.encrypts(Hop::Sentinel);
    if let Some(name) = given(&data)
        && !config.encrypts(Hop::Data)
        && !serves_sentinels
    {
        return wrong(&format!("option {name} is of no use: the links to data nodes are not encrypted (option tls)"));
    }
    if (same || given(&sentinel).is_some()) && !config.encrypts(Hop::Sentinel) {
        let name = given(&sentinel).unwrap_or("sentinel_tls");
        return wrong(&format!("option {name} is of no use: the links to sentinels are not encrypted (option tls)"));
    }
    match given(&sentinel) {
        Some(name) if same => wrong(&format!("option sentinel_tls=same conflicts with {name}")),
        _ => Ok(()),
    }
}

fn wrong<T>(text: &str) -> Result<T> {
    Err(Error::new(ErrorKind::InvalidOption, text))
}
