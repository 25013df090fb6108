//! `tests/vectors/commands.json`: calls of every method and the words that they must send. The words are made here from the
//! same rules, but by other code than that of the languages: each language's test calls its methods and compares.

use serde_json::{Map, Value, json};

use super::{
    GENERATED, csharp,
    method::{Item, Method, Param, Place, Shape, methods},
    node, python,
    table::Table,
};

/// The text of the file: one call a line.
pub fn text(table: &Table) -> String {
    let mut lines = Vec::new();
    let csharp = csharp::names(table);
    for method in methods(table) {
        for given in calls(&method) {
            let words: Vec<String> = encode(&method.items, &method.params, &given);
            let mut line = json!({
                "command": method.command.name,
                "python": [python::name(table, &method), positional(&method, &given), named(&method, &given)],
                "node": [node::name(&method), node_arguments(&method, &given)],
                "words": words,
            });
            if let Some(name) = csharp.get(&method.command.name) {
                line["csharp"] = json!([name, all(&method, &given)]);
            }
            lines.push(line.to_string());
        }
    }
    format!("{{\"generated\": {},\n\"calls\": [\n{}\n]}}\n", json!(GENERATED), lines.join(",\n"))
}

/// What is given for each parameter; `None` is nothing.
type Given = Vec<Option<Value>>;

/// One with as little as possible, one with everything, one with each option alone.
fn calls(method: &Method) -> Vec<Given> {
    let params = &method.params;
    let required = |param: &Param| param.place == Place::Required || param.place == Place::Rest;
    let least: Given = params
        .iter()
        .map(|param| match param.shape {
            Shape::Many { may_be_empty: true, .. } => None,
            _ => required(param).then(|| sample(param, 1)),
        })
        .collect();
    let most: Given = params.iter().map(|param| Some(sample(param, 2))).collect();
    let mut calls = vec![least.clone()];
    if most != least {
        calls.push(most);
    }
    let optional: Vec<usize> = (0..params.len()).filter(|at| !required(&params[*at])).collect();
    if optional.len() > 1 {
        for at in optional {
            let mut one = least.clone();
            one[at] = Some(sample(&params[at], 1));
            // Some say nothing without another one.
            for (child, parents) in method.dependent() {
                if child == at {
                    one[parents[0]] = Some(sample(&params[parents[0]], 1));
                }
            }
            calls.push(one);
        }
    }
    calls
}

fn sample(param: &Param, count: usize) -> Value {
    let name = &param.name;
    let one = |ty: char, n: usize| match ty {
        'i' | 'u' => json!(6 + n),
        'd' => json!(0.5 + n as f64),
        _ => json!(format!("{name}{n}")),
    };
    match &param.shape {
        Shape::One(ty) => one(*ty, 1),
        Shape::Word(words) => json!(words[words.len() - 1]),
        Shape::Flag => json!(true),
        Shape::Many { ty, .. } => (1..=count).map(|n| one(*ty, n)).collect(),
        Shape::Pairs { value, .. } => {
            Value::Object((1..=count).map(|n| (format!("{name}{n}"), one(*value, n + 2))).collect())
        }
        Shape::Together(types) => types.iter().zip(1..).map(|(ty, n)| one(*ty, n)).collect(),
        Shape::Streams => Value::Object((1..=count).map(|n| (format!("stream{n}"), json!(format!("{n}-0")))).collect()),
    }
}

fn encode(items: &[Item], params: &[Param], given: &Given) -> Vec<String> {
    let mut words = Vec::new();
    for item in items {
        match item {
            Item::Word(word) => words.push(word.clone()),
            Item::Put(at) => words.extend(put(&params[*at], given[*at].as_ref())),
            Item::PutEach(at, word) => {
                words
                    .extend(put(&params[*at], given[*at].as_ref()).into_iter().flat_map(|value| [word.clone(), value]));
            }
            Item::Counted(at) => {
                let values = put(&params[*at], given[*at].as_ref());
                let each = if matches!(params[*at].shape, Shape::Pairs { .. }) { 2 } else { 1 };
                words.push((values.len() / each).to_string());
                words.extend(values);
            }
            Item::If(at, body) => {
                if given[*at].is_some() {
                    words.extend(encode(body, params, given));
                }
            }
        }
    }
    words
}

fn put(param: &Param, given: Option<&Value>) -> Vec<String> {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match (&param.shape, given) {
        (_, None) => Vec::new(),
        (Shape::Pairs { swapped, .. }, Some(Value::Object(map))) => map
            .iter()
            .flat_map(|(key, value)| {
                let mut pair = [key.clone(), plain(value)];
                if *swapped {
                    pair.reverse();
                }
                pair
            })
            .collect(),
        (Shape::Streams, Some(Value::Object(map))) => map.keys().cloned().chain(map.values().map(plain)).collect(),
        (_, Some(Value::Array(values))) => values.iter().map(plain).collect(),
        (_, Some(value)) => vec![plain(value)],
    }
}

/// Python's arguments by position: what is required, then the rest.
fn positional(method: &Method, given: &Given) -> Value {
    let rest = method.params.iter().any(|param| param.place == Place::Rest);
    let mut values = Vec::new();
    let by_place = |place: Place| method.params.iter().zip(given).filter(move |(param, _)| param.place == place);
    // What has a default comes behind what has none, or is given by name.
    for with_default in [false, true] {
        for (param, value) in by_place(Place::Required) {
            if param.default.is_some() == with_default && !(rest && with_default) {
                values.push(value.clone().unwrap_or_default());
            }
        }
    }
    for (_, value) in by_place(Place::Rest) {
        match value {
            Some(Value::Array(several)) => values.extend(several.clone()),
            Some(map) => values.push(map.clone()),
            None => {}
        }
    }
    Value::Array(values)
}

fn named(method: &Method, given: &Given) -> Value {
    let rest = method.params.iter().any(|param| param.place == Place::Rest);
    let named = method.params.iter().zip(given).filter_map(|(param, value)| {
        let by_name = match param.place {
            Place::Named | Place::Optional => true,
            Place::Required => rest && param.default.is_some(),
            Place::Rest => false,
        };
        Some((python::python_name(param), value.clone().filter(|_| by_name)?))
    });
    Value::Object(named.collect())
}

/// Node's arguments: by position, the rest, the options. What is left out before something is null.
fn node_arguments(method: &Method, given: &Given) -> Value {
    let mut values: Vec<Value> = Vec::new();
    for place in [Place::Required, Place::Optional, Place::Rest] {
        for (param, value) in method.params.iter().zip(given).filter(|(param, _)| param.place == place) {
            match (param.place, value) {
                (Place::Rest, Some(Value::Array(several))) => values.extend(several.clone()),
                (Place::Rest, None) => {}
                (_, value) => values.push(value.clone().unwrap_or_default()),
            }
        }
    }
    let options: Map<String, Value> = method
        .params
        .iter()
        .zip(given)
        .filter(|(param, _)| param.place == Place::Named)
        .filter_map(|(param, value)| Some((param.word.clone(), value.clone()?)))
        .collect();
    if !options.is_empty() {
        values.push(Value::Object(options));
    }
    while values.last() == Some(&Value::Null) {
        values.pop();
    }
    Value::Array(values)
}

/// C#'s arguments, all by name.
fn all(method: &Method, given: &Given) -> Value {
    let pairs =
        method.params.iter().zip(given).filter_map(|(param, value)| Some((csharp::variable(param), value.clone()?)));
    Value::Object(pairs.collect())
}
