//! `urls.json` in Rust. The parsed secrets themselves are compared in the core, which alone can see them.

use standfast::{Config, Error};
use standfast_vectors::{check, json, vectors};

fn read(url: &str) -> Result<Config, Error> {
    let config = Config::from_url(url)?;
    config.check()?;
    Ok(config)
}

#[test]
fn every_url_is_read_as_the_file_says() {
    let vectors = vectors("urls.json");
    let good: Vec<_> = vectors.iter().filter(|vector| vector.get("parsed").is_some()).collect();
    assert!(good.len() >= 50);
    let defaults = json(read("redis://h").unwrap().describe());
    for vector in good {
        let url = vector["url"].as_str().unwrap();
        let config = read(url).unwrap_or_else(|error| panic!("{url}: {error}"));
        check::parsed(url, &vector["parsed"], &defaults, &json(config.describe()));
    }
}

#[test]
fn every_mistake_is_named_as_the_file_says() {
    let vectors = vectors("urls.json");
    let bad: Vec<_> = vectors.iter().filter(|vector| vector.get("error").is_some()).collect();
    assert!(bad.len() >= 100);
    for vector in bad {
        let url = vector["url"].as_str().unwrap();
        check::refused(url, &vector["error"], &check::found(&read(url).expect_err(url)));
    }
}
