//! `kadenza status`: how the library and its machines are.

use std::{ops::RangeInclusive, time::Duration};

use clap::Args;
use indicatif::HumanDuration;
use kadenza_contract::{
    CacheNodeStatus, Health, MusicService, NodeStatus, Status as State, StorageStatus,
};

use kadenza_terminal::{plain, size};

use crate::{client::servers::Servers, fault::Fault, output};

/// Show how many songs there are, and the state of copies, nodes and caches
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Print one JSON document
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    servers: Servers,
}

impl Status {
    pub(crate) async fn run(self) -> Result<(), Fault> {
        let explain = self.servers.explaining();
        self.show().await.map_err(explain)
    }

    async fn show(self) -> Result<(), Fault> {
        let state = self.servers.client()?.status().await?;
        if self.json {
            return output::print_json(&state);
        }
        for line in lines(&state) {
            output::print(&plain(&line))?;
        }
        Ok(())
    }
}

fn lines(state: &State) -> Vec<String> {
    let mut lines = vec![
        format!("songs   {}", state.songs),
        format!("stored  {}", size(state.bytes)),
    ];
    if let Some(copies) = &state.replication {
        lines.push(format!(
            "copies  {} of each song: {} complete, {} under way",
            copies.factor, copies.complete, copies.incomplete
        ));
        if copies.missing_bytes > 0 {
            let left = copies.seconds_left().map(Duration::from_secs);
            let left = left.map_or_else(
                || "nothing is being given now".to_owned(),
                |left| {
                    format!(
                        "{}/s, about {} left",
                        size(copies.bytes_per_second),
                        HumanDuration(left)
                    )
                },
            );
            lines.push(format!(
                "repair  about {} missing: {left}",
                size(copies.missing_bytes)
            ));
        }
    }
    if state.nodes.is_empty() {
        lines.push("nodes   none: one library alone".to_owned());
    } else {
        let up = state.nodes.iter().filter(|node| node.health == Health::Up);
        lines.push(format!(
            "nodes   {} of {} up",
            up.count(),
            state.nodes.len()
        ));
    }
    if let Some(storage) = &state.storage {
        lines.extend(storage_troubles(storage).map(|what| format!("storage {what}")));
        lines.extend(scrub(storage));
    }
    if !state.cache.is_empty() {
        let up = state.cache.iter().filter(|node| node.is_up);
        lines.push(format!(
            "cache   {} of {} up",
            up.count(),
            state.cache.len()
        ));
    }
    if !state.nodes.is_empty() {
        let head = ["node", "health", "songs", "cards", "stored", "rpc", "http"];
        lines.extend(state.nodes.iter().filter_map(node_trouble));
        lines.push(String::new());
        lines.extend(table(head, state.nodes.iter().map(row), 2..=4));
    }
    if !state.cache.is_empty() {
        let head = [
            "cache", "state", "hits", "entries", "held", "evicted", "failed", "call",
        ];
        lines.push(String::new());
        lines.extend(table(head, state.cache.iter().map(cache_row), 2..=7));
    }
    lines
}

/// What a node lacks and why; none where all is well.
fn node_trouble(node: &NodeStatus) -> Option<String> {
    let mut what: Vec<String> = Vec::new();
    if node.lacks > 0 {
        what.push(match node.lacks {
            1 => "lacks 1 song".to_owned(),
            songs => format!("lacks {songs} songs"),
        });
    }
    what.extend(node.storage.iter().flat_map(storage_troubles));
    (!what.is_empty()).then(|| format!("trouble {} {}", node.rpc, what.join(", ")))
}

fn storage_troubles(storage: &StorageStatus) -> impl Iterator<Item = String> + use<> {
    let free = storage.free.map_or_else(String::new, |free| {
        format!(": {} left beside the reserve", size(free))
    });
    let troubles = [
        storage
            .is_away
            .then(|| "its audio directory is gone: mount its disk".to_owned()),
        storage.is_full.then(|| format!("is full{free}")),
        (storage.damaged > 0).then(|| match storage.damaged {
            1 => {
                "1 recording is damaged: upload it again, unless another node brings it".to_owned()
            }
            many => format!(
                "{many} recordings are damaged: upload them again, unless other nodes bring them"
            ),
        }),
    ];
    troubles.into_iter().flatten()
}

/// How far the examination of what is stored has come.
fn scrub(storage: &StorageStatus) -> Option<String> {
    let scrub = &storage.scrub;
    let last = scrub.ended_at.map_or_else(
        || "none ended yet".to_owned(),
        |ended| format!("the last ended {}", ended.strftime("%F %T")),
    );
    (scrub.bytes_per_second > 0).then(|| {
        format!(
            "scrub   {} examined in this pass at {} a second; {last}",
            size(scrub.examined),
            size(scrub.bytes_per_second)
        )
    })
}

/// A table; each column is as wide as its widest cell, and numbers stand on the right.
fn table<const N: usize>(
    head: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
    numbers: RangeInclusive<usize>,
) -> Vec<String> {
    let rows: Vec<[String; N]> = std::iter::once(head.map(str::to_owned))
        .chain(rows)
        .collect();
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    rows.iter()
        .map(|row| {
            let cells = row.iter().zip(&widths).enumerate();
            let cells: Vec<String> = cells
                .map(|(column, (cell, width))| match numbers.contains(&column) {
                    true => format!("{cell:>width$}"),
                    false => format!("{cell:<width$}"),
                })
                .collect();
            cells.join("  ").trim_end().to_owned()
        })
        .collect()
}

