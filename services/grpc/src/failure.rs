//! Errors as statuses of gRPC, and back.
//!
//! What [`Client`](super::Client) acts upon is the [`Failure`] in the details, packed as the field
//! does it: a `google.rpc.Status` with typed details (<https://google.aip.dev/193>). The code beside
//! it is for clients that do not know Kadenza's failures.

use std::{error::Error as _, time::Duration};

use prost::Message;
use tonic::{Code, Status, TimeoutExpired};

use super::proto;
use kadenza_contract::{Error, Failure};

/// The name under which a failure lies among the details.
const TYPE_URL: &str = "type.googleapis.com/kadenza.v1.Failure";
/// The code of an answer that is a clear no: there is no such song, recording or cover.
const ABSENT: &str = "absent";
/// The most of a message that is sent, in bytes. A header has room for some 16 KiB.
const MESSAGE_BYTES_MAX: usize = 1024;

/// `google.rpc.Status`, as far as it is needed.
#[derive(Clone, PartialEq, Message)]
struct Details {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

/// The status that says this error.
pub(super) fn status_of(error: &Error) -> Status {
    let code = match error {
        Error::NotAudio { .. }
        | Error::NoTitle
        | Error::TooLarge { .. }
        | Error::Invalid { .. } => Code::InvalidArgument,
        Error::TooManyRecordings { .. } => Code::FailedPrecondition,
        Error::NotSignedIn => Code::Unauthenticated,
        Error::Forbidden { .. } => Code::PermissionDenied,
        Error::Range { .. } => Code::OutOfRange,
        Error::Body { .. } => Code::Aborted,
        Error::Full { .. } | Error::Wait { .. } => Code::ResourceExhausted,
        Error::Busy | Error::Unreachable { .. } | Error::TooFew { .. } => Code::Unavailable,
        Error::Timeout { .. } => Code::DeadlineExceeded,
        Error::Damaged { .. } => Code::DataLoss,
        Error::Protocol { .. } | Error::Storage { .. } => Code::Internal,
    };
    if matches!(code, Code::Internal | Code::DataLoss) {
        tracing::error!(error = error.chain(), "a call failed");
    }
    status(code, error.to_string(), Failure::from(error))
}

/// The status that says that there is no such thing.
pub(super) fn absent() -> Status {
    let failure = Failure {
        code: ABSENT.to_owned(),
        detail: String::new(),
        number: None,
        reached: None,
    };
    status(Code::NotFound, "there is none".to_owned(), failure)
}

fn status(code: Code, mut message: String, failure: Failure) -> Status {
    while message.len() > MESSAGE_BYTES_MAX {
        message.pop();
    }
    let failure = proto::Failure {
        code: failure.code,
        detail: failure.detail,
        number: failure.number,
        reached: failure.reached,
    };
    let details = Details {
        code: code.into(),
        message: message.clone(),
        details: vec![prost_types::Any {
            type_url: TYPE_URL.to_owned(),
            value: failure.encode_to_vec(),
        }],
    };
    Status::with_details(code, message, details.encode_to_vec().into())
}

/// The error that a status means to the caller.
#[derive(Debug)]
pub(super) enum Refused {
    /// There is no such thing.
    Absent,
    /// The service said why, or made no sense.
    Told(Error),
    /// The connection was lost, or did not come about. What became of the call is not known.
    Lost(Lost),
}

/// How a connection was lost.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Lost(String);

impl Refused {
    /// Reads the status that came from `place`, after having waited.
    pub(super) fn read(status: &Status, place: &str, waited: Duration) -> Refused {
        if let Some(failure) = failure_in(status) {
            return match failure.code.as_str() {
                ABSENT => Refused::Absent,
                _ => Refused::Told(failure.into_error(place)),
            };
        }
        match status.code() {
            Code::DeadlineExceeded => Refused::Told(Error::Timeout { waited }),
            Code::Cancelled if causes(status).any(|cause| cause.is::<TimeoutExpired>()) => {
                Refused::Told(Error::Timeout { waited })
            }
            Code::Unavailable => Refused::Lost(lost(status)),
            // With a source it comes from this side of the connection, which broke; without, the
            // other side said it.
            // `PermissionDenied` stands for INADEQUATE_SECURITY: that side speaks TLS, and this one did not.
            Code::Unknown | Code::Cancelled | Code::PermissionDenied
                if status.source().is_some() =>
            {
                Refused::Lost(lost(status))
            }
            Code::ResourceExhausted => Refused::Told(Error::Busy),
            Code::Unimplemented => Refused::Told(nonsense(
                place,
                "it does not know this call: is it a backend, and not older than this program?",
            )),
            code => Refused::Told(nonsense(
                place,
                format!("{code:?}: {:.200}", status.message()),
            )),
        }
    }

