//! Uploading: the body of the request is the audio, and streams through.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use axum::{
    body::{Body, HttpBody},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use kadenza_api::{FROM_PATH, OUTCOME, SongJson, UploadParameters, paths};
use kadenza_contract::{AudioStream, Error, NewSong, Outcome};

use crate::{
    Problem,
    call::{Call, Views, json},
    endpoints::turn::Turn,
    server::BodyTooSlow,
};

/// How much an upload brings before it needs a turn of its address: what libraries take before they give a turn.
const FREE_BYTES: u64 = 1 << 20;

/// `POST /api/v1/songs`. If the client goes away, hyper drops this future, and with it the upload.
pub(crate) async fn upload(call: &Call, body: Body) -> Result<Response, Problem> {
    refuse_wrapping(&call.head.headers)?;
    let stated = call.parameters::<UploadParameters>()?.parse();
    let limit = call.views.config.upload_bytes_max;
    // Before the first byte: with `Expect: 100-continue` the client need not send any.
    if body.size_hint().lower() > limit {
        return Err(Error::TooLarge { limit }.into());
    }
    let fate = Arc::new(Fate::default());
    let audio: AudioStream = Received {
        body,
        left: limit,
        limit,
        fate: Arc::clone(&fate),
        turn: Turn::of(call.source(), &call.views.uploads),
        views: Arc::clone(&call.views),
    }
    .boxed();
    let song = NewSong { stated, audio };
    let uploaded = call.ask(call.service().upload(song)).await;
    let upload = uploaded.map_err(|problem| fate.explain(problem, limit))?;
    call.views.metrics.uploaded(upload.outcome);
    call.views.status.forget();
    let (who, song) = (call.asker().name(), upload.song.id());
    tracing::info!(target: "audit", who, %song, outcome = upload.outcome.name(), "uploaded");
    let status = match upload.outcome {
        Outcome::Added | Outcome::RecordingAdded => StatusCode::CREATED,
        Outcome::AlreadyThere => StatusCode::OK,
    };
    let mut response = json(status, &SongJson::new(&upload.song));
    let outcome = HeaderValue::from_static(upload.outcome.name());
    response.headers_mut().insert(OUTCOME, outcome);
    let names: Vec<&str> = upload.from_path.names().collect();
    if !names.is_empty()
        && let Ok(names) = HeaderValue::try_from(names.join(", "))
    {
        response.headers_mut().insert(FROM_PATH, names);
    }
    if let Ok(location) = HeaderValue::try_from(paths::song(&upload.song.id())) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// Refuses audio in a wrapping that the library would take for the audio itself. Other media types
/// are not looked at: clients send what they like, and the bytes tell.
fn refuse_wrapping(headers: &HeaderMap) -> Result<(), Problem> {
    let starts_with = |name, prefix: &[u8]| {
        headers.get(name).is_some_and(|value| {
            let value = value.as_bytes();
            value.len() >= prefix.len() && value[..prefix.len()].eq_ignore_ascii_case(prefix)
        })
    };
    let what = if starts_with(header::CONTENT_TYPE, b"multipart/") {
        "a form cannot be uploaded; send the file itself as the body, for instance with \
         `curl --data-binary @song.mp3 'http://HOST:PORT/api/v1/songs?title=…'`"
    } else if headers.contains_key(header::CONTENT_ENCODING)
        && !starts_with(header::CONTENT_ENCODING, b"identity")
    {
        "a compressed body cannot be uploaded; send the file as it is, without Content-Encoding"
    } else {
        return Ok(());
    };
    Err(Error::NotAudio {
        what: what.to_owned(),
    }
    .into())
}

/// How the body of an upload ended, known here even where a service words its own error.
#[derive(Debug, Default)]
struct Fate(AtomicU8);

impl Fate {
    const TOO_LARGE: u8 = 1;
    const TOO_SLOW: u8 = 2;

    fn explain(&self, problem: Problem, limit: u64) -> Problem {
        match self.0.load(Relaxed) {
            Fate::TOO_LARGE => Error::TooLarge { limit }.into(),
            Fate::TOO_SLOW => problem.with_status(StatusCode::REQUEST_TIMEOUT),
            _ => problem,
        }
    }
}

/// The body of an upload as audio. A piece is taken from the connection when the service asks for
/// it, so that a slow disk slows the client.
struct Received {
    body: Body,
    left: u64,
    limit: u64,
    fate: Arc<Fate>,
    turn: Turn,
    views: Arc<Views>,
}

impl Stream for Received {
    type Item = kadenza_contract::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.limit - self.left >= FREE_BYTES {
            match ready!(self.turn.poll_taken(cx)) {
                Ok(()) => {}
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
        loop {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                None => return Poll::Ready(None),
                Some(Ok(frame)) => frame,
                Some(Err(error)) => {
                    let cause = error.into_inner();
                    if cause.is::<BodyTooSlow>() {
                        self.fate.0.store(Fate::TOO_SLOW, Relaxed);
                    }
                    return Poll::Ready(Some(Err(Error::Body { cause })));
                }
            };
            // Trailers say nothing about audio.
            let Ok(piece) = frame.into_data() else {
                continue;
            };
            self.views.metrics.upload_received(piece.len());
            return Poll::Ready(Some(match self.left.checked_sub(piece.len() as u64) {
                Some(left) => {
                    self.left = left;
                    Ok(piece)
                }
                None => {
                    self.fate.0.store(Fate::TOO_LARGE, Relaxed);
                    Err(Error::TooLarge { limit: self.limit })
                }
            }));
        }
    }
}
