//! What every command goes through, without sockets, threads, clocks and chance, so that its instructions can be counted: each `counted_` function is
//! one such path, taken a thousand times. `cargo xtask counts` runs this under callgrind and compares with `tests/bench/counts.json`; it finds the
//! functions by their names.

use std::hint::black_box;

use standfast::internals::{Link, OpenGate, Replies, encoded, settle};
use standfast::{Request, Value};

const TIMES: usize = 1000;
const KEY: &[u8] = b"user:4711:profile";
const VALUE: [u8; 100] = [b'x'; 100];
const BOUNDS: (u64, u64) = (512 << 20, 128);

fn get() -> Request {
    Request::new([b"GET".as_slice(), KEY]).expect("a command")
}

fn set() -> Request {
    Request::new([b"SET".as_slice(), KEY, &VALUE]).expect("a command")
}

fn bulk(content: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", content.len()).as_bytes(), content, b"\r\n"].concat()
}

#[inline(never)]
fn counted_encode_get() {
    for _ in 0..TIMES {
        black_box(encoded(&black_box(get())));
    }
}

#[inline(never)]
fn counted_encode_set() {
    for _ in 0..TIMES {
        black_box(encoded(&black_box(set())));
    }
}

/// Parses the same reply again and again.
#[inline(always)]
fn parse(reply: &[u8]) {
    let mut replies = Replies::new(BOUNDS.0, BOUNDS.1);
    for _ in 0..TIMES {
        let (used, value) = replies.parse(black_box(reply)).expect("a reply");
        assert!(used == reply.len() && value.is_some());
        black_box(value);
    }
}

macro_rules! counted_replies {
    ($( $name:ident )*) => {
        $( #[inline(never)]
        fn $name(reply: &[u8]) {
            // Functions of the same code would become one function.
            black_box(stringify!($name));
            parse(reply);
        } )*
    };
}

counted_replies! {
    counted_parse_ok
    counted_parse_integer
    counted_parse_bulk_of_100
    counted_parse_array_of_10
    counted_parse_map_of_5
    counted_parse_message
    counted_parse_error
}

/// A thousand looks at the gate are one step: one is a few instructions.
#[inline(never)]
fn counted_gate_times_1000(gate: &OpenGate) {
    for _ in 0..TIMES * 1000 {
        assert!(black_box(gate).is_open());
    }
}

#[inline(never)]
fn counted_settle(request: &Request) {
    for _ in 0..TIMES {
        black_box(settle(black_box(request), vec![Value::Int(1)]).expect("a value"));
    }
}

/// One command on a link: queued, written, answered, taken.
#[inline(never)]
fn counted_link_get(link: &mut Link, request: &Request, reply: &[u8]) {
    for token in 0..TIMES {
        link.push(token as u64, black_box(request));
        let length = link.output().len();
        link.wrote(length);
        link.feed(black_box(reply));
        let incoming = link.incoming().expect("a reply");
        assert!(incoming.as_ref().is_some_and(|(at, _)| *at == Some(token as u64)));
        black_box(incoming);
    }
}

/// Sixty-four commands at once on a link.
#[inline(never)]
fn counted_link_64_gets(link: &mut Link, request: &Request, replies: &[u8]) {
    for _ in 0..TIMES {
        for token in 0..64 {
            link.push(token, black_box(request));
        }
        let length = link.output().len();
        link.wrote(length);
        link.feed(black_box(replies));
        for _ in 0..64 {
            black_box(link.incoming().expect("a reply").expect("a reply"));
        }
    }
}

/// A large reply that comes in pieces must not be looked at again with each of them.
#[inline(never)]
fn counted_link_1000_elements_in_pieces(link: &mut Link, request: &Request, reply: &[u8]) {
    // A hundred times: one is a thousand elements.
    for _ in 0..TIMES / 100 {
        link.push(1, black_box(request));
        let length = link.output().len();
        link.wrote(length);
        let mut replies = 0;
        for piece in reply.chunks(100) {
            link.feed(black_box(piece));
            replies += usize::from(black_box(link.incoming().expect("bytes of a reply")).is_some());
        }
        assert_eq!(replies, 1);
    }
}

fn main() {
    counted_encode_get();
    counted_encode_set();
    counted_parse_ok(b"+OK\r\n");
    counted_parse_integer(b":12345\r\n");
    counted_parse_bulk_of_100(&bulk(&VALUE));
    counted_parse_array_of_10(&[b"*10\r\n".as_slice(), &bulk(b"0123456789").repeat(10)].concat());
    counted_parse_map_of_5(&[b"%5\r\n".as_slice(), &[bulk(b"field"), bulk(b"value")].concat().repeat(5)].concat());
    counted_parse_message(&[b">3\r\n".as_slice(), &bulk(b"message"), &bulk(b"news"), &bulk(&VALUE[..64])].concat());
    counted_parse_error(b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
    counted_gate_times_1000(&OpenGate::new());
    counted_settle(&get());
    let link = || Link::new(BOUNDS.0, BOUNDS.1, true);
    counted_link_get(&mut link(), &get(), &bulk(&VALUE));
    counted_link_64_gets(&mut link(), &get(), &bulk(&VALUE).repeat(64));
    let elements = [b"*1000\r\n".as_slice(), &bulk(b"0123456789").repeat(1000)].concat();
    counted_link_1000_elements_in_pieces(&mut link(), &get(), &elements);
}