    /// The error, where a clear no is no possible answer and nothing was changed by the call.
    pub(super) fn into_error(self, place: &str) -> Error {
        match self {
            Refused::Absent => nonsense(place, "there is none of what always is"),
            Refused::Told(error) => error,
            Refused::Lost(cause) => Error::Unreachable {
                place: place.to_owned(),
                cause: Box::new(cause),
            },
        }
    }
}

/// An answer that makes no sense.
pub(super) fn nonsense(place: &str, what: impl Into<String>) -> Error {
    Error::Protocol {
        place: place.to_owned(),
        what: what.into(),
    }
}

fn failure_in(status: &Status) -> Option<Failure> {
    let details = Details::decode(status.details()).ok()?;
    let any = details
        .details
        .iter()
        .find(|any| any.type_url == TYPE_URL)?;
    let failure = proto::Failure::decode(any.value.as_slice()).ok()?;
    Some(Failure {
        code: failure.code,
        detail: failure.detail,
        number: failure.number,
        reached: failure.reached,
    })
}

/// The innermost cause says most: `connection refused`.
fn lost(status: &Status) -> Lost {
    let deepest = causes(status).last().map(ToString::to_string);
    Lost(deepest.unwrap_or_else(|| status.message().to_owned()))
}

fn causes(status: &Status) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(status.source(), |cause| (*cause).source())
}

/// Too late, after so long.
pub(super) fn late(waited: Duration) -> Refused {
    Refused::Told(Error::Timeout { waited })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAITED: Duration = Duration::from_secs(1);

    fn told(status: &Status) -> Error {
        Refused::read(status, "there", WAITED).into_error("there")
    }

    #[test]
    fn an_error_comes_back_with_its_meaning_and_a_fitting_code() {
        let cause = || -> kadenza_contract::Cause { "why".into() };
        let errors = [
            (Error::NoTitle, Code::InvalidArgument),
            (Error::TooLarge { limit: 7 }, Code::InvalidArgument),
            (
                Error::TooManyRecordings { limit: 256 },
                Code::FailedPrecondition,
            ),
            (Error::NotSignedIn, Code::Unauthenticated),
            (
                Error::Forbidden {
                    what: "this needs the role upload".into(),
                },
                Code::PermissionDenied,
            ),
            (Error::Wait { seconds: 8 }, Code::ResourceExhausted),
            (Error::Range { size: 9 }, Code::OutOfRange),
            (Error::Body { cause: cause() }, Code::Aborted),
            (Error::full(), Code::ResourceExhausted),
            (Error::Busy, Code::Unavailable),
            (Error::Timeout { waited: WAITED }, Code::DeadlineExceeded),
            (
                Error::TooFew {
                    reached: 1,
                    needed: 2,
                    machines: String::new(),
                },
                Code::Unavailable,
            ),
            (
                Error::Damaged {
                    what: "é".repeat(9999),
                },
                Code::DataLoss,
            ),
            (
                Error::Storage {
                    doing: "writing",
                    cause: cause(),
                },
                Code::Internal,
            ),
        ];
        for (error, code) in errors {
            let sent = status_of(&error);
            assert_eq!(sent.code(), code);
            let headers = {
                let mut headers = Default::default();
                sent.add_header(&mut headers).unwrap();
                headers
            };
            let received = Status::from_header_map(&headers).unwrap();
            let again = told(&received);
            assert_eq!(
                std::mem::discriminant(&again),
                std::mem::discriminant(&error),
                "{again:?}"
            );
            assert_eq!(Failure::from(&again).number, Failure::from(&error).number);
        }
    }

    #[test]
    fn only_a_no_that_says_so_is_a_no() {
        assert!(matches!(
            Refused::read(&absent(), "there", WAITED),
            Refused::Absent
        ));
        for stranger in [Status::not_found("404"), Status::ok("")] {
            assert!(matches!(told(&stranger), Error::Protocol { .. }));
        }
    }

    #[test]
    fn statuses_of_strangers_are_read_by_their_codes() {
        let unreachable = told(&Status::unavailable("a proxy"));
        assert!(matches!(unreachable, Error::Unreachable { .. }));
        let late = told(&Status::deadline_exceeded(""));
        assert!(matches!(late, Error::Timeout { .. }));
        assert!(matches!(told(&Status::resource_exhausted("")), Error::Busy));
        for odd in [
            Status::unimplemented(""),
            Status::internal(""),
            Status::unknown(""),
            Status::cancelled(""),
            Status::with_details(Code::Internal, "", vec![0xff; 99].into()),
        ] {
            assert!(matches!(told(&odd), Error::Protocol { .. }), "{odd:?}");
        }
    }
}
