//! The parser of replies: whatever comes, and in whatever pieces, it ends with the same replies or the same refusal, within its bounds.
//!
//! The first byte of the input says how long the pieces are.

#![no_main]

use libfuzzer_sys::fuzz_target;
use standfast::Value;
use standfast::internals::Replies;

const BYTES: u64 = 1 << 16;
const DEPTH: u64 = 16;

fuzz_target!(|input: &[u8]| {
    let Some((&size, bytes)) = input.split_first() else { return };
    let whole = read(bytes, bytes.len().max(1));
    let pieces = read(bytes, usize::from(size).max(1));
    assert_eq!(format!("{whole:?}"), format!("{pieces:?}"), "pieces of {size} bytes make a difference");
    for value in &whole.0 {
        assert!(depth(value) as u64 <= DEPTH + 1, "deeper than allowed");
    }
});

/// The replies, and whether the rest was refused.
fn read(bytes: &[u8], size: usize) -> (Vec<Value>, bool) {
    let mut replies = Replies::new(BYTES, DEPTH);
    let (mut values, mut buffer) = (Vec::new(), Vec::new());
    for piece in bytes.chunks(size) {
        buffer.extend_from_slice(piece);
        loop {
            let (used, value) = match replies.parse(&buffer) {
                Ok(parsed) => parsed,
                Err(_) => return (values, true),
            };
            assert!(used <= buffer.len());
            buffer.drain(..used);
            match value {
                Some(value) => values.push(value),
                None => break,
            }
        }
    }
    (values, false)
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) | Value::Set(items) | Value::Push { data: items, .. } => {
            1 + items.iter().map(depth).max().unwrap_or(0)
        }
        Value::Map(pairs) => 1 + pairs.iter().map(|(key, value)| depth(key).max(depth(value))).max().unwrap_or(0),
        _ => 0,
    }
}
