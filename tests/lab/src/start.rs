//! The first start: servers on free ports, replicas that follow, sentinels that know each other. What happens later is `lab`.

use std::{net::SocketAddr, time::Duration};

use crate::{
    credentials::{Credentials, Kind},
    dir::LabDir,
    error::{LabError, Result},
    health::{self, Role},
    lab::{RAW_TIMEOUT, START_TIMEOUT},
    options::LabOptions,
    poll,
    server::{Server, StartError},
};

/// Losing the race for a port this often is no accident any more.
const PORT_TRIES: usize = 20;

/// All nodes, up, the later ones as replicas of the first.
pub(crate) fn nodes(dir: &LabDir, options: &LabOptions, credentials: &Credentials) -> Result<Vec<Server>> {
    let fresh = || -> Result<Server> {
        let mut server = Server::new(Kind::Node, dir.path())?;
        server.spawn(options, None)?;
        Ok(server)
    };
    let mut nodes = (0..=options.replicas).map(|_| fresh()).collect::<Result<Vec<_>>>()?;
    for node in &mut nodes {
        let mut tries = 1;
        while let Err(error) = node.wait_until_up(credentials) {
            match error {
                StartError::PortTaken if tries < PORT_TRIES => *node = fresh()?,
                StartError::PortTaken => {
                    return Err(LabError::new("every port was taken by somebody else"));
                }
                StartError::Failed(error) => return Err(error),
            }
            tries += 1;
        }
    }
    // Told afterwards, a replica connects at once; told at its start it may find no master yet and try again a second later.
    let master = nodes[0].addr();
    for replica in &nodes[1..] {
        let what = || format!("making {} a replica", replica.addr());
        credentials
            .connect(Kind::Node, replica.addr(), RAW_TIMEOUT)
            .and_then(|mut raw| raw.command(&["REPLICAOF", &master.ip().to_string(), &master.port().to_string()]))
            .and_then(|reply| reply.into_result())
            .map_err(|e| LabError::io(what(), e))?;
    }
    poll::until("the replicas follow", Duration::from_millis(2), START_TIMEOUT, || {
        let mut roles = Vec::new();
        for node in nodes.iter().map(Server::addr) {
            let reply = credentials
                .connect(Kind::Node, node, RAW_TIMEOUT)
                .and_then(|mut raw| raw.command(&["ROLE"]))
                .map_err(|e| format!("{node}: {e}"))?;
            roles.push((node, Role::read(&reply).ok_or("no role")?));
        }
        health::replicating(master, &roles)
    })?;
    Ok(nodes)
}

/// All sentinels, up. Their configuration introduces everybody to everybody: left to themselves they need seconds to meet.
/// So a port that is lost to somebody else makes all of them start over.
pub(crate) fn sentinels(
    dir: &LabDir,
    options: &LabOptions,
    credentials: &Credentials,
    nodes: &[SocketAddr],
) -> Result<Vec<Server>> {
    for _ in 0..PORT_TRIES {
        let mut sentinels =
            (0..options.sentinels).map(|_| Server::new(Kind::Sentinel, dir.path())).collect::<Result<Vec<_>>>()?;
        let peers: Vec<_> = sentinels.iter().map(|s| (s.addr(), run_id())).collect();
        for (index, sentinel) in sentinels.iter_mut().enumerate() {
            sentinel.write_sentinel_conf(&sentinel_conf(options, nodes, &peers, index))?;
            sentinel.spawn(options, None)?;
        }
        let mut lost = false;
        for sentinel in &mut sentinels {
            match sentinel.wait_until_up(credentials) {
                Ok(()) => {}
                Err(StartError::PortTaken) => lost = true,
                Err(StartError::Failed(error)) => return Err(error),
            }
        }
        if !lost {
            return Ok(sentinels);
        }
    }
    Err(LabError::new("every port was taken by somebody else"))
}

fn run_id() -> String {
    (0..40).map(|_| fastrand::char('a'..='f')).collect()
}

fn sentinel_conf(options: &LabOptions, nodes: &[SocketAddr], peers: &[(SocketAddr, String)], index: usize) -> String {
    let LabOptions { down_after, failover_timeout, master_name: name, password, sentinel_password, .. } = options;
    let (addr, id) = &peers[index];
    let master = nodes[0];
    let mut conf = format!(
        "port {}\nbind 127.0.0.1\nsentinel myid {id}\n\
         sentinel monitor {name} {} {} {}\n\
         sentinel down-after-milliseconds {name} {}\n\
         sentinel failover-timeout {name} {}\n\
         sentinel parallel-syncs {name} 1\n",
        addr.port(),
        master.ip(),
        master.port(),
        options.quorum(),
        down_after.as_millis(),
        failover_timeout.as_millis(),
    );
    if let Some(password) = password {
        conf += &format!("sentinel auth-pass {name} {password}\n");
    }
    if let Some(password) = sentinel_password {
        conf += &format!("requirepass {password}\nsentinel sentinel-pass {password}\n");
    }
    for replica in &nodes[1..] {
        conf += &format!("sentinel known-replica {name} {} {}\n", replica.ip(), replica.port());
    }
    for (peer, id) in peers.iter().filter(|(peer, _)| peer != addr) {
        conf += &format!("sentinel known-sentinel {name} {} {} {id}\n", peer.ip(), peer.port());
    }
    conf
}
