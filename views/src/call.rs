//! One call of the HTTP interface: what was asked, what it asks the service, how long that took.

use std::{
    fmt,
    io::Write as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    extract::{Query, Request},
    http::{HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use kadenza_notes::Notes;
use kadenza_services::{MusicService, SongId};
use parking_lot::Mutex;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Problem, ViewsConfig, cache_status,
    heads::Heads,
    metrics::{InFlight, Metrics},
    routes::{Route, SONGS},
};

pub(crate) const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
/// How many layers are told of: as many as fit into the header.
const LAYERS_MAX: usize = 3;
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// Lists and songs change with every upload: they are asked for again each time.
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// What all calls share.
#[derive(Debug)]
pub(crate) struct Views {
    pub(crate) service: Arc<dyn MusicService>,
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
            views,
            head,
            route,
            begun: Instant::now(),
            service_us: AtomicU64::new(0),
            notes: Mutex::default(),
        };
        (call, body)
    }

    /// Turns the result into the answer: counted, and with its time.
    pub(crate) fn finish(self, result: Result<Response, Problem>) -> Response {
        let mut response = result.unwrap_or_else(Problem::into_response);
        let total = self.begun.elapsed();
        let service = Duration::from_micros(self.service_us.load(Relaxed));
        self.views
            .metrics
            .answered(self.route, response.status(), total);
        let notes = self.notes.into_inner();
        let timing = ServerTiming {
            total,
            service,
            layers: &notes.layers,
        };
        let headers = response.headers_mut();
        headers.insert(SERVER_TIMING, value(format_args!("{timing}")));
        if let Some(caches) = cache_status::of(&notes.caches) {
            headers.insert(cache_status::CACHE_STATUS, caches);
        }
        response
    }

    /// Waits for an answer of the service, and remembers how long that took.
    pub(crate) async fn ask<T>(
        &self,
        answer: impl Future<Output = kadenza_services::Result<T>>,
    ) -> Result<T, Problem> {
        let begun = Instant::now();
        let (answer, notes) = Notes::collect(answer).await;
        *self.notes.lock() = notes;
        let took = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.service_us.fetch_add(took, Relaxed);
        Ok(answer?)
    }

    /// Counts this call as under way for as long as its body is.
    pub(crate) fn in_flight(&self) -> InFlight {
        InFlight::new(Arc::clone(&self.views.metrics))
    }

    /// The song that the path names.
    pub(crate) fn song_id(&self) -> Result<SongId, Problem> {
        let path = self.head.uri.path();
        path.strip_prefix(SONGS)
            .and_then(|rest| rest.strip_prefix('/'))
            .and_then(|rest| rest.split('/').next())
            .and_then(|id| id.parse().ok())
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

/// `total;dur=12.345, service;dur=12.001`, in milliseconds (the W3C's Server Timing); then the layers
/// that told how long they took.
struct ServerTiming<'a> {
    total: Duration,
    service: Duration,
    layers: &'a [(&'static str, Duration)],
}

impl fmt::Display for ServerTiming<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: Duration| (time.as_millis(), time.subsec_micros() % 1000);
        let ((total, total_us), (service, service_us)) = (ms(self.total), ms(self.service));
        write!(
            f,
            "total;dur={total}.{total_us:03}, service;dur={service}.{service_us:03}"
        )?;
        for (layer, took) in self.layers.iter().take(LAYERS_MAX) {
            let (took, took_us) = ms(*took);
            write!(f, ", {layer};dur={took}.{took_us:03}")?;
        }
        Ok(())
    }
}

/// A header value of a few numbers and words, written without detours; what does not fit is cut.
pub(crate) fn value(text: fmt::Arguments<'_>) -> HeaderValue {
    let mut buffer = [0; 128];
    let mut rest = buffer.as_mut_slice();
    // An error says that the rest is full, or that something does not want to be written.
    let _ = rest.write_fmt(text);
    let length = 128 - rest.len();
    HeaderValue::from_bytes(&buffer[..length]).expect("numbers and words are a header value")
}

/// An answer in JSON.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let body = serde_json::to_vec(value).expect("texts and numbers are always JSON");
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, JSON);
    headers.insert(header::CACHE_CONTROL, NO_CACHE);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    response
}

/// Browsers take what they get for what it is said to be.
pub(crate) const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_milliseconds_with_three_digits() {
        let timing = ServerTiming {
            total: Duration::from_micros(1_234_005),
            service: Duration::from_micros(7),
            layers: &[("below", Duration::from_micros(1_500))],
        };
        let timing = value(format_args!("{timing}"));
        assert_eq!(
            timing,
            "total;dur=1234.005, service;dur=0.007, below;dur=1.500"
        );
    }
}
