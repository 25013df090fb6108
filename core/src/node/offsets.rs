//! How far a node's replication stream is, and what that says about a planned switch.
//!
//! Sentinel demotes the old master only about ten seconds after the promotion; whatever it takes in the meantime is lost.
//! Nobody else can tell whether it took anything: the old master's offset, read after the new master was promoted, is
//! compared with the offset at which the new master left it.

use redis::Value;
use tokio::time::Instant;

use crate::command::encode;
use crate::link::resp::text;
use crate::link::talk::Talk;

/// What a node says of its replication stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offsets {
    /// The identity of its stream.
    pub(crate) stream: String,
    /// How far it is.
    pub(crate) offset: u64,
    /// The stream that it followed before it was promoted, and the first byte of it that it has not.
    pub(crate) before: Option<(String, u64)>,
    /// Changes of data since it was saved last. The stream also carries messages and pings, which are no data.
    pub(crate) changes: u64,
}

/// Ask a node. `None`: it cannot be asked, or this user may not.
pub(crate) async fn ask(talk: &mut Talk, until: Instant) -> Option<Offsets> {
    let mut request = encode(&[b"INFO".as_slice(), b"replication"]);
    request.extend(encode(&[b"INFO".as_slice(), b"persistence"]));
    let values = talk.ask(&request, 2, until).await.ok()?;
    let told: Vec<&str> = values.iter().filter_map(info).collect();
    read(&told.concat())
}

fn info(value: &Value) -> Option<&str> {
    match value {
        Value::VerbatimString { text, .. } => Some(text),
        value => text(value),
    }
}

fn read(info: &str) -> Option<Offsets> {
    let field = |name: &str| {
        let of_name =
            |line: &'_ str| line.strip_prefix(name).and_then(|rest| rest.strip_prefix(':').map(str::to_owned));
        info.lines().find_map(of_name)
    };
    let before = field("second_repl_offset").and_then(|offset| offset.parse().ok());
    Some(Offsets {
        stream: field("master_replid")?,
        offset: field("master_repl_offset")?.parse().ok()?,
        before: field("master_replid2").zip(before),
        changes: field("rdb_changes_since_last_save")?.parse().ok()?,
    })
}

/// How many bytes of the old master's stream the new master does not have; `None` if that cannot be known.
///
/// `drained` is the old master after our own commands had ended and before the promotion; `left` is the old master after it.
pub(crate) fn bytes_at_risk(drained: Option<&Offsets>, left: &Offsets, new: &Offsets) -> Option<u64> {
    let (stream, first_missing) = new.before.as_ref()?;
    if *stream != left.stream {
        return None;
    }
    // Offsets count from 1: everything below the first missing byte is there.
    let there = first_missing.saturating_sub(1);
    let idle = drained.is_some_and(|drained| {
        drained.stream == left.stream && drained.offset <= there && drained.changes == left.changes
    });
    // What came on top is no data: Sentinel's own messages, and the master's pings to its replicas.
    Some(if idle { 0 } else { left.offset.saturating_sub(there) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn old(offset: u64, changes: u64) -> Offsets {
        Offsets { stream: "a".to_owned(), offset, before: None, changes }
    }

    fn new(first_missing: u64) -> Offsets {
        Offsets { stream: "b".to_owned(), offset: 1_000, before: Some(("a".to_owned(), first_missing)), changes: 0 }
    }

    #[test]
    fn an_answer_to_info_is_read() {
        let info = "# Replication\r\nrole:master\r\nmaster_replid:b\r\nmaster_replid2:a\r\nmaster_repl_offset:1000\r\n\
                    second_repl_offset:901\r\n# Persistence\r\nrdb_changes_since_last_save:0\r\n";
        assert_eq!(read(info), Some(new(901)));
        assert_eq!(read("role:master\r\n"), None);
        assert_eq!(read("NOPERM"), None);
    }

    #[test]
    fn nothing_is_at_risk_when_the_new_master_has_everything() {
        assert_eq!(bytes_at_risk(Some(&old(900, 7)), &old(900, 7), &new(901)), Some(0));
        assert_eq!(bytes_at_risk(None, &old(900, 7), &new(901)), Some(0));
    }

    #[test]
    fn messages_and_pings_are_not_data() {
        assert_eq!(bytes_at_risk(Some(&old(880, 7)), &old(1_050, 7), &new(901)), Some(0));
    }

    #[test]
    fn what_somebody_else_wrote_to_the_old_master_is_at_risk() {
        assert_eq!(bytes_at_risk(Some(&old(880, 7)), &old(1_050, 8), &new(901)), Some(150));
    }

    #[test]
    fn what_the_replica_had_not_received_is_at_risk() {
        assert_eq!(bytes_at_risk(Some(&old(950, 7)), &old(950, 7), &new(901)), Some(50));
    }

    #[test]
    fn a_stream_that_the_new_master_did_not_follow_tells_nothing() {
        let other = Offsets { stream: "c".to_owned(), ..old(900, 7) };
        assert_eq!(bytes_at_risk(Some(&other), &other, &new(901)), None);
    }
}
