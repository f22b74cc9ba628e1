//! Counters and histograms for Prometheus.

mod cache;
mod http;
mod text;

pub use cache::CacheCounts;
pub(crate) use http::{InFlight, Metrics};
pub(crate) use text::text;
