//! What a request is answered with: one value, or an outcome for each command of a unit.

use redis::Value;

use crate::error::{Error, ErrorKind, Result};

/// The replies to a request as the drivers hand them on.
#[derive(Debug, Default)]
pub(crate) struct Replies {
    /// One for each command; an error of the server is one of them.
    values: Vec<Value>,
    /// Commands, by their place, of which there is no reply, and why. Empty for all that went well.
    failed: Vec<(usize, Error)>,
}

/// What something that was asked for is answered with.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The reply to one command.
    One(Value),
    /// One outcome for each command of a pipeline or a transaction, in their order.
    Each(Vec<Result<Value>>),
}

impl Replies {
    pub(crate) fn of(outcomes: impl IntoIterator<Item = Result<Value>>) -> Replies {
        let mut replies = Replies::default();
        for outcome in outcomes {
            match outcome {
                Ok(value) => replies.values.push(value),
                Err(error) => {
                    replies.failed.push((replies.values.len(), error));
                    replies.values.push(Value::Nil);
                }
            }
        }
        replies
    }

    /// The single value of a command, or its error.
    pub(crate) fn single(mut self) -> Result<Value> {
        match (self.failed.pop(), self.values.pop()) {
            (Some((_, error)), _) => Err(error),
            (None, Some(Value::ServerError(error))) => Err(Error::from_reply(&error)),
            (None, Some(value)) => Ok(value),
            (None, None) => Err(Error::new(ErrorKind::Internal, "a reply is missing")),
        }
    }

    /// One outcome for each command.
    pub(crate) fn each(self) -> Vec<Result<Value>> {
        let mut failed = self.failed.into_iter().peekable();
        self.values
            .into_iter()
            .enumerate()
            .map(|(at, value)| match (failed.next_if(|(failed, _)| *failed == at), value) {
                (Some((_, error)), _) => Err(error),
                (None, Value::ServerError(error)) => Err(Error::from_reply(&error)),
                (None, value) => Ok(value),
            })
            .collect()
    }

    /// The values as the server sent them, errors among them; or the first error of another origin.
    pub(crate) fn values(self) -> Result<Vec<Value>> {
        match self.failed.into_iter().next() {
            Some((_, error)) => Err(error),
            None => Ok(self.values),
        }
    }

    /// Of what was not executed, and why.
    pub(crate) fn failures(&self) -> impl Iterator<Item = &Error> {
        self.failed.iter().map(|(_, error)| error)
    }
}

impl From<Vec<Value>> for Replies {
    fn from(values: Vec<Value>) -> Replies {
        Replies { values, failed: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_keeps_its_own_outcome() {
        let lost = || Error::new(ErrorKind::Disconnected, "lost");
        let replies = Replies::of([Ok(Value::Int(1)), Err(lost()), Ok(Value::Nil), Err(lost())]);
        let kinds: Vec<_> = replies.each().into_iter().map(|outcome| outcome.map_err(|error| error.kind())).collect();
        assert_eq!(
            kinds,
            [Ok(Value::Int(1)), Err(ErrorKind::Disconnected), Ok(Value::Nil), Err(ErrorKind::Disconnected)]
        );
        assert_eq!(Replies::of([Err(lost())]).single().unwrap_err().kind(), ErrorKind::Disconnected);
    }
}
