//! RESP as a proxy must see it: where one frame ends and the next begins, and which frames are messages of a channel. Bytes are not changed,
//! and what is not RESP (TLS, a replication stream) is passed on as it is.

use std::ops::ControlFlow;

/// Finds the ends of frames in a stream that arrives in pieces, without keeping any of it.
#[derive(Debug, Default)]
struct Scanner {
    /// The beginning of a line that is not complete.
    line: Vec<u8>,
    /// Bytes of a string that are still to come, its line end included.
    body: usize,
    /// Elements that are still to come, for each aggregate that is open.
    open: Vec<u64>,
    /// It was not RESP; nothing can be said about what follows.
    opaque: bool,
}

impl Scanner {
    /// Whether `byte` ends a frame.
    fn ends_with(&mut self, byte: u8) -> bool {
        if self.opaque {
            return true;
        }
        if self.body > 0 {
            self.body -= 1;
            return self.body == 0 && self.element_ends();
        }
        self.line.push(byte);
        if byte != b'\n' {
            // No line of the protocol is longer, but for simple strings and errors, which end the same way.
            self.opaque = self.line.len() > 64 * 1024;
            return self.opaque;
        }
        let line = std::mem::take(&mut self.line);
        match self.line_ends(&line) {
            Some(ends) => ends,
            None => {
                self.opaque = true;
                true
            }
        }
    }

    /// Whether a complete line ends a frame; nothing when it is not RESP.
    fn line_ends(&mut self, line: &[u8]) -> Option<bool> {
        let text = line.strip_suffix(b"\r\n")?;
        let (kind, rest) = text.split_first()?;
        let number = || std::str::from_utf8(rest).ok()?.parse::<i64>().ok();
        Some(match kind {
            b'+' | b'-' | b':' | b',' | b'#' | b'(' | b'_' => self.element_ends(),
            b'$' | b'=' | b'!' => match number()? {
                -1 => self.element_ends(),
                length => {
                    self.body = usize::try_from(length).ok()?.checked_add(2)?;
                    false
                }
            },
            b'*' | b'~' | b'>' | b'%' | b'|' => match number()? {
                -1 | 0 => self.element_ends(),
                count => {
                    let pairs = if matches!(kind, b'%' | b'|') { 2 } else { 1 };
                    self.open.push(u64::try_from(count).ok()?.checked_mul(pairs)?);
                    false
                }
            },
            _ => return None,
        })
    }

    fn element_ends(&mut self) -> bool {
        while let Some(left) = self.open.last_mut() {
            *left -= 1;
            if *left > 0 {
                return false;
            }
            self.open.pop();
        }
        true
    }
}

/// Takes messages out of a stream that arrives in pieces.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    scanner: Scanner,
    /// The beginning of a frame that is not complete, while something is filtered.
    held: Vec<u8>,
    /// A frame was passed on in part before there was anything to filter.
    torn: bool,
}

impl Filter {
    /// What of `bytes` may be passed on now: everything but messages on the channels of these patterns.
    pub(crate) fn pass(&mut self, bytes: &[u8], drop: &[String]) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.held.len() + bytes.len());
        for byte in bytes {
            self.held.push(*byte);
            if !self.scanner.ends_with(*byte) {
                continue;
            }
            let unwanted = !self.torn
                && !self.scanner.opaque
                && channel(&self.held).is_some_and(|channel| drop.iter().any(|pattern| matches(pattern, &channel)));
            if !unwanted {
                out.append(&mut self.held);
            }
            self.held.clear();
            self.torn = false;
        }
        // Without anything to look for, nothing is held back.
        if drop.is_empty() && !self.held.is_empty() {
            out.append(&mut self.held);
            self.torn = true;
        }
        out
    }
}

/// The channel of a complete frame, if it is a message.
fn channel(frame: &[u8]) -> Option<Vec<u8>> {
    if !matches!(frame.first(), Some(b'>' | b'*')) {
        return None;
    }
    let mut rest = &frame[position(frame)? + 2..];
    match string(&mut rest)? {
        b"message" | b"smessage" => {}
        // The pattern comes first.
        b"pmessage" => drop(string(&mut rest)?),
        // Confirmations are answers to commands; without them the stream would not fit together.
        _ => return None,
    }
    Some(string(&mut rest)?.to_vec())
}

