//! Transactions over watched keys: read, decide, write, and all of it again if somebody else wrote in between.
//!
//! A [`Watched`] holds a link of its own from `WATCH` to `EXEC`, because the server forgets what is watched with its link: a link
//! that is lost, or whose master is replaced, loses the watch, and nothing is executed then. Waiting threads take the link
//! from the pool and drive it themselves; tasks have one of their own. Nothing is ever sent twice on it by itself: what could
//! be sent again makes a new round of the whole.

use std::fmt;
use std::time::Instant;

use redis::Value;

use crate::bell::Interrupt;
use crate::client::{Client, Timeout};
use crate::command::outcome::{self, Again, End, Verdict};
use crate::command::{Replies, Request};
use crate::driver::exclusive::Exclusive;
use crate::driver::waiting::{self, WaitingLink};
use crate::error::{Error, ErrorKind, Result};
use crate::shared::Limit;

/// The keys that a transaction depends on, and how long it may be tried. See [`Client::watch`].
#[must_use = "nothing is done before it is run"]
pub struct Watched {
    client: Client,
    keys: Vec<Vec<u8>>,
    timeout: Timeout,
    attempts: Option<u64>,
    /// Set by the first round.
    started: Option<(Request, Limit)>,
    rounds: u64,
    link: Link,
}

/// The link on which the keys are watched.
enum Link {
    /// There is none, or it is lost.
    None,
    Waiting(Box<WaitingLink>),
    Task(Box<Exclusive>),
}

impl Client {
    /// A transaction that depends on what was read before it. The function reads, decides and gives the commands; they are
    /// executed if none of the keys was changed in the meantime, and otherwise the function is run again.
    ///
    /// ```no_run
    /// # async fn example(client: standfast::Client) -> standfast::Result<()> {
    /// use redis::{cmd, from_redis_value};
    /// let outcomes = client
    ///     .watch(["balance"])
    ///     .run(async |now| {
    ///         let balance = now.command(cmd("GET").arg("balance")).await?;
    ///         let balance: i64 = from_redis_value(balance).unwrap_or(0);
    ///         Ok(vec![cmd("SET").arg("balance").arg(balance - 10).into()])
    ///     })
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn watch<K: Into<Vec<u8>>>(&self, keys: impl IntoIterator<Item = K>) -> Watched {
        Watched {
            client: self.clone(),
            keys: keys.into_iter().map(Into::into).collect(),
            timeout: Timeout::Default,
            attempts: None,
            started: None,
            rounds: 0,
            link: Link::None,
        }
    }
}

impl Watched {
    /// How long all rounds together may take; `command_timeout` if nothing is said.
    pub fn timeout(mut self, timeout: Timeout) -> Self {
        self.timeout = timeout;
        self
    }

    /// How many rounds there may be; as many as the time allows if nothing is said.
    pub fn attempts(mut self, attempts: u64) -> Self {
        self.attempts = Some(attempts);
        self
    }

