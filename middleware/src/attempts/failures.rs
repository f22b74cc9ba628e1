//! The failures of one call.

use std::time::Duration;

use kadenza_contract::Error;

use crate::http::exchange::Failed;

/// The failures of the attempts of one call, of which one is told to the caller.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    told: Option<Error>,
}

impl Failures {
    /// The last reason that a server gave says more than that another one did not answer.
    pub(crate) fn add(&mut self, failed: Failed) {
        let says_little =
            |error: &Error| matches!(error, Error::Unreachable { .. } | Error::Timeout { .. });
        if self
            .told
            .as_ref()
            .is_none_or(|told| says_little(told) || !says_little(&failed.error))
        {
            self.told = Some(failed.error);
        }
    }

    /// The error to tell; a timeout if nothing failed, and so nothing was ever answered.
    pub(crate) fn into_error(self, waited: Duration) -> Error {
        self.told.unwrap_or(Error::Timeout { waited })
    }
}
