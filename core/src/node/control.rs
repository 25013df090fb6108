//! The control link to the master in use: it notices at once when the connection ends, and asks at intervals whether the
//! master lives and is still the master.

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::probe::{Prober, ask_role};
use super::role::Role;
use crate::config::HostPort;
use crate::sentinel::topology::{Input, Proof};
use crate::sentinel::watch::Report;

/// Guard the master of this generation until it is lost, or stops being the master.
pub(crate) async fn guard(prober: Prober, node: HostPort, generation: u64, reports: mpsc::Sender<Report>) {
    let why = match prober.open(&node).await {
        Err(cause) => cause.text,
        Ok((mut talk, mut role)) => {
            let options = &prober.config.options;
            let mut beat = Instant::now() + options.heartbeat_interval;
            loop {
                if role != Role::Master {
                    let proof = Proof { socket: talk.peer, not_before: None };
                    let _ = reports.send(Report::Input(Input::Role { node, role, proof })).await;
                    return;
                }
                tokio::select! {
                    incoming = talk.incoming() => match incoming {
                        // Nothing is expected here but the end.
                        Ok(_) => {}
                        Err(error) => break error.message().to_owned(),
                    },
                    () = sleep_until(beat) => match ask_role(&mut talk, options.heartbeat_timeout).await {
                        Some(answer) => {
                            role = answer;
                            beat = Instant::now() + options.heartbeat_interval;
                        }
                        None => break "its heartbeat was not answered".to_owned(),
                    },
                }
            }
        }
    };
    let _ = reports.send(Report::Input(Input::MasterLost { generation, why })).await;
}
