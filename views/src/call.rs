//! One call of the HTTP interface: what was asked, what it asks the service, how long that took.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    extract::{Query, Request},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use kadenza_api::{
    PageJson,
    cache_status::{self, CACHE_STATUS, Handling},
    paths,
    server_timing::{SERVER_TIMING, ServerTiming},
};
use kadenza_contract::{MusicService, Page, SongId};
use kadenza_notes::{CacheNote, CacheOutcome, Notes};
use parking_lot::Mutex;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Problem, ViewsConfig,
    addresses::{Rates, Shares, Source},
    callers::{Asker, cookie_name},
    headers::value,
    metrics::{InFlight, Metrics},
    representation::Heads,
    route::Route,
    site::close,
    snapshot::Snapshot,
};

/// How many layers are told of: as many as fit into the header.
const LAYERS_MAX: usize = 3;
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// Lists and songs change with every upload: they are asked for again each time.
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");
/// What is true for a moment is not kept at all.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// The state that all calls share.
#[derive(Debug)]
pub(crate) struct Views {
    pub(crate) service: Arc<dyn MusicService>,
    pub(crate) status: Snapshot,
    pub(crate) rates: Rates,
    pub(crate) uploads: Arc<Shares>,
    pub(crate) config: ViewsConfig,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) heads: Heads,
}

/// A call under way.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) views: Arc<Views>,
    pub(crate) head: Parts,
    route: Route,
    asker: Asker,
    /// The service, as it is asked for whoever asks.
    service: Arc<dyn MusicService>,
    _in_flight: InFlight,
    begun: Instant,
    service_us: AtomicU64,
    notes: Mutex<Notes>,
}

impl Call {
    pub(crate) fn begin(route: Route, views: Arc<Views>, request: Request) -> (Call, Body) {
        let (head, body) = request.into_parts();
        let call = Call {
            _in_flight: InFlight::new(Arc::clone(&views.metrics)),
            service: Arc::clone(&views.service),
            views,
            head,
            route,
            asker: Asker::Nobody,
            begun: Instant::now(),
            service_us: AtomicU64::new(0),
            notes: Mutex::default(),
        };
        (call, body)
    }

    /// The address that it comes from, if that has bounds.
    pub(crate) fn source(&self) -> Option<Source> {
        self.head.extensions.get::<Source>().copied()
    }

    /// What the cookie of a session is called for whoever asks.
    pub(crate) fn cookie_name(&self) -> String {
        cookie_name(&self.head.headers, &self.head.uri)
    }

    /// Whether it may be answered: by where it comes from and how often, then by who asks.
    pub(crate) async fn admit(&mut self) -> Result<(), Problem> {
        self.views.config.site.admit(&self.head)?;
        if let Some(source) = self.source() {
            let admitted = self.views.rates.admit(self.route, source);
            admitted.map_err(Problem::too_often)?;
        }
        let needed = self.route.role();
        let accounts = self.views.config.accounts.as_deref();
        // What everybody may have depends on no accounts, which may be out of reach.
        if accounts.is_some() && needed.is_none() && self.route != Route::Me {
            return Ok(());
        }
        self.asker = Asker::of(accounts, &self.head.headers, &self.head.uri).await?;
        needed.map_or(Ok(()), |needed| self.asker.check(needed))?;
        let credential = self.asker.caller().and_then(|one| one.credential.as_ref());
        if let Some(service) = credential.and_then(|shown| self.views.service.for_caller(shown)) {
            self.service = service;
        }
        Ok(())
    }

    /// Who asks.
    pub(crate) fn asker(&self) -> &Asker {
        &self.asker
    }

    /// The service, as it is asked for whoever asks.
    pub(crate) fn service(&self) -> &Arc<dyn MusicService> {
        &self.service
    }

    /// Turns the result into the answer: counted, and with its time.
    pub(crate) fn finish(self, result: Result<Response, Problem>) -> Response {
        let mut response = result.unwrap_or_else(Problem::into_response);
        let total = self.begun.elapsed();
        let service = Duration::from_micros(self.service_us.load(Relaxed));
        self.views
            .metrics
            .answered(self.route, response.status(), total);
        let is_for_admins = self.asker.is_admin();
        let notes = self.notes.into_inner();
        let timing = ServerTiming {
            total,
            service,
            layers: &notes.layers[..notes.layers.len().min(LAYERS_MAX)],
        };
        let headers = response.headers_mut();
        close(headers);
        headers.insert(SERVER_TIMING, value(format_args!("{timing}")));
        // The cache closest to the client comes last, and notes are made when a cache is done.
        let caches = notes.caches.iter();
        // It names machines.
        if is_for_admins
            && let Some(caches) =
                cache_status::write(caches.map(|note| (&*note.node, handling(note))))
        {
            headers.insert(CACHE_STATUS, caches);
        }
        response
    }

    /// Waits for an answer of the service, and remembers how long that took.
    pub(crate) async fn ask<T>(
        &self,
        answer: impl Future<Output = kadenza_contract::Result<T>>,
    ) -> Result<T, Problem> {
        let begun = Instant::now();
        let (answer, notes) = Notes::collect(answer).await;
        *self.notes.lock() = notes;
        let took = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.service_us.fetch_add(took, Relaxed);
        match answer {
            Err(error) if !self.asker.is_admin() => Err(Problem::without_machines(error)),
            answer => Ok(answer?),
        }
    }

    /// Counts this call as under way for as long as its body is.
    pub(crate) fn in_flight(&self) -> InFlight {
        InFlight::new(Arc::clone(&self.views.metrics))
    }

    /// The song that the path names.
    pub(crate) fn song_id(&self) -> Result<SongId, Problem> {
        paths::song_id(self.head.uri.path())
            .ok_or_else(|| Problem::not_found("the id of a song is 64 hexadecimal digits"))
    }

    /// The parameters of the query.
    pub(crate) fn parameters<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        match Query::try_from_uri(&self.head.uri) {
            Ok(Query(parameters)) => Ok(parameters),
            Err(rejection) => Err(Problem::invalid(rejection.body_text())),
        }
    }
}

/// The work of a cache, in the words of the header.
fn handling(note: &CacheNote) -> Handling {
    match note.outcome {
        CacheOutcome::Hit => Handling::Hit,
        CacheOutcome::Miss => Handling::Stored,
        CacheOutcome::Unkept => Handling::Miss,
        CacheOutcome::Collapsed => Handling::Collapsed,
        CacheOutcome::Bypass => Handling::Bypass,
    }
}

/// An answer in JSON.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let body = serde_json::to_vec(value).expect("texts and numbers are always JSON");
    json_of(status, body)
}

/// An answer that is JSON already.
pub(crate) fn json_of(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut response = (status, body.into()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, JSON);
    headers.insert(header::CACHE_CONTROL, NO_CACHE);
    response
}

/// A page of a list in JSON. One that may lack something is whole as soon as the missing machines answer.
pub(crate) fn page<'a, T, U: Serialize>(page: &'a Page<T>, item: impl Fn(&'a T) -> U) -> Response {
    let mut response = json(StatusCode::OK, &PageJson::new(page, item));
    if page.partial.is_some() {
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, NO_STORE);
    }
    response
}
