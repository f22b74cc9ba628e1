//! What a refusal must not repeat: the passwords and keys among the words of a command line.
//!
//! A refusal of `clap` quotes the words that it does not understand, and a mistyped address may hold a password. So
//! the values of flags that take such addresses are left out, and of all other words what looks like a password.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::{fault::Fault, logging};

/// The flags whose values may hold a password or a key.
const FLAGS: [&str; 3] = ["--library", "--audio", "--cache"];
const HIDDEN: &str = "…";
/// What tokens begin with.
pub(crate) const TOKEN: &str = "kadenza_";

/// What clap has to say. Help passes as it is; of a refusal all that is secret in `words` is taken out.
pub(crate) fn refusal(mut error: clap::Error, words: &[String]) -> Fault {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        return Fault::Clap(error);
    }
    let is_secret = matches!(
        error.get(ContextKind::InvalidArg),
        Some(ContextValue::String(arg)) if FLAGS.iter().any(|flag| arg.split(' ').next() == Some(flag))
    );
    if is_secret && error.get(ContextKind::InvalidValue).is_some() {
        let hidden = ContextValue::String(HIDDEN.to_owned());
        error.insert(ContextKind::InvalidValue, hidden);
    }
    // Whoever writes a password there wants to sign in with it.
    if error.kind() == ErrorKind::UnknownArgument
        && words
            .iter()
            .any(|word| word == "login" || word == "password")
        && matches!(error.get(ContextKind::InvalidArg), Some(ContextValue::String(arg)) if !arg.starts_with('-'))
    {
        let hidden = ContextValue::String(HIDDEN.to_owned());
        error.insert(ContextKind::InvalidArg, hidden);
    }
    let rendered = error.render();
    let text = match logging::takes_colours() {
        true => rendered.ansi().to_string(),
        false => rendered.to_string(),
    };
    Fault::Refused(without(&text, words))
}

/// A text without the secrets of words.
fn without(text: &str, words: &[String]) -> String {
    let mut secrets: Vec<&str> = words.iter().flat_map(|word| secrets_of(word)).collect();
    // Longer ones first: a shorter one may be a part of them.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets
        .iter()
        .fold(text.to_owned(), |text, secret| text.replace(secret, HIDDEN))
}

/// What is secret in a word, whole and in parts, since a message may quote a part.
fn secrets_of(word: &str) -> Vec<&str> {
    // `--flag=value`, but not `postgres://…?sslmode=…`.
    let value = match word.split_once('=') {
        Some((flag, value)) if flag.starts_with("--") => value,
        _ => word,
    };
    if value.starts_with(TOKEN) {
        return vec![value];
    }
    let rest = value.split_once("://").map_or(value, |(_, rest)| rest);
    let is_web = value.starts_with("http://") || value.starts_with("https://");
    let is_key = value.contains("://") && rest.contains(':') && !is_web;
    let Some((who, _)) = rest.rsplit_once('@') else {
        return if is_key {
            vec![value, rest]
        } else {
            Vec::new()
        };
    };
    let password = who.split_once(':').map(|(_, password)| password);
    // A few letters stand in every message.
    let long = |secret: &&str| secret.len() > 3;
    let parts = [Some(rest), Some(who), password].into_iter().flatten();
    std::iter::once(value).chain(parts.filter(long)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_password_is_not_repeated() {
        for word in [
            "postgres://me:hunter2@host/music",
            "postgres//me:hunter2@host/music",
            "me:hunter2@host",
            ":hunter2@host",
            "--libary=postgres://me:hunter2@host/music",
            "redis://:hunter2@host:1",
            "s3://KEY:hunter2/bucket",
            "postgres://me:hunter2@h@host/music?sslmode=no",
            "http://me:hunter2@host",
            "kadenza_hunter2",
            "--server=kadenza_hunter2",
        ] {
            let text = format!("unexpected `{word}`, and of it hunter2");
            let said = without(&text, &[word.to_owned()]);
            let (quoted, _) = said.split_once(", and").unwrap();
            assert!(!quoted.contains("hunter2"), "{word}: {said}");
        }
        for word in ["--server", "ftp://a", "http://127.0.0.1:1", "a=b", "disk"] {
            assert_eq!(without(word, &[word.to_owned()]), word);
        }
    }
}
