//! What went wrong, as a problem document (RFC 9457).
//!
//! The `type` is a URN made of the code of [`Failure`], which is what a program acts upon; `detail`,
//! `number` and `reached` are the failure's too, so that a client gets back the error that the
//! service gave. What a server's own log should know, such as paths, stays in the log.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use kadenza_services::{Error, Failure};
use serde::Serialize;

/// The media type of problem documents.
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");
/// When a busy server should be asked again, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// An answer that is an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reached: Option<u64>,
}

impl Problem {
    /// A problem with a stable code, which becomes `urn:kadenza:error:CODE`.
    #[must_use]
    pub fn new(
        status: StatusCode,
        code: &str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Problem {
        Problem {
            kind: format!("urn:kadenza:error:{code}"),
            title,
            status: status.as_u16(),
            detail: detail.into(),
            number: None,
            reached: None,
        }
    }

    /// There is nothing of this name.
    pub(crate) fn not_found(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "not-found", "Not found", detail)
    }

    /// The request itself is malformed.
    pub(crate) fn invalid(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "invalid", "Bad request", detail)
    }

    /// The same, under another status.
    pub(crate) fn with_status(mut self, status: StatusCode) -> Problem {
        self.status = status.as_u16();
        self
    }
}

/// The status and the title of each code of [`Failure`].
fn meaning(error: &Error) -> (StatusCode, &'static str) {
    match error {
        Error::NotAudio { .. } => (
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Not a usable audio file",
        ),
        Error::NoTitle => (StatusCode::UNPROCESSABLE_ENTITY, "The song has no title"),
        Error::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "Too large"),
        Error::Invalid { .. } => (StatusCode::BAD_REQUEST, "Bad request"),
        Error::Range { .. } => (StatusCode::RANGE_NOT_SATISFIABLE, "Range not satisfiable"),
        Error::Body { .. } => (StatusCode::BAD_REQUEST, "The upload broke off"),
        Error::Full => (StatusCode::INSUFFICIENT_STORAGE, "No room left"),
        Error::Busy => (StatusCode::SERVICE_UNAVAILABLE, "Too busy"),
        Error::Timeout { .. } => (StatusCode::GATEWAY_TIMEOUT, "No answer in time"),
        Error::Unreachable { .. } => (StatusCode::SERVICE_UNAVAILABLE, "Out of reach"),
        Error::TooFew { .. } => (
            StatusCode::SERVICE_UNAVAILABLE,
            "Too few machines within reach",
        ),
        Error::Damaged { .. } => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "The stored audio is damaged",
        ),
        Error::Protocol { .. } => (StatusCode::BAD_GATEWAY, "Another machine answered nonsense"),
        Error::Storage { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "Storage failed"),
    }
}

impl From<Error> for Problem {
    /// The problem that a service's error is. A failure of this side is logged with its causes.
    fn from(error: Error) -> Problem {
        let (status, title) = meaning(&error);
        if status.is_server_error() {
            tracing::error!(error = %error.chain(), "a request failed");
        }
        let Failure {
            code,
            detail,
            number,
            reached,
        } = Failure::from(&error);
        let detail = if detail.is_empty() {
            error.to_string()
        } else {
            detail
        };
        Problem {
            number,
            reached,
            ..Problem::new(status, &code, title, detail)
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).expect("texts and numbers are always JSON");
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, MEDIA_TYPE);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let code = self.kind.rsplit(':').next().unwrap_or_default();
        match (code, self.number) {
            ("busy" | "too-few" | "not-ready", _) => {
                headers.insert(header::RETRY_AFTER, RETRY_AFTER);
            }
            ("range", Some(size)) => {
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
    fn the_path_of_a_file_stays_in_the_log() {
        let cause = std::io::Error::other("/var/lib/kadenza/songs.db: disk I/O error");
        let problem = Problem::from(Error::Storage {
            doing: "reading a song",
            cause: cause.into(),
        });
        let text = serde_json::to_string(&problem).unwrap();
        assert!(!text.contains("/var/lib"), "{text}");
        assert!(text.contains("reading a song"), "{text}");
    }

    #[test]
    fn a_client_gets_back_the_error_that_the_service_gave() {
        let problem = Problem::from(Error::TooFew {
            reached: 1,
            needed: 2,
        });
        let json = serde_json::to_value(&problem).unwrap();
        assert_eq!(json["type"], "urn:kadenza:error:too-few");
        assert_eq!(
            (json["number"].as_u64(), json["reached"].as_u64()),
            (Some(2), Some(1))
        );
        let response = problem.into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(response.headers().contains_key(header::RETRY_AFTER));
    }
}
