//! Whether what a language found is what a vector says. What was found comes as JSON, so that Rust and C share this.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use standfast::Error;

/// An error as the C tests print it, too.
pub fn found(error: &Error) -> Value {
    let cause = |cause: &standfast::Cause| {
        json!({
            "address": cause.address,
            "resolved": cause.resolved.map_or_else(String::new, |address| address.to_string()),
            "step": cause.step.as_str(),
            "code": cause.kind.code(),
            "text": cause.text,
        })
    };
    json!({
        "code": error.code(),
        "name": error.name(),
        "category": error.category(),
        "retry": error.retry().as_str(),
        "message": error.message(),
        "text": error.to_string(),
        "phase": error.phase().map_or("", |phase| phase.as_str()),
        "server": error.server_reply().map_or("", |(code, _)| code),
        "causes": error.causes().iter().map(cause).collect::<Vec<_>>(),
    })
}

/// A report of a parsed URL: with secrets masked, and with the defaults for what the URL does not say.
///
/// # Panics
/// When it is something else.
pub fn parsed(url: &str, expected: &Value, defaults: &Value, found: &Value) {
    let mut expected = expected.clone();
    for secret in ["password", "sentinel_password"] {
        if !expected[secret].is_null() {
            expected[secret] = "***".into();
        }
    }
    let mut options = defaults["options"].clone();
    for (name, value) in expected["options"].as_object().expect("options") {
        assert!(!options[name].is_null(), "{url}: there is no {name}");
        options[name] = value.clone();
    }
    expected["options"] = options;
    assert_eq!(*found, expected, "{url}");
}

/// The error of a URL.
///
/// # Panics
/// When it is something else.
pub fn refused(url: &str, expected: &Value, found: &Value) {
    assert_eq!((&found["code"], &found["name"]), (&expected["code"], &expected["name"]), "{url:?}: {found}");
    assert_eq!((&found["category"], &found["retry"]), (&json!("configuration"), &json!("never")), "{url:?}");
    let message = text(&found["message"]);
    if let Some(part) = expected["part"].as_str() {
        let end = format!(" ({part} at position {})", expected["position"]);
        assert!(message.ends_with(&end), "{url:?}: {message}, expected {end}");
    }
    assert!(message.contains(text(&expected["says"])), "{url:?}: {message}");
}

/// The error of a misconfiguration, which took this long.
///
/// # Panics
/// When it is something else.
pub fn misconfigured(expected: &Value, found: &Value, took: Duration) {
    for field in ["code", "name", "retry"] {
        assert_eq!(found[field], expected[field], "{found}");
    }
    assert!(text(&found["message"]).contains(text(&expected["says"])), "{found}");
    for field in ["phase", "server"] {
        assert_eq!(text(&found[field]), text(&expected[field]), "{field}: {found}");
    }
    assert!(!found.to_string().contains("canary"), "a secret is shown");
    let causes = found["causes"].as_array().expect("causes");
    let addresses = |list: Vec<&str>| list.into_iter().map(str::to_owned).collect::<BTreeSet<String>>();
    let wanted = expected["addresses"].as_str().map(|list| list.split(',').collect()).unwrap_or_default();
    assert_eq!(addresses(causes.iter().map(|cause| text(&cause["address"])).collect()), addresses(wanted));
    for cause in expected["causes"].as_array().into_iter().flatten() {
        let [step, name, words] = [0, 1, 2].map(|at| text(&cause[at]));
        let code = standfast::ErrorKind::ALL.iter().find(|kind| kind.name() == name).expect("a name").code();
        let is =
            |found: &&Value| found["step"] == step && found["code"] == code && text(&found["text"]).contains(words);
        let found = causes.iter().find(is).unwrap_or_else(|| panic!("no cause {cause} in {found}"));
        // Whoever was found was found somewhere.
        assert_eq!(text(&found["resolved"]).is_empty(), step == "resolve" || words.contains("not answered yet"));
    }
    match expected["at_once"].as_bool() {
        Some(true) => assert!(took < Duration::from_secs(5), "it took {took:?} of 10 s"),
        Some(false) => assert!(took >= Duration::from_millis(200), "it took {took:?}"),
        None => {}
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
