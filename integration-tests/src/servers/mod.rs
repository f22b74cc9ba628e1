//! Servers of others that tests start for themselves, on free ports, and stop again.
//!
//! Where a program is not installed, the test that needs it says so and is skipped; with
//! `KADENZA_REQUIRE=1` it fails.

mod redis;

pub use redis::Redis;
