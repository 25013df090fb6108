//! A published message at the front of a link's input, read in place: subscriptions get hundreds of thousands a second, and
//! making values of each would cost more than everything else that is done with them.
//!
//! Only what is complete and well formed is recognised. Everything else is left to the parser, which knows what to say of it.

/// How the subscription that a message is for was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Channel,
    Pattern,
    Shard,
}

/// A message in the input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Published<'a> {
    pub(crate) kind: Kind,
    /// What was subscribed to: the pattern, or the channel itself.
    pub(crate) name: &'a [u8],
    pub(crate) channel: &'a [u8],
    pub(crate) payload: &'a [u8],
}

/// Where the parts of a message are.
#[derive(Debug)]
pub(crate) struct Found {
    kind: Kind,
    name: (usize, usize),
    channel: (usize, usize),
    payload: (usize, usize),
    /// Of the whole.
    pub(crate) length: usize,
}

impl Found {
    pub(crate) fn within(self, input: &[u8]) -> Published<'_> {
        let part = |(from, to): (usize, usize)| &input[from..to];
        Published { kind: self.kind, name: part(self.name), channel: part(self.channel), payload: part(self.payload) }
    }
}

/// The message at the front of `input`. `head` is what its aggregate begins with: `>` in RESP3, `*` in RESP2.
pub(crate) fn find(input: &[u8], head: u8) -> Option<Found> {
    if *input.first()? != head {
        return None;
    }
    let (kind, at) = match input.get(1..)? {
        rest if rest.starts_with(b"3\r\n$7\r\nmessage\r\n") => (Kind::Channel, 17),
        rest if rest.starts_with(b"4\r\n$8\r\npmessage\r\n") => (Kind::Pattern, 18),
        rest if rest.starts_with(b"3\r\n$8\r\nsmessage\r\n") => (Kind::Shard, 18),
        _ => return None,
    };
    let (name, at) = string(input, at)?;
    let (channel, at) = if kind == Kind::Pattern { string(input, at)? } else { (name, at) };
    let (payload, length) = string(input, at)?;
    Some(Found { kind, name, channel, payload, length })
}

/// The bulk string at this place: where its bytes are, and where it ends.
fn string(input: &[u8], at: usize) -> Option<((usize, usize), usize)> {
    if *input.get(at)? != b'$' {
        return None;
    }
    let mut length = 0_usize;
    let mut at = at + 1;
    // Nine digits are more than any message has.
    for _ in 0..9 {
        match *input.get(at)? {
            digit @ b'0'..=b'9' => length = length * 10 + usize::from(digit - b'0'),
            b'\r' => break,
            _ => return None,
        }
        at += 1;
    }
    let (from, to) = (at + 2, at + 2 + length);
    // Both ends of the line and of the string, or it is not for us.
    let framed = input.get(at..from)? == b"\r\n" && input.get(to..to + 2)? == b"\r\n";
    framed.then_some(((from, to), to + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_message_is_found_in_one_piece_only() {
        let all = [
            (&b">3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$3\r\na\rb\r\n"[..], Kind::Channel, "ch", "ch"),
            (&b">4\r\n$8\r\npmessage\r\n$2\r\nc*\r\n$2\r\nch\r\n$3\r\na\rb\r\n"[..], Kind::Pattern, "c*", "ch"),
            (&b">3\r\n$8\r\nsmessage\r\n$2\r\nch\r\n$3\r\na\rb\r\n"[..], Kind::Shard, "ch", "ch"),
        ];
        for (whole, kind, name, channel) in all {
            for cut in 0..whole.len() {
                assert!(find(&whole[..cut], b'>').is_none(), "{kind:?} cut at {cut}");
            }
            let found = find(whole, b'>').unwrap();
            assert_eq!(found.length, whole.len());
            let message = found.within(whole);
            let found = (message.kind, message.name, message.channel);
            assert_eq!(found, (kind, name.as_bytes(), channel.as_bytes()));
            assert_eq!(message.payload, b"a\rb");
        }
    }

    #[test]
    fn what_is_no_message_is_left_alone() {
        for other in [
            &b">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"[..],
            b"+OK\r\n",
            b">3\r\n$7\r\nmessage\r\n$x\r\nc\r\n$1\r\np\r\n",
            b">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\npp\r\n",
            b">3\r\n$7\r\nmessage\r\n$99999999999999999999\r\nc\r\n$1\r\np\r\n",
            b">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n:1\r\n",
        ] {
            assert!(find(other, b'>').is_none(), "{other:?}");
        }
        assert!(find(b">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\np\r\n", b'*').is_none());
    }
}
