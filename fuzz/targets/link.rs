//! A link under a server that says anything: every reply belongs to the oldest request without one, no request gets two, and pushes belong to none.
//!
//! The first byte of the input says what the server speaks and how long the pieces are; the second one how many requests there are.

#![no_main]

use libfuzzer_sys::fuzz_target;
use standfast::Request;
use standfast::internals::Link;

fuzz_target!(|input: &[u8]| {
    let [how, requests, bytes @ ..] = input else { return };
    let mut link = Link::new(1 << 16, 16, how & 1 == 0);
    let words: [&[&str]; 4] = [&["GET", "k"], &["HGETALL", "h"], &["SMEMBERS", "s"], &["ZRANGE", "z", "0", "-1", "WITHSCORES"]];
    let requests = u64::from(requests % 16);
    for token in 0..requests {
        let request = Request::new(words[token as usize % words.len()]).expect("a command");
        link.push(token, &request);
    }
    if how & 2 != 0 {
        link.push_subscription(99, &Request::new(["SUBSCRIBE", "c"]).expect("a command"));
    }
    let written = link.output().len();
    link.wrote(written);
    assert!(link.output().is_empty());
    let mut answered = 0;
    for piece in bytes.chunks(usize::from(how >> 2).max(1)) {
        link.feed(piece);
        loop {
            match link.incoming() {
                Ok(None) => break,
                Ok(Some((None, pushed))) => assert_eq!(pushed.len(), 1),
                Ok(Some((Some(token), values))) => {
                    assert_eq!((token, values.len()), (answered, 1), "a reply goes to the oldest request");
                    answered += 1;
                    assert!(answered <= requests);
                }
                // Such a link is closed.
                Err(_) => return,
            }
        }
    }
});
