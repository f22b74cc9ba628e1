//! Problem documents as answers.

use std::time::Duration;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use kadenza_api::{PROBLEM_MEDIA_TYPE, code};
use kadenza_contract::Error;

/// When a busy server should be asked again, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// An answer that is an error: a problem document (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem(kadenza_api::Problem);

impl Problem {
    /// A problem with a stable code, which becomes `urn:kadenza:error:CODE`.
    #[must_use]
    pub fn new(
        status: StatusCode,
        code: &str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Problem {
        Problem(kadenza_api::Problem::new(status, code, title, detail))
    }

    /// There is nothing of this name.
    pub(crate) fn not_found(detail: impl Into<String>) -> Problem {
        Problem(kadenza_api::Problem::not_found(detail))
    }

    /// The request itself is malformed.
    pub(crate) fn invalid(detail: impl Into<String>) -> Problem {
        Problem(kadenza_api::Problem::invalid(detail))
    }

    /// The problem that a service's error is, for people who need not know which machines there are.
    pub(crate) fn without_machines(error: Error) -> Problem {
        let told = match error {
            Error::Full { .. } => Error::full(),
            Error::TooFew {
                reached, needed, ..
            } => Error::TooFew {
                reached,
                needed,
                machines: String::new(),
            },
            Error::Unreachable { .. } | Error::Protocol { .. } | Error::Damaged { .. } => {
                // The code and the status stay.
                let Problem(problem) = Problem::from(&error);
                return Problem(problem.with_detail("another machine did not answer as it should"));
            }
            error => error,
        };
        Problem::from(&told)
    }

    /// An address asks too often, and may again after a while.
    pub(crate) fn too_often(wait: Duration) -> Problem {
        Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            code::BUSY,
            "Too many requests",
            "this address asks for this too often: ask again later, as Retry-After says",
        )
        .with_number(
            wait.as_millis()
                .div_ceil(1000)
                .max(1)
                .try_into()
                .unwrap_or(u64::MAX),
        )
    }

    /// The same problem with a number that belongs to its code.
    pub(crate) fn with_number(self, number: u64) -> Problem {
        Problem(self.0.with_number(number))
    }

    /// The same problem under another status.
    pub(crate) fn with_status(self, status: StatusCode) -> Problem {
        Problem(self.0.with_status(status))
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        Problem::from(&error)
    }
}

impl From<&Error> for Problem {
    /// The problem that a service's error is. A failure of this side is logged with its causes.
    fn from(error: &Error) -> Problem {
        let problem = kadenza_api::Problem::from(error);
        if problem.status().is_server_error() {
            tracing::error!(error = %error.chain(), "a request failed");
        }
        Problem(problem)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Problem(problem) = self;
        let body = serde_json::to_vec(&problem).expect("texts and numbers are always JSON");
        let mut response = (problem.status(), body).into_response();
        let headers = response.headers_mut();
        let media_type = HeaderValue::from_static(PROBLEM_MEDIA_TYPE);
        headers.insert(header::CONTENT_TYPE, media_type);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match (problem.code().unwrap_or_default(), problem.number()) {
            (code::NOT_SIGNED_IN, _) => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            (code::WAIT | code::BUSY, Some(seconds)) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            (code::BUSY | code::TOO_FEW | code::NOT_READY, _) => {
                headers.insert(header::RETRY_AFTER, RETRY_AFTER);
            }
            (code::RANGE, Some(size)) => {
                if let Ok(range) = HeaderValue::try_from(format!("bytes */{size}")) {
                    headers.insert(header::CONTENT_RANGE, range);
                }
            }
            _ => {}
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_ask_again_is_told_when() {
        let problem = Problem::from(Error::TooFew {
            reached: 1,
            needed: 2,
            machines: String::new(),
        });
        let response = problem.into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(response.headers().contains_key(header::RETRY_AFTER));
    }
}
