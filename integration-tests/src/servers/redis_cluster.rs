//! A Redis Cluster for tests: primaries that share the slots, and a replica of each.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::redis::{Redis, free_port};

const PATIENCE: Duration = Duration::from_secs(60);
const SLOTS: usize = 16_384;
/// After so long without an answer, in milliseconds, a node counts as gone.
const NODE_TIMEOUT_MS: &str = "1000";

/// Servers that know each other; killed when this is dropped.
#[derive(Debug)]
pub struct RedisCluster {
    /// Those that were made primaries.
    pub primaries: Vec<Redis>,
    /// The replica of each.
    pub replicas: Vec<Redis>,
}

impl RedisCluster {
    /// Starts so many primaries and as many replicas; returns when all slots are served. `None` where
    /// Redis is not installed.
    ///
    /// # Panics
    ///
    /// If that does not come about.
    #[must_use]
    pub fn start(primaries: usize) -> Option<RedisCluster> {
        let node = || {
            let bus = free_port().to_string();
            Redis::start(&[
                "--cluster-enabled",
                "yes",
                "--cluster-node-timeout",
                NODE_TIMEOUT_MS,
                "--cluster-port",
                &bus,
                "--cluster-require-full-coverage",
                "no",
            ])
            .map(|server| (server, bus))
        };
        let nodes: Option<Vec<(Redis, String)>> = (0..2 * primaries).map(|_| node()).collect();
        let nodes = nodes?;
        for (n, (server, _)) in nodes.iter().enumerate() {
            server.tell(&format!("CLUSTER SET-CONFIG-EPOCH {}", n + 1));
            let (first, bus) = &nodes[0];
            server.tell(&format!("CLUSTER MEET 127.0.0.1 {} {bus}", first.port()));
        }
        for (n, (server, _)) in nodes.iter().take(primaries).enumerate() {
            let (from, to) = (n * SLOTS / primaries, (n + 1) * SLOTS / primaries - 1);
            server.tell(&format!("CLUSTER ADDSLOTSRANGE {from} {to}"));
        }
        let servers = nodes.into_iter().map(|(server, _)| server);
        let mut servers: Vec<Redis> = servers.collect();
        let replicas = servers.split_off(primaries);
        let cluster = RedisCluster {
            primaries: servers,
            replicas,
        };
        for (primary, replica) in cluster.primaries.iter().zip(&cluster.replicas) {
            let id = primary.tell("CLUSTER MYID");
            let id = id.lines().nth(1).unwrap_or_default().to_owned();
            wait_for(|| {
                let answer = replica.ask(&format!("CLUSTER REPLICATE {id}"));
                answer.is_ok_and(|answer| answer.starts_with('+'))
            });
        }
        wait_for(|| {
            cluster.nodes().all(|node| {
                let info = node.tell("CLUSTER INFO");
                let known = format!("cluster_known_nodes:{}", 2 * primaries);
                info.contains("cluster_state:ok") && info.contains(&known)
            })
        });
        wait_for(|| {
            let in_sync = |replica: &Redis| {
                let info = replica.tell("INFO replication");
                info.contains("master_link_status:up")
            };
            cluster.replicas.iter().all(in_sync)
        });
        Some(cluster)
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        let addresses: Vec<String> = self
            .nodes()
            .map(|node| node.address().to_string())
            .collect();
        format!("redis+cluster://{}", addresses.join(","))
    }

    fn nodes(&self) -> impl Iterator<Item = &Redis> {
        self.primaries.iter().chain(&self.replicas)
    }
}

/// Waits until it is so.
pub(super) fn wait_for(is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(
            begun.elapsed() < PATIENCE,
            "the servers do not come together"
        );
        thread::sleep(Duration::from_millis(20));
    }
}
