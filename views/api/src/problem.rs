//! Problem documents (RFC 9457): what went wrong.
//!
//! The `type` is a URN made of the code of a [`Failure`], which is what a program acts upon; `detail`,
//! `number` and `reached` are the failure's too, so that a client gets back the error that the service
//! gave. Causes that only the operator of a server should know, such as paths, are not in it.

use std::borrow::Cow;

use http::StatusCode;
use kadenza_contract::{Error, Failure};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The media type of problem documents.
pub const MEDIA_TYPE: &str = "application/problem+json";
/// Before the code in the `type` of a problem.
const TYPE_PREFIX: &str = "urn:kadenza:error:";

/// The codes of this interface. The other codes are those of [`Failure`].
pub mod code {
    /// There is nothing at the path, or nothing of the name.
    pub const NOT_FOUND: &str = "not-found";
    /// The path has no such method.
    pub const METHOD_NOT_ALLOWED: &str = "method-not-allowed";
    /// The request is malformed.
    pub const INVALID: &str = "invalid";
    /// A page of another site sent the request.
    pub const CROSS_SITE: &str = "cross-site";
    /// The server does not answer under the name that it was asked by.
    pub const MISDIRECTED: &str = "misdirected";
    /// Nobody signed in, or the name or the password is wrong.
    pub const NOT_SIGNED_IN: &str = "not-signed-in";
    /// The role of the caller is too small.
    pub const FORBIDDEN: &str = "forbidden";
    /// Too many attempts failed.
    pub const WAIT: &str = "wait";
    /// There is such an account already, or it is the last administrator.
    pub const CONFLICT: &str = "conflict";
    /// This server has no accounts: everybody may do everything.
    pub const NO_ACCOUNTS: &str = "no-accounts";
    /// A condition of the request does not hold.
    pub const PRECONDITION_FAILED: &str = "precondition-failed";
    /// The server is starting or stopping.
    pub const NOT_READY: &str = "not-ready";
    /// The service is too busy.
    pub const BUSY: &str = "busy";
    /// There is no room.
    pub const FULL: &str = "full";
    /// Too few machines are within reach.
    pub const TOO_FEW: &str = "too-few";
    /// The range begins behind the end of the audio.
    pub const RANGE: &str = "range";
}

/// A problem document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(description = "RFC 9457.")]
pub struct Problem {
    /// urn:kadenza:error:CODE
    #[serde(rename = "type")]
    #[schema(value_type = String, examples("urn:kadenza:error:no-title"))]
    kind: Box<str>,
    #[serde(default)]
    #[schema(value_type = String, required = true)]
    title: Cow<'static, str>,
    #[serde(default)]
    #[schema(required = true)]
    status: u16,
    #[serde(default)]
    #[schema(required = true)]
    detail: String,
    /// What belongs to the code: a limit or size in bytes, a time in milliseconds, for `wait` in
    /// seconds, how many machines are needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u64, required = false)]
    number: Option<u64>,
    /// How many machines were reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u64, required = false)]
    reached: Option<u64>,
    /// Which machines failed, and how, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    machines: Option<Box<str>>,
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
            kind: format!("{TYPE_PREFIX}{code}").into(),
            title: title.into(),
            status: status.as_u16(),
            detail: detail.into(),
            number: None,
            reached: None,
            machines: None,
        }
    }

    /// There is nothing of this name.
    #[must_use]
    pub fn not_found(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, code::NOT_FOUND, "Not found", detail)
    }

    /// The request itself is malformed.
    #[must_use]
    pub fn invalid(detail: impl Into<String>) -> Problem {
        Problem::new(
            StatusCode::BAD_REQUEST,
            code::INVALID,
            "Bad request",
            detail,
        )
    }

    /// The same problem with another detail.
    #[must_use]
    pub fn with_detail(mut self, detail: &str) -> Problem {
        self.detail = detail.to_owned();
        self
    }

    /// The same problem with a number that belongs to its code.
    #[must_use]
    pub fn with_number(mut self, number: u64) -> Problem {
        self.number = Some(number);
        self
    }

    /// The same problem under another status.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Problem {
        self.status = status.as_u16();
        self
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The code, if it is a problem of this interface.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.kind.strip_prefix(TYPE_PREFIX)
    }

    /// The number that belongs to the code, as in [`Failure::number`].
    #[must_use]
    pub fn number(&self) -> Option<u64> {
        self.number
    }

    /// The failure that a body tells of, if it is a problem of this interface.
    #[must_use]
    pub fn failure(body: &[u8]) -> Option<Failure> {
        let problem: Problem = serde_json::from_slice(body).ok()?;
        let code = problem.code()?.to_owned();
        // The detail of these is the sentence that an error makes of the machines.
        let detail = match code.as_str() {
            code::FULL | code::TOO_FEW => problem.machines.map(String::from).unwrap_or_default(),
            _ => problem.detail,
        };
        Some(Failure {
            code,
            detail,
            number: problem.number,
            reached: problem.reached,
        })
    }
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Problem {
        let (status, title) = meaning(error);
        let Failure {
            code,
            detail,
            number,
            reached,
        } = Failure::from(error);
        let (detail, machines) = match error {
            Error::Full { .. } | Error::TooFew { .. } => (
                error.to_string(),
                (!detail.is_empty()).then(|| detail.into()),
            ),
            _ if detail.is_empty() => (error.to_string(), None),
            _ => (detail, None),
        };
        Problem {
            number,
            reached,
            machines,
            ..Problem::new(status, &code, title, detail)
        }
    }
}

