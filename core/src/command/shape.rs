//! The form of a reply: what RESP3 calls a map, a set or a double, RESP2 sends as arrays and strings. So that a value has the
//! same form whatever a server speaks, replies of RESP2 get it here, for the commands of everyday use.
//!
//! A reply that does not look like what is expected stays as it is.

use redis::Value;

/// What RESP3 makes of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Same,
    /// Keys and values in turn.
    Map,
    /// Each element is a map.
    Maps,
    Set,
    Double,
    /// Each element is a double, or nil.
    Doubles,
    LastIsDouble,
    /// Two elements belong together.
    Pairs,
    /// Members and their scores in turn.
    Scores,
    /// A key, and a list of members with their scores.
    Popped,
    /// Each element is a key and a value.
    Streams,
    /// Each element is a list of doubles, or nil.
    Coordinates,
    /// The last element of each element is a list of doubles.
    Places,
}

/// Give a reply of RESP2 the form that it has in RESP3.
pub(crate) fn apply(shape: Shape, value: Value) -> Value {
    match (shape, value) {
        (Shape::Map, Value::Array(items)) if items.len().is_multiple_of(2) => Value::Map(in_twos(items)),
        (Shape::Maps, Value::Array(items)) => each(items, |item| apply(Shape::Map, item)),
        (Shape::Set, Value::Array(items)) => Value::Set(items),
        (Shape::Double, value) => double(value),
        (Shape::Doubles, Value::Array(items)) => each(items, double),
        (Shape::LastIsDouble, value) => last(value, double),
        (Shape::Pairs, Value::Array(items)) => pairs(items, |value| value),
        // A member or a score alone is no pair.
        (Shape::Scores, Value::Array(items)) if items.iter().skip(1).step_by(2).all(is_number) => pairs(items, double),
        (Shape::Popped, value) => last(value, |popped| match popped {
            Value::Array(items) => each(items, |pair| last(pair, double)),
            other => other,
        }),
        (Shape::Streams, Value::Array(items)) if items.iter().all(is_pair) => {
            Value::Map(items.into_iter().flat_map(|item| in_twos(elements(item))).collect())
        }
        (Shape::Coordinates, Value::Array(items)) => each(items, |item| apply(Shape::Doubles, item)),
        (Shape::Places, Value::Array(items)) => each(items, |item| last(item, |place| apply(Shape::Doubles, place))),
        (_, value) => value,
    }
}

fn each(items: Vec<Value>, change: impl Fn(Value) -> Value) -> Value {
    Value::Array(items.into_iter().map(change).collect())
}

fn last(value: Value, change: impl Fn(Value) -> Value) -> Value {
    let Value::Array(mut items) = value else { return value };
    if let Some(item) = items.pop() {
        items.push(change(item));
    }
    Value::Array(items)
}

fn pairs(items: Vec<Value>, change: impl Fn(Value) -> Value) -> Value {
    if !items.len().is_multiple_of(2) || items.iter().any(|item| matches!(item, Value::Array(_))) {
        return Value::Array(items);
    }
    Value::Array(in_twos(items).into_iter().map(|(first, second)| Value::Array(vec![first, change(second)])).collect())
}

fn in_twos(items: Vec<Value>) -> Vec<(Value, Value)> {
    let mut items = items.into_iter();
    let mut pairs = Vec::with_capacity(items.len() / 2);
    while let (Some(first), Some(second)) = (items.next(), items.next()) {
        pairs.push((first, second));
    }
    pairs
}

fn elements(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        other => vec![other],
    }
}

fn is_pair(value: &Value) -> bool {
    matches!(value, Value::Array(items) if items.len() == 2)
}

fn number(value: &Value) -> Option<f64> {
    let Value::BulkString(digits) = value else { return None };
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn is_number(value: &Value) -> bool {
    number(value).is_some()
}

fn double(value: Value) -> Value {
    number(&value).map_or(value, Value::Double)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Value {
        redis::parse_redis_value(text.replace(' ', "\r\n").as_bytes()).unwrap()
    }

    #[test]
    fn replies_of_resp2_get_the_form_of_resp3() {
        for (shape, two, three) in [
            (Shape::Map, "*4 +a :1 +b :2 ", "%2 +a :1 +b :2 "),
            (Shape::Map, "*0 ", "%0 "),
            (Shape::Maps, "*1 *2 +a :1 ", "*1 %1 +a :1 "),
            (Shape::Set, "*2 +a +b ", "~2 +a +b "),
            (Shape::Double, "$3 1.5 ", ",1.5 "),
            (Shape::Double, "$3 inf ", ",inf "),
            (Shape::Double, "$-1 ", "_ "),
            (Shape::Doubles, "*2 $1 1 $-1 ", "*2 ,1 _ "),
            (Shape::LastIsDouble, "*2 +m $1 1 ", "*2 +m ,1 "),
            (Shape::Pairs, "*4 +a +1 +b +2 ", "*2 *2 +a +1 *2 +b +2 "),
            (Shape::Scores, "*4 +a $1 1 +b $1 2 ", "*2 *2 +a ,1 *2 +b ,2 "),
            (Shape::Popped, "*2 +k *1 *2 +m $1 1 ", "*2 +k *1 *2 +m ,1 "),
            (Shape::Streams, "*1 *2 +s *0 ", "%1 +s *0 "),
            (Shape::Coordinates, "*2 *2 $1 1 $1 2 $-1 ", "*2 *2 ,1 ,2 _ "),
            (Shape::Places, "*1 *2 +m *2 $1 1 $1 2 ", "*1 *2 +m *2 ,1 ,2 "),
        ] {
            assert_eq!(apply(shape, parsed(two)), parsed(three), "{shape:?} of {two}");
            // What has the form already keeps it.
            assert_eq!(apply(shape, parsed(three)), parsed(three), "{shape:?} of {three}");
        }
    }

    #[test]
    fn what_looks_otherwise_stays_as_it_is() {
        for (shape, text) in [
            (Shape::Map, "*3 +a :1 +b "),
            (Shape::Set, "-ERR no "),
            (Shape::Double, "$1 x "),
            (Shape::Scores, "*3 +a $1 1 +b "),
            (Shape::Scores, "*2 +a $1 x "),
            (Shape::Streams, "*1 +s "),
            (Shape::Streams, "_ "),
            (Shape::Popped, "_ "),
            (Shape::LastIsDouble, "*0 "),
        ] {
            assert_eq!(apply(shape, parsed(text)), parsed(text), "{shape:?} of {text}");
        }
    }
}
