//! The encoder: whatever the arguments are, the server reads exactly them. The input is the arguments, each behind a byte with its length.

#![no_main]

use libfuzzer_sys::fuzz_target;
use standfast::internals::{Replies, encoded};
use standfast::{Request, Value};

fuzz_target!(|input: &[u8]| {
    let (mut arguments, mut rest): (Vec<&[u8]>, &[u8]) = (Vec::new(), input);
    while let Some((&length, more)) = rest.split_first() {
        let (argument, more) = more.split_at(usize::from(length).min(more.len()));
        arguments.push(argument);
        rest = more;
    }
    let Ok(request) = Request::new(&arguments) else {
        assert!(arguments.first().is_none_or(|name| name.is_empty()), "only a command without a name is refused");
        return;
    };
    let bytes = encoded(&request);
    let parsed = Replies::new(1 << 30, 4).parse(bytes).expect("a command is an array of strings");
    let expected: Vec<Value> = arguments.iter().map(|argument| Value::BulkString(argument.to_vec())).collect();
    assert_eq!(parsed, (bytes.len(), Some(Value::Array(expected))));
});
