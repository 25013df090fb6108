//! What a face tells about itself: one JSON value a line, as it prints them. Reading them is all that happens here.
//!
//! | line | meaning |
//! |---|---|
//! | `{"ready":true}` | connected, and the subscription is confirmed |
//! | `["w",n,start_us,end_us,"ok"]` | write `n` was acknowledged; otherwise the last item is the error's name |
//! | `["m",n,received_us]` | message `n` arrived |
//! | `["g",since_us,until_us,"reason"]` | a marked gap |
//! | `["d",count]` | messages dropped by a full queue |
//! | `{"done":true}` | there is no more, or no more of this round |
//!
//! All times are CLOCK_REALTIME in microseconds since the Unix epoch.

use serde_json::Value as Json;

/// One line of a face.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Ready,
    Write(Write),
    Message { n: u64, at_us: i64 },
    Gap(Gap),
    Dropped(u64),
    Done,
}

/// One numbered write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Write {
    pub(crate) n: u64,
    pub(crate) start_us: i64,
    pub(crate) end_us: i64,
    /// The name of its error; `None` when it was acknowledged.
    pub(crate) error: Option<String>,
}

/// An interruption that the subscription announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) since_us: i64,
    pub(crate) until_us: i64,
    pub(crate) reason: String,
}

/// Everything that a face has told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Records {
    pub(crate) writes: Vec<Write>,
    /// Number and time of arrival.
    pub(crate) messages: Vec<(u64, i64)>,
    pub(crate) gaps: Vec<Gap>,
    pub(crate) dropped: u64,
    pub(crate) done: bool,
}

impl Records {
    pub(crate) fn add(&mut self, line: Line) {
        match line {
            Line::Ready => {}
            Line::Write(write) => self.writes.push(write),
            Line::Message { n, at_us } => self.messages.push((n, at_us)),
            Line::Gap(gap) => self.gaps.push(gap),
            Line::Dropped(count) => self.dropped += count,
            Line::Done => self.done = true,
        }
    }
}

/// Reads one line; `None` when it is none of the above.
pub(crate) fn parse(line: &str) -> Option<Line> {
    let json: Json = serde_json::from_str(line).ok()?;
    if let Some(object) = json.as_object() {
        let says = |key: &str| object.get(key) == Some(&Json::Bool(true));
        return match (says("ready"), says("done")) {
            (true, _) => Some(Line::Ready),
            (_, true) => Some(Line::Done),
            _ => None,
        };
    }
    let text = |json: &Json| json.as_str().map(str::to_owned);
    match json.as_array()?.as_slice() {
        [kind, n, start, end, outcome] if kind == "w" => Some(Line::Write(Write {
            n: n.as_u64()?,
            start_us: start.as_i64()?,
            end_us: end.as_i64()?,
            error: text(outcome).map(|name| (name != "ok").then_some(name))?,
        })),
        [kind, n, at] if kind == "m" => Some(Line::Message { n: n.as_u64()?, at_us: at.as_i64()? }),
        [kind, since, until, reason] if kind == "g" => {
            Some(Line::Gap(Gap { since_us: since.as_i64()?, until_us: until.as_i64()?, reason: text(reason)? }))
        }
        [kind, count] if kind == "d" => Some(Line::Dropped(count.as_u64()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_line_is_read() {
        let write = |error: Option<&str>| {
            Line::Write(Write { n: 7, start_us: 10, end_us: 12, error: error.map(str::to_owned) })
        };
        for (text, line) in [
            (r#"{"ready":true}"#, Line::Ready),
            (r#"{"done": true}"#, Line::Done),
            (r#"["w",7,10,12,"ok"]"#, write(None)),
            (r#"["w", 7, 10, 12, "Timeout"]"#, write(Some("Timeout"))),
            (r#"["m",3,10]"#, Line::Message { n: 3, at_us: 10 }),
            (r#"["g",1,2,"switch"]"#, Line::Gap(Gap { since_us: 1, until_us: 2, reason: "switch".into() })),
            (r#"["d",4]"#, Line::Dropped(4)),
        ] {
            assert_eq!(parse(text), Some(line), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "hello", "{}", r#"{"ready":false}"#, r#"["w",1,2,"ok"]"#, r#"["m",-1,2]"#, r#"["x"]"#] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
