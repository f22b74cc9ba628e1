//! The cache in front of a slower library, with every kind of store that this build has.

pub use kadenza_cache::*;
#[cfg(feature = "redis")]
pub use kadenza_redis::Redis;
