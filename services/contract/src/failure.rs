//! An [`Error`] as it travels between machines: a code and the numbers that belong to it.
//!
//! The code is what the receiver acts upon. The detail is for people, and bounded.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Error;

/// The most of a detail that is sent on, in bytes.
const DETAIL_BYTES_MAX: usize = 512;

/// The wire form of an [`Error`]. Codes are stable; unknown ones are read as a protocol error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The kind of failure, as a stable word such as `no-title`.
    pub code: String,
    /// The details for a person.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// The number that belongs to the code: a limit or size in bytes, a time in milliseconds, for `wait` in
    /// seconds, how many machines are needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// For `too-few`: how many machines were reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<u64>,
}

/// The message of a failure elsewhere, as the cause of an error here.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Elsewhere(String);

impl From<&Error> for Failure {
    fn from(error: &Error) -> Failure {
        let (code, number, reached) = match error {
            Error::NotAudio { .. } => ("not-audio", None, None),
            Error::NoTitle => ("no-title", None, None),
            Error::TooLarge { limit } => ("too-large", Some(*limit), None),
            Error::TooManyRecordings { limit } => {
                ("too-many-recordings", Some(*limit as u64), None)
            }
            Error::Invalid { .. } => ("invalid", None, None),
            Error::NotSignedIn => ("not-signed-in", None, None),
            Error::Forbidden { .. } => ("forbidden", None, None),
            Error::Wait { seconds } => ("wait", Some(*seconds), None),
            Error::Range { size } => ("range", Some(*size), None),
            Error::Body { .. } => ("body", None, None),
            Error::Full { .. } => ("full", None, None),
            Error::Busy => ("busy", None, None),
            Error::Timeout { waited } => ("timeout", u64::try_from(waited.as_millis()).ok(), None),
            Error::Unreachable { .. } => ("unreachable", None, None),
            Error::TooFew {
                reached, needed, ..
            } => ("too-few", Some(*needed as u64), Some(*reached as u64)),
            Error::Damaged { .. } => ("damaged", None, None),
            Error::Protocol { .. } => ("protocol", None, None),
            Error::Storage { .. } => ("storage", None, None),
        };
        let mut detail = match error {
            Error::NotAudio { what }
            | Error::Invalid { what }
            | Error::Forbidden { what }
            | Error::Damaged { what } => what.clone(),
            Error::Full { machines } | Error::TooFew { machines, .. } => machines.clone(),
            Error::Unreachable { place, .. } => place.clone(),
            Error::Protocol { place, what } => format!("{place}: {what}"),
            Error::Storage { doing, .. } => (*doing).to_owned(),
            Error::Body { cause } => cause.to_string(),
            _ => String::new(),
        };
        while detail.len() > DETAIL_BYTES_MAX {
            detail.pop();
        }
        Failure {
            code: code.to_owned(),
            detail,
            number,
            reached,
        }
    }
}

impl Failure {
    /// The error that this failure means here, when `place` reported it.
    #[must_use]
    pub fn into_error(self, place: &str) -> Error {
        let Failure {
            code,
            detail,
            number,
            reached,
        } = self;
        let number = number.unwrap_or(0);
        match code.as_str() {
            "not-audio" => Error::NotAudio { what: detail },
            "no-title" => Error::NoTitle,
            "too-large" => Error::TooLarge { limit: number },
            "too-many-recordings" => Error::TooManyRecordings {
                limit: usize::try_from(number).unwrap_or(usize::MAX),
            },
            "invalid" => Error::Invalid { what: detail },
            "not-signed-in" => Error::NotSignedIn,
            "forbidden" => Error::Forbidden { what: detail },
            "wait" => Error::Wait { seconds: number },
            "range" => Error::Range { size: number },
            "body" => Error::Body {
                cause: Box::new(Elsewhere(detail)),
            },
            "full" => Error::Full { machines: detail },
            "busy" => Error::Busy,
            "timeout" => Error::Timeout {
                waited: Duration::from_millis(number),
            },
            "unreachable" => Error::Unreachable {
                place: detail,
                cause: Box::new(Elsewhere(format!("{place} says so"))),
            },
            "too-few" => Error::TooFew {
                needed: usize::try_from(number).unwrap_or(usize::MAX),
                reached: reached.and_then(|n| usize::try_from(n).ok()).unwrap_or(0),
                machines: detail,
            },
            "damaged" => Error::Damaged { what: detail },
            "storage" => Error::Storage {
                doing: "answering elsewhere",
                cause: Box::new(Elsewhere(format!("{place}: {detail}"))),
            },
            "protocol" => Error::Protocol {
                place: place.to_owned(),
                what: detail,
            },
            unknown => Error::Protocol {
                place: place.to_owned(),
                what: format!("unknown failure {unknown:?} {detail}"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_keeps_its_meaning_across_the_wire() {
        let cause = || -> crate::Cause { "why".into() };
        let errors = [
            Error::NotAudio {
                what: "no frames".into(),
            },
            Error::NoTitle,
            Error::TooLarge { limit: 7 },
            Error::TooManyRecordings { limit: 256 },
            Error::Invalid {
                what: "limit 0".into(),
            },
            Error::NotSignedIn,
            Error::Forbidden {
                what: "this needs the role upload".into(),
            },
            Error::Wait { seconds: 8 },
            Error::Range { size: 9 },
            Error::Body { cause: cause() },
            Error::full(),
            Error::Busy,
            Error::Timeout {
                waited: Duration::from_millis(1234),
            },
            Error::Unreachable {
                place: "there".into(),
                cause: cause(),
            },
            Error::TooFew {
                reached: 1,
                needed: 2,
                machines: "10.0.0.1:4534: no room left".into(),
            },
            Error::Damaged {
                what: "piece 3".into(),
            },
            Error::Storage {
                doing: "writing",
                cause: cause(),
            },
        ];
        for error in errors {
            let sent = Failure::from(&error);
            let text = serde_json::to_string(&sent).unwrap();
            let received: Failure = serde_json::from_str(&text).unwrap();
            let again = received.clone().into_error("elsewhere");
            assert_eq!(
                std::mem::discriminant(&again),
                std::mem::discriminant(&error),
                "{text}"
            );
            assert_eq!(again.is_transient(), error.is_transient());
            assert_eq!(again.is_about_caller(), error.is_about_caller());
            assert_eq!(Failure::from(&again).number, sent.number);
            if let Error::TooFew { .. } = error {
                assert_eq!(again.to_string(), error.to_string());
            }
        }
    }

    #[test]
    fn enough_machines_that_do_not_agree_are_not_called_too_few() {
        let told = |reached, needed| {
            let machines = "10.0.0.1:4534: no answer".to_owned();
            let error = Error::TooFew {
                reached,
                needed,
                machines,
            };
            error.to_string()
        };
        assert!(told(1, 2).starts_with("only 1 of the 2 machines"));
        for (reached, needed) in [(6, 2), (2, 2), (1, 0)] {
            let text = told(reached, needed);
            assert!(
                text.contains("do not agree yet") && !text.contains("only"),
                "{text}"
            );
            assert!(text.contains("10.0.0.1:4534"), "{text}");
        }
    }

    #[test]
    fn a_long_detail_is_cut_between_characters() {
        let sent = Failure::from(&Error::Invalid {
            what: "é".repeat(1000),
        });
        assert_eq!(sent.detail.len(), DETAIL_BYTES_MAX);
        assert!(sent.detail.chars().all(|c| c == 'é'));
    }
}
