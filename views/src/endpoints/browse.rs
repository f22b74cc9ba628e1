//! Browsing: artists, albums, genres.

use axum::{body::Body, response::Response};
use kadenza_api::{BrowseParameters, GroupJson};
use kadenza_contract::GroupKind;

use crate::{
    Problem,
    call::{self, Call},
};

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
    let browse = call.parameters::<BrowseParameters>()?.parse(kind)?;
    let page = call.ask(call.service().browse(&browse)).await?;
    Ok(call::page(&page, GroupJson::new))
}
