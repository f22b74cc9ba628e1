//! Listening: a song's audio, whole or in ranges.
//!
//! Players ask for all of it, or for one range counted from the start, without conditions. Such a request
//! is one call of the service, since in a network each call costs time. For all else the song is looked up
//! first, so that conditions, `HEAD` and ranges that make no sense are answered without opening
//! audio; then the recording is pinned, and should a better one arrive meanwhile, this answer is
//! still all of one kind.

use std::{ops::Range, sync::Arc};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    response::Response,
};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use kadenza_api::{AudioParameters, code};
use kadenza_contract::{
    Audio, AudioRequest, ByteRange, ContentHash, Error, Recording, Song, SongId,
};

use super::search::no_such_song;
use crate::{
    Problem,
    call::Call,
    headers::value,
    representation::{
        AudioBody, Exact, Head, Multipart, Preconditions,
        ranges::{self, Ranges},
    },
};

/// `GET` and `HEAD /api/v1/songs/{id}/audio`
pub(crate) async fn audio(call: &Call, _body: Body) -> Result<Response, Problem> {
    let id = call.song_id()?;
    let pinned = pinned(call)?;
    match plain(&call.head) {
        Some(range) => at_once(call, id, pinned, range).await,
        None => step_by_step(call, id, pinned).await,
    }
}

/// The recording that the query names.
fn pinned(call: &Call) -> Result<Option<ContentHash>, Problem> {
    if call.head.uri.query().is_none() {
        return Ok(None);
    }
    Ok(call.parameters::<AudioParameters>()?.parse()?)
}

/// The bytes that are asked for, where the request says no more than that.
fn plain(head: &Parts) -> Option<ByteRange> {
    let headers = &head.headers;
    let conditional = [
        header::IF_MATCH,
        header::IF_NONE_MATCH,
        header::IF_MODIFIED_SINCE,
        header::IF_UNMODIFIED_SINCE,
        header::IF_RANGE,
    ];
    if head.method != Method::GET || conditional.iter().any(|name| headers.contains_key(name)) {
        return None;
    }
    match headers.get(header::RANGE) {
        None => Some(ByteRange::ALL),
        Some(range) => ranges::plain(range.as_bytes()),
    }
}

async fn at_once(
    call: &Call,
    song: SongId,
    pinned: Option<ContentHash>,
    range: ByteRange,
) -> Result<Response, Problem> {
    let request = AudioRequest {
        song,
        recording: pinned,
        range,
    };
    let opened = open(call, &request).await?;
    let (head, pinned) = (
        call.views.heads.of(song, &opened.recording),
        pinned.is_some(),
    );
    Ok(if call.head.headers.contains_key(header::RANGE) {
        part(call, &head, pinned, opened)
    } else {
        whole(call, &head, pinned, opened)
    })
}

async fn step_by_step(
    call: &Call,
    id: SongId,
    pinned: Option<ContentHash>,
) -> Result<Response, Problem> {
    let song = call
        .ask(call.service().song(&id))
        .await?
        .ok_or_else(no_such_song)?;
    let recording = &chosen(call, &song, pinned).await?;
    let head = call.views.heads.of(id, recording);
    let pinned = pinned.is_some();
    match head.validators.weigh(&call.head.headers) {
        Preconditions::Proceed => {}
        Preconditions::NotModified => {
            let headers = head.of_none(pinned);
            return Ok(answer(StatusCode::NOT_MODIFIED, headers, Body::empty()));
        }
        Preconditions::Failed => return Err(precondition_failed()),
    }
    // Ranges are defined for GET alone (RFC 9110, section 14.2).
    if call.head.method == Method::HEAD {
        let mut headers = head.of_all(pinned);
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(recording.size));
        return Ok(answer(StatusCode::OK, headers, Body::empty()));
    }
    let wanted = match call.head.headers.get(header::RANGE) {
        Some(range) if head.validators.range_applies(&call.head.headers) => {
            ranges::parse(range.as_bytes(), recording.size)
        }
        _ => Ranges::All,
    };
    let request = |range: ByteRange| AudioRequest {
        song: id,
        recording: Some(recording.content),
        range,
    };
    match wanted {
        Ranges::All => {
            let opened = open(call, &request(ByteRange::ALL)).await?;
            Ok(whole(call, &head, pinned, opened))
        }
        Ranges::Some(ranges) => match ranges.as_slice() {
            [range] => {
                let opened = open(call, &request(range.clone().into())).await?;
                Ok(part(call, &head, pinned, opened))
            }
            ranges => {
                let request = request(ranges[0].clone().into());
                let opened = open(call, &request).await?;
                Ok(parts(call, &head, pinned, ranges, opened, request))
            }
        },
        Ranges::Unsatisfiable => Err(Error::Range {
            size: recording.size,
        }
        .into()),
    }
}

