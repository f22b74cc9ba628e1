//! Servers of others for tests, which start and stop them.
//!
//! Where a program is not installed, the test that needs it says so and is skipped (the function gives
//! `None`); with `KADENZA_REQUIRE=1` it fails.

use std::sync::{Arc, Mutex, PoisonError, Weak};

pub use kadenza_servers::{
    Database, Postgres, Redis, RedisAccess, RedisCluster, RedisSentinel, RedisTls, ServerError,
};

use crate::fixtures::Authority;

/// A Redis server with options as on its command line, such as `--maxmemory 10mb`.
///
/// # Panics
///
/// If it does not start; or is not installed, and `KADENZA_REQUIRE` is set.
#[must_use]
pub fn redis(options: &[&str]) -> Option<Redis> {
    or_skip(Redis::start(options))
}

/// A Redis Cluster of so many primaries, and a replica of each.
///
/// # Panics
///
/// As [`redis`].
#[must_use]
pub fn redis_cluster(primaries: usize) -> Option<RedisCluster> {
    or_skip(RedisCluster::start(primaries))
}

/// A Redis primary with replicas, watched by sentinels.
///
/// # Panics
///
/// As [`redis`].
#[must_use]
pub fn redis_sentinel() -> Option<RedisSentinel> {
    or_skip(RedisSentinel::start())
}

/// A Redis server that demands something of those who connect.
///
/// # Panics
///
/// As [`redis`].
#[must_use]
pub fn redis_with(access: &RedisAccess, options: &[&str]) -> Option<Redis> {
    or_skip(Redis::start_with(access, options))
}

/// A Redis Cluster that demands something of those who connect.
///
/// # Panics
///
/// As [`redis`].
#[must_use]
pub fn redis_cluster_with(access: &RedisAccess, primaries: usize) -> Option<RedisCluster> {
    or_skip(RedisCluster::start_with(access, primaries))
}

/// Redis servers and sentinels that demand something of those who connect.
///
/// # Panics
///
/// As [`redis`].
#[must_use]
pub fn redis_sentinel_with(
    access: &RedisAccess,
    of_sentinels: &RedisAccess,
) -> Option<RedisSentinel> {
    or_skip(RedisSentinel::start_with(access, of_sentinels))
}

/// TLS with a certificate of this authority.
#[must_use]
pub fn redis_tls(authority: &Authority) -> RedisTls {
    let (certificate, key) = authority.of_servers();
    RedisTls {
        certificate,
        key,
        authority: authority.ca(),
    }
}

/// A PostgreSQL server of one's own; with `fsync` it survives what a real one does.
///
/// # Panics
///
/// As [`redis`].
#[must_use]
pub fn postgres(fsync: bool) -> Option<Arc<Postgres>> {
    or_skip(Postgres::start(fsync))
}

/// The PostgreSQL server that tests share, which does not wait for the disk. The last of them stops
/// it.
///
/// # Panics
///
/// As [`redis`].
#[must_use]
pub fn shared_postgres() -> Option<Arc<Postgres>> {
    static SHARED: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(server) = shared.upgrade() {
        return Some(server);
    }
    let server = postgres(false)?;
    *shared = Arc::downgrade(&server);
    Some(server)
}

fn or_skip<T>(started: Result<T, ServerError>) -> Option<T> {
    let required = std::env::var_os("KADENZA_REQUIRE").is_some();
    match started {
        Ok(server) => Some(server),
        Err(error @ ServerError::NotInstalled { .. }) if !required => {
            eprintln!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}
