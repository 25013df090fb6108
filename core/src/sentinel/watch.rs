//! One sentinel, watched for as long as the client lives.
//!
//! One RESP3 link subscribes and asks. The loop cannot end: every reply, error, end of stream and timeout leads to a report,
//! a back-off and another try, and after every connection the sentinel is asked, because its events are not replayed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use redis::{PushKind, Value};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until};

use super::reply::{self, Answer, SentinelEvent};
use super::topology::{Input, SentinelId};
use crate::command::encode;
use crate::config::{Config, HostPort};
use crate::error::{Cause, Error, ErrorKind, Step};
use crate::link::engine::Incoming;
use crate::link::handshake::Hop;
use crate::link::resp::text;
use crate::link::talk::{Greeting, Talk};
use crate::supervisor::backoff::Backoff;

/// What a watch reports to the supervisor.
#[derive(Debug)]
pub(crate) enum Report {
    /// For the topology.
    Input(Input),
    /// It is connected; `subscribed` is false if it refuses subscriptions.
    Up { sentinel: SentinelId, subscribed: bool },
}

/// Everything a watch needs.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) id: SentinelId,
    pub(crate) address: HostPort,
    pub(crate) master: String,
    pub(crate) config: Arc<Config>,
    pub(crate) client_name: String,
    /// Rung by the supervisor: ask now.
    pub(crate) ask: Arc<Notify>,
    pub(crate) reports: mpsc::Sender<Report>,
}

impl Watch {
    /// Watch for ever. Ends only by being dropped.
    pub(crate) async fn run(self) {
        let mut backoff = Backoff::new(&self.config.options);
        loop {
            let cause = self.watch(&mut backoff).await;
            tracing::debug!(target: "standfast", sentinel = %self.address, %cause, "sentinel lost");
            self.report(Report::Input(Input::SentinelFailed { sentinel: self.id, cause })).await;
            backoff.wait().await;
        }
    }

    /// One connection, from resolving its name to its loss.
    async fn watch(&self, backoff: &mut Backoff) -> Cause {
        let greeting = Greeting {
            hop: Hop::Sentinel,
            credentials: self.config.sentinel_credentials(),
            name: &self.client_name,
            within: self.config.options.sentinel_timeout,
        };
        let (mut talk, _) = match Talk::open(&self.address, &self.config, greeting).await {
            Ok(open) => open,
            Err(cause) => return cause,
        };
        match self.listen(&mut talk, backoff).await {
            Ok(never) => match never {},
            Err(error) => Cause {
                address: self.address.to_string(),
                resolved: Some(talk.peer),
                step: Step::Query,
                kind: error.kind(),
                text: error.message().to_owned(),
            },
        }
    }

    async fn listen(&self, talk: &mut Talk, backoff: &mut Backoff) -> Result<std::convert::Infallible, Error> {
        let timeout = self.config.options.sentinel_timeout;
        let subscribed = self.subscribe(talk, timeout).await?;
        let question = self.question();
        let mut due: Option<Instant> = None;
        let mut ask = true;
        let mut greeted = false;
        let mut poll = Instant::now();
        loop {
            if ask && due.is_none() {
                ask = false;
                talk.send_expecting(&question, 3).await?;
                due = Some(Instant::now() + timeout);
                poll = self.next_poll(subscribed);
            }
            let incoming = tokio::select! {
                incoming = talk.incoming() => incoming?,
                () = self.ask.notified() => { ask = true; continue }
                () = sleep_until(due.unwrap_or(poll)) => {
                    if due.is_some() {
                        return Err(Error::new(ErrorKind::Timeout, format!("no answer within {} ms", timeout.as_millis())));
                    }
                    ask = true;
                    continue;
                }
            };
            match incoming {
                Incoming::Replies { values, .. } => {
                    due = None;
                    let answer = self.answer(&values, talk.peer)?;
                    backoff.succeeded();
                    if !greeted {
                        greeted = true;
                        self.report(Report::Up { sentinel: self.id, subscribed }).await;
                    }
                    self.report(Report::Input(Input::Answered { sentinel: self.id, answer })).await;
                }
                Incoming::Push(push) => {
                    if let Some(event) = self.event(&push) {
                        tracing::debug!(target: "standfast", sentinel = %self.address, ?event, "sentinel event");
                        self.report(Report::Input(Input::Event { sentinel: self.id, event })).await;
                    }
                }
            }
        }
    }

    /// `false` if the user has no right to subscribe: then the poll is all there is.
    async fn subscribe(&self, talk: &mut Talk, timeout: Duration) -> Result<bool, Error> {
        let mut command: Vec<&[u8]> = vec![b"SUBSCRIBE"];
        command.extend(reply::CHANNELS.iter().map(|channel| channel.as_bytes()));
        talk.send(&encode(&command)).await?;
        match tokio::time::timeout(timeout, talk.incoming()).await {
            Ok(Ok(_)) => Ok(true),
            Ok(Err(error)) if error.kind() == ErrorKind::NoPermission => Ok(false),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(Error::new(ErrorKind::Timeout, format!("no answer within {} ms", timeout.as_millis()))),
        }
    }

    fn next_poll(&self, subscribed: bool) -> Instant {
        let interval = self.config.options.poll_interval;
        let interval = if subscribed { interval } else { interval.min(Duration::from_secs(1)) };
        Instant::now() + interval.mul_f64(0.8 + 0.4 * fastrand::f64())
    }

    /// Address and epoch come from different commands: after a promotion the leader's SENTINEL MASTER shows the old address
    /// with the new epoch for a while.
    fn question(&self) -> Vec<u8> {
        let master = self.master.as_bytes();
        let mut question = encode(&[b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", master]);
        question.extend(encode(&[b"SENTINEL", b"MASTER", master]));
        question.extend(encode(&[b"SENTINEL", b"REPLICAS", master]));
        question
    }

    fn answer(&self, values: &[Value], peer: SocketAddr) -> Result<Answer, Error> {
        let [address, facts, replicas] = values else {
            return Err(Error::new(ErrorKind::Internal, "a question has three replies"));
        };
        if let Value::ServerError(error) = address {
            let kind = match error.code() {
                "NOPERM" => ErrorKind::NoPermission,
                "NOAUTH" => ErrorKind::SentinelAuthRequired,
                "ERR" => ErrorKind::NotASentinel,
                _ => ErrorKind::ReplyError,
            };
            return Err(Error::server(kind, error.code(), error.details().unwrap_or_default()));
        }
        let master = reply::master_address(address);
        let (epoch, flags) = reply::master_facts(facts).unwrap_or_default();
        Ok(Answer { master, epoch, flags, replicas: reply::replicas(replicas), peer: Some(peer) })
    }

    fn event(&self, push: &Value) -> Option<SentinelEvent> {
        let Value::Push { kind: PushKind::Message, data } = push else { return None };
        let (channel, payload) = (text(data.first()?)?, text(data.get(1)?)?);
        reply::event(&self.master, channel, payload)
    }

    async fn report(&self, report: Report) {
        // The supervisor is gone only when this task is about to be dropped, too.
        let _ = self.reports.send(report).await;
    }
}