/// The recording to give. Of several the best one that is held, which only the service knows.
async fn chosen(
    call: &Call,
    song: &Song,
    pinned: Option<ContentHash>,
) -> Result<Recording, Problem> {
    match (pinned, song.recordings()) {
        (Some(hash), _) => song.recording(&hash).cloned().ok_or_else(no_such_audio),
        (None, [only]) => Ok(only.clone()),
        (None, _) => {
            let request = AudioRequest::whole(song.id());
            let opened = call.ask(call.service().audio(&request)).await?;
            opened
                .map(|audio| audio.recording)
                .ok_or_else(no_such_audio)
        }
    }
}

/// Audio that was opened, and the first piece of it.
struct Opened {
    recording: Recording,
    range: Range<u64>,
    first: Option<Bytes>,
    rest: Exact,
}

/// Opens audio. The first piece is fetched before the answer begins, so that audio that cannot be
/// read at all is an honest status and not a broken connection.
async fn open(call: &Call, request: &AudioRequest) -> Result<Opened, Problem> {
    let opening = async {
        let Some(audio) = call.service().audio(request).await? else {
            return Ok(None);
        };
        let Audio {
            recording,
            range,
            stream,
        } = audio;
        if range != request.range.within(recording.size)? {
            return Err(Error::Protocol {
                place: "the music service".to_owned(),
                what: format!("it opened bytes {range:?} for {:?}", request.range),
            });
        }
        let mut rest = Exact::new(stream, range.end - range.start);
        let first = rest.try_next().await?;
        Ok(Some(Opened {
            recording,
            range,
            first,
            rest,
        }))
    };
    call.ask(opening).await?.ok_or_else(no_such_audio)
}

fn whole(call: &Call, head: &Head, pinned: bool, opened: Opened) -> Response {
    let body = AudioBody::new(opened.first, opened.rest, call.in_flight());
    answer(StatusCode::OK, head.of_all(pinned), Body::new(body))
}

fn part(call: &Call, head: &Head, pinned: bool, opened: Opened) -> Response {
    let (range, size) = (opened.range, opened.recording.size);
    let range = value(format_args!(
        "bytes {}-{}/{size}",
        range.start,
        range.end - 1
    ));
    let body = AudioBody::new(opened.first, opened.rest, call.in_flight());
    let headers = head.of_part(pinned, range);
    answer(StatusCode::PARTIAL_CONTENT, headers, Body::new(body))
}

/// Several parts, of which the first is open.
fn parts(
    call: &Call,
    head: &Head,
    pinned: bool,
    ranges: &[Range<u64>],
    opened: Opened,
    request: AudioRequest,
) -> Response {
    let Opened {
        recording,
        first,
        rest,
        ..
    } = opened;
    let parts = Multipart::new(ranges, recording.size, recording.format.content_type());
    let mut headers = head.of_all(pinned);
    headers.insert(header::CONTENT_TYPE, parts.content_type());
    let length = parts.length;
    let first = stream::iter(first.map(Ok)).chain(rest).boxed();
    let stream = parts.stream(first, Arc::clone(call.service()), request);
    let body = AudioBody::new(None, Exact::new(stream, length), call.in_flight());
    answer(StatusCode::PARTIAL_CONTENT, headers, Body::new(body))
}

fn answer(status: StatusCode, headers: HeaderMap, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn no_such_audio() -> Problem {
    Problem::not_found("there is no song with this id, or it has no such recording")
}

fn precondition_failed() -> Problem {
    Problem::new(
        StatusCode::PRECONDITION_FAILED,
        code::PRECONDITION_FAILED,
        "Precondition failed",
        "the audio is not the one that the request names: ask without the condition",
    )
}