/// The status and the title of each error.
fn meaning(error: &Error) -> (StatusCode, &'static str) {
    match error {
        Error::NotAudio { .. } => (
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Not a usable audio file",
        ),
        Error::NoTitle => (StatusCode::UNPROCESSABLE_ENTITY, "The song has no title"),
        Error::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "Too large"),
        Error::TooManyRecordings { .. } => {
            (StatusCode::CONFLICT, "The song has too many recordings")
        }
        Error::Invalid { .. } => (StatusCode::BAD_REQUEST, "Bad request"),
        Error::NotSignedIn => (StatusCode::UNAUTHORIZED, "Not signed in"),
        Error::Forbidden { .. } => (StatusCode::FORBIDDEN, "Not allowed"),
        Error::Wait { .. } => (StatusCode::TOO_MANY_REQUESTS, "Too many attempts"),
        Error::Range { .. } => (StatusCode::RANGE_NOT_SATISFIABLE, "Range not satisfiable"),
        Error::Body { .. } => (StatusCode::BAD_REQUEST, "The upload broke off"),
        Error::Full { .. } => (StatusCode::INSUFFICIENT_STORAGE, "No room left"),
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_path_of_a_file_stays_in_the_log() {
        let cause = std::io::Error::other("/var/lib/kadenza/songs.db: disk I/O error");
        let problem = Problem::from(&Error::Storage {
            doing: "reading a song",
            cause: cause.into(),
        });
        let text = serde_json::to_string(&problem).unwrap();
        assert!(!text.contains("/var/lib"), "{text}");
        assert!(text.contains("reading a song"), "{text}");
    }

    #[test]
    fn a_client_gets_back_the_error_that_the_service_gave() {
        let problem = Problem::from(&Error::TooFew {
            reached: 1,
            needed: 2,
            machines: "10.0.0.1:4534: no room".into(),
        });
        let body = serde_json::to_vec(&problem).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(json["type"], "urn:kadenza:error:too-few");
        assert_eq!(
            (json["number"].as_u64(), json["reached"].as_u64()),
            (Some(2), Some(1))
        );
        let failure = Problem::failure(&body).unwrap();
        assert!(
            json["detail"].as_str().unwrap().contains("10.0.0.1:4534"),
            "{json}"
        );
        let error = failure.into_error("a server");
        assert_eq!(error.to_string(), json["detail"]);
        assert!(matches!(
            error,
            Error::TooFew {
                reached: 1,
                needed: 2,
                ..
            }
        ));
    }

    #[test]
    fn only_our_own_problems_are_problems() {
        let ours = json!({ "type": "urn:kadenza:error:too-few", "title": "t", "status": 503,
            "detail": "d", "number": 2, "reached": 1 });
        let failure = Problem::failure(ours.to_string().as_bytes()).unwrap();
        assert_eq!(
            (failure.code.as_str(), failure.number, failure.reached),
            ("too-few", Some(2), Some(1))
        );
        let foreign = br#"{"type":"about:blank","title":"Not Found","status":404}"#;
        assert!(Problem::failure(foreign).is_none());
        assert!(Problem::failure(b"<html>404</html>").is_none());
    }

    proptest! {
        #[test]
        fn no_body_breaks_the_parser_of_problems(body in "\\PC{0,200}|[\\[\\]{}\",:0-9a-z]{0,200}") {
            let _ = Problem::failure(body.as_bytes());
        }
    }
}
