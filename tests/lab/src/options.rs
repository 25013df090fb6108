//! What a lab consists of. The numbers are checked here; making it so is the lab's business.

use std::{collections::BTreeSet, env, ffi::OsString, path::Path, time::Duration};

use crate::error::{LabError, Result};

/// How many servers a lab has, and how its sentinels behave.
#[derive(Clone, Debug)]
pub struct LabOptions {
    /// Replicas beside the one master: 0 to 5.
    pub replicas: usize,
    /// 1 to 5.
    pub sentinels: usize,
    /// How many sentinels must agree that the master is down; `None` is a majority of them.
    pub quorum: Option<usize>,
    /// `down-after-milliseconds`.
    pub down_after: Duration,
    /// `failover-timeout`.
    pub failover_timeout: Duration,
    /// The name under which the sentinels know the master.
    pub master_name: String,
    /// The default user's password on the data nodes.
    pub password: Option<String>,
    /// The default user's password on the sentinels.
    pub sentinel_password: Option<String>,
    /// A proxy in front of every server, at the address that it announces, so that [`crate::Lab::inject`] can do its work.
    pub proxied: bool,
    /// Names of further masters under the same sentinels, each with one replica.
    pub more_masters: Vec<String>,
    /// More arguments for every data node, as on `redis-server`'s command line.
    pub server_args: Vec<String>,
    /// The program: `redis-server` or `valkey-server`; it also runs the sentinels. By default `$STANDFAST_LAB_SERVER` or `redis-server`.
    pub server: OsString,
}

impl Default for LabOptions {
    fn default() -> Self {
        Self {
            replicas: 2,
            sentinels: 3,
            quorum: None,
            down_after: Duration::from_millis(1000),
            failover_timeout: Duration::from_millis(5000),
            master_name: "mymaster".into(),
            password: None,
            sentinel_password: None,
            proxied: false,
            more_masters: Vec::new(),
            server_args: Vec::new(),
            server: env::var_os("STANDFAST_LAB_SERVER").unwrap_or_else(|| "redis-server".into()),
        }
    }
}

impl LabOptions {
    /// The usual lab, but on Valkey: the one that `cargo xtask setup` brings into `target/valkey`, or the one on `PATH`.
    pub fn valkey() -> Result<Self> {
        let brought = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/valkey/usr/bin/valkey-server");
        let on_path = env::var_os("PATH");
        let elsewhere = on_path.iter().flat_map(env::split_paths).map(|folder| folder.join("valkey-server"));
        let program = [brought].into_iter().chain(elsewhere).find(|program| program.exists());
        let server =
            program.ok_or_else(|| LabError::new("there is no valkey-server: `cargo xtask setup` brings one"))?;
        Ok(Self { server: server.into(), ..Self::default() })
    }

    pub(crate) fn quorum(&self) -> usize {
        self.quorum.unwrap_or(self.sentinels / 2 + 1)
    }

    pub(crate) fn check(&self) -> Result<()> {
        let wrong = |what: &str| Err(LabError::new(what));
        if self.replicas > 5 {
            return wrong("replicas: 0 to 5");
        }
        if !(1..=5).contains(&self.sentinels) {
            return wrong("sentinels: 1 to 5");
        }
        if !(1..=self.sentinels).contains(&self.quorum()) {
            return wrong("quorum: 1 to the number of sentinels");
        }
        if self.down_after.is_zero() || self.failover_timeout.is_zero() {
            return wrong("down_after and failover_timeout: more than 0");
        }
        // Both land in sentinel.conf, whose words end at a blank.
        let word = |text: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '\\' | '#'))
        };
        let names: BTreeSet<&String> = self.more_masters.iter().chain([&self.master_name]).collect();
        if !names.iter().all(|name| word(name)) {
            return wrong("master_name and more_masters: visible ASCII without quotes");
        }
        if self.more_masters.len() > 3 || names.len() != self.more_masters.len() + 1 {
            return wrong("more_masters: at most 3, with different names");
        }
        if ![&self.password, &self.sentinel_password].into_iter().flatten().all(|p| word(p)) {
            return wrong("passwords: visible ASCII without quotes");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_out_of_range_are_refused() {
        let with = |change: fn(&mut LabOptions)| {
            let mut options = LabOptions::default();
            change(&mut options);
            options.check()
        };
        assert!(with(|_| {}).is_ok());
        assert!(with(|o| o.replicas = 6).is_err());
        assert!(with(|o| o.sentinels = 0).is_err());
        assert!(with(|o| o.quorum = Some(4)).is_err());
        assert!(with(|o| o.master_name = "two words".into()).is_err());
        assert!(with(|o| o.password = Some("it's".into())).is_err());
        assert!(with(|o| o.more_masters = vec!["other".into()]).is_ok());
        assert!(with(|o| o.more_masters = vec!["mymaster".into()]).is_err());
    }
}
