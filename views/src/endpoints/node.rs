//! How this server is, and which others there are.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use kadenza_api::{HealthJson, PageJson, code};

use crate::{
    Problem,
    call::{Call, json, json_of},
    metrics::text,
};

/// The text format of Prometheus.
const EXPOSITION: HeaderValue =
    HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// `GET /api/v1/status`
pub(crate) async fn status(call: &Call, _body: Body) -> Result<Response, Problem> {
    let status = call.views.status.status(call.service());
    Ok(json_of(StatusCode::OK, call.ask(status).await?))
}

/// `GET /api/v1/servers`
pub(crate) async fn servers(call: &Call, _body: Body) -> Result<Response, Problem> {
    let known = call.ask(call.service().servers()).await?;
    let mut servers: Vec<String> = Vec::with_capacity(known.len() + 1);
    for server in call.views.config.advertised.iter().cloned().chain(known) {
        if !servers.contains(&server) {
            servers.push(server);
        }
    }
    Ok(json(StatusCode::OK, &PageJson::of_all(servers)))
}

/// `GET /health`: that the process answers, and whether it wants requests. It asks nothing below,
/// so that one slow machine in the network does not make all servers look ill.
pub(crate) async fn health(call: &Call, _body: Body) -> Result<Response, Problem> {
    let readiness = &call.views.config.readiness;
    match readiness.withdrawn() {
        None => Ok(json(StatusCode::OK, &HealthJson::new(readiness.storage()))),
        Some(why) => Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            code::NOT_READY,
            "Not ready",
            why,
        )),
    }
}

/// `GET /metrics`. It asks nothing below but cache nodes, and those past the service.
pub(crate) async fn metrics(call: &Call, _body: Body) -> Result<Response, Problem> {
    let mut metrics = call.views.metrics.gather();
    metrics.extend(call.views.config.cache_counts.gather().await);
    let mut response = text(&metrics).into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, EXPOSITION);
    Ok(response)
}
