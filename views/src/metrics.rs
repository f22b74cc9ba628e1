//! Counters, in the text format of Prometheus.
//!
//! All are atomics in fixed places, so that counting takes no lock and no memory per request. Routes
//! and statuses are few and known; nothing that a client chooses becomes a label.

use std::{
    fmt::Write,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::http::StatusCode;
use kadenza_contract::Outcome;

use crate::routes::Route;

/// Upper bounds of the latency buckets, in microseconds; Prometheus' own defaults, and two below
/// them for answers from memory.
const BUCKETS_US: [u64; 13] = [
    500, 1_000, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000,
];
/// Statuses are 100 to 599.
const STATUSES: usize = 500;

#[derive(Debug)]
struct PerRoute {
    by_status: Box<[AtomicU64]>,
    buckets: [AtomicU64; BUCKETS_US.len()],
    sum_us: AtomicU64,
}

/// What the views count.
#[derive(Debug)]
pub(crate) struct Metrics {
    routes: Vec<PerRoute>,
    in_flight: AtomicU64,
    audio_bytes: AtomicU64,
    audio_broken: AtomicU64,
    upload_bytes: AtomicU64,
    uploads_added: AtomicU64,
    uploads_known: AtomicU64,
}

impl Metrics {
    pub(crate) fn new() -> Metrics {
        let counters = |n: usize| (0..n).map(|_| AtomicU64::new(0)).collect();
        Metrics {
            routes: Route::ALL
                .iter()
                .map(|_| PerRoute {
                    by_status: counters(STATUSES),
                    buckets: Default::default(),
                    sum_us: AtomicU64::new(0),
                })
                .collect(),
            in_flight: AtomicU64::new(0),
            audio_bytes: AtomicU64::new(0),
            audio_broken: AtomicU64::new(0),
            upload_bytes: AtomicU64::new(0),
            uploads_added: AtomicU64::new(0),
            uploads_known: AtomicU64::new(0),
        }
    }

    /// The head of an answer is ready after so long.
    pub(crate) fn answered(&self, route: Route, status: StatusCode, after: Duration) {
        let counters = &self.routes[route as usize];
        let status = usize::from(status.as_u16()).saturating_sub(100);
        counters.by_status[status.min(STATUSES - 1)].fetch_add(1, Relaxed);
        let us = u64::try_from(after.as_micros()).unwrap_or(u64::MAX);
        counters.sum_us.fetch_add(us, Relaxed);
        if let Some(bucket) = BUCKETS_US.iter().position(|bound| us <= *bound) {
            counters.buckets[bucket].fetch_add(1, Relaxed);
        }
    }

    /// Audio was handed to a connection.
    pub(crate) fn audio_sent(&self, bytes: usize) {
        self.audio_bytes.fetch_add(bytes as u64, Relaxed);
    }

    /// Audio ended in an error after its head was sent.
    pub(crate) fn audio_broke(&self) {
        self.audio_broken.fetch_add(1, Relaxed);
    }

    /// A piece of an upload came.
    pub(crate) fn upload_received(&self, bytes: usize) {
        self.upload_bytes.fetch_add(bytes as u64, Relaxed);
    }

    /// An upload was acknowledged.
    pub(crate) fn uploaded(&self, outcome: Outcome) {
        match outcome {
            Outcome::Added => &self.uploads_added,
            Outcome::AlreadyThere => &self.uploads_known,
        }
        .fetch_add(1, Relaxed);
    }

    /// All of it, as text.
    pub(crate) fn render(&self) -> String {
        let mut text = String::with_capacity(16 << 10);
        self.write(&mut text).expect("a string takes all text");
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        head(out, "requests_total", "counter", "Requests answered.")?;
        for (route, counters) in Route::ALL.iter().zip(&self.routes) {
            let label = route.label();
            for (status, count) in counters.by_status.iter().enumerate() {
                let (status, count) = (status + 100, count.load(Relaxed));
                if count > 0 {
                    writeln!(
                        out,
                        "kadenza_http_requests_total{{route=\"{label}\",status=\"{status}\"}} {count}"
                    )?;
                }
            }
        }
        head(
            out,
            "request_seconds",
            "histogram",
            "Time until the head of the answer.",
        )?;
        for (route, counters) in Route::ALL.iter().zip(&self.routes) {
            let label = route.label();
            let count: u64 = counters.by_status.iter().map(|n| n.load(Relaxed)).sum();
            if count == 0 {
                continue;
            }
            let mut below = 0;
            for (bound, bucket) in BUCKETS_US.iter().zip(&counters.buckets) {
                below += bucket.load(Relaxed);
                let bound = seconds(*bound);
                // The parts are read one after the other while others count: never above the total.
                let below = below.min(count);
                writeln!(
                    out,
                    "kadenza_http_request_seconds_bucket{{route=\"{label}\",le=\"{bound}\"}} {below}"
                )?;
            }
            let sum = seconds(counters.sum_us.load(Relaxed));
            writeln!(
                out,
                "kadenza_http_request_seconds_bucket{{route=\"{label}\",le=\"+Inf\"}} {count}\n\
                 kadenza_http_request_seconds_sum{{route=\"{label}\"}} {sum}\n\
                 kadenza_http_request_seconds_count{{route=\"{label}\"}} {count}"
            )?;
        }
        let plain = [
            (
                "in_flight",
                "gauge",
                "Requests whose answer is not finished.",
                &self.in_flight,
            ),
            (
                "audio_bytes_total",
                "counter",
                "Bytes of audio handed to connections.",
                &self.audio_bytes,
            ),
            (
                "audio_broken_total",
                "counter",
                "Answers with audio that broke off for a failure of this side.",
                &self.audio_broken,
            ),
            (
                "upload_bytes_total",
                "counter",
                "Bytes of uploads received.",
                &self.upload_bytes,
            ),
        ];
        for (name, kind, help, value) in plain {
            head(out, name, kind, help)?;
            writeln!(out, "kadenza_http_{name} {}", value.load(Relaxed))?;
        }
        head(out, "uploads_total", "counter", "Uploads acknowledged.")?;
        let (added, known) = (&self.uploads_added, &self.uploads_known);
        for (outcome, count) in [("added", added), ("already-there", known)] {
            let count = count.load(Relaxed);
            writeln!(
                out,
                "kadenza_http_uploads_total{{outcome=\"{outcome}\"}} {count}"
            )?;
        }
        Ok(())
    }
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) -> std::fmt::Result {
    writeln!(
        out,
        "# HELP kadenza_http_{name} {help}\n# TYPE kadenza_http_{name} {kind}"
    )
}

fn seconds(us: u64) -> f64 {
    Duration::from_micros(us).as_secs_f64()
}

/// A request that is under way, until this is dropped.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Metrics>);

impl InFlight {
    pub(crate) fn new(metrics: Arc<Metrics>) -> InFlight {
        metrics.in_flight.fetch_add(1, Relaxed);
        InFlight(metrics)
    }

    /// The counters.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_each_answer_in_all_buckets_above_it() {
        let metrics = Metrics::new();
        metrics.answered(Route::Audio, StatusCode::OK, Duration::from_micros(600));
        metrics.answered(Route::Audio, StatusCode::OK, Duration::from_secs(60));
        let text = metrics.render();
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
        assert_eq!(metrics.in_flight.load(Relaxed), 1);
        drop(body);
        assert_eq!(metrics.in_flight.load(Relaxed), 0);
    }
}
