//! Properties of what goes over a link: what is encoded is read back, in RESP2 and in RESP3 and in whatever pieces, and a stream that somebody spoiled
//! ends with replies or with a refusal, always the same, and nothing worse. The fuzz targets in `fuzz/` look further.

use proptest::collection::vec;
use proptest::prelude::*;
use redis::{PushKind, Value, VerbatimFormat};

use super::resp::{Bounds, Parser};
use crate::command::{Request, Words};

const BOUNDS: Bounds = Bounds { bytes: 1 << 20, depth: 16 };

/// The replies in a stream that comes in pieces of this size, and whether the rest was refused.
fn read(stream: &[u8], size: usize) -> (Vec<Value>, bool) {
    let mut parser = Parser::new(BOUNDS);
    let (mut buffer, mut values) = (Vec::new(), Vec::new());
    for piece in stream.chunks(size) {
        buffer.extend_from_slice(piece);
        loop {
            let Ok((used, value)) = parser.parse(&buffer) else { return (values, true) };
            buffer.drain(..used);
            match value {
                Some(value) => values.push(value),
                None => break,
            }
        }
    }
    (values, false)
}

/// A reply as a server of this version would send it, where the version can say it at all.
fn encode(value: &Value, resp3: bool, out: &mut Vec<u8>) {
    let mut line = |text: String| out.extend_from_slice(format!("{text}\r\n").as_bytes());
    match value {
        Value::Nil if resp3 => line("_".into()),
        Value::Nil => line("$-1".into()),
        Value::Okay => line("+OK".into()),
        Value::Int(number) => line(format!(":{number}")),
        Value::SimpleString(text) => line(format!("+{text}")),
        Value::Boolean(yes) => line(format!("#{}", if *yes { 't' } else { 'f' })),
        Value::Double(number) => line(format!(",{number}")),
        Value::BigNumber(digits) => line(format!("({}", String::from_utf8_lossy(digits.as_ref()))),
        Value::VerbatimString { text, .. } => line(format!("={}\r\ntxt:{text}", text.len() + 4)),
        Value::BulkString(bytes) => {
            line(format!("${}", bytes.len()));
            out.extend_from_slice(bytes);
            out.extend_from_slice(b"\r\n");
        }
        Value::Array(items) | Value::Set(items) => {
            line(format!("{}{}", if matches!(value, Value::Set(_)) { '~' } else { '*' }, items.len()));
            items.iter().for_each(|item| encode(item, resp3, out));
        }
        Value::Map(pairs) => {
            line(format!("%{}", pairs.len()));
            pairs.iter().flat_map(|(key, value)| [key, value]).for_each(|item| encode(item, resp3, out));
        }
        Value::Push { data, .. } => {
            line(format!(">{}\r\n+message", data.len() + 1));
            data.iter().for_each(|item| encode(item, resp3, out));
        }
        other => unreachable!("not generated: {other:?}"),
    }
}

fn encoded(values: &[Value], resp3: bool) -> Vec<u8> {
    let mut stream = Vec::new();
    values.iter().for_each(|value| encode(value, resp3, &mut stream));
    stream
}

/// What RESP2 can say.
fn resp2_leaf() -> BoxedStrategy<Value> {
    prop_oneof![
        Just(Value::Nil),
        Just(Value::Okay),
        any::<i64>().prop_map(Value::Int),
        "[a-zA-Z0-9 ]{3,20}".prop_map(Value::SimpleString),
        vec(any::<u8>(), 0..40).prop_map(Value::BulkString),
    ]
    .boxed()
}

fn resp3_leaf() -> BoxedStrategy<Value> {
    prop_oneof![
        4 => resp2_leaf(),
        1 => any::<bool>().prop_map(Value::Boolean),
        1 => (-1e9..1e9_f64).prop_map(Value::Double),
        1 => "-?[1-9][0-9]{20,40}".prop_map(|digits| Value::BigNumber(digits.into_bytes())),
        1 => "\\PC{0,20}".prop_map(|text| Value::VerbatimString { format: VerbatimFormat::Text, text }),
    ]
    .boxed()
}

fn resp2() -> impl Strategy<Value = Value> {
    resp2_leaf().prop_recursive(4, 64, 6, |inner| vec(inner, 0..6).prop_map(Value::Array))
}

fn resp3() -> impl Strategy<Value = Value> {
    let nested = resp3_leaf().prop_recursive(4, 64, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::Array),
            vec(inner.clone(), 0..6).prop_map(Value::Set),
            vec((inner.clone(), inner), 0..4).prop_map(Value::Map),
        ]
    });
    let push = vec(resp3_leaf(), 0..4).prop_map(|data| Value::Push { kind: PushKind::Message, data });
    prop_oneof![4 => nested, 1 => push]
}

