//! The router: who answers each endpoint.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
    routing::{delete, get, patch, post},
};
use kadenza_api::{code, paths};
use kadenza_contract::MusicService;

use crate::{
    Problem, ViewsConfig,
    addresses::{Rates, Shares},
    call::{Call, Views},
    endpoints::{accounts, artwork, audio, browse, node, openapi, search, tokens, upload, users},
    metrics::Metrics,
    representation::Heads,
    route::Route,
    snapshot::Snapshot,
};

/// A handler with its call around it.
macro_rules! answer {
    ($route:ident, $handler:path) => {
        |State(views): State<Arc<Views>>, request: Request| async move {
            let (mut call, body) = Call::begin(Route::$route, views, request);
            let result = match call.admit().await {
                Ok(()) => $handler(&call, body).await,
                Err(problem) => Err(problem),
            };
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
        status: Snapshot::default(),
        rates: Rates::new(&config.rates),
        uploads: Shares::new(config.uploads_of_one_max),
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
        .route(Route::Copies.path(), get(answer!(Copies, search::copies)))
        .route(Route::Audio.path(), get(answer!(Audio, audio::audio)))
        .route(
            Route::Artwork.path(),
            get(answer!(Artwork, artwork::artwork)),
        )
        .route(Route::Lyrics.path(), get(answer!(Lyrics, search::lyrics)))
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
        .route(Route::Me.path(), get(answer!(Me, accounts::me)))
        .route(
            Route::SignIn.path(),
            post(answer!(SignIn, accounts::sign_in)),
        )
        .route(
            Route::SignOut.path(),
            post(answer!(SignOut, accounts::sign_out)),
        )
        .route(
            Route::FirstAdmin.path(),
            post(answer!(FirstAdmin, accounts::first_admin)),
        )
        .route(
            Route::Users.path(),
            get(answer!(Users, users::list)).post(answer!(AddUser, users::add)),
        )
        .route(
            Route::ChangeUser.path(),
            patch(answer!(ChangeUser, users::change)).delete(answer!(DeleteUser, users::delete)),
        )
        .route(
            Route::Tokens.path(),
            get(answer!(Tokens, tokens::list)).post(answer!(MakeToken, tokens::make)),
        )
        .route(
            Route::RevokeToken.path(),
            delete(answer!(RevokeToken, tokens::revoke)),
        )
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
