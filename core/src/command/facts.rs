//! What must be known about a command to say what became of it: whether it only reads, whether it blocks, and whether it
//! would change the link under everybody's feet.
//!
//! The list of reading commands is what Redis 7.0 flags `readonly` in `COMMAND`.

use std::time::Duration;

/// What is known about a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// It may be sent again whatever became of it.
    pub(crate) reads_only: bool,
    /// It makes its link wait.
    pub(crate) blocks: Blocks,
    /// It would change the state of a link that others use, too.
    pub(crate) changes_link: bool,
}

/// Whether, and how long, a command makes its link wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blocks {
    No,
    For(Duration),
    Forever,
}

const READS: &[&str] = &[
    "bitcount",
    "bitfield_ro",
    "bitpos",
    "dbsize",
    "dump",
    "echo",
    "eval_ro",
    "evalsha_ro",
    "exists",
    "expiretime",
    "fcall_ro",
    "geodist",
    "geohash",
    "geopos",
    "georadius_ro",
    "georadiusbymember_ro",
    "geosearch",
    "get",
    "getbit",
    "getrange",
    "hexists",
    "hget",
    "hgetall",
    "hkeys",
    "hlen",
    "hmget",
    "hrandfield",
    "hscan",
    "hstrlen",
    "hvals",
    "info",
    "keys",
    "lcs",
    "lindex",
    "llen",
    "lolwut",
    "lpos",
    "lrange",
    "mget",
    "pexpiretime",
    "pfcount",
    "ping",
    "pttl",
    "randomkey",
    "role",
    "scan",
    "scard",
    "sdiff",
    "sinter",
    "sintercard",
    "sismember",
    "smembers",
    "smismember",
    "sort_ro",
    "srandmember",
    "sscan",
    "strlen",
    "substr",
    "sunion",
    "time",
    "touch",
    "ttl",
    "type",
    "xlen",
    "xpending",
    "xrange",
    "xread",
    "xrevrange",
    "zcard",
    "zcount",
    "zdiff",
    "zinter",
    "zintercard",
    "zlexcount",
    "zmscore",
    "zrandmember",
    "zrange",
    "zrangebylex",
    "zrangebyscore",
    "zrank",
    "zrevrange",
    "zrevrangebylex",
    "zrevrangebyscore",
    "zrevrank",
    "zscan",
    "zscore",
    "zunion",
];

const CHANGES_LINK: &[&str] = &[
    "asking",
    "auth",
    "discard",
    "exec",
    "hello",
    "monitor",
    "multi",
    "psubscribe",
    "psync",
    "punsubscribe",
    "quit",
    "readonly",
    "readwrite",
    "replconf",
    "reset",
    "select",
    "ssubscribe",
    "subscribe",
    "sunsubscribe",
    "sync",
    "unsubscribe",
    "unwatch",
    "watch",
];

/// The facts of a command, from its name and arguments.
pub(crate) fn of(args: &[&[u8]]) -> Facts {
    let name = args.first().map(|name| String::from_utf8_lossy(name).to_ascii_lowercase()).unwrap_or_default();
    let silent = name == "client" && args.get(1).is_some_and(|sub| sub.eq_ignore_ascii_case(b"reply"));
    Facts {
        reads_only: READS.binary_search(&name.as_str()).is_ok(),
        blocks: blocks(&name, args),
        changes_link: silent || CHANGES_LINK.binary_search(&name.as_str()).is_ok(),
    }
}

fn blocks(name: &str, args: &[&[u8]]) -> Blocks {
    let seconds = |arg: Option<&&[u8]>| wait(arg, 1.0);
    match name {
        "blpop" | "brpop" | "brpoplpush" | "blmove" | "bzpopmin" | "bzpopmax" => seconds(args.last()),
        "blmpop" | "bzmpop" => seconds(args.get(1)),
        "wait" => wait(args.get(2), 0.001),
        "waitaof" => wait(args.get(3), 0.001),
        "xread" | "xreadgroup" => {
            match args.iter().position(|arg| arg.eq_ignore_ascii_case(b"block") || arg.eq_ignore_ascii_case(b"streams"))
            {
                Some(at) if args[at].eq_ignore_ascii_case(b"block") => wait(args.get(at + 1), 0.001),
                _ => Blocks::No,
            }
        }
        _ => Blocks::No,
    }
}

/// The time in this argument; what cannot be read is left to the server to refuse.
fn wait(arg: Option<&&[u8]>, unit: f64) -> Blocks {
    let number = arg.and_then(|arg| std::str::from_utf8(arg).ok()).and_then(|text| text.parse::<f64>().ok());
    match number.map(|number| Duration::try_from_secs_f64(number * unit)) {
        Some(Ok(Duration::ZERO)) => Blocks::Forever,
        Some(Ok(time)) => Blocks::For(time),
        _ => Blocks::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_text(line: &str) -> Facts {
        of(&line.split(' ').map(str::as_bytes).collect::<Vec<_>>())
    }

    #[test]
    fn lists_are_sorted() {
        assert!(READS.is_sorted() && CHANGES_LINK.is_sorted());
    }

    #[test]
    fn reading_blocking_and_stateful_commands_are_known() {
        assert!(of_text("GeT k").reads_only);
        assert!(!of_text("SET k v").reads_only);
        assert_eq!(of_text("BLPOP a b 0.5").blocks, Blocks::For(Duration::from_millis(500)));
        assert_eq!(of_text("BLPOP a b 0").blocks, Blocks::Forever);
        assert_eq!(of_text("XREAD COUNT 1 BLOCK 250 STREAMS s $").blocks, Blocks::For(Duration::from_millis(250)));
        assert_eq!(of_text("XREAD STREAMS block 0").blocks, Blocks::No);
        assert_eq!(of_text("WAIT 1 100").blocks, Blocks::For(Duration::from_millis(100)));
        assert!(of_text("SUBSCRIBE x").changes_link && of_text("client reply off").changes_link);
        assert!(!of_text("CLIENT LIST").changes_link);
    }
}
