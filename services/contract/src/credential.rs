//! What shows a service who asks.

use std::{fmt, sync::Arc};

use crate::{Error, Result};

/// The longest credential, in bytes. Tokens of ours have about 140.
const BYTES_MAX: usize = 512;

/// What shows a service who asks: the text of a token. `Debug` leaves it out, and it has no `Display`. Cloning is
/// cheap.
///
/// ```
/// # use kadenza_contract::Credential;
/// let credential = Credential::new("kadenza_0123").unwrap();
/// assert_eq!(format!("{credential:?}"), "Credential(…)");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Credential(Arc<str>);

impl Credential {
    /// The credential with this text, which fits into a line of a request.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`], which does not repeat the text, if it is not one word of ASCII, or too long.
    pub fn new(text: &str) -> Result<Credential> {
        let is_word = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        match is_word && text.len() <= BYTES_MAX {
            true => Ok(Credential(text.into())),
            false => Err(Error::Invalid {
                what: "a token is one word of at most 512 letters, digits and signs".to_owned(),
            }),
        }
    }

    /// The text, for the one who sends it. No message may hold it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_a_word_and_is_told_by_nothing() {
        let longest = "x".repeat(BYTES_MAX);
        for text in ["kadenza_0123", "a.b-c~d+e/f==", &longest] {
            assert_eq!(Credential::new(text).unwrap().expose(), text);
        }
        let too_long = "hunter2".repeat(80);
        for text in [
            "",
            "hunter2 ",
            "hunter2\n",
            "hunter2\r\nhost: evil",
            "hunter2\0",
            "hünter2",
            &too_long,
        ] {
            let refused = Credential::new(text).unwrap_err();
            assert!(!format!("{refused:?} {refused}").contains("nter2"));
        }
    }
}