fn string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = position(rest)?;
    let length: usize = std::str::from_utf8(rest[..end].strip_prefix(b"$")?).ok()?.parse().ok()?;
    let text = rest.get(end + 2..end + 2 + length)?;
    *rest = &rest[end + 2 + length + 2..];
    Some(text)
}

fn position(bytes: &[u8]) -> Option<usize> {
    bytes.windows(2).position(|pair| pair == b"\r\n")
}

/// Whether a name matches a pattern in which `*` stands for anything.
fn matches(pattern: &str, name: &[u8]) -> bool {
    let mut parts = pattern.as_bytes().split(|byte| *byte == b'*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&[u8]> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    let found = parts.iter().filter(|part| !part.is_empty()).try_for_each(|part| {
        match rest.windows(part.len()).position(|window| window == *part) {
            Some(at) => {
                rest = &rest[at + part.len()..];
                ControlFlow::Continue(())
            }
            None => ControlFlow::Break(()),
        }
    });
    found.is_continue() && rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SWITCH: &str = ">3\r\n$7\r\nmessage\r\n$14\r\n+switch-master\r\n$5\r\na b c\r\n";
    const SDOWN: &str = "*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$6\r\n+sdown\r\n$1\r\nx\r\n";
    const MAP: &str = "%2\r\n$1\r\na\r\n*2\r\n:1\r\n_\r\n+b\r\n$-1\r\n";

    /// The stream in pieces of `size` bytes.
    fn passed(stream: &str, size: usize, drop: &[&str]) -> String {
        let drop: Vec<String> = drop.iter().map(ToString::to_string).collect();
        let mut filter = Filter::default();
        let out = stream.as_bytes().chunks(size).flat_map(|piece| filter.pass(piece, &drop)).collect();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn only_the_named_channel_is_missing_however_the_stream_is_cut_up() {
        let stream = ["+OK\r\n", SWITCH, MAP, SDOWN, "$2\r\n\r\n\r\n", SWITCH, ":1\r\n"].concat();
        let confirmed = ">3\r\n$9\r\nsubscribe\r\n$14\r\n+switch-master\r\n:1\r\n";
        assert_eq!(passed(confirmed, 7, &["*"]), confirmed);
        let left = ["+OK\r\n", MAP, SDOWN, "$2\r\n\r\n\r\n", ":1\r\n"].concat();
        for size in 1..stream.len() {
            assert_eq!(passed(&stream, size, &[]), stream);
            assert_eq!(passed(&stream, size, &["+switch-*"]), left, "pieces of {size}");
        }
        assert_eq!(passed(&stream, 9, &["+sdown", "+switch-master"]), left.replace(SDOWN, ""));
    }

    #[test]
    fn a_reply_is_no_message_and_other_protocols_pass() {
        let reply = "*2\r\n$14\r\n+switch-master\r\n$14\r\n+switch-master\r\n";
        assert_eq!(passed(reply, 3, &["*"]), reply);
        let other = "HTTP/1.1 400\r\n\r\nno\n";
        assert_eq!(passed(other, 4, &["*"]), other);
    }

    #[test]
    fn a_filter_that_comes_in_the_middle_of_a_frame_begins_with_the_next() {
        let (begin, rest) = SWITCH.split_at(20);
        let mut filter = Filter::default();
        let all = vec!["*".to_owned()];
        assert_eq!(filter.pass(begin.as_bytes(), &[]), begin.as_bytes());
        assert_eq!(filter.pass([rest, SWITCH].concat().as_bytes(), &all), rest.as_bytes());
        // And what it holds is given out when it goes.
        assert_eq!(filter.pass(begin.as_bytes(), &all), b"");
        assert_eq!(filter.pass(rest.as_bytes(), &[]), SWITCH.as_bytes());
    }

    #[test]
    fn patterns() {
        for (pattern, name, wanted) in [
            ("+sdown", "+sdown", true),
            ("+sdown", "+sdown2", false),
            ("*", "", true),
            ("-failover-abort-*", "-failover-abort-no-good-slave", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "aXc", false),
            ("ab*b", "ab", false),
        ] {
            assert_eq!(matches(pattern, name.as_bytes()), wanted, "{pattern} {name}");
        }
    }
}
