//! URLs: each is understood or refused with an error that does not repeat a password, never with a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use standfast::Config;

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    // A secret that no text contains by chance.
    let with_secret = text.replacen("PASSWORD", "s3kr1t-9f2", 1);
    let said = match Config::from_url(&with_secret) {
        Ok(config) => format!("{config:?} {:?}", config.describe()),
        Err(error) => format!("{error} {error:?}"),
    };
    // Elsewhere than in the password's place it is no secret.
    let place = text.find(":PASSWORD@").is_some_and(|at| text[..at].matches("://").count() == 1 && text[..at].rfind("://").is_some_and(|start| !text[start + 3..at].contains(['/', '?', '#', '@', ':'])));
    if place {
        assert!(!said.contains("s3kr1t-9f2"), "{said}");
    }
});