fn row(node: &NodeStatus) -> [String; 7] {
    let health = match node.health {
        Health::Up => "up",
        Health::Joining => "joining",
        Health::Down => "down",
    };
    [
        node.id.chars().take(12).collect(),
        health.to_owned(),
        node.songs.to_string(),
        node.cards.to_string(),
        size(node.bytes),
        node.rpc.clone(),
        node.http.clone().unwrap_or_else(|| "-".to_owned()),
    ]
}

/// Hits are a share of the questions, and a call's time the mean of all calls.
fn cache_row(node: &CacheNodeStatus) -> [String; 8] {
    let asked = node.hits + node.misses;
    let hits = match asked {
        0 => "-".to_owned(),
        asked => format!("{:.1} %", 100.0 * node.hits as f64 / asked as f64),
    };
    let latency = &node.latency;
    let calls = latency.within.iter().sum::<u64>() + latency.beyond;
    let call = match calls {
        0 => "-".to_owned(),
        calls => format!("{:.3} ms", latency.sum_us as f64 / calls as f64 / 1000.0),
    };
    [
        node.node.clone(),
        if node.is_up { "up" } else { "down" }.to_owned(),
        hits,
        node.entries.to_string(),
        size(node.bytes),
        node.evictions.to_string(),
        (node.failures + node.skipped).to_string(),
        call,
    ]
}

#[cfg(test)]
mod tests {
    use kadenza_contract::{CacheLatency, Replication};

    use super::*;

    #[test]
    fn the_table_lines_up_and_counts_who_is_up() {
        let node = |id: &str, health| NodeStatus {
            id: id.repeat(64),
            rpc: "127.0.0.1:4534".into(),
            http: None,
            health,
            songs: 12,
            cards: 3456,
            bytes: 9_000_000,
            lacks: 0,
            storage: None,
        };
        let state = State {
            songs: 12,
            bytes: 1,
            nodes: vec![node("a", Health::Up), node("b", Health::Joining)],
            replication: Some(Replication {
                factor: 3,
                complete: 12,
                incomplete: 0,
                missing_bytes: 0,
                bytes_per_second: 0,
            }),
            storage: None,
            cache: Vec::new(),
        };
        let lines = lines(&state);
        assert!(lines.contains(&"nodes   1 of 2 up".to_owned()), "{lines:?}");
        let rows = &lines[lines.len() - 3..];
        let at = |row: &str| row.find("127.0.0.1").or_else(|| row.find("rpc"));
        assert!(rows.iter().all(|row| at(row) == at(&rows[0])), "{rows:?}");
    }

    #[test]
    fn repair_is_told_with_its_estimate() {
        let told = |bytes_per_second| {
            let state = State {
                replication: Some(Replication {
                    factor: 3,
                    complete: 1,
                    incomplete: 2,
                    missing_bytes: 3_000_000_000,
                    bytes_per_second,
                }),
                ..State::default()
            };
            let lines = lines(&state);
            lines.into_iter().find(|line| line.starts_with("repair"))
        };
        let line = told(25_000_000).expect("a line");
        assert!(line.contains("about 2 minutes left"), "{line}");
        let line = told(0).expect("a line");
        assert!(line.contains("nothing is being given"), "{line}");
    }

    #[test]
    fn a_node_that_lacks_songs_is_told_with_the_reason() {
        let mut node = NodeStatus {
            id: "a".repeat(64),
            rpc: "127.0.0.1:4534".into(),
            http: None,
            health: Health::Up,
            songs: 1,
            cards: 1,
            bytes: 1,
            lacks: 0,
            storage: Some(StorageStatus::default()),
        };
        let told = |node: &NodeStatus| {
            let state = State {
                nodes: vec![node.clone()],
                ..State::default()
            };
            lines(&state)
                .into_iter()
                .find(|line| line.starts_with("trouble"))
        };
        assert_eq!(told(&node), None);
        node.lacks = 3;
        node.storage = Some(StorageStatus {
            is_full: true,
            free: Some(0),
            damaged: 1,
            ..StorageStatus::default()
        });
        let line = told(&node).expect("a line");
        for part in ["127.0.0.1:4534", "lacks 3 songs", "is full", "1 recording"] {
            assert!(line.contains(part), "{part}: {line}");
        }
    }

    #[test]
    fn a_cache_node_shows_its_hit_rate_and_mean_call_time() {
        let mut latency = CacheLatency::default();
        latency.within[2] = 3;
        latency.beyond = 1;
        latency.sum_us = 1000;
        let state = State {
            cache: vec![
                CacheNodeStatus {
                    node: "redis://a:6379".into(),
                    is_up: true,
                    hits: 3,
                    misses: 1,
                    latency,
                    ..CacheNodeStatus::default()
                },
                CacheNodeStatus::default(),
            ],
            ..State::default()
        };
        let lines = lines(&state);
        assert!(lines.contains(&"cache   1 of 2 up".to_owned()), "{lines:?}");
        let rows = &lines[lines.len() - 2..];
        for cell in ["redis://a:6379", "up", "75.0 %", "0.250 ms"] {
            assert!(rows[0].contains(cell), "{cell}: {rows:?}");
        }
        assert!(
            rows[1].contains("down") && rows[1].ends_with('-'),
            "{rows:?}"
        );
    }
}
