//! The endpoints: which there are, and who answers them.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
    routing::get,
};
use kadenza_api::{code, paths};
use kadenza_contract::MusicService;

use crate::{
    Problem, ViewsConfig, artwork, audio, browse,
    call::{Call, Views},
    heads::Heads,
    metrics::Metrics,
    node, openapi, search, upload,
};

macro_rules! routes {
    ($($name:ident $label:literal $method:literal $path:path,)*) => {
        /// An endpoint, or what answers where there is none.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Route { $($name,)* Nowhere }

        impl Route {
            pub(crate) const ALL: &[Route] = &[$(Route::$name,)* Route::Nowhere];

            /// Its name among the metrics.
            pub(crate) fn label(self) -> &'static str {
                match self { $(Route::$name => $label,)* Route::Nowhere => "none" }
            }

            /// Its path, with `{id}` for a song's id; none where there is no endpoint.
            pub(crate) fn path(self) -> &'static str {
                match self { $(Route::$name => $path,)* Route::Nowhere => "" }
            }

            /// Its method, in lower case as OpenAPI writes it.
            #[cfg(test)]
            pub(crate) fn method(self) -> &'static str {
                match self { $(Route::$name => $method,)* Route::Nowhere => "" }
            }
        }
    };
}

routes! {
    Search "songs" "get" paths::SONGS,
    Upload "upload" "post" paths::SONGS,
    Song "song" "get" paths::SONG,
    Audio "audio" "get" paths::AUDIO,
    Artwork "artwork" "get" paths::ARTWORK,
    Artists "artists" "get" paths::ARTISTS,
    Albums "albums" "get" paths::ALBUMS,
    Genres "genres" "get" paths::GENRES,
    Status "status" "get" paths::STATUS,
    Servers "servers" "get" paths::SERVERS,
    Openapi "openapi" "get" paths::OPENAPI,
    Health "health" "get" paths::HEALTH,
    Metrics "metrics" "get" paths::METRICS,
}

/// A handler with its call around it.
macro_rules! answer {
    ($route:ident, $handler:path) => {
        |State(views): State<Arc<Views>>, request: Request| async move {
            let (call, body) = Call::begin(Route::$route, views, request);
            let result = $handler(&call, body).await;
            call.finish(result)
        }
    };
}

/// The HTTP interface, version 1, over a music service.
///
/// The paths are absolute, and the router answers what has no path with a problem document; a router
/// without a fallback can be merged into it.
pub fn router(service: Arc<dyn MusicService>, config: ViewsConfig) -> Router {
    let views = Arc::new(Views {
        service,
        config,
        metrics: Arc::new(Metrics::new()),
        heads: Heads::default(),
    });
    Router::new()
        .route(
            Route::Search.path(),
            get(answer!(Search, search::songs)).post(answer!(Upload, upload::upload)),
        )
        .route(Route::Song.path(), get(answer!(Song, search::song)))
        .route(Route::Audio.path(), get(answer!(Audio, audio::audio)))
        .route(
            Route::Artwork.path(),
            get(answer!(Artwork, artwork::artwork)),
        )
        .route(
            Route::Artists.path(),
            get(answer!(Artists, browse::artists)),
        )
        .route(Route::Albums.path(), get(answer!(Albums, browse::albums)))
        .route(Route::Genres.path(), get(answer!(Genres, browse::genres)))
        .route(Route::Status.path(), get(answer!(Status, node::status)))
        .route(Route::Servers.path(), get(answer!(Servers, node::servers)))
        .route(
            Route::Openapi.path(),
            get(answer!(Openapi, openapi::document)),
        )
        .route(Route::Health.path(), get(answer!(Health, node::health)))
        .route(Route::Metrics.path(), get(answer!(Metrics, node::metrics)))
        .fallback(answer!(Nowhere, no_such_path))
        .method_not_allowed_fallback(answer!(Nowhere, no_such_method))
        .with_state(views)
}

async fn no_such_path(call: &Call, _body: Body) -> Result<Response, Problem> {
    Err(Problem::not_found(format!(
        "there is nothing at {}; {} tells what there is",
        call.head.uri.path(),
        paths::OPENAPI
    )))
}

/// The header `Allow` is the router's to add.
async fn no_such_method(call: &Call, _body: Body) -> Result<Response, Problem> {
    Err(Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        code::METHOD_NOT_ALLOWED,
        "Method not allowed",
        format!(
            "{} cannot be done here; the header Allow tells what can",
            call.head.method
        ),
    ))
}
