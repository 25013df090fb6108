//! What is scanned for, and what a scan yields. Pure.

use redis::Value;

use crate::command::Request;
use crate::error::{Error, ErrorKind, Result};
use crate::link::resp::text;

/// What to scan, and how.
#[derive(Clone, Debug, Default)]
pub struct ScanOptions {
    what: What,
    pattern: Option<Vec<u8>>,
    kind: Option<String>,
    count: Option<u64>,
    restart: bool,
    on_master: bool,
}

#[derive(Clone, Debug, Default)]
enum What {
    #[default]
    Keys,
    Fields(Vec<u8>),
    Members(Vec<u8>),
    Scores(Vec<u8>),
}

impl ScanOptions {
    /// The keys of the database.
    pub fn keys() -> ScanOptions {
        ScanOptions::default()
    }

    /// The fields of a hash, with their values.
    pub fn hash(key: impl Into<Vec<u8>>) -> ScanOptions {
        ScanOptions { what: What::Fields(key.into()), ..ScanOptions::default() }
    }

    /// The members of a set.
    pub fn set(key: impl Into<Vec<u8>>) -> ScanOptions {
        ScanOptions { what: What::Members(key.into()), ..ScanOptions::default() }
    }

    /// The members of a sorted set, with their scores.
    pub fn sorted_set(key: impl Into<Vec<u8>>) -> ScanOptions {
        ScanOptions { what: What::Scores(key.into()), ..ScanOptions::default() }
    }

    /// Only what matches this pattern.
    #[must_use]
    pub fn pattern(self, pattern: impl Into<Vec<u8>>) -> ScanOptions {
        ScanOptions { pattern: Some(pattern.into()), ..self }
    }

    /// Only keys of this type: `string`, `hash`, ... Redis from 6.0.
    #[must_use]
    pub fn kind(self, kind: impl Into<String>) -> ScanOptions {
        ScanOptions { kind: Some(kind.into()), ..self }
    }

    /// How much work the server does in one step; 10 if it is not given.
    #[must_use]
    pub fn count(self, count: u64) -> ScanOptions {
        ScanOptions { count: Some(count), ..self }
    }

    /// When the node changes, begin again on another one and leave out what was given already. That is remembered: it costs
    /// as much memory as the keys, and nothing is given twice for any other reason either.
    #[must_use]
    pub fn restarting(self) -> ScanOptions {
        ScanOptions { restart: true, ..self }
    }

    /// On the master, not on a replica.
    #[must_use]
    pub fn on_master(self) -> ScanOptions {
        ScanOptions { on_master: true, ..self }
    }

    /// The words that languages without named arguments give: `SCAN`, or `HSCAN`, `SSCAN` or `ZSCAN` and a key; then
    /// `MATCH pattern`, `COUNT number`, `TYPE type`, `MASTER`, `RESTART`, in any order.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`]
    pub fn from_words(words: &[&[u8]]) -> Result<ScanOptions> {
        let wrong = |text: &str| Error::new(ErrorKind::InvalidArgument, text);
        let mut words = words.iter().copied();
        let mut next = |what: &str| words.next().ok_or_else(|| wrong(what));
        let mut options = match next("a scan needs a word")?.to_ascii_uppercase().as_slice() {
            b"SCAN" => ScanOptions::keys(),
            b"HSCAN" => ScanOptions::hash(next("HSCAN needs a key")?),
            b"SSCAN" => ScanOptions::set(next("SSCAN needs a key")?),
            b"ZSCAN" => ScanOptions::sorted_set(next("ZSCAN needs a key")?),
            _ => return Err(wrong("a scan is one of SCAN, HSCAN, SSCAN and ZSCAN")),
        };
        while let Some(word) = words.next() {
            let mut next = |what: &str| words.next().ok_or_else(|| wrong(what));
            options = match word.to_ascii_uppercase().as_slice() {
                b"MATCH" => options.pattern(next("MATCH needs a pattern")?),
                b"TYPE" => options.kind(String::from_utf8_lossy(next("TYPE needs a type")?)),
                b"COUNT" => {
                    let count = std::str::from_utf8(next("COUNT needs a number")?).ok();
                    options
                        .count(count.and_then(|text| text.parse().ok()).ok_or_else(|| wrong("COUNT needs a number"))?)
                }
                b"MASTER" => options.on_master(),
                b"RESTART" => options.restarting(),
                _ => return Err(wrong("a scan has the options MATCH, COUNT, TYPE, MASTER and RESTART")),
            };
        }
        options.check()?;
        Ok(options)
    }

