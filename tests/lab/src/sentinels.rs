//! What the sentinels say: questions over raw connections, answers as plain data. Decides nothing.

use std::{io, net::SocketAddr, time::Duration};

use crate::{
    credentials::{Credentials, Kind},
    raw::{Raw, Value},
    server::info_field,
};

const TIMEOUT: Duration = Duration::from_millis(500);

/// Where the sentinels are and how to ask them.
#[derive(Clone, Debug)]
pub(crate) struct Sentinels {
    pub(crate) addrs: Vec<SocketAddr>,
    pub(crate) master_name: String,
    pub(crate) credentials: Credentials,
}

/// One sentinel's picture of the topology.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) master: SocketAddr,
    pub(crate) master_flags: String,
    /// It distrusts its clock and decides nothing for a while.
    pub(crate) tilt: bool,
    pub(crate) replicas: Vec<ReplicaView>,
    /// Address and flags of the other sentinels.
    pub(crate) others: Vec<(SocketAddr, String)>,
}

/// A replica as a sentinel sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReplicaView {
    pub(crate) addr: SocketAddr,
    pub(crate) flags: String,
    pub(crate) link: String,
    pub(crate) follows: Option<SocketAddr>,
}

impl Sentinels {
    /// The same sentinels, asked about another master.
    pub(crate) fn about(&self, master_name: &str) -> Self {
        Self { master_name: master_name.to_owned(), ..self.clone() }
    }

    pub(crate) fn connect(&self, addr: SocketAddr) -> io::Result<Raw> {
        self.credentials.connect(Kind::Sentinel, addr, TIMEOUT)
    }

    /// The address that most of the sentinels give.
    pub(crate) fn master(&self) -> Option<SocketAddr> {
        let answers: Vec<_> = self.addrs.iter().filter_map(|a| self.ask_master(&mut None, *a).ok().flatten()).collect();
        majority(&answers)
    }

    /// The address that one sentinel gives, over a link that is opened when there is none and kept when it works.
    pub(crate) fn ask_master(&self, link: &mut Option<Raw>, sentinel: SocketAddr) -> io::Result<Option<SocketAddr>> {
        let mut raw = match link.take() {
            Some(raw) => raw,
            None => self.connect(sentinel)?,
        };
        let reply = raw.command(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", &self.master_name])?.into_result()?;
        *link = Some(raw);
        Ok(match reply.items() {
            [host, port] => socket_addr(&host.text(), &port.text()),
            _ => None,
        })
    }

    pub(crate) fn view(&self, sentinel: SocketAddr) -> io::Result<View> {
        let mut raw = self.connect(sentinel)?;
        let mut ask = |what: &str| raw.command(&["SENTINEL", what, &self.master_name])?.into_result();
        let (master, replicas, others) = (ask("MASTER")?, ask("REPLICAS")?, ask("SENTINELS")?);
        let info = raw.command(&["INFO", "sentinel"])?.into_result()?.text();
        let flags = |v: &Value| v.field("flags").unwrap_or_default();
        Ok(View {
            master: addr_of(&master).ok_or(io::ErrorKind::InvalidData)?,
            master_flags: flags(&master),
            tilt: info_field(&info, "sentinel_tilt") == Some("1"),
            replicas: replicas
                .items()
                .iter()
                .filter_map(|replica| {
                    Some(ReplicaView {
                        addr: addr_of(replica)?,
                        flags: flags(replica),
                        link: replica.field("master-link-status").unwrap_or_default(),
                        follows: socket_addr(&replica.field("master-host")?, &replica.field("master-port")?),
                    })
                })
                .collect(),
            others: others.items().iter().filter_map(|s| Some((addr_of(s)?, flags(s)))).collect(),
        })
    }
}

/// The address that more than half of the answers give, if there is one. The leader of a failover answers with the new address
/// up to a second before the others: whoever follows single answers goes back and forth.
pub(crate) fn majority(answers: &[SocketAddr]) -> Option<SocketAddr> {
    let votes = |addr| answers.iter().filter(|a| **a == addr).count();
    answers.iter().copied().find(|addr| votes(*addr) * 2 > answers.len())
}

fn addr_of(map: &Value) -> Option<SocketAddr> {
    socket_addr(&map.field("ip")?, &map.field("port")?)
}

fn socket_addr(host: &str, port: &str) -> Option<SocketAddr> {
    Some(SocketAddr::new(host.parse().ok()?, port.parse().ok()?))
}
