//! Listening: a song's audio, whole or in ranges.
//!
//! The song is looked up first, so that conditions, `HEAD` and ranges that make no sense are answered
//! without opening audio. Then the recording is pinned: should a better one arrive meanwhile, this
//! answer is still all of one kind.

use std::{ops::Range, sync::Arc};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::Response,
};
use bytes::Bytes;
use futures_util::TryStreamExt;
use kadenza_services::{
    Audio, AudioRequest, ByteRange, ContentHash, Error, Recording, Song, SongId,
};
use serde::Deserialize;

use crate::{
    Problem,
    call::{Call, NOSNIFF},
    conditional::{Outcome, Validators},
    disposition,
    exact::{AudioBody, Exact},
    multipart::Multipart,
    ranges::{self, Ranges},
    search::no_such_song,
};

const BYTES: HeaderValue = HeaderValue::from_static("bytes");
/// What a song's path gives may become another recording: ask each time, it costs a 304.
const REVALIDATE: HeaderValue = HeaderValue::from_static("private, no-cache");
/// What is named by its hash never changes. A year is the most that RFC 9111's authors advise.
const FOREVER: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");
/// Room for all headers of an answer, so that the map does not grow step by step.
const HEADERS: usize = 16;

#[derive(Debug, Deserialize)]
struct Parameters {
    recording: Option<String>,
}

/// `GET` and `HEAD /api/v1/songs/{id}/audio`
pub(crate) async fn audio(call: &Call, _body: Body) -> Result<Response, Problem> {
    let id = call.song_id()?;
    let pinned = pinned(call)?;
    let song = call
        .ask(call.views.service.song(&id))
        .await?
        .ok_or_else(no_such_song)?;
    let recording = chosen(&song, pinned)?;
    let validators = Validators::new(recording.content, recording.added_at.as_second());
    let mut headers = HeaderMap::with_capacity(HEADERS);
    let cache = if pinned.is_some() {
        FOREVER
    } else {
        REVALIDATE
    };
    headers.insert(header::CACHE_CONTROL, cache);
    headers.insert(header::LAST_MODIFIED, validators.last_modified());
    headers.insert(header::ETAG, validators.etag.clone());
    match validators.weigh(&call.head.headers) {
        Outcome::Proceed => {}
        Outcome::NotModified => {
            return Ok(answer(StatusCode::NOT_MODIFIED, headers, Body::empty()));
        }
        Outcome::Failed => return Err(precondition_failed()),
    }
    headers.insert(header::ACCEPT_RANGES, BYTES);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    headers.insert(header::CONTENT_DISPOSITION, disposition::inline(recording));
    let media_type = recording.format.content_type();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    // Ranges are defined for GET alone (RFC 9110, section 14.2).
    if call.head.method == Method::HEAD {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(recording.size));
        return Ok(answer(StatusCode::OK, headers, Body::empty()));
    }
    let wanted = match call.head.headers.get(header::RANGE) {
        Some(range) if validators.range_applies(&call.head.headers) => {
            ranges::parse(range.as_bytes(), recording.size)
        }
        _ => Ranges::All,
    };
    match wanted {
        Ranges::All => {
            let body = one(call, id, recording, 0..recording.size).await?;
            Ok(answer(StatusCode::OK, headers, body))
        }
        Ranges::Some(ranges) => match ranges.as_slice() {
            [range] => {
                insert(
                    &mut headers,
                    header::CONTENT_RANGE,
                    format!("bytes {}-{}/{}", range.start, range.end - 1, recording.size),
                );
                let body = one(call, id, recording, range.clone()).await?;
                Ok(answer(StatusCode::PARTIAL_CONTENT, headers, body))
            }
            ranges => {
                let (content_type, body) = several(call, id, recording, ranges).await?;
                insert(&mut headers, header::CONTENT_TYPE, content_type);
                Ok(answer(StatusCode::PARTIAL_CONTENT, headers, body))
            }
        },
        Ranges::Unsatisfiable => Err(Error::Range {
            size: recording.size,
        }
        .into()),
    }
}

/// The recording that the query names.
fn pinned(call: &Call) -> Result<Option<ContentHash>, Problem> {
    if call.head.uri.query().is_none() {
        return Ok(None);
    }
    let Parameters { recording } = call.parameters()?;
    recording
        .map(|hash| hash.parse())
        .transpose()
        .map_err(|_| Problem::invalid("recording is a content hash: 64 hexadecimal digits"))
}

fn chosen(song: &Song, pinned: Option<ContentHash>) -> Result<&Recording, Problem> {
    match pinned {
        None => Ok(song.best()),
        Some(hash) => song
            .recording(&hash)
            .ok_or_else(|| Problem::not_found("the song has no recording with this hash")),
    }
}

/// A body with one range. Its first piece is fetched before the answer begins, so that audio that
/// cannot be read at all is an honest status and not a broken connection.
async fn one(
    call: &Call,
    song: SongId,
    recording: &Recording,
    range: Range<u64>,
) -> Result<Body, Problem> {
    let length = range.end - range.start;
    let request = request(song, recording, range);
    let audio = open(call, &request).await?;
    let mut rest = Exact::new(audio.stream, length);
    let first = call.ask(rest.try_next()).await?;
    Ok(body(call, first, rest))
}

/// A body with several ranges, and its media type.
async fn several(
    call: &Call,
    song: SongId,
    recording: &Recording,
    ranges: &[Range<u64>],
) -> Result<(String, Body), Problem> {
    let multipart = Multipart::new(ranges, recording.size, recording.format.content_type());
    let request = request(song, recording, ranges[0].clone());
    let audio = open(call, &request).await?;
    let content_type = multipart.content_type.clone();
    let length = multipart.length;
    let stream = multipart.stream(audio, Arc::clone(&call.views.service), request);
    Ok((content_type, body(call, None, Exact::new(stream, length))))
}

fn request(song: SongId, recording: &Recording, range: Range<u64>) -> AudioRequest {
    AudioRequest {
        song,
        recording: Some(recording.content),
        range: ByteRange::from(range),
    }
}

async fn open(call: &Call, request: &AudioRequest) -> Result<Audio, Problem> {
    let audio = call.ask(call.views.service.audio(request)).await?;
    audio.ok_or_else(no_such_song)
}

fn body(call: &Call, first: Option<Bytes>, rest: Exact) -> Body {
    let views = Arc::clone(&call.views);
    Body::new(AudioBody::new(first, rest, views, call.in_flight()))
}

fn answer(status: StatusCode, headers: HeaderMap, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: String) {
    let value = HeaderValue::try_from(value).expect("it is made of digits and media types");
    headers.insert(name, value);
}

fn precondition_failed() -> Problem {
    Problem::new(
        StatusCode::PRECONDITION_FAILED,
        "precondition-failed",
        "Precondition failed",
        "the audio is not the one that the request names: ask without the condition",
    )
}
