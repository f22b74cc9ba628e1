//! What cache nodes hold and did, in the text format of Prometheus.
//!
//! The views know of no cache. Whoever composes the server hands them a way to ask for the counts,
//! past the service: asking that for its status may mean asking a whole network.

use std::{
    fmt::{self, Write},
    sync::Arc,
    time::Duration,
};

use futures_util::future::BoxFuture;
use kadenza_contract::{CacheLatency, CacheNodeStatus};

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

    /// The counts, as text; empty where there are none in time.
    pub(crate) async fn render(&self) -> String {
        let Some(ask) = &self.0 else {
            return String::new();
        };
        let Ok(nodes) = tokio::time::timeout(PATIENCE, ask()).await else {
            return String::new();
        };
        let mut text = String::with_capacity(4 << 10);
        write(&mut text, &nodes).expect("a string takes all text");
        text
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
    &'static str,
    &'static str,
    fn(&CacheNodeStatus) -> u64,
);

const NUMBERS: [Number; 8] = [
    (
        "up",
        "gauge",
        "Whether the cache node is asked: it did not fail lately.",
        |node| u64::from(node.is_up),
    ),
    (
        "entries",
        "gauge",
        "Entries that the cache node holds.",
        |node| node.entries,
    ),
    ("bytes", "gauge", "Bytes that they take.", |node| node.bytes),
    (
        "hits_total",
        "counter",
        "Questions that the cache node could answer.",
        |node| node.hits,
    ),
    (
        "misses_total",
        "counter",
        "Questions that it could not.",
        |node| node.misses,
    ),
    (
        "evictions_total",
        "counter",
        "Entries that had to leave for others.",
        |node| node.evictions,
    ),
    (
        "failures_total",
        "counter",
        "Calls that failed or came too late.",
        |node| node.failures,
    ),
    (
        "skipped_total",
        "counter",
        "Calls that were not made because the cache node failed lately.",
        |node| node.skipped,
    ),
];

fn write(out: &mut String, nodes: &[CacheNodeStatus]) -> fmt::Result {
    for (name, kind, help, number) in NUMBERS {
        head(out, name, kind, help)?;
        for node in nodes {
            let label = Label(&node.node);
            writeln!(
                out,
                "kadenza_cache_{name}{{node=\"{label}\"}} {}",
                number(node)
            )?;
        }
    }
    let help = "How long calls to the cache node took; of those into memory one in 61 is timed.";
    head(out, "call_seconds", "histogram", help)?;
    for node in nodes {
        let (label, latency) = (Label(&node.node), &node.latency);
        let mut count = 0;
        for (bound, within) in CacheLatency::BOUNDS_US.iter().zip(latency.within) {
            count += within;
            let bound = seconds(*bound);
            writeln!(
                out,
                "kadenza_cache_call_seconds_bucket{{node=\"{label}\",le=\"{bound}\"}} {count}"
            )?;
        }
        count += latency.beyond;
        let sum = seconds(latency.sum_us);
        writeln!(
            out,
            "kadenza_cache_call_seconds_bucket{{node=\"{label}\",le=\"+Inf\"}} {count}\n\
             kadenza_cache_call_seconds_sum{{node=\"{label}\"}} {sum}\n\
             kadenza_cache_call_seconds_count{{node=\"{label}\"}} {count}"
        )?;
    }
    Ok(())
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) -> fmt::Result {
    writeln!(
        out,
        "# HELP kadenza_cache_{name} {help}\n# TYPE kadenza_cache_{name} {kind}"
    )
}

fn seconds(us: u64) -> f64 {
    Duration::from_micros(us).as_secs_f64()
}

/// The value of a label, escaped as the exposition format wants it.
struct Label<'a>(&'a str);

impl fmt::Display for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '\\' => f.write_str("\\\\")?,
                '"' => f.write_str("\\\"")?,
                '\n' => f.write_str("\\n")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

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
        let text = CacheCounts::new(ask).render().await;
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
        assert_eq!(never.render().await, "");
        assert_eq!(CacheCounts::default().render().await, "");
    }
}
