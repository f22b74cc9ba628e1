//! Servers of others that tests start for themselves, on free ports, and stop again.
//!
//! Where a program is not installed, the test that needs it says so and is skipped; with
//! `KADENZA_REQUIRE=1` it fails.

mod postgres;
mod redis;
mod redis_cluster;
mod redis_sentinel;

pub use postgres::{Database, Postgres};
pub use redis::Redis;
pub use redis_cluster::RedisCluster;
pub use redis_sentinel::RedisSentinel;
