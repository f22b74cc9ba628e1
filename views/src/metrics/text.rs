//! The text format of Prometheus.

use prometheus::{TextEncoder, proto::MetricFamily};

/// Metrics as text, in the format of Prometheus.
pub(crate) fn text(families: &[MetricFamily]) -> String {
    let text = TextEncoder::new().encode_to_string(families);
    text.expect("a string takes all text, and each family has a name and a metric")
}
