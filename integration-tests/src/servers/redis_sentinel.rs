//! A Redis primary with replicas, watched by sentinels, for tests.

use super::{redis::Redis, redis_cluster::wait_for};

const NAME: &str = "songs";
const REPLICAS: usize = 2;
const SENTINELS: usize = 3;

/// Servers that agree on a primary; killed when this is dropped.
#[derive(Debug)]
pub struct RedisSentinel {
    /// The first primary.
    pub primary: Redis,
    /// Its replicas.
    pub replicas: Vec<Redis>,
    sentinels: Vec<Redis>,
}

impl RedisSentinel {
    /// Starts them; returns when the sentinels know each other and the replicas. `None` where Redis is
    /// not installed.
    ///
    /// # Panics
    ///
    /// If that does not come about.
    #[must_use]
    pub fn start() -> Option<RedisSentinel> {
        let primary = Redis::start(&[])?;
        let port = primary.port().to_string();
        let replicas = (0..REPLICAS).map(|_| Redis::start(&["--replicaof", "127.0.0.1", &port]));
        let replicas: Vec<Redis> = replicas.collect::<Option<_>>()?;
        wait_for(|| {
            let info = primary.tell("INFO replication");
            info.matches("state=online").count() == REPLICAS
        });
        // A sentinel writes down what it learns, and so it wants a file.
        let sentinels = (0..SENTINELS).map(|_| Redis::sentinel(&port, NAME));
        let sentinels: Vec<Redis> = sentinels.collect::<Option<_>>()?;
        let all = RedisSentinel {
            primary,
            replicas,
            sentinels,
        };
        wait_for(|| {
            all.sentinels.iter().all(|sentinel| {
                let info = sentinel.tell("INFO sentinel");
                info.contains(&format!("slaves={REPLICAS},sentinels={SENTINELS}"))
            })
        });
        Some(all)
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        let addresses = self.sentinels.iter();
        let addresses: Vec<String> = addresses.map(|one| one.address().to_string()).collect();
        format!("redis+sentinel://{}/{NAME}", addresses.join(","))
    }
}
