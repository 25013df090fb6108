//! The first start: servers on free ports, replicas that follow, sentinels that know each other. What happens later is `lab`.

use std::{net::SocketAddr, time::Duration};

use crate::{
    credentials::Kind,
    error::{LabError, Result},
    health::{self, Role},
    lab::{Group, RAW_TIMEOUT, START_TIMEOUT},
    options::LabOptions,
    poll,
    server::{Server, Site, StartError},
};

/// Losing the race for a port this often is no accident any more.
const PORT_TRIES: usize = 20;

/// One master's nodes, up, the later ones as replicas of the first.
pub(crate) fn nodes(site: &Site<'_>, replicas: usize) -> Result<Vec<Server>> {
    let credentials = site.credentials;
    let fresh = || -> Result<Server> {
        let mut server = Server::new(Kind::Node, site)?;
        server.spawn(site.options, None)?;
        Ok(server)
    };
    let mut nodes = (0..=replicas).map(|_| fresh()).collect::<Result<Vec<_>>>()?;
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
pub(crate) fn sentinels(site: &Site<'_>, masters: &[Group]) -> Result<Vec<Server>> {
    for _ in 0..PORT_TRIES {
        let mut sentinels =
            (0..site.options.sentinels).map(|_| Server::new(Kind::Sentinel, site)).collect::<Result<Vec<_>>>()?;
        let ids: Vec<_> = sentinels.iter().map(|s| (s.addr(), run_id())).collect();
        for (index, sentinel) in sentinels.iter_mut().enumerate() {
            let mut conf = sentinel_conf(site.options, sentinel, &ids[index].1);
            for group in masters {
                conf += &master_conf(site.options, &group.name, group.nodes[0]);
                for replica in &group.nodes[1..] {
                    conf += &format!("sentinel known-replica {} {} {}\n", group.name, replica.ip(), replica.port());
                }
                for (peer, id) in ids.iter().filter(|(peer, _)| *peer != sentinel.addr()) {
                    conf += &format!("sentinel known-sentinel {} {} {} {id}\n", group.name, peer.ip(), peer.port());
                }
            }
            sentinel.write_sentinel_conf(&conf)?;
            sentinel.spawn(site.options, None)?;
        }
        let mut lost = false;
        for sentinel in &mut sentinels {
            match sentinel.wait_until_up(site.credentials) {
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

/// Makes a sentinel that does not run forget everything: a new name for itself, no epoch, nobody known but these masters.
pub(crate) fn redeploy(options: &LabOptions, sentinel: &Server, masters: &[(String, SocketAddr)]) -> Result<()> {
    let mut conf = sentinel_conf(options, sentinel, &run_id());
    for (name, master) in masters {
        conf += &master_conf(options, name, *master);
    }
    sentinel.write_sentinel_conf(&conf)
}

fn run_id() -> String {
    (0..40).map(|_| fastrand::char('a'..='f')).collect()
}

fn sentinel_conf(options: &LabOptions, sentinel: &Server, id: &str) -> String {
    let mut conf = format!("{}sentinel myid {id}\n", sentinel.sentinel_identity());
    if let Some(password) = &options.sentinel_password {
        conf += &format!("requirepass {password}\nsentinel sentinel-pass {password}\n");
    }
    conf
}

fn master_conf(options: &LabOptions, name: &str, master: SocketAddr) -> String {
    let mut conf = format!("sentinel monitor {name} {} {} {}\n", master.ip(), master.port(), options.quorum());
    for [option, value] in master_options(options) {
        conf += &format!("sentinel {option} {name} {value}\n");
    }
    conf
}

/// How a sentinel is to treat each master.
pub(crate) fn master_options(options: &LabOptions) -> Vec<[String; 2]> {
    let mut all = vec![
        ["down-after-milliseconds".into(), options.down_after.as_millis().to_string()],
        ["failover-timeout".into(), options.failover_timeout.as_millis().to_string()],
        ["parallel-syncs".into(), "1".into()],
    ];
    if let Some(password) = &options.password {
        all.push(["auth-pass".into(), password.clone()]);
    }
    all
}
