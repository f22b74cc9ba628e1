//! Covers.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use kadenza_api::{ArtworkParameters, code};
use kadenza_contract::{ArtworkRequest, ContentHash};

use crate::{
    Problem,
    call::Call,
    representation::{Preconditions, Validators},
};

/// A cover changes only when a better recording with another cover arrives.
const CACHE: HeaderValue = HeaderValue::from_static("private, max-age=3600");
/// A picture opened on its own runs nothing and loads nothing, whatever it really is.
const SANDBOX: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox");

/// `GET /api/v1/songs/{id}/artwork`
pub(crate) async fn artwork(call: &Call, _body: Body) -> Result<Response, Problem> {
    let song = call.song_id()?;
    let size = call.parameters::<ArtworkParameters>()?.parse()?;
    let request = ArtworkRequest { song, size };
    let artwork = call
        .ask(call.service().artwork(&request))
        .await?
        .ok_or_else(|| Problem::not_found("there is no such song, or it has no cover"))?;
    let media_type = HeaderValue::try_from(artwork.content_type)
        .ok()
        .filter(|media_type| media_type.as_bytes().starts_with(b"image/"))
        .unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let validators = Validators::new(ContentHash::of(&artwork.bytes), 0);
    // The picture has no date, only a tag: conditions by date are as if they were absent.
    let mut conditions = call.head.headers.clone();
    conditions.remove(header::IF_MODIFIED_SINCE);
    conditions.remove(header::IF_UNMODIFIED_SINCE);
    let mut response = match validators.weigh(&conditions) {
        Preconditions::Proceed => artwork.bytes.into_response(),
        Preconditions::NotModified => StatusCode::NOT_MODIFIED.into_response(),
        Preconditions::Failed => {
            return Err(Problem::new(
                StatusCode::PRECONDITION_FAILED,
                code::PRECONDITION_FAILED,
                "Precondition failed",
                "the cover is not the one that the request names: ask without the condition",
            ));
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, media_type);
    headers.insert(header::ETAG, validators.etag);
    headers.insert(header::CACHE_CONTROL, CACHE);
    headers.insert(header::CONTENT_SECURITY_POLICY, SANDBOX);
    Ok(response)
}
