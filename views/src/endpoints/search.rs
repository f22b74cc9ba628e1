//! Searching for songs, looking one up, counting its copies, and its lyrics.

use axum::{body::Body, http::StatusCode, response::Response};
use kadenza_api::{SearchParameters, SongJson};

use crate::{
    Problem,
    call::{self, Call, json},
};

/// `GET /api/v1/songs`
pub(crate) async fn songs(call: &Call, _body: Body) -> Result<Response, Problem> {
    let query = call.parameters::<SearchParameters>()?.parse()?;
    let page = call.ask(call.service().search(&query)).await?;
    Ok(call::page(&page, SongJson::in_list))
}

/// `GET /api/v1/songs/{id}`
pub(crate) async fn song(call: &Call, _body: Body) -> Result<Response, Problem> {
    let id = call.song_id()?;
    match call.ask(call.service().song(&id)).await? {
        Some(song) => Ok(json(StatusCode::OK, &SongJson::new(&song))),
        None => Err(no_such_song()),
    }
}

/// `GET /api/v1/songs/{id}/copies`
pub(crate) async fn copies(call: &Call, _body: Body) -> Result<Response, Problem> {
    let id = call.song_id()?;
    match call.ask(call.service().copies(&id)).await? {
        Some(copies) => Ok(json(StatusCode::OK, &copies)),
        None => Err(no_such_song()),
    }
}

/// `GET /api/v1/songs/{id}/lyrics`
pub(crate) async fn lyrics(call: &Call, _body: Body) -> Result<Response, Problem> {
    let id = call.song_id()?;
    match call.ask(call.service().lyrics(&id)).await? {
        Some(lyrics) => Ok(json(StatusCode::OK, &lyrics)),
        None => Err(Problem::not_found(
            "there is no song with this id, or it has no lyrics",
        )),
    }
}

pub(crate) fn no_such_song() -> Problem {
    Problem::not_found("there is no song with this id")
}
