//! What may be wrong between servers that run: the faults of the proxies, and sentinels that forget or believe something else.
//! How a proxy does it is in `proxy`.

use std::net::SocketAddr;

use crate::{
    clock::now_us,
    error::{LabError, Result},
    lab::Lab,
    proxy::{Fault, Scope, Side, Traffic, Which},
    server::Server,
    start,
};

/// Faults need a lab that was started with `proxied`. All of them are in the timeline, with the kind `fault`.
impl Lab {
    /// A fault of the connections to `server`, from now on; gives the time.
    ///
    /// A fault of a master's peers can cost it its place, so that [`Lab::wait_writable`] then waits for its successor.
    pub fn inject(&self, server: SocketAddr, side: Side, fault: Fault) -> Result<i64> {
        self.inject_for(server, side, fault, Which::All)
    }

    /// The same for the next `connections` that are opened, and no others.
    pub fn inject_next(&self, server: SocketAddr, connections: u32, side: Side, fault: Fault) -> Result<i64> {
        self.inject_for(server, side, fault, Which::Next(connections))
    }

    /// The same for the newest of the present connections alone.
    pub fn inject_newest(&self, server: SocketAddr, side: Side, fault: Fault) -> Result<i64> {
        self.inject_for(server, side, fault, Which::Newest)
    }

    fn inject_for(&self, server: SocketAddr, side: Side, fault: Fault, which: Which) -> Result<i64> {
        let scope = self.scope(side)?;
        let fault = match fault {
            // The other server's proxy would take its connections for those of a client.
            Fault::Reroute { to } => Fault::Reroute { to: self.behind(to) },
            fault => fault,
        };
        let proxy = self.server(server, |server| server.proxy().cloned())?;
        if scope != Scope::Clients {
            self.arm_if_master(server, "fault");
        }
        let at_us = now_us();
        let words = format!("{side:?} {fault:?}");
        proxy.inject(scope, fault, which)?;
        self.note_more(at_us, server, "fault", &words);
        Ok(at_us)
    }

    /// Between these two groups of servers nothing passes any more, in either direction; see [`Fault::BlackHole`].
    pub fn partition(&self, some: &[SocketAddr], others: &[SocketAddr]) -> Result<i64> {
        let at_us = now_us();
        for (one, other) in some.iter().flat_map(|one| others.iter().map(move |other| (*one, *other))) {
            self.inject(one, Side::Server(other), Fault::BlackHole)?;
            self.inject(other, Side::Server(one), Fault::BlackHole)?;
        }
        Ok(at_us)
    }

    /// Ends all faults of the connections to `server`; gives the time. Connections that have lost bytes are reset.
    pub fn heal_faults_of(&self, server: SocketAddr) -> Result<i64> {
        let at_us = now_us();
        self.server(server, |server| server.proxy().cloned())?.heal()?;
        self.note_more(at_us, server, "heal_faults", "");
        Ok(at_us)
    }

    /// Ends all faults of all connections; gives the time.
    pub fn heal_faults(&self) -> Result<i64> {
        let at_us = now_us();
        for server in self.all() {
            self.heal_faults_of(server)?;
        }
        Ok(at_us)
    }

    /// How many connections and bytes went to `server` through its proxy. The lab's own connections are not among them.
    pub fn traffic(&self, server: SocketAddr) -> Result<Traffic> {
        self.server(server, |server| Ok(server.proxy()?.traffic()))
    }

    /// Makes one sentinel watch another node under the same name, as if it had been told so by hand: it forgets its epoch, too.
    pub fn remonitor(&self, sentinel: SocketAddr, node: SocketAddr) -> Result<i64> {
        self.remonitor_of(&self.options().master_name, sentinel, node)
    }

    /// The same for another master name.
    pub fn remonitor_of(&self, name: &str, sentinel: SocketAddr, node: SocketAddr) -> Result<i64> {
        let options = self.options();
        let mut raw = self.connect(sentinel)?;
        let mut say = |words: &[&str]| {
            let said = raw.command(words).and_then(|reply| reply.into_result());
            said.map(|_| ()).map_err(|e| LabError::io(format_args!("{} at {sentinel}", words.join(" ")), e))
        };
        let at_us = now_us();
        say(&["SENTINEL", "REMOVE", name])?;
        let (ip, port, quorum) = (node.ip().to_string(), node.port().to_string(), options.quorum().to_string());
        say(&["SENTINEL", "MONITOR", name, &ip, &port, &quorum])?;
        for [option, value] in start::master_options(options) {
            say(&["SENTINEL", "SET", name, &option, &value])?;
        }
        self.note_more(at_us, sentinel, "remonitor", &node.to_string());
        Ok(at_us)
    }

    /// Replaces sentinels by new ones at the same addresses, which know the masters' present addresses and nothing else: their epochs are 0
    /// until an old one tells them more. All of these are gone before the first new one comes.
    pub fn redeploy(&self, sentinels: &[SocketAddr]) -> Result<i64> {
        let masters = self.masters()?;
        let at_us = now_us();
        for sentinel in sentinels {
            if self.server(*sentinel, |server| Ok(server.exists()))? {
                self.kill(*sentinel)?;
            }
        }
        for sentinel in sentinels {
            self.server(*sentinel, |server| start::redeploy(self.options(), server, &masters))?;
            self.restart(*sentinel)?;
        }
        Ok(at_us)
    }

    fn scope(&self, side: Side) -> Result<Scope> {
        Ok(match side {
            Side::Clients => Scope::Clients,
            Side::Peers => Scope::Peers,
            Side::All => Scope::All,
            Side::Server(addr) => self.server(addr, |server: &mut Server| Ok(server.scope()))?,
        })
    }
}
