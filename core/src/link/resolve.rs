//! From a host name to addresses: anew at every attempt, all of them, in the order that the user prefers. Nothing is kept.

use std::net::{IpAddr, SocketAddr};

use tokio::time::{Instant, timeout_at};

use crate::config::hooks;
use crate::config::{Config, HostPort, IpPreference};
use crate::error::{Error, ErrorKind, Result};

/// All addresses of a host.
///
/// # Errors
/// [`ErrorKind::ConnectFailed`]: there is none, or the answer took too long.
pub(crate) async fn resolve(address: &HostPort, config: &Config, until: Instant) -> Result<Vec<SocketAddr>> {
    let mut found = match &config.hooks.resolver {
        Some(_) if address.host.parse::<IpAddr>().is_ok() => by_system(address, until).await?,
        Some(resolver) => hooks::call(|| resolver(&address.host, address.port))
            .ok_or_else(|| failed("the function that resolves names panicked"))?
            .map_err(|error| failed(format!("the name cannot be resolved: {error}")))?,
        None => by_system(address, until).await?,
    };
    arrange(&mut found, config.options.ip_preference);
    if found.is_empty() { Err(failed("the name has no address")) } else { Ok(found) }
}

async fn by_system(address: &HostPort, until: Instant) -> Result<Vec<SocketAddr>> {
    match timeout_at(until, tokio::net::lookup_host((address.host.as_str(), address.port))).await {
        Ok(Ok(found)) => Ok(found.collect()),
        Ok(Err(error)) => Err(failed(format!("the name cannot be resolved: {error}"))),
        Err(_) => Err(failed("name resolution took too long")),
    }
}

/// The preferred family first, otherwise in the order in which they were given, each once.
fn arrange(addresses: &mut Vec<SocketAddr>, preference: IpPreference) {
    let mut seen = std::collections::HashSet::new();
    addresses.retain(|address| seen.insert(*address));
    match preference {
        IpPreference::System => {}
        IpPreference::Ipv4 => addresses.sort_by_key(SocketAddr::is_ipv6),
        IpPreference::Ipv6 => addresses.sort_by_key(SocketAddr::is_ipv4),
    }
}

fn failed(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::ConnectFailed, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preferred_family_goes_first_and_the_other_one_stays() {
        let all: Vec<SocketAddr> =
            ["[::1]:1", "127.0.0.2:1", "[::2]:1", "127.0.0.1:1", "[::1]:1"].map(|text| text.parse().unwrap()).into();
        for (preference, expected) in [
            (IpPreference::System, "[::1]:1 127.0.0.2:1 [::2]:1 127.0.0.1:1"),
            (IpPreference::Ipv4, "127.0.0.2:1 127.0.0.1:1 [::1]:1 [::2]:1"),
            (IpPreference::Ipv6, "[::1]:1 [::2]:1 127.0.0.2:1 127.0.0.1:1"),
        ] {
            let mut found = all.clone();
            arrange(&mut found, preference);
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            assert_eq!(found.join(" "), expected);
        }
    }
}
