//! A Redis Cluster of its own: primaries that share the slots, and a replica of each.

use super::{Redis, RedisAccess, ServerError, free_port, wait_for};

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
    access: RedisAccess,
}

impl RedisCluster {
    /// Starts so many primaries and as many replicas; returns when all slots are served.
    ///
    /// # Errors
    ///
    /// [`ServerError`].
    pub fn start(primaries: usize) -> Result<RedisCluster, ServerError> {
        RedisCluster::start_with(&RedisAccess::default(), primaries)
    }

    /// The same, and says what is demanded of those who connect.
    ///
    /// # Errors
    ///
    /// [`ServerError`].
    pub fn start_with(access: &RedisAccess, primaries: usize) -> Result<RedisCluster, ServerError> {
        let between = match access.tls {
            Some(_) => &["--tls-cluster", "yes"][..],
            None => &[],
        };
        let node = |_| {
            let bus = free_port()?.to_string();
            let options = [
                "--cluster-enabled",
                "yes",
                "--cluster-node-timeout",
                NODE_TIMEOUT_MS,
                "--cluster-port",
                &bus,
                "--cluster-require-full-coverage",
                "no",
            ];
            let server = Redis::start_with(access, &[&options, between].concat())?;
            Ok((server, bus))
        };
        let nodes: Result<Vec<(Redis, String)>, ServerError> =
            (0..2 * primaries).map(node).collect();
        let nodes = nodes?;
        for (n, (server, _)) in nodes.iter().enumerate() {
            server.tell(&format!("CLUSTER SET-CONFIG-EPOCH {}", n + 1))?;
            let (first, bus) = &nodes[0];
            server.tell(&format!(
                "CLUSTER MEET 127.0.0.1 {} {bus}",
                first.spoken_port()
            ))?;
        }
        for (n, (server, _)) in nodes.iter().take(primaries).enumerate() {
            let (from, to) = (n * SLOTS / primaries, (n + 1) * SLOTS / primaries - 1);
            server.tell(&format!("CLUSTER ADDSLOTSRANGE {from} {to}"))?;
        }
        let servers = nodes.into_iter().map(|(server, _)| server);
        let mut servers: Vec<Redis> = servers.collect();
        let replicas = servers.split_off(primaries);
        let cluster = RedisCluster {
            primaries: servers,
            replicas,
            access: access.clone(),
        };
        for (primary, replica) in cluster.primaries.iter().zip(&cluster.replicas) {
            let id = primary.tell("CLUSTER MYID")?;
            let id = id.lines().nth(1).unwrap_or_default().to_owned();
            wait_for("a node becomes a replica", || {
                replica.tell(&format!("CLUSTER REPLICATE {id}")).is_ok()
            })?;
        }
        wait_for("the nodes of a cluster come together", || {
            cluster.nodes().all(|node| {
                let known = format!("cluster_known_nodes:{}", 2 * primaries);
                node.tell("CLUSTER INFO")
                    .is_ok_and(|info| info.contains("cluster_state:ok") && info.contains(&known))
            })
        })?;
        wait_for("replicas have what their primaries have", || {
            let in_sync = |replica: &Redis| {
                let info = replica.tell("INFO replication");
                info.is_ok_and(|info| info.contains("master_link_status:up"))
            };
            cluster.replicas.iter().all(in_sync)
        })?;
        Ok(cluster)
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        let addresses: Vec<String> = self
            .nodes()
            .map(|node| node.address().to_string())
            .collect();
        self.access.url("+cluster", &addresses.join(","))
    }

    fn nodes(&self) -> impl Iterator<Item = &Redis> {
        self.primaries.iter().chain(&self.replicas)
    }
}