    pub(super) fn restarts(&self) -> bool {
        self.restart
    }

    pub(super) fn only_master(&self) -> bool {
        self.on_master
    }

    pub(super) fn check(&self) -> Result<()> {
        let wrong = |text: &str| Err(Error::new(ErrorKind::InvalidArgument, text));
        if self.count == Some(0) {
            return wrong("the count of a scan is 1 or more");
        }
        match &self.what {
            What::Keys => Ok(()),
            _ if self.kind.is_some() => wrong("only a scan of keys has a type"),
            What::Fields(key) | What::Members(key) | What::Scores(key) if key.is_empty() => {
                wrong("the key to scan is empty")
            }
            _ => Ok(()),
        }
    }

    /// One step.
    pub(super) fn request(&self, cursor: &str) -> Result<Request> {
        let count = self.count.map(|count| count.to_string());
        let mut words: Vec<&[u8]> = match &self.what {
            What::Keys => vec![b"SCAN"],
            What::Fields(key) => vec![b"HSCAN", key],
            What::Members(key) => vec![b"SSCAN", key],
            What::Scores(key) => vec![b"ZSCAN", key],
        };
        words.push(cursor.as_bytes());
        if let Some(pattern) = &self.pattern {
            words.extend([b"MATCH".as_slice(), pattern]);
        }
        if let Some(count) = &count {
            words.extend([b"COUNT".as_slice(), count.as_bytes()]);
        }
        if let Some(kind) = &self.kind {
            words.extend([b"TYPE".as_slice(), kind.as_bytes()]);
        }
        Request::new(words)
    }

    /// The next cursor, and what the step brought.
    pub(super) fn answer(&self, reply: Value) -> Result<(String, Vec<ScanItem>)> {
        let unexpected = || Error::new(ErrorKind::Protocol, "the answer to a step of a scan is none");
        let Value::Array(parts) = reply else { return Err(unexpected()) };
        let [cursor, Value::Array(values)] = &parts[..] else { return Err(unexpected()) };
        let cursor = text(cursor).ok_or_else(unexpected)?.to_owned();
        let flat: Vec<Vec<u8>> = values.iter().flat_map(flatten).collect();
        let items = match self.what {
            What::Keys => flat.into_iter().map(ScanItem::Key).collect(),
            What::Members(_) => flat.into_iter().map(ScanItem::Member).collect(),
            What::Fields(_) => in_twos(flat).map(|(field, value)| ScanItem::Field(field, value)).collect(),
            What::Scores(_) => in_twos(flat)
                .map(|(member, score)| {
                    let score = std::str::from_utf8(&score).ok().and_then(|score| score.parse().ok());
                    score.map(|score| ScanItem::Score(member, score)).ok_or_else(unexpected)
                })
                .collect::<Result<_>>()?,
        };
        Ok((cursor, items))
    }
}

/// A value's bytes; of pairs, both.
fn flatten(value: &Value) -> Vec<Vec<u8>> {
    match value {
        Value::BulkString(bytes) => vec![bytes.clone()],
        Value::SimpleString(text) => vec![text.clone().into_bytes()],
        Value::Double(number) => vec![number.to_string().into_bytes()],
        Value::Int(number) => vec![number.to_string().into_bytes()],
        Value::Array(items) => items.iter().flat_map(flatten).collect(),
        _ => Vec::new(),
    }
}

fn in_twos(items: Vec<Vec<u8>>) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    let mut items = items.into_iter();
    std::iter::from_fn(move || Some((items.next()?, items.next()?)))
}

/// The node under a scan changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeChange {
    /// Where the scan was.
    pub old_node: String,
    /// Where it begins again.
    pub new_node: String,
}