/// One thing that is done to a stream.
#[derive(Clone, Debug)]
enum Harm {
    Replace(u16, u8),
    Remove(u16, u8),
    Insert(u16, Vec<u8>),
    Cut(u16),
}

fn harm() -> impl Strategy<Value = Harm> {
    // What the protocol is made of does more harm than other bytes.
    let byte = || prop_oneof![any::<u8>(), proptest::sample::select(b"+-:$*_,#!=(%~>|0123456789\r\n".to_vec())];
    prop_oneof![
        (any::<u16>(), byte()).prop_map(|(at, byte)| Harm::Replace(at, byte)),
        (any::<u16>(), 1..9_u8).prop_map(|(at, count)| Harm::Remove(at, count)),
        (any::<u16>(), vec(byte(), 1..9)).prop_map(|(at, bytes)| Harm::Insert(at, bytes)),
        any::<u16>().prop_map(Harm::Cut),
    ]
}

fn spoil(stream: &mut Vec<u8>, harm: &Harm) {
    let within = |at: u16| usize::from(at) % (stream.len() + 1);
    match harm {
        Harm::Replace(at, byte) => {
            let at = within(*at);
            if let Some(place) = stream.get_mut(at) {
                *place = *byte;
            }
        }
        Harm::Remove(at, count) => {
            let at = within(*at);
            let end = (at + usize::from(*count)).min(stream.len());
            stream.drain(at..end);
        }
        Harm::Insert(at, bytes) => {
            let at = within(*at);
            stream.splice(at..at, bytes.iter().copied());
        }
        Harm::Cut(at) => stream.truncate(within(*at)),
    }
}

proptest! {
    #[test]
    fn a_command_is_read_as_its_arguments(args in vec(vec(any::<u8>(), 0..60), 1..8), size in 1_usize..40) {
        prop_assume!(!args[0].is_empty());
        let request = Request::new(&args).unwrap();
        let expected = Value::Array(args.iter().cloned().map(Value::BulkString).collect());
        prop_assert_eq!(read(request.bytes(), size), (vec![expected], false));
        let mut words = Words::new(args.len(), 0);
        args.iter().for_each(|arg| words.push(arg));
        let by_words = words.into_request().unwrap();
        prop_assert_eq!(by_words.bytes(), request.bytes());
    }

    #[test]
    fn replies_of_resp2_survive_any_pieces(values in vec(resp2(), 1..5), size in 1_usize..40) {
        prop_assert_eq!(read(&encoded(&values, false), size), (values, false));
    }

    #[test]
    fn replies_of_resp3_survive_any_pieces(values in vec(resp3(), 1..5), size in 1_usize..40) {
        prop_assert_eq!(read(&encoded(&values, true), size), (values, false));
    }

    #[test]
    fn a_spoiled_stream_is_read_the_same_in_any_pieces(
        values in vec(resp3(), 1..5),
        harms in vec(harm(), 1..4),
        size in 1_usize..40,
    ) {
        let mut stream = encoded(&values, true);
        harms.iter().for_each(|harm| spoil(&mut stream, harm));
        let whole = read(&stream, stream.len().max(1));
        // Errors and doubles that are no numbers are compared by what they show.
        prop_assert_eq!(format!("{:?}", read(&stream, size)), format!("{whole:?}"));
    }
}

/// Streams that never make sense are refused soon: they are neither kept without bounds nor taken for ever.
#[test]
fn a_stream_without_end_is_bounded() {
    let bounds = Bounds { bytes: 1 << 16, depth: 16 };
    let streams: [(&[u8], &[u8], &str); 5] = [
        (b"$99999\r\n", b"x", "larger than"),
        (b"*1\r\n", b"*1\r\n", "nested deeper"),
        (b"*60000\r\n", b":1\r\n", "larger than"),
        (b"+", b"xxxxxxxxxxxxxxxx", "longer than"),
        (b":1\r\n", b"x", "cannot start with"),
    ];
    for (first, then, reason) in streams {
        let mut parser = Parser::new(bounds);
        let mut buffer = Vec::new();
        let refusal = (0..100_000).find_map(|turn| {
            buffer.extend_from_slice(if turn == 0 { first } else { then });
            match parser.parse(&buffer) {
                Ok((used, _)) => {
                    buffer.drain(..used);
                    None
                }
                Err(error) => Some(error),
            }
        });
        let refusal = refusal.unwrap_or_else(|| panic!("{:?} goes on for ever", String::from_utf8_lossy(first)));
        assert!(refusal.message().contains(reason), "{refusal}");
    }
}
