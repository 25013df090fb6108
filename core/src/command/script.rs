//! Scripts are sent by their digest, and as a whole only to a server that does not know them.
//!
//! A server forgets its scripts when it restarts, and a new master may never have had them. Its answer NOSCRIPT proves that
//! nothing was executed, so that the script can then be sent as a whole. Inside a pipeline or a transaction it always is: what
//! stands behind it must not be executed before it, and nothing between MULTI and EXEC can be sent twice.

use std::sync::Arc;

use redis::Value;

use super::encode;

/// A script that is not much longer than its digest is sent as it is.
const SHORT: usize = 60;

/// The rest of a command that was encoded with a digest: what it takes to send it as a whole.
#[derive(Clone)]
pub(super) struct Script {
    /// `EVAL` and the script, encoded.
    whole: Arc<[u8]>,
    /// Where the keys and arguments begin in the command with the digest.
    rest: usize,
}

/// A command that carries a script, encoded with the script's digest instead. Nothing for any other command.
pub(super) fn by_digest(args: &[&[u8]]) -> Option<(Vec<u8>, Script)> {
    let [name, script, rest @ ..] = args else { return None };
    let by_digest: &[u8] = if name.eq_ignore_ascii_case(b"EVAL") {
        b"EVALSHA"
    } else if name.eq_ignore_ascii_case(b"EVAL_RO") {
        b"EVALSHA_RO"
    } else {
        return None;
    };
    if script.len() <= SHORT || rest.is_empty() {
        return None;
    }
    let digest = sha1_smol::Sha1::from(script).digest().to_string();
    let words: Vec<&[u8]> = [by_digest, digest.as_bytes()].into_iter().chain(rest.iter().copied()).collect();
    let bytes = encode(&words);
    // Both begin with the same number of words, and differ in the two words behind it.
    let lengths = |words: [&[u8]; 2]| words.map(|word| encode(&[word]).len() - b"*1\r\n".len()).iter().sum::<usize>();
    let head = format!("*{}\r\n", args.len());
    let mut whole = head.clone().into_bytes();
    for word in [name, script] {
        whole.extend_from_slice(&encode(&[word])[b"*1\r\n".len()..]);
    }
    let rest = head.len() + lengths([by_digest, digest.as_bytes()]);
    Some((bytes, Script { whole: whole.into(), rest }))
}

impl Script {
    /// The command with its script, from the one with its digest.
    pub(super) fn whole(&self, by_digest: &[u8]) -> Vec<u8> {
        [&self.whole, &by_digest[self.rest..]].concat()
    }
}

/// The server does not know the script of a command that was sent by its digest. A script's own error may have the same code:
/// the text is the server's.
pub(super) fn is_unknown(value: &Value) -> bool {
    matches!(value, Value::ServerError(error)
        if error.code() == "NOSCRIPT" && error.details().is_some_and(|text| text.starts_with("No matching script")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: &[u8] =
        b"return redis.call('SET', KEYS[1], ARGV[1]) -- and a comment that makes it long enough to count";

    #[test]
    fn a_long_script_is_sent_by_its_digest_and_comes_back_whole() {
        for (name, sha) in [(&b"eval"[..], "EVALSHA"), (b"EVAL_RO", "EVALSHA_RO")] {
            let args = [name, LONG, b"1", b"k", b"\r\nv"];
            let (bytes, script) = by_digest(&args).unwrap();
            assert!(String::from_utf8_lossy(&bytes).contains(&format!("\r\n{sha}\r\n$40\r\n")));
            assert_eq!(script.whole(&bytes), encode(&args));
        }
    }

    #[test]
    fn a_short_script_and_other_commands_are_sent_as_they_are() {
        for args in [&[&b"EVAL"[..], b"return 1", b"0"][..], &[b"EVALSHA", LONG, b"0"], &[b"EVAL", LONG], &[b"EVAL"]] {
            assert!(by_digest(args).is_none());
        }
    }

    #[test]
    fn only_the_servers_own_words_say_that_a_script_is_unknown() {
        let error = |text: &str| redis::parse_redis_value(format!("-{text}\r\n").as_bytes()).unwrap();
        assert!(is_unknown(&error("NOSCRIPT No matching script. Please use EVAL.")));
        assert!(!is_unknown(&error("NOSCRIPT says the script itself")));
    }
}
