//! Metrics of cache nodes.
//!
//! The views know of no cache. The composer of the server gives them a function that asks for the counts
//! past the service, since the service's status may mean asking a whole network.

use std::{fmt, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use kadenza_contract::{CacheLatency, CacheNodeStatus};
use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType,
};

/// How long the counts may take: metrics are asked for when things are bad.
const PATIENCE: Duration = Duration::from_secs(2);

type Ask = dyn Fn() -> BoxFuture<'static, Vec<CacheNodeStatus>> + Send + Sync;

/// A way to ask the nodes of a cache for their counts. The default knows of none.
#[derive(Clone, Default)]
pub struct CacheCounts(Option<Arc<Ask>>);

impl CacheCounts {
    /// Asks by this function. An answer that takes longer than two seconds is left out.
    pub fn new(
        ask: impl Fn() -> BoxFuture<'static, Vec<CacheNodeStatus>> + Send + Sync + 'static,
    ) -> CacheCounts {
        CacheCounts(Some(Arc::new(ask)))
    }

    /// The counts; none where they do not come in time.
    pub(crate) async fn gather(&self) -> Vec<MetricFamily> {
        let Some(ask) = &self.0 else {
            return Vec::new();
        };
        match tokio::time::timeout(PATIENCE, ask()).await {
            Ok(nodes) => families(&nodes),
            Err(_) => Vec::new(),
        }
    }
}

impl fmt::Debug for CacheCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CacheCounts")
            .field(&self.0.is_some())
            .finish()
    }
}

/// A number of a node: its name, its kind, what it is, and where it is found.
type Number = (
    &'static str,
    MetricType,
    &'static str,
    fn(&CacheNodeStatus) -> u64,
);

const NUMBERS: [Number; 8] = [
    (
        "up",
        MetricType::GAUGE,
        "Whether the cache node is asked: it did not fail lately.",
        |node| u64::from(node.is_up),
    ),
    (
        "entries",
        MetricType::GAUGE,
        "Entries that the cache node holds.",
        |node| node.entries,
    ),
    (
        "bytes",
        MetricType::GAUGE,
        "Bytes that they take.",
        |node| node.bytes,
    ),
    (
        "hits_total",
        MetricType::COUNTER,
        "Questions that the cache node could answer.",
        |node| node.hits,
    ),
    (
        "misses_total",
        MetricType::COUNTER,
        "Questions that it could not.",
        |node| node.misses,
    ),
    (
        "evictions_total",
        MetricType::COUNTER,
        "Entries that had to leave for others.",
        |node| node.evictions,
    ),
    (
        "failures_total",
        MetricType::COUNTER,
        "Calls that failed or came too late.",
        |node| node.failures,
    ),
    (
        "skipped_total",
        MetricType::COUNTER,
        "Calls that were not made because the cache node failed lately.",
        |node| node.skipped,
    ),
];

fn families(nodes: &[CacheNodeStatus]) -> Vec<MetricFamily> {
    // A family without a metric is none.
    if nodes.is_empty() {
        return Vec::new();
    }
    let numbers = NUMBERS.iter().map(|(name, kind, help, number)| {
        family(name, *kind, help, nodes, |metric, node| {
            let number = number(node) as f64;
            if *kind == MetricType::COUNTER {
                let mut counter = Counter::default();
                counter.set_value(number);
                metric.set_counter(counter);
            } else {
                let mut gauge = Gauge::default();
                gauge.set_value(number);
                metric.set_gauge(gauge);
            }
        })
    });
    let help = "How long calls to the cache node took; of those into memory one in 61 is timed.";
    let seconds = family(
        "call_seconds",
        MetricType::HISTOGRAM,
        help,
        nodes,
        |metric, node| {
            metric.set_histogram(histogram(&node.latency));
        },
    );
    numbers.chain([seconds]).collect()
}

fn family(
    name: &str,
    kind: MetricType,
    help: &str,
    nodes: &[CacheNodeStatus],
    set: impl Fn(&mut Metric, &CacheNodeStatus),
) -> MetricFamily {
    let metrics = nodes.iter().map(|node| {
        let mut label = LabelPair::default();
        label.set_name("node".to_owned());
        label.set_value(node.node.clone());
        let mut metric = Metric::from_label(vec![label]);
        set(&mut metric, node);
        metric
    });
    let mut family = MetricFamily::default();
    family.set_name(format!("kadenza_cache_{name}"));
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(metrics.collect());
    family
}

fn histogram(latency: &CacheLatency) -> Histogram {
    let mut count = 0;
    let buckets = CacheLatency::BOUNDS_US.iter().zip(latency.within);
    let buckets = buckets.map(|(bound, within)| {
        count += within;
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(seconds(*bound));
        bucket.set_cumulative_count(count);
        bucket
    });
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets.collect());
    histogram.set_sample_count(count + latency.beyond);
    histogram.set_sample_sum(seconds(latency.sum_us));
    histogram
}

fn seconds(us: u64) -> f64 {
    Duration::from_micros(us).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::metrics::text;

    #[tokio::test]
    async fn each_node_has_its_numbers_under_a_name_that_cannot_break_out() {
        let node = CacheNodeStatus {
            node: "a\"b\\c\nd".into(),
            is_up: true,
            hits: 7,
            latency: CacheLatency {
                within: [1, 2, 0, 0, 0, 0, 0, 0, 0, 0],
                beyond: 4,
                sum_us: 1_500_000,
            },
            ..CacheNodeStatus::default()
        };
        let ask = move || std::future::ready(vec![node.clone()]).boxed();
        let text = text(&CacheCounts::new(ask).gather().await);
        for line in [
            r#"kadenza_cache_up{node="a\"b\\c\nd"} 1"#,
            r#"kadenza_cache_hits_total{node="a\"b\\c\nd"} 7"#,
            r#"kadenza_cache_call_seconds_bucket{node="a\"b\\c\nd",le="0.000005"} 1"#,
            r#"kadenza_cache_call_seconds_bucket{node="a\"b\\c\nd",le="0.00005"} 3"#,
            r#"kadenza_cache_call_seconds_bucket{node="a\"b\\c\nd",le="0.05"} 3"#,
            r#"kadenza_cache_call_seconds_bucket{node="a\"b\\c\nd",le="+Inf"} 7"#,
            r#"kadenza_cache_call_seconds_sum{node="a\"b\\c\nd"} 1.5"#,
            r#"kadenza_cache_call_seconds_count{node="a\"b\\c\nd"} 7"#,
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn counts_that_do_not_come_are_left_out() {
        let never = CacheCounts::new(|| std::future::pending().boxed());
        assert!(never.gather().await.is_empty());
        assert!(CacheCounts::default().gather().await.is_empty());
    }
}
