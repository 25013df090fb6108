//! The environment: `STANDFAST_URL` and one variable for each option. Read only when somebody asks for it.

use std::ffi::OsString;

use super::{Config, nearest, options};
use crate::error::{Error, ErrorKind, Result};

const PREFIX: &str = "STANDFAST_";
const URL: &str = "STANDFAST_URL";

/// A configuration from these variables.
pub(super) fn read(variables: impl Iterator<Item = (OsString, OsString)>) -> Result<Config> {
    let mut url = None;
    let mut of_options = Vec::new();
    for (variable, value) in variables {
        // A name that is not text is none of ours.
        let Some(variable) = variable.to_str() else { continue };
        let Some(name) = variable.strip_prefix(PREFIX) else { continue };
        let name = name.to_ascii_lowercase();
        let known = name == "url" || options::find(&name).is_ok();
        if !known {
            refuse_typo(variable, &name)?;
            continue;
        }
        let value = value.into_string().map_err(|_| {
            let text = format!("the environment variable {variable} is not UTF-8");
            Error::new(if name == "url" { ErrorKind::InvalidUrl } else { ErrorKind::InvalidOption }, text)
        })?;
        // `STANDFAST_X= command` is the usual way to take a variable away for one command.
        if value.is_empty() {
            continue;
        }
        if name == "url" {
            url = Some(value);
        } else {
            of_options.push((variable.to_owned(), name, value));
        }
    }
    let url =
        url.ok_or_else(|| Error::new(ErrorKind::InvalidUrl, format!("the environment variable {URL} is not set")))?;
    // Not `Config::from_url`: STANDFAST_URL=env: would look for itself.
    let mut config = super::url::parse(&url).map_err(|error| blame(&error, URL))?;
    for (variable, name, value) in of_options {
        config.set(&name, value).map_err(|error| blame(&error, &variable))?;
    }
    Ok(config)
}

fn blame(error: &Error, variable: &str) -> Error {
    Error::new(error.kind(), format!("{}, in the environment variable {variable}", error.message()))
}

/// Other programs have variables that begin like ours (Kubernetes makes them for a service of that name), so not every
/// unknown one is a mistake; one that is nearly ours is.
fn refuse_typo(variable: &str, name: &str) -> Result<()> {
    let known = options::SPECS.iter().map(|spec| spec.name).chain(["url"]);
    match nearest::nearest(name, known) {
        Some(near) if nearest::distance(name, near) <= 1.max(name.len() / 5) => Err(Error::new(
            ErrorKind::UnknownOption,
            format!("there is no environment variable {variable}; did you mean {PREFIX}{}?", near.to_ascii_uppercase()),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(variables: &[(&str, &str)]) -> Result<Config> {
        read(variables.iter().map(|(name, value)| (OsString::from(*name), OsString::from(*value))))
    }

    #[test]
    fn every_option_has_a_variable() {
        for spec in options::SPECS.iter() {
            let variable = format!("{PREFIX}{}", spec.name.to_ascii_uppercase());
            let value = if spec.default.is_empty() { "same" } else { spec.default };
            let result = from(&[(URL, "redis+sentinel://h/m"), (&variable, value)]);
            match result {
                Ok(_) => {}
                Err(error) => assert!(spec.reserved && spec.default.is_empty(), "{variable}: {error}"),
            }
        }
    }

    #[test]
    fn variables_go_before_the_url() {
        let variables = [(URL, "redis://:a@h?pool_size=3&command_timeout=9s"), ("STANDFAST_POOL_SIZE", "5")];
        let config = from(&variables).unwrap();
        assert_eq!((config.options.pool_size, config.options.command_timeout.as_secs()), (5, 9));
        assert!(from(&[(URL, "redis://h"), ("STANDFAST_PASSWORD", "pw")]).unwrap().data.password.is_some());
    }

    #[test]
    fn what_is_wrong_is_named_by_its_variable_and_a_secret_is_not_shown() {
        use ErrorKind::{InvalidOption, InvalidUrl, UnknownOption};
        let url = (URL, "redis://h");
        for (variables, kind, text) in [
            (&[][..], InvalidUrl, "STANDFAST_URL is not set"),
            (&[(URL, "")], InvalidUrl, "STANDFAST_URL is not set"),
            (&[(URL, "env:")], InvalidUrl, "(scheme at position 0), in the environment variable STANDFAST_URL"),
            (
                &[(URL, "redis://u:canary@h:x")],
                InvalidUrl,
                "(port at position 19), in the environment variable STANDFAST_URL",
            ),
            (&[url, ("STANDFAST_COMMAND_TIMEOUT", "canary")], InvalidOption, "variable STANDFAST_COMMAND_TIMEOUT"),
            (&[url, ("STANDFAST_COMAND_TIMEOUT", "5s")], UnknownOption, "did you mean STANDFAST_COMMAND_TIMEOUT?"),
            (&[url, ("STANDFAST_PASWORD", "canary")], UnknownOption, "did you mean STANDFAST_PASSWORD?"),
        ] {
            let error = from(variables).unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.message().contains(text), "{error}");
            assert!(!error.to_string().contains("canary"), "{error}");
        }
    }

    #[test]
    fn what_is_not_ours_is_left_alone() {
        let ours = [(URL, "redis://h"), ("STANDFAST_POOL_SIZE", "")];
        let theirs =
            [("STANDFAST_PORT_6379_TCP", "x"), ("STANDFAST_SERVICE_HOST", "x"), ("STANDFAST_LAB", "x"), ("HOME", "x")];
        from(&[&ours[..], &theirs[..]].concat()).unwrap();
    }

    #[test]
    #[cfg(unix)]
    fn a_variable_that_is_not_text_is_refused() {
        use std::os::unix::ffi::OsStringExt;
        let variables = [(OsString::from(URL), OsString::from_vec(b"redis://h\xff".to_vec()))];
        assert_eq!(read(variables.into_iter()).unwrap_err().kind(), ErrorKind::InvalidUrl);
    }
}
