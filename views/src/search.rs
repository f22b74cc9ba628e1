//! Searching for songs, and looking one up.

use axum::{body::Body, http::StatusCode, response::Response};
use kadenza_services::{Cursor, Limit, Query, QueryText, Sort};
use serde::Deserialize;

use crate::{
    Problem,
    call::{Call, json},
    song_json::{PageJson, SongJson},
};

#[derive(Debug, Deserialize)]
struct Parameters {
    q: Option<String>,
    artist: Option<String>,
    album: Option<String>,
    genre: Option<String>,
    sort: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// `GET /api/v1/songs`
pub(crate) async fn songs(call: &Call, _body: Body) -> Result<Response, Problem> {
    let parameters: Parameters = call.parameters()?;
    let words = parameters.q.as_deref().map(str::trim).unwrap_or_default();
    let query = Query {
        text: match words {
            "" => None,
            words => Some(QueryText::new(words)?),
        },
        artist: parameters.artist,
        album: parameters.album,
        genre: parameters.genre,
        sort: sort(parameters.sort.as_deref())?,
        limit: limit(parameters.limit.as_deref())?,
        after: cursor(parameters.cursor.as_deref())?,
    };
    let page = call.ask(call.views.service.search(&query)).await?;
    Ok(json(StatusCode::OK, &PageJson::new(&page, SongJson::new)))
}

/// `GET /api/v1/songs/{id}`
pub(crate) async fn song(call: &Call, _body: Body) -> Result<Response, Problem> {
    let id = call.song_id()?;
    match call.ask(call.views.service.song(&id)).await? {
        Some(song) => Ok(json(StatusCode::OK, &SongJson::new(&song))),
        None => Err(no_such_song()),
    }
}

pub(crate) fn no_such_song() -> Problem {
    Problem::not_found("there is no song with this id")
}

fn sort(text: Option<&str>) -> Result<Sort, Problem> {
    Ok(text.map_or(Ok(Sort::Relevance), str::parse)?)
}

/// How many items a page may have.
pub(crate) fn limit(text: Option<&str>) -> Result<Limit, Problem> {
    match text {
        None => Ok(Limit::default()),
        // What is no number is refused with the same words as a number out of bounds.
        Some(text) => Ok(Limit::new(text.parse().unwrap_or(0))?),
    }
}

/// Where the page begins.
pub(crate) fn cursor(text: Option<&str>) -> Result<Option<Cursor>, Problem> {
    Ok(text.map(str::parse).transpose()?)
}
