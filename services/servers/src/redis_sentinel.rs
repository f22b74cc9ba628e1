//! A Redis primary with replicas, watched by sentinels.

use super::{Redis, RedisAccess, ServerError, wait_for};

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
    access: RedisAccess,
}

impl RedisSentinel {
    /// Starts them; returns when the sentinels know each other and the replicas.
    ///
    /// # Errors
    ///
    /// [`ServerError`].
    pub fn start() -> Result<RedisSentinel, ServerError> {
        let nothing = RedisAccess::default();
        RedisSentinel::start_with(&nothing, &nothing)
    }

    /// The same, and says what the servers demand of those who connect, and what the sentinels do.
    ///
    /// # Errors
    ///
    /// [`ServerError`].
    pub fn start_with(
        access: &RedisAccess,
        of_sentinels: &RedisAccess,
    ) -> Result<RedisSentinel, ServerError> {
        let primary = Redis::start_with(access, &[])?;
        let port = primary.spoken_port().to_string();
        let follow = ["--replicaof", "127.0.0.1", &port];
        let replicas = (0..REPLICAS).map(|_| Redis::start_with(access, &follow));
        let replicas: Vec<Redis> = replicas.collect::<Result<_, _>>()?;
        wait_for("replicas follow their primary", || {
            let info = primary.tell("INFO replication");
            info.is_ok_and(|info| info.matches("state=online").count() == REPLICAS)
        })?;
        // A sentinel writes down what it learns, and so it wants a file.
        let sentinels = (0..SENTINELS).map(|_| Redis::sentinel(of_sentinels, &primary, NAME));
        let sentinels: Vec<Redis> = sentinels.collect::<Result<_, _>>()?;
        let all = RedisSentinel {
            primary,
            replicas,
            sentinels,
            access: access.clone(),
        };
        let told = format!("slaves={REPLICAS},sentinels={SENTINELS}");
        wait_for("sentinels know each other", || {
            let knows = |sentinel: &Redis| {
                let info = sentinel.tell("INFO sentinel");
                info.is_ok_and(|info| info.contains(&told))
            };
            all.sentinels.iter().all(knows)
        })?;
        Ok(all)
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        let addresses = self.sentinels.iter();
        let addresses: Vec<String> = addresses.map(|one| one.address().to_string()).collect();
        let sentinels = format!("{}/{NAME}", addresses.join(","));
        self.access.url("+sentinel", &sentinels)
    }
}