/// What a scan yields.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ScanItem {
    /// A key of the database.
    Key(Vec<u8>),
    /// A field of a hash, and its value.
    Field(Vec<u8>, Vec<u8>),
    /// A member of a set.
    Member(Vec<u8>),
    /// A member of a sorted set, and its score.
    Score(Vec<u8>, f64),
    /// The node changed; the scan begins again, without what it has given already.
    NodeChanged(NodeChange),
}

impl ScanItem {
    /// The item as a value: bytes, a pair of them, bytes and a double, or a map with `old_node` and `new_node`.
    pub fn into_value(self) -> Value {
        let bytes = Value::BulkString;
        match self {
            ScanItem::Key(key) | ScanItem::Member(key) => bytes(key),
            ScanItem::Field(field, value) => Value::Array(vec![bytes(field), bytes(value)]),
            ScanItem::Score(member, score) => Value::Array(vec![bytes(member), Value::Double(score)]),
            ScanItem::NodeChanged(NodeChange { old_node, new_node }) => Value::Map(vec![
                (bytes(b"old_node".to_vec()), bytes(old_node.into_bytes())),
                (bytes(b"new_node".to_vec()), bytes(new_node.into_bytes())),
            ]),
        }
    }

    /// What makes it the same as another one.
    pub(super) fn identity(&self) -> Option<&[u8]> {
        match self {
            ScanItem::Key(key) | ScanItem::Member(key) | ScanItem::Field(key, _) | ScanItem::Score(key, _) => Some(key),
            ScanItem::NodeChanged(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    #[test]
    fn a_step_asks_for_what_was_asked_for() {
        let options = ScanOptions::keys().pattern("a*").kind("hash").count(7);
        let request = options.request("12").unwrap();
        assert_eq!(request.bytes(), Request::new("SCAN 12 MATCH a* COUNT 7 TYPE hash".split(' ')).unwrap().bytes());
        assert_eq!(
            ScanOptions::sorted_set("z").request("0").unwrap().bytes(),
            Request::new(["ZSCAN", "z", "0"]).unwrap().bytes()
        );
    }

    #[test]
    fn words_are_read_in_any_order_and_nonsense_is_refused() {
        let read =
            |line: &str| ScanOptions::from_words(&line.split_whitespace().map(str::as_bytes).collect::<Vec<_>>());
        let options = read("scan RESTART count 7 MATCH a* TYPE hash MASTER").unwrap();
        assert!(options.restarts() && options.only_master());
        let wanted = ScanOptions::keys().pattern("a*").kind("hash").count(7);
        assert_eq!(options.request("0").unwrap().bytes(), wanted.request("0").unwrap().bytes());
        for wrong in ["", "KEYS", "HSCAN", "SCAN MATCH", "SCAN COUNT x", "SCAN COUNT 0", "SCAN NOVALUES"] {
            assert_eq!(read(wrong).unwrap_err().kind(), ErrorKind::InvalidArgument, "{wrong}");
        }
    }

    #[test]
    fn an_answer_is_read_whatever_its_form() {
        let reply = |items: Vec<Value>| Value::Array(vec![bulk("5"), Value::Array(items)]);
        let (cursor, items) = ScanOptions::keys().answer(reply(vec![bulk("k")])).unwrap();
        assert_eq!((cursor.as_str(), items), ("5", vec![ScanItem::Key(b"k".to_vec())]));
        let flat = reply(vec![bulk("m"), bulk("1.5")]);
        let pairs = reply(vec![Value::Array(vec![bulk("m"), Value::Double(1.5)])]);
        for answer in [flat, pairs] {
            let (_, items) = ScanOptions::sorted_set("z").answer(answer).unwrap();
            assert_eq!(items, vec![ScanItem::Score(b"m".to_vec(), 1.5)]);
        }
        assert_eq!(ScanOptions::keys().answer(Value::Nil).unwrap_err().kind(), ErrorKind::Protocol);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for options in [ScanOptions::keys().count(0), ScanOptions::set("s").kind("hash"), ScanOptions::hash("")] {
            assert_eq!(options.check().unwrap_err().kind(), ErrorKind::InvalidArgument);
        }
    }
}
