//! One promise of the contract: a function that checks it, and the service that it needs.

use std::fmt;

use futures_util::future::BoxFuture;

use super::{ground::Ground, verdict::Verdict};

/// Which service a promise needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// Any, also one that other promises use at the same time.
    Any,
    /// One that knows no songs, for itself alone.
    Empty,
}

/// A promise of the contract.
#[derive(Clone, Copy)]
pub struct Promise {
    /// Its name: the sentence that it holds.
    pub name: &'static str,
    pub(super) needs: Needs,
    pub(super) check: for<'a> fn(&'a Ground) -> BoxFuture<'a, Verdict>,
}

impl Promise {
    /// Whether it is checked on a service that other promises use at the same time.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.needs == Needs::Any
    }
}

impl fmt::Debug for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// A [`Promise`] made of a function; `on an empty service` if it needs one.
macro_rules! promise {
    ($check:ident) => {
        promise!(@ $check, crate::conformance::promise::Needs::Any)
    };
    ($check:ident on an empty service) => {
        promise!(@ $check, crate::conformance::promise::Needs::Empty)
    };
    (@ $check:ident, $needs:expr) => {{
        fn check(
            on: &crate::conformance::ground::Ground,
        ) -> futures_util::future::BoxFuture<'_, crate::conformance::verdict::Verdict> {
            Box::pin($check(on))
        }
        crate::conformance::promise::Promise {
            name: stringify!($check),
            needs: $needs,
            check,
        }
    }};
}

pub(super) use promise;
