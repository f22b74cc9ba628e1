//! The verdict on a promise.

use std::fmt;

use kadenza_contract::Error;

/// The verdict on a promise: held, or how it was broken.
pub type Verdict = Result<(), Broken>;

/// How a promise was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken(String);

impl Broken {
    /// With a description for people.
    #[must_use]
    pub fn new(what: String) -> Broken {
        Broken(what)
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Error> for Broken {
    fn from(error: Error) -> Broken {
        Broken(format!(
            "an error where an answer was due: {}",
            error.chain()
        ))
    }
}

/// Ends the promise as broken unless the condition holds.
macro_rules! ensure {
    ($holds:expr, $($what:tt)+) => {
        if !$holds {
            return Err(crate::conformance::verdict::Broken::new(format!($($what)+)));
        }
    };
}

pub(super) use ensure;