    /// Run the function until its commands were executed; one outcome for each of them. What it reads, it reads through the
    /// [`Watched`] that it gets, on the watching link. It may be run any number of times. Without commands nothing is executed.
    ///
    /// # Errors
    /// [`ErrorKind::TransactionAborted`] when the time or the rounds are used up: nothing was executed.
    /// [`ErrorKind::MaybeExecuted`] when the link was lost behind EXEC; then it is not run again by itself. The function's
    /// own, and those of [`Client::transaction`].
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn run(
        mut self,
        mut function: impl AsyncFnMut(&mut Watched) -> Result<Vec<Request>>,
    ) -> Result<Vec<Result<Value>>> {
        loop {
            self.begin().await?;
            match function(&mut self).await {
                Ok(commands) => {
                    if let Some(outcomes) = self.commit(commands).await? {
                        return Ok(outcomes);
                    }
                }
                Err(_) if self.is_lost() => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The same on the calling thread; the function reads with [`Watched::command_blocking`].
    ///
    /// # Errors
    /// As [`Watched::run`], and [`ErrorKind::Cancelled`] when interrupted before anything was executed.
    pub fn run_blocking(
        mut self,
        interrupt: Interrupt<'_>,
        mut function: impl FnMut(&mut Watched) -> Result<Vec<Request>>,
    ) -> Result<Vec<Result<Value>>> {
        loop {
            self.begin_blocking(interrupt)?;
            match function(&mut self) {
                Ok(commands) => {
                    if let Some(outcomes) = self.commit_blocking(commands, interrupt)? {
                        return Ok(outcomes);
                    }
                }
                Err(_) if self.is_lost() => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Begin a round: from here on the keys are watched. For bindings, whose functions are not Rust's.
    ///
    /// # Errors
    /// [`ErrorKind::TransactionAborted`] when there were as many rounds as there may be, or the time is over;
    /// [`ErrorKind::InvalidArgument`] without keys; as [`Client::command`].
    pub async fn begin(&mut self) -> Result<()> {
        let (watch, limit) = self.next_round()?;
        loop {
            let link = Exclusive::open(self.client.shared(), limit).await;
            let mut link = link.map_err(|error| self.over(error))?;
            let end = link.call(self.client.shared(), &watch, limit).await.map_err(|error| self.over(error))?;
            if self.watches(&watch, end, link.generation())? {
                self.link = Link::Task(Box::new(link));
                return Ok(());
            }
        }
    }

    /// The same on the calling thread.
    ///
    /// # Errors
    /// As [`Watched::begin`].
    pub fn begin_blocking(&mut self, interrupt: Interrupt<'_>) -> Result<()> {
        let (watch, limit) = self.next_round()?;
        loop {
            let shared = self.client.shared();
            let mut link = waiting::alone(shared, limit, interrupt).map_err(|error| self.over(error))?;
            let end = waiting::call_alone(shared, &mut link, &watch, limit, interrupt);
            let end = end.map_err(|error| self.over(error))?;
            if self.watches(&watch, end, link.generation())? {
                self.link = Link::Waiting(Box::new(link));
                return Ok(());
            }
        }
    }

    /// Execute a command at once, on the watching link.
    ///
    /// # Errors
    /// [`ErrorKind::TransactionAborted`] when the watch is lost; the function is run again then, whatever it makes of that.
    /// As [`Client::command`].
    pub async fn command(&mut self, request: impl Into<Request>) -> Result<Value> {
        let (mut request, limit) = self.admit(request.into())?;
        loop {
            // Held by the future, so that a future that is dropped takes the link, which owes a reply, with it.
            let Link::Task(mut link) = std::mem::replace(&mut self.link, Link::None) else { return Err(lost()) };
            let end = link.call(self.client.shared(), &request, limit).await?;
            let kept = matches!(end, End::Replied { .. });
            let verdict = self.judge(&request, end, link.generation());
            if kept && !matches!(verdict, Verdict::Again(_)) {
                self.link = Link::Task(link);
            }
            match settled(verdict)? {
                Ok(replies) => return replies.single(),
                Err(instead) => request = instead,
            }
        }
    }

    /// The same on the calling thread.
    ///
    /// # Errors
    /// As [`Watched::command`], and [`ErrorKind::Cancelled`] when interrupted.
    pub fn command_blocking(&mut self, request: impl Into<Request>, interrupt: Interrupt<'_>) -> Result<Value> {
        let (mut request, limit) = self.admit(request.into())?;
        loop {
            let Link::Waiting(mut link) = std::mem::replace(&mut self.link, Link::None) else { return Err(lost()) };
            let end = waiting::call_alone(self.client.shared(), &mut link, &request, limit, interrupt)?;
            let kept = matches!(end, End::Replied { .. });
            let verdict = self.judge(&request, end, link.generation());
            if kept && !matches!(verdict, Verdict::Again(_)) {
                self.link = Link::Waiting(link);
            }
            match settled(verdict)? {
                Ok(replies) => return replies.single(),
                Err(instead) => request = instead,
            }
        }
    }

    /// Execute the commands between MULTI and EXEC; `None` when a key was changed or the watch was lost: nothing was
    /// executed, and another round may begin.
    ///
    /// # Errors
    /// As [`Watched::run`].
    pub async fn commit(&mut self, commands: Vec<Request>) -> Result<Option<Vec<Result<Value>>>> {
        let link = std::mem::replace(&mut self.link, Link::None);
        let Some((request, limit)) = self.joined(commands)? else { return Ok(Some(Vec::new())) };
        let Link::Task(mut link) = link else { return Ok(None) };
        let shared = self.client.shared();
        let end = link.call(shared, &request, limit).await;
        let verdict = self.judge(&request, shared.note(end)?, link.generation());
        self.client.shared().note(committed(verdict))
    }

    /// The same on the calling thread.
    ///
    /// # Errors
    /// As [`Watched::commit`], and [`ErrorKind::Cancelled`] when interrupted.
    pub fn commit_blocking(
        &mut self,
        commands: Vec<Request>,
        interrupt: Interrupt<'_>,
    ) -> Result<Option<Vec<Result<Value>>>> {
        let link = std::mem::replace(&mut self.link, Link::None);
        let Some((request, limit)) = self.joined(commands)? else { return Ok(Some(Vec::new())) };
        let Link::Waiting(mut link) = link else { return Ok(None) };
        let shared = self.client.shared();
        let end = shared.note(waiting::call_alone(shared, &mut link, &request, limit, interrupt))?;
        let kept = matches!(&end, End::Replied { values, stale: false } if values.len() == request.replies());
        let verdict = self.judge(&request, end, link.generation());
        // EXEC ended the watch, whatever it did, unless MULTI itself was refused.
        if kept && !matches!(verdict, Verdict::Settle(Err(ref error)) if error.kind() != ErrorKind::TransactionAborted)
        {
            link.give_back(self.client.shared());
        }
        self.client.shared().note(committed(verdict))
    }

    /// Whether the watch is lost, so that another round is needed whatever the function says.
    pub fn is_lost(&self) -> bool {
        let generation = match &self.link {
            Link::None => return true,
            Link::Waiting(link) => link.generation(),
            Link::Task(link) => link.generation(),
        };
        self.client.shared().gate.load().generation != generation
    }

    fn next_round(&mut self) -> Result<(Request, Limit)> {
        let shared = self.client.shared();
        shared.check_process()?;
        self.link = Link::None;
        if self.started.is_none() {
            if self.keys.is_empty() {
                return Err(Error::new(ErrorKind::InvalidArgument, "there is no key to watch"));
            }
            let words = std::iter::once(&b"WATCH"[..]).chain(self.keys.iter().map(Vec::as_slice));
            // Twice is as good as once: each link has its own watch.
            let watch = Request::new(words)?.idempotent();
            let limit = shared.limit(&watch, self.timeout);
            self.started = Some((watch, limit));
        }
        let Some((watch, limit)) = self.started.clone() else { return Err(lost()) };
        let late = self.rounds > 0 && limit.deadline.is_some_and(|deadline| deadline <= Instant::now());
        if late || self.attempts.is_some_and(|most| self.rounds >= most) {
            return Err(self.aborted());
        }
        self.rounds += 1;
        Ok((watch, limit))
    }

    /// The time of a later round ran out before it began.
    fn over(&self, error: Error) -> Error {
        if error.kind() == ErrorKind::Timeout && self.rounds > 1 { self.aborted() } else { error }
    }

    fn aborted(&self) -> Error {
        let rounds = if self.started.is_some() { self.rounds } else { 0 };
        Error::new(
            ErrorKind::TransactionAborted,
            format!(
                "nothing was executed: a watched key was changed, or the watch was lost, in each of {rounds} attempts"
            ),
        )
    }

    /// Whether the keys are watched now.
    fn watches(&self, watch: &Request, end: End, generation: u64) -> Result<bool> {
        match self.judge(watch, end, generation) {
            Verdict::Settle(result) => result?.single().map(|_| true),
            Verdict::Again(_) | Verdict::Instead(_) => Ok(false),
        }
    }

    fn judge(&self, request: &Request, end: End, generation: u64) -> Verdict {
        let verdict = outcome::judge(request, end);
        if verdict.doubts_master() {
            self.client.shared().doubt_role(generation);
        }
        verdict
    }

    fn admit(&self, request: Request) -> Result<(Request, Limit)> {
        request.check_single()?;
        request.check()?;
        let Some((_, limit)) = &self.started else {
            return Err(Error::new(ErrorKind::InvalidArgument, "nothing is watched yet"));
        };
        Ok((request, *limit))
    }

    fn joined(&self, commands: Vec<Request>) -> Result<Option<(Request, Limit)>> {
        let Some((_, limit)) = &self.started else {
            return Err(Error::new(ErrorKind::InvalidArgument, "nothing is watched yet"));
        };
        if commands.is_empty() {
            return Ok(None);
        }
        Ok(Some((Request::transaction(commands)?, *limit)))
    }
}

/// The replies to a command, or what is to be sent in its place.
fn settled(verdict: Verdict) -> Result<std::result::Result<Replies, Request>> {
    match verdict {
        Verdict::Settle(result) => result.map(Ok),
        Verdict::Instead(request) => Ok(Err(request)),
        Verdict::Again(Again::LinkLost) => Err(lost()),
        Verdict::Again(Again::Refused { code, .. }) => {
            Err(Error::new(ErrorKind::TransactionAborted, format!("the watch was lost: the server refuses ({code})")))
        }
    }
}

fn committed(verdict: Verdict) -> Result<Option<Vec<Result<Value>>>> {
    match verdict {
        Verdict::Settle(Ok(replies)) => Ok(Some(replies.each())),
        Verdict::Settle(Err(error)) if error.kind() == ErrorKind::TransactionAborted => Ok(None),
        Verdict::Settle(Err(error)) => Err(error),
        Verdict::Again(_) | Verdict::Instead(_) => Ok(None),
    }
}

fn lost() -> Error {
    Error::new(ErrorKind::TransactionAborted, "the watch was lost with its link; nothing was executed")
}

/// Keys may be secret.
impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("keys", &self.keys.len()).field("rounds", &self.rounds).finish_non_exhaustive()
    }
}
