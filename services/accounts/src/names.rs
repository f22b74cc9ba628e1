//! The names by which people sign in.

use kadenza_contract::{identity_fold, is_invisible};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// The most characters of a name.
const CHARS_MAX: usize = 64;

/// A name to sign in with. Two names that differ in case or in how they are encoded are the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserName(String);

impl UserName {
    /// The name, composed (NFC).
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What names are compared by.
    #[must_use]
    pub fn key(&self) -> String {
        identity_fold(&self.0)
    }
}

impl TryFrom<String> for UserName {
    type Error = &'static str;

    fn try_from(text: String) -> Result<UserName, &'static str> {
        // A long text from a stranger is not normalised first.
        if text.len() > CHARS_MAX * 16 {
            return Err("a name has at most 64 characters");
        }
        let name: String = text.trim().nfc().collect();
        match name.chars().count() {
            0 => return Err("a name has at least one character"),
            1..=CHARS_MAX => {}
            _ => return Err("a name has at most 64 characters"),
        }
        if name.chars().any(|c| c.is_control() || is_invisible(c)) {
            return Err("a name has no control or invisible characters");
        }
        let name = UserName(name);
        match name.key().is_empty() {
            true => Err("a name has at least one letter or digit"),
            false => Ok(name),
        }
    }
}

impl From<UserName> for String {
    fn from(name: UserName) -> String {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> String {
        UserName::try_from(text.to_owned()).unwrap().key()
    }

    #[test]
    fn names_that_look_alike_are_the_same() {
        assert_eq!(key("Ada"), key(" aDA "));
        assert_eq!(key("Jose\u{301}"), key("JOS\u{c9}"));
        assert_eq!(key("ﬁona"), key("FIONA"));
        assert_ne!(key("ada"), key("adam"));
    }

    #[test]
    fn a_name_is_short_and_printable() {
        for bad in [
            "",
            "  ",
            "a\nb",
            "a\u{0}",
            "x\u{202e}y",
            &"a".repeat(65),
            &"a".repeat(1 << 20),
        ] {
            assert!(UserName::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
        assert!(UserName::try_from("ü".repeat(64)).is_ok());
    }
}
