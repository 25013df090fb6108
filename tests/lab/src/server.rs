//! One server process, node or sentinel: its port, its directory, its life. It knows nothing of the other servers.

use std::{
    cell::Cell,
    ffi::OsString,
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use rustix::process::Signal;

use crate::{
    credentials::{Credentials, Kind},
    dir::LabDir,
    error::{LabError, Result},
    options::LabOptions,
    poll, port,
    process::Process,
    proxy::{Proxies, Proxy, Scope, source_of},
};

const SENTINEL_CONF: &str = "sentinel.conf";

/// How long a process may take from its start to its first answer, on a machine with better things to do.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// A server on its port for life; the process behind it comes and goes.
#[derive(Debug)]
pub(crate) struct Server {
    kind: Kind,
    addr: SocketAddr,
    /// Where the process listens; its address, unless there is a proxy.
    listens: SocketAddr,
    /// Where its own connections come from, so that a proxy knows who connects.
    source: Ipv4Addr,
    proxy: Option<Proxy>,
    dir: PathBuf,
    process: Option<Process>,
    stopped: bool,
}

/// Where the servers of a lab are made, and what they have in common.
#[derive(Debug)]
pub(crate) struct Site<'a> {
    pub(crate) dir: &'a LabDir,
    pub(crate) options: &'a LabOptions,
    pub(crate) credentials: &'a Credentials,
    pub(crate) proxies: Option<&'a Proxies>,
    /// How many servers were made so far.
    pub(crate) servers: Cell<u8>,
}

/// Why a process did not come up.
#[derive(Debug)]
pub(crate) enum StartError {
    /// Somebody else has the port: take another one.
    PortTaken,
    Failed(LabError),
}

impl From<LabError> for StartError {
    fn from(error: LabError) -> Self {
        StartError::Failed(error)
    }
}

impl Server {
    /// A server that does not run yet, on a port that is free now.
    pub(crate) fn new(kind: Kind, site: &Site<'_>) -> Result<Self> {
        let listens = SocketAddr::from((Ipv4Addr::LOCALHOST, port::free()?));
        let proxy = site.proxies.map(|proxies| proxies.proxy(listens)).transpose()?;
        let addr = proxy.as_ref().map_or(listens, Proxy::addr);
        site.credentials.learn(addr, listens);
        let number = site.servers.get() + 1;
        site.servers.set(number);
        let dir = site.dir.path().join(addr.port().to_string());
        fs::create_dir_all(&dir).map_err(|e| LabError::io(dir.display(), e))?;
        Ok(Self { kind, addr, listens, source: source_of(number), proxy, dir, process: None, stopped: false })
    }

    /// The proxy in front of it.
    pub(crate) fn proxy(&self) -> Result<&Proxy> {
        self.proxy.as_ref().ok_or_else(|| LabError::new("this lab has no proxies: start it with `proxied`"))
    }

