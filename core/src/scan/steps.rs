//! The steps of one scan: which node it is on, what is left when its link is lost, and when its cursor is void.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use redis::Value;

use super::item::{NodeChange, ScanItem, ScanOptions};
use crate::command::Request;
use crate::error::{Error, ErrorKind, Result, is_refusal};
use crate::link::resp::text;
use crate::node::line::Line;
use crate::node::replica::{self, Found};
use crate::shared::Shared;
use crate::supervisor::backoff::Backoff;

/// See the head of this file.
pub(super) struct Steps {
    shared: Arc<Shared>,
    options: ScanOptions,
    cursor: String,
    seat: Option<Seat>,
    /// Where the cursor comes from.
    origin: Option<Origin>,
    /// What was given already, if it must not be given twice.
    given: Option<HashSet<Box<[u8]>>>,
    ended: bool,
}

/// The link under the scan.
struct Seat {
    line: Line,
    /// The generation of the master that it is on; a replica has none.
    master: Option<u64>,
}

/// The process that a cursor means something to.
#[derive(Clone, PartialEq, Eq)]
struct Origin {
    node: String,
    /// Not known when this user may not ask: then no two processes are the same.
    process: Option<String>,
}

impl Origin {
    fn is_same(&self, other: &Origin) -> bool {
        self.node == other.node && self.process.is_some() && self.process == other.process
    }
}

impl Steps {
    pub(super) fn new(shared: Arc<Shared>, options: ScanOptions) -> Steps {
        let given = options.restarts().then(HashSet::new);
        Steps { shared, options, cursor: "0".to_owned(), seat: None, origin: None, given, ended: false }
    }

    /// The next items, never none; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<ScanItem>>> {
        let deadline = Instant::now() + self.shared.config.options.command_timeout;
        let mut backoff = Backoff::new(&self.shared.config.options);
        while !self.ended {
            if let Some(change) = self.sit_down(deadline).await? {
                return Ok(Some(vec![ScanItem::NodeChanged(change)]));
            }
            let Some(seat) = &self.seat else { continue };
            let request = self.options.request(&self.cursor)?;
            let value = match seat.line.ask(&request, Some(deadline)).await {
                Ok(mut values) => values.pop().unwrap_or(Value::Nil),
                Err(unanswered) => {
                    self.seat = None;
                    if unanswered.error.kind() == ErrorKind::Closed || Instant::now() >= deadline {
                        return Err(unanswered.error);
                    }
                    backoff.wait().await;
                    continue;
                }
            };
            match value {
                // It cannot serve reads just now; another node may.
                Value::ServerError(error) if is_refusal(error.code()) && Instant::now() < deadline => {
                    self.seat = None;
                    backoff.wait().await;
                    continue;
                }
                Value::ServerError(error) => {
                    self.ended = true;
                    return Err(Error::from_reply(&error));
                }
                _ => {}
            }
            let (cursor, items) = self.options.answer(value)?;
            self.ended = cursor == "0";
            self.cursor = cursor;
            let items = self.without_given(items);
            if !items.is_empty() {
                return Ok(Some(items));
            }
        }
        self.seat = None;
        Ok(None)
    }

    fn without_given(&mut self, mut items: Vec<ScanItem>) -> Vec<ScanItem> {
        if let Some(given) = &mut self.given {
            items.retain(|item| item.identity().is_none_or(|identity| given.insert(identity.into())));
        }
        items
    }

    /// Have a link to the node that the cursor comes from, or to any one for a new scan. Gives the change if it had to be
    /// another node.
    async fn sit_down(&mut self, deadline: Instant) -> Result<Option<NodeChange>> {
        let generation = self.shared.gate.load().generation;
        // A master that was replaced goes on answering for a while.
        self.seat.take_if(|seat| !seat.line.is_open() || seat.master.is_some_and(|of| of != generation));
        if self.seat.is_some() {
            return Ok(None);
        }
        let before = self.origin.as_ref().map(|origin| origin.node.as_str());
        let found = replica::find(&self.shared, before, self.options.only_master(), "scan", deadline).await?;
        let Found { line, address, master } = found;
        let origin = Origin { node: address.to_string(), process: process(&line, deadline).await };
        let old = self.origin.replace(origin.clone());
        self.seat = Some(Seat { line, master });
        let Some(old) = old.filter(|old| !old.is_same(&origin)) else { return Ok(None) };
        // Nothing was given yet, so nothing is void.
        if self.cursor == "0" {
            return Ok(None);
        }
        let change = NodeChange { old_node: old.node, new_node: origin.node };
        if self.given.is_none() {
            self.ended = true;
            self.seat = None;
            return Err(Error::new(
                ErrorKind::Disconnected,
                format!(
                    "the node under the scan changed from {} to {}, so its cursor is void; begin a new scan",
                    change.old_node, change.new_node
                ),
            ));
        }
        "0".clone_into(&mut self.cursor);
        Ok(Some(change))
    }
}

/// What a process calls itself; another one at the same address calls itself otherwise.
async fn process(line: &Line, deadline: Instant) -> Option<String> {
    let request = Request::new(["INFO", "server"]).ok()?;
    let values = line.ask(&request, Some(deadline)).await.ok()?;
    let info = match values.first()? {
        Value::VerbatimString { text, .. } => text.as_str(),
        value => text(value)?,
    };
    info.lines().find_map(|line| line.strip_prefix("run_id:")).map(|id| id.trim().to_owned())
}
