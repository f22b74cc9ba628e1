//! Browsing: artists, albums, genres.

use axum::{body::Body, http::StatusCode, response::Response};
use kadenza_services::{Browse, GroupKind};
use serde::Deserialize;

use crate::{
    Problem,
    call::{Call, json},
    search::{cursor, limit},
    song_json::{GroupJson, PageJson},
};

#[derive(Debug, Deserialize)]
struct Parameters {
    artist: Option<String>,
    genre: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// `GET /api/v1/artists`
pub(crate) async fn artists(call: &Call, _body: Body) -> Result<Response, Problem> {
    groups(call, GroupKind::Artist).await
}

/// `GET /api/v1/albums`
pub(crate) async fn albums(call: &Call, _body: Body) -> Result<Response, Problem> {
    groups(call, GroupKind::Album).await
}

/// `GET /api/v1/genres`
pub(crate) async fn genres(call: &Call, _body: Body) -> Result<Response, Problem> {
    groups(call, GroupKind::Genre).await
}

async fn groups(call: &Call, kind: GroupKind) -> Result<Response, Problem> {
    let parameters: Parameters = call.parameters()?;
    let browse = Browse {
        kind,
        artist: parameters.artist,
        genre: parameters.genre,
        limit: limit(parameters.limit.as_deref())?,
        after: cursor(parameters.cursor.as_deref())?,
    };
    let page = call.ask(call.views.service.browse(&browse)).await?;
    Ok(json(StatusCode::OK, &PageJson::new(&page, GroupJson::new)))
}
