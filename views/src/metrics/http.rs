//! Metrics of the HTTP interface.
//!
//! Routes and statuses are few and known; nothing that a client chooses becomes a label.

use std::{sync::Arc, time::Duration};

use axum::http::StatusCode;
use kadenza_contract::Outcome;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
    core::Collector, proto::MetricFamily,
};

use crate::route::Route;

/// Upper bounds of the latency buckets, in seconds; Prometheus' own defaults, and two below them for
/// answers from memory.
const BUCKETS_S: [f64; 13] = [
    0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];
/// Before the name of each metric.
const NAMESPACE: &str = "kadenza_http";

/// The metrics of the HTTP interface.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    seconds: HistogramVec,
    in_flight: IntGauge,
    audio_bytes: IntCounter,
    audio_broken: IntCounter,
    upload_bytes: IntCounter,
    uploads: IntCounterVec,
}

impl Metrics {
    pub(crate) fn new() -> Metrics {
        let registry = Registry::new();
        let counter = |name, help| {
            let counter = IntCounter::with_opts(named(name, help));
            register(&registry, counter.expect(VALID))
        };
        let counters = |name, help, labels: &[&str]| {
            let counters = IntCounterVec::new(named(name, help), labels);
            register(&registry, counters.expect(VALID))
        };
        let help = "Time until the head of the answer.";
        let seconds = HistogramOpts::new("request_seconds", help)
            .namespace(NAMESPACE)
            .buckets(BUCKETS_S.to_vec());
        let seconds = HistogramVec::new(seconds, &["route"]);
        let help = "Requests whose answer is not finished.";
        let in_flight = IntGauge::with_opts(named("in_flight", help));
        let uploads = counters("uploads_total", "Uploads acknowledged.", &["outcome"]);
        // All are told from the start, so that a rate over them has no gap.
        for outcome in Outcome::ALL {
            uploads.with_label_values(&[outcome.name()]);
        }
        Metrics {
            requests: counters("requests_total", "Requests answered.", &["route", "status"]),
            seconds: register(&registry, seconds.expect(VALID)),
            in_flight: register(&registry, in_flight.expect(VALID)),
            audio_bytes: counter("audio_bytes_total", "Bytes of audio handed to connections."),
            audio_broken: counter(
                "audio_broken_total",
                "Answers with audio that broke off for a failure of this side.",
            ),
            upload_bytes: counter("upload_bytes_total", "Bytes of uploads received."),
            uploads,
            registry,
        }
    }

    /// The head of an answer is ready after so long.
    pub(crate) fn answered(&self, route: Route, status: StatusCode, after: Duration) {
        let route = route.label();
        let requests = &self.requests;
        requests.with_label_values(&[route, status.as_str()]).inc();
        let seconds = self.seconds.with_label_values(&[route]);
        seconds.observe(after.as_secs_f64());
    }

    /// Audio was handed to a connection.
    pub(crate) fn audio_sent(&self, bytes: usize) {
        self.audio_bytes.inc_by(bytes as u64);
    }

    /// Audio ended in an error after its head was sent.
    pub(crate) fn audio_broke(&self) {
        self.audio_broken.inc();
    }

    /// A piece of an upload came.
    pub(crate) fn upload_received(&self, bytes: usize) {
        self.upload_bytes.inc_by(bytes as u64);
    }

    /// An upload was acknowledged.
    pub(crate) fn uploaded(&self, outcome: Outcome) {
        self.uploads.with_label_values(&[outcome.name()]).inc();
    }

    /// All of it.
    pub(crate) fn gather(&self) -> Vec<MetricFamily> {
        self.registry.gather()
    }
}

/// The invariant of what is registered here.
const VALID: &str = "the names are valid and all different";

fn named(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace(NAMESPACE)
}

fn register<M: Collector + Clone + 'static>(registry: &Registry, metric: M) -> M {
    registry.register(Box::new(metric.clone())).expect(VALID);
    metric
}

/// A request that is under way, until this is dropped.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Metrics>);

impl InFlight {
    pub(crate) fn new(metrics: Arc<Metrics>) -> InFlight {
        metrics.in_flight.inc();
        InFlight(metrics)
    }

    /// The counters.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::text;

    #[test]
    fn a_histogram_counts_each_answer_in_all_buckets_above_it() {
        let metrics = Metrics::new();
        metrics.answered(Route::Audio, StatusCode::OK, Duration::from_micros(600));
        metrics.answered(Route::Audio, StatusCode::OK, Duration::from_secs(60));
        let text = text(&metrics.gather());
        for line in [
            "kadenza_http_requests_total{route=\"audio\",status=\"200\"} 2",
            "kadenza_http_request_seconds_bucket{route=\"audio\",le=\"0.0005\"} 0",
            "kadenza_http_request_seconds_bucket{route=\"audio\",le=\"0.001\"} 1",
            "kadenza_http_request_seconds_bucket{route=\"audio\",le=\"10\"} 1",
            "kadenza_http_request_seconds_bucket{route=\"audio\",le=\"+Inf\"} 2",
            "kadenza_http_request_seconds_count{route=\"audio\"} 2",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn a_request_is_in_flight_until_its_body_is_gone() {
        let metrics = Arc::new(Metrics::new());
        let call = InFlight::new(Arc::clone(&metrics));
        let body = InFlight::new(Arc::clone(&metrics));
        drop(call);
        assert_eq!(metrics.in_flight.get(), 1);
        drop(body);
        assert_eq!(metrics.in_flight.get(), 0);
    }
}
