//! What "healthy" means. A pure comparison of what the sentinels and nodes say with what the lab knows to be running.

use std::{collections::BTreeSet, net::SocketAddr};

use crate::{raw::Value, sentinels::View};

/// The part a node says it plays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Master,
    /// Of whom, and whether the link to it is up.
    Replica {
        of: String,
        connected: bool,
    },
}

impl Role {
    /// Reads the reply of ROLE.
    pub(crate) fn read(reply: &Value) -> Option<Role> {
        match reply.items() {
            [role, ..] if role.text() == "master" => Some(Role::Master),
            [role, host, port, state, ..] if role.text() == "slave" => Some(Role::Replica {
                of: format!("{}:{}", host.text(), port.text()),
                connected: state.text() == "connected",
            }),
            _ => None,
        }
    }
}

/// The one master that all sentinels name without any reservation: none doubts it, none replaces it.
pub(crate) fn calm(views: &[(SocketAddr, View)]) -> Result<SocketAddr, String> {
    for (sentinel, view) in views {
        if view.tilt {
            return Err(format!("sentinel {sentinel} distrusts its clock"));
        }
        if view.master_flags != "master" {
            return Err(format!("sentinel {sentinel}: master is {}", view.master_flags));
        }
    }
    one_master(views.iter().map(|(_, view)| view.master))
}

/// This master, if every node plays the part that follows from it; otherwise the first thing that is wrong.
pub(crate) fn replicating(master: SocketAddr, roles: &[(SocketAddr, Role)]) -> Result<SocketAddr, String> {
    if !roles.iter().any(|(addr, _)| *addr == master) {
        return Err(format!("{master} does not answer"));
    }
    for (addr, role) in roles {
        let wanted =
            if *addr == master { Role::Master } else { Role::Replica { of: master.to_string(), connected: true } };
        if *role != wanted {
            return Err(format!("{addr} is {role:?}, not {wanted:?}"));
        }
    }
    Ok(master)
}

/// The one master on whom all sentinels agree, with every replica and every other sentinel in sight and nothing flagged.
pub(crate) fn agreed(views: &[(SocketAddr, View)], nodes: &[SocketAddr]) -> Result<SocketAddr, String> {
    let master = calm(views)?;
    let replicas: BTreeSet<_> = nodes.iter().copied().filter(|n| *n != master).collect();
    let sentinels: BTreeSet<_> = views.iter().map(|(s, _)| *s).collect();
    for (sentinel, view) in views {
        let say = |what: String| Err(format!("sentinel {sentinel}: {what}"));
        let seen: BTreeSet<_> = view.replicas.iter().map(|r| r.addr).collect();
        if seen != replicas {
            return say(format!("replicas are {seen:?}, not {replicas:?}"));
        }
        for replica in &view.replicas {
            if replica.flags != "slave" || replica.link != "ok" || replica.follows != Some(master) {
                return say(format!("{replica:?}"));
            }
        }
        let mut seen: BTreeSet<_> = view.others.iter().map(|(s, _)| *s).collect();
        seen.insert(*sentinel);
        if seen != sentinels {
            return say(format!("sentinels are {seen:?}, not {sentinels:?}"));
        }
        if let Some((other, flags)) = view.others.iter().find(|(_, flags)| flags != "sentinel") {
            return say(format!("sentinel {other} is {flags}"));
        }
    }
    Ok(master)
}

fn one_master(mut named: impl Iterator<Item = SocketAddr>) -> Result<SocketAddr, String> {
    let master = named.next().ok_or("no sentinel names a master")?;
    match named.find(|other| *other != master) {
        Some(other) => Err(format!("sentinels name {master} and {other}")),
        None => Ok(master),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sentinels::ReplicaView;

    fn addr(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    /// Nodes 1 (master) and 2, sentinels 11 and 12.
    fn healthy() -> Vec<(SocketAddr, View)> {
        let view = |other| View {
            master: addr(1),
            master_flags: "master".into(),
            tilt: false,
            replicas: vec![ReplicaView {
                addr: addr(2),
                flags: "slave".into(),
                link: "ok".into(),
                follows: Some(addr(1)),
            }],
            others: vec![(addr(other), "sentinel".into())],
        };
        vec![(addr(11), view(12)), (addr(12), view(11))]
    }

    fn agreed_after(change: impl Fn(&mut View)) -> Result<SocketAddr, String> {
        let mut views = healthy();
        change(&mut views[1].1);
        agreed(&views, &[addr(1), addr(2)])
    }

    #[test]
    fn sentinels_that_see_everything_agree() {
        assert_eq!(agreed_after(|_| {}), Ok(addr(1)));
    }

    #[test]
    fn anything_amiss_in_one_view_is_disagreement() {
        assert!(agreed_after(|v| v.master = addr(2)).is_err());
        assert!(agreed_after(|v| v.master_flags = "master,s_down".into()).is_err());
        assert!(agreed_after(|v| v.tilt = true).is_err());
        assert!(agreed_after(|v| v.replicas.clear()).is_err());
        assert!(agreed_after(|v| v.replicas[0].flags = "s_down,slave".into()).is_err());
        assert!(agreed_after(|v| v.replicas[0].link = "err".into()).is_err());
        assert!(agreed_after(|v| v.replicas[0].follows = Some(addr(3))).is_err());
        assert!(agreed_after(|v| v.others.clear()).is_err());
        assert!(agreed_after(|v| v.others[0].1 = "sentinel,disconnected".into()).is_err());
    }

    #[test]
    fn a_stale_master_is_not_replicating() {
        let replica = Role::Replica { of: "127.0.0.1:1".into(), connected: true };
        assert_eq!(replicating(addr(1), &[(addr(1), Role::Master), (addr(2), replica.clone())]), Ok(addr(1)));
        assert!(replicating(addr(1), &[(addr(1), Role::Master), (addr(2), Role::Master)]).is_err());
        assert!(replicating(addr(1), &[(addr(2), replica)]).is_err(), "the master does not answer");
    }

    #[test]
    fn a_failover_in_progress_is_not_calm() {
        let mut views = healthy();
        assert_eq!(calm(&views), Ok(addr(1)));
        views[0].1.master_flags = "master,failover_in_progress".into();
        assert!(calm(&views).is_err());
        assert!(calm(&[]).is_err());
    }
}