    /// Its own connections, as a proxy knows them.
    pub(crate) fn scope(&self) -> Scope {
        Scope::Peer(self.source.octets()[3])
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Alive and not stopped.
    pub(crate) fn runs(&mut self) -> bool {
        self.exists() && !self.stopped
    }

    /// Alive, stopped or not.
    pub(crate) fn exists(&mut self) -> bool {
        self.process.as_mut().is_some_and(|p| matches!(p.try_wait(), Ok(None)))
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Writes the configuration a sentinel starts with. From then on the file is the sentinel's own.
    pub(crate) fn write_sentinel_conf(&self, lines: &str) -> Result<()> {
        let path = self.dir.join(SENTINEL_CONF);
        fs::write(&path, lines).map_err(|e| LabError::io(path.display(), e))
    }

    /// Starts the process; [`Server::wait_until_up`] says whether it came up.
    pub(crate) fn spawn(&mut self, options: &LabOptions, master: Option<SocketAddr>) -> Result<()> {
        let arguments = match self.kind {
            Kind::Node => self.node_arguments(options, master),
            Kind::Sentinel => vec![self.dir.join(SENTINEL_CONF).into(), "--sentinel".into()],
        };
        let output = File::create(self.output()).map_err(|e| LabError::io(self.output().display(), e))?;
        let errors = output.try_clone().map_err(|e| LabError::io(self.output().display(), e))?;
        let mut command = Command::new(&options.server);
        command.args(arguments).current_dir(&self.dir).stdin(Stdio::null()).stdout(output).stderr(errors);
        let process = Process::spawn(command)
            .map_err(|e| LabError::io(format_args!("starting {}", Path::new(&options.server).display()), e))?;
        self.process = Some(process);
        self.stopped = false;
        self.open(true)
    }

    /// Opens or closes the proxy, so that connecting to a server that does not run fails as it would without one.
    fn open(&self, up: bool) -> Result<()> {
        self.proxy.as_ref().map_or(Ok(()), |proxy| proxy.set_up(up))
    }

    /// Waits until the process that was spawned, and no other, answers on the port.
    pub(crate) fn wait_until_up(&mut self, credentials: &Credentials) -> std::result::Result<(), StartError> {
        let (kind, addr) = (self.kind, self.addr);
        let what = format!("server {addr} comes up");
        let ended = poll::until(&what, Duration::from_millis(2), START_TIMEOUT, || {
            if !self.exists() {
                return Ok(true);
            }
            let expected = self.process.as_ref().map_or(0, Process::id);
            let mut raw = credentials.connect(kind, addr, Duration::from_millis(500)).map_err(|e| e.to_string())?;
            let info = raw.command(&["INFO", "server"]).map_err(|e| e.to_string())?.text();
            match info_field(&info, "process_id").and_then(|id| id.parse::<u32>().ok()) {
                Some(id) if id == expected => Ok(false),
                other => Err(format!("process {other:?} answers instead of {expected}")),
            }
        })?;
        if !ended {
            return Ok(());
        }
        let said = fs::read_to_string(self.output()).unwrap_or_default();
        if said.contains("Address already in use") {
            return Err(StartError::PortTaken);
        }
        let tail: Vec<&str> = said.lines().rev().take(5).collect();
        Err(StartError::Failed(LabError::new(format!("{what}: it ended at once and said: {tail:?}"))))
    }

    pub(crate) fn kill(&mut self) -> Result<()> {
        let addr = self.addr;
        let process = self.living()?;
        process.kill().map_err(|e| LabError::io(format_args!("killing {addr}"), e))?;
        self.process = None;
        self.stopped = false;
        self.open(false)
    }

    pub(crate) fn stop(&mut self) -> Result<()> {
        self.signal(Signal::STOP)?;
        self.stopped = true;
        Ok(())
    }

    pub(crate) fn cont(&mut self) -> Result<()> {
        self.signal(Signal::CONT)?;
        self.stopped = false;
        Ok(())
    }

    /// Asks the process to end in its own way. [`Server::has_ended`] tells when it has.
    pub(crate) fn terminate(&mut self) -> Result<()> {
        self.signal(Signal::TERM)
    }

    /// Whether a process that was asked to end has ended.
    pub(crate) fn has_ended(&mut self) -> Result<bool> {
        let ended = !self.exists();
        if ended {
            self.open(false)?;
        }
        Ok(ended)
    }

    fn signal(&mut self, signal: Signal) -> Result<()> {
        let addr = self.addr;
        self.living()?.signal(signal).map_err(|e| LabError::io(format_args!("signalling {addr}"), e))
    }

    fn living(&mut self) -> Result<&mut Process> {
        let addr = self.addr;
        if !self.exists() {
            return Err(LabError::new(format!("{addr} does not run")));
        }
        Ok(self.process.as_mut().expect("a server that exists has a process"))
    }

    fn node_arguments(&self, options: &LabOptions, master: Option<SocketAddr>) -> Vec<OsString> {
        let port = self.listens.port().to_string();
        let mut arguments: Vec<OsString> = [
            "--port",
            &port,
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            // The lab's time is spent on failovers, not on waiting for a replica that might join a running transfer.
            "--repl-diskless-sync",
            "yes",
            "--repl-diskless-sync-delay",
            "0",
            "--repl-ping-replica-period",
            "1",
            "--enable-debug-command",
            "local",
        ]
        .map(OsString::from)
        .into();
        arguments.extend(["--dir".into(), self.dir.clone().into()]);
        if self.proxy.is_some() {
            let announced = [("ip", self.addr.ip().to_string()), ("port", self.addr.port().to_string())];
            for (what, value) in announced {
                arguments.extend([format!("--replica-announce-{what}").into(), value.into()]);
            }
            arguments.extend(["--bind-source-addr".into(), self.source.to_string().into()]);
        }
        if let Some(password) = &options.password {
            for name in ["--requirepass", "--masterauth"] {
                arguments.extend([name.into(), password.into()]);
            }
        }
        if let Some(master) = master {
            arguments.push("--replicaof".into());
            arguments.push(format!("{} {}", master.ip(), master.port()).into());
        }
        arguments.extend(options.server_args.iter().map(OsString::from));
        arguments
    }

    /// The lines of a sentinel's configuration that say who it is.
    pub(crate) fn sentinel_identity(&self) -> String {
        let mut conf = format!("port {}\nbind 127.0.0.1\n", self.listens.port());
        if self.proxy.is_some() {
            conf += &format!(
                "bind-source-addr {}\nsentinel announce-ip {}\nsentinel announce-port {}\n",
                self.source,
                self.addr.ip(),
                self.addr.port()
            );
        }
        conf
    }

    fn output(&self) -> PathBuf {
        self.dir.join("log")
    }
}

/// The value of `name:value` in an INFO reply.
pub(crate) fn info_field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}
