//! The server that everybody is measured against: one master without replicas, and three sentinels for those who want to find it. It stays the same
//! process for a whole run.

use std::{net::SocketAddr, process::Command, time::Duration};

use anyhow::{Context, Result, bail};
use standfast_lab::{Lab, LabOptions, Raw};

use super::program::Cores;

/// One that runs.
pub(super) struct Server {
    lab: Lab,
    master: SocketAddr,
    raw: Raw,
}

impl Server {
    pub(super) fn start() -> Result<Self> {
        // A subscriber that is slow is measured, not cut off.
        let server_args = ["--client-output-buffer-limit", "pubsub 0 0 0"].map(str::to_owned).to_vec();
        let lab = Lab::start(LabOptions { replicas: 0, server_args, ..LabOptions::default() })?;
        let master = lab.master()?;
        let raw = Raw::connect(master, Duration::from_secs(60)).context("connecting to the server")?;
        Ok(Self { lab, master, raw })
    }

    /// Without Sentinel.
    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.master.port())
    }

    /// Through Sentinel.
    pub(super) fn sentinel_url(&self) -> String {
        self.lab.url()
    }

    pub(super) fn sentinels(&self) -> &[SocketAddr] {
        self.lab.sentinel_addrs()
    }

    /// Redis and its version.
    pub(super) fn version(&self) -> Result<String> {
        Ok(format!("Redis {}", self.lab.version()?))
    }

    /// Moves the server to one core, or sets it free.
    pub(super) fn runs_on(&mut self, cores: Cores) -> Result<()> {
        let info = self.raw.command(&["INFO", "server"])?.text();
        let pid =
            info.lines().find_map(|line| line.strip_prefix("process_id:")).context("a server without a process")?;
        let last = std::thread::available_parallelism()?.get() - 1;
        let list = match cores {
            Cores::One => "0".to_owned(),
            Cores::Free => format!("0-{last}"),
        };
        let status = Command::new("taskset").args(["-acp", &list, pid.trim()]).output()?.status;
        if !status.success() {
            bail!("taskset -acp {list} {} ended with {status}", pid.trim());
        }
        Ok(())
    }

    /// Publishes so many messages of 64 bytes while nothing else happens: whoever listens gets them as fast as it takes them.
    pub(super) fn publish(&mut self, channel: &str, count: u64) -> Result<()> {
        let script = "for i = 1, ARGV[2] do redis.call('PUBLISH', KEYS[1], ARGV[1]) end return ARGV[2]";
        let (payload, count) = ("m".repeat(64), count.to_string());
        self.raw.command(&["EVAL", script, "1", channel, &payload, &count])?.into_result()?;
        Ok(())
    }

    pub(super) fn stop_master(&self) -> Result<()> {
        self.lab.kill(self.master)?;
        Ok(())
    }
}
