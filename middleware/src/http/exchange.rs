//! One request to one server, and the meaning of its answer.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kadenza_api::{Problem, code};
use kadenza_contract::{Cause, Error};
use reqwest::{
    RequestBuilder, Response, StatusCode,
    header::{CONTENT_RANGE, RETRY_AFTER},
};

use super::told;
use crate::{
    base::Base,
    choice::{Ending, REST_MAX},
    config::ClientConfig,
};

/// The largest problem document that is read, in bytes.
const PROBLEM_BYTES_MAX: usize = 64 << 10;
/// How long an idle connection is kept. Less than servers usually keep theirs, so that a request
/// rarely meets one that is just being closed.
const IDLE_MAX: Duration = Duration::from_secs(20);
/// How many idle connections to one server are kept.
const IDLE_COUNT_MAX: usize = 16;

/// Why one attempt did not give the answer.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) error: Error,
    pub(crate) how: How,
}

/// The meaning of a failed attempt for the question and the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// The question has no other answer anywhere.
    Final,
    /// The song, recording or cover does not exist.
    Absent,
    /// What was asked for cannot be, as things are.
    Conflict,
    /// This server does not answer; another one may.
    Failing,
    /// There is no connection to this server.
    Unreachable,
    /// This server answers, but not under the name that it was asked by. It did nothing.
    Misdirected,
    /// This server is well, and asks to be left alone for so long.
    Busy(Duration),
}

impl Failed {
    /// The server said something that makes no sense.
    pub(crate) fn nonsense(server: &Base, what: impl Into<String>) -> Failed {
        Failed {
            error: Error::Protocol {
                place: server.to_string(),
                what: what.into(),
            },
            how: How::Failing,
        }
    }

    /// The server did not answer in time.
    pub(crate) fn timeout(waited: Duration) -> Failed {
        Failed {
            error: Error::Timeout { waited },
            how: How::Failing,
        }
    }

    /// The server answers nothing at all any more.
    pub(crate) fn silent(server: &Base) -> Failed {
        Failed {
            error: Error::Unreachable {
                place: server.to_string(),
                cause: "it has fallen silent".into(),
            },
            how: How::Unreachable,
        }
    }

    /// The connection could not be made, or broke; or there was nothing to send.
    pub(crate) fn broken(server: &Base, error: reqwest::Error) -> Failed {
        if error.is_builder() {
            return Failed {
                error: Error::Invalid {
                    what: "the texts of the request are too long for a URL".into(),
                },
                how: How::Final,
            };
        }
        let how = if error.is_connect() {
            How::Unreachable
        } else {
            How::Failing
        };
        let error = Error::Unreachable {
            place: server.to_string(),
            // The address is in the place already.
            cause: Box::new(error.without_url()),
        };
        Failed { error, how }
    }

    /// The ending of a request that failed in this way after it `took` so long.
    pub(crate) fn ending(&self, took: Duration) -> Ending {
        match self.how {
            How::Final | How::Absent | How::Conflict => Ending::Answered { took },
            How::Failing => Ending::Failed { took },
            How::Unreachable | How::Misdirected => Ending::Gone { took },
            How::Busy(rest) => Ending::Busy { rest },
        }
    }
}

/// The HTTP client under everything: pooled connections over HTTP/1.1, plain or with TLS, no proxy, no
/// redirects, no retries of its own.
pub(crate) fn http(config: &ClientConfig) -> Result<reqwest::Client, Cause> {
    let tls = config.roots.client(&[b"http/1.1"])?;
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .http1_only()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(config.connect_timeout)
        .pool_idle_timeout(IDLE_MAX)
        .pool_max_idle_per_host(IDLE_COUNT_MAX)
        .user_agent(concat!("kadenza/", env!("CARGO_PKG_VERSION")))
        .build()?;
    Ok(client)
}

/// Sends a request; a success is returned with its body unread.
pub(crate) async fn send(server: &Base, request: RequestBuilder) -> Result<Response, Failed> {
    let response = request
        .send()
        .await
        .map_err(|error| Failed::broken(server, error))?;
    check(server, response).await
}

/// Tells success from failure, and reads the reason of a failure.
pub(crate) async fn check(server: &Base, response: Response) -> Result<Response, Failed> {
    told::note(response.headers());
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let rest = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .map(|seconds| Duration::from_secs(seconds).min(REST_MAX));
    let size = size_of_unsatisfied(&response);
    let problem = if status.is_redirection() {
        None
    } else {
        let body = body(server, response, PROBLEM_BYTES_MAX).await?;
        Problem::failure(&body)
    };
    let Some(mut failure) = problem else {
        return Err(
            match size.filter(|_| status == StatusCode::RANGE_NOT_SATISFIABLE) {
                Some(size) => Failed {
                    error: Error::Range { size },
                    how: How::Final,
                },
                None => Failed::nonsense(server, format!("{status} without a reason")),
            },
        );
    };
    if failure.code == code::MISDIRECTED {
        // The place alone is told over further servers, so it says what is wrong.
        return Err(Failed {
            error: Error::Unreachable {
                place: format!("{server} under this name"),
                cause: failure.detail.into(),
            },
            how: How::Misdirected,
        });
    }
    if status == StatusCode::NOT_FOUND {
        let what = format!("nothing is there: {}", failure.detail);
        let mut failed = Failed::nonsense(server, what);
        failed.how = How::Absent;
        return Err(failed);
    }
    if matches!(failure.code.as_str(), code::CONFLICT | code::NO_ACCOUNTS) {
        return Err(Failed {
            error: Error::Invalid {
                what: failure.detail,
            },
            how: How::Conflict,
        });
    }
    if failure.code == code::RANGE {
        failure.number = failure.number.or(size);
    }
    let error = failure.into_error(&server.to_string());
    let how = match (&error, rest) {
        // Of whoever asks, which says nothing of the server: it is not left alone by others for it.
        (error, _) if error.is_about_caller() => How::Final,
        (Error::Busy, rest) => How::Busy(rest.unwrap_or_default()),
        (error, _) if error.is_transient() => How::Failing,
        _ => How::Final,
    };
    Err(Failed { error, how })
}

/// The size in `Content-Range: bytes */SIZE` (RFC 9110, 14.4).
fn size_of_unsatisfied(response: &Response) -> Option<u64> {
    let value = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    value.strip_prefix("bytes */")?.trim().parse().ok()
}

/// Reads a body of at most `bytes_max`.
pub(crate) async fn body(
    server: &Base,
    mut response: Response,
    bytes_max: usize,
) -> Result<Bytes, Failed> {
    let too_long = || Failed::nonsense(server, format!("an answer of more than {bytes_max} bytes"));
    if response
        .content_length()
        .is_some_and(|length| length > bytes_max as u64)
    {
        return Err(too_long());
    }
    let mut whole = BytesMut::new();
    loop {
        let piece = response
            .chunk()
            .await
            .map_err(|error| Failed::broken(server, error))?;
        match piece {
            Some(piece) if whole.len() + piece.len() > bytes_max => return Err(too_long()),
            Some(piece) => whole.extend_from_slice(&piece),
            None => return Ok(whole.freeze()),
        }
    }
}

/// Turns the failure that something does not exist into `None`.
pub(crate) fn absent_is_none<T>(answer: Result<T, Failed>) -> Result<Option<T>, Failed> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(failed) if failed.how == How::Absent => Ok(None),
        Err(failed) => Err(failed),
    }
}
