//! `urls.json` in Rust. The parsed secrets themselves are compared in the core, which alone can see them.

use serde_json::Value;
use standfast::{Config, Error};
use standfast_vectors::{json, vectors};

fn read(url: &str) -> Result<Config, Error> {
    let config = Config::from_url(url)?;
    config.check()?;
    Ok(config)
}

/// What a report shows for a secret.
fn masked(secret: &Value) -> Value {
    if secret.is_null() { Value::Null } else { "***".into() }
}

#[test]
fn every_url_is_read_as_the_file_says() {
    let defaults = json(read("redis://h").unwrap().describe())["options"].clone();
    let mut parsed = 0;
    for vector in vectors("urls.json").iter().filter(|vector| vector.get("parsed").is_some()) {
        let url = vector["url"].as_str().unwrap();
        let found = json(read(url).unwrap_or_else(|error| panic!("{url}: {error}")).describe());
        let mut expected = vector["parsed"].clone();
        for secret in ["password", "sentinel_password"] {
            expected[secret] = masked(&expected[secret]);
        }
        let mut options = defaults.clone();
        for (name, value) in expected["options"].as_object().unwrap() {
            assert!(!options[name].is_null(), "{url}: there is no {name}");
            options[name] = value.clone();
        }
        expected["options"] = options;
        assert_eq!(found, expected, "{url}");
        parsed += 1;
    }
    assert!(parsed >= 50, "{parsed}");
}

#[test]
fn every_mistake_is_named_as_the_file_says() {
    let mut mistakes = 0;
    for vector in vectors("urls.json").iter().filter(|vector| vector.get("error").is_some()) {
        let (url, expected) = (vector["url"].as_str().unwrap(), &vector["error"]);
        let error = read(url).expect_err(url);
        assert_eq!(
            (error.code(), error.name()),
            (expected["code"].as_i64().unwrap() as i32, expected["name"].as_str().unwrap()),
            "{url:?}: {error}"
        );
        assert_eq!((error.category(), error.retry().as_str()), ("configuration", "never"));
        if let Some(part) = expected["part"].as_str() {
            let end = format!(" ({part} at position {})", expected["position"]);
            assert!(error.message().ends_with(&end), "{url:?}: {error}, expected {end}");
        }
        if let Some(says) = expected["says"].as_str() {
            assert!(error.message().contains(says), "{url:?}: {error}");
        }
        mistakes += 1;
    }
    assert!(mistakes >= 100, "{mistakes}");
}
