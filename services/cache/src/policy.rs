//! Which entry leaves when a cache is full.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use kadenza_contract::{Error, Result};

/// An eviction policy. All but [`Policy::S3Fifo`] are those of Redis, by its names, and behave as its
/// manual says (<https://redis.io/docs/latest/develop/reference/eviction/>): by sampling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// Two queues and a memory of what was let go: what is not asked for again soon leaves early
    /// (Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023).
    #[default]
    S3Fifo,
    /// Nothing leaves: whoever writes is told that the cache is full.
    #[serde(rename = "noeviction")]
    NoEviction,
    /// Of a sample, the entry that was used longest ago leaves.
    AllkeysLru,
    /// Of a sample, the entry that is used least often leaves, by a counter that decays.
    AllkeysLfu,
    /// Any entry.
    AllkeysRandom,
    /// Of those that expire: what was used longest ago, of a sample.
    VolatileLru,
    /// Of those that expire: what is used least often, of a sample.
    VolatileLfu,
    /// Of those that expire: any.
    VolatileRandom,
    /// Of those that expire: what expires soonest, of a sample.
    VolatileTtl,
}

impl Policy {
    /// Every policy, the default first.
    pub const ALL: [Policy; 9] = [
        Policy::S3Fifo,
        Policy::NoEviction,
        Policy::AllkeysLru,
        Policy::AllkeysLfu,
        Policy::AllkeysRandom,
        Policy::VolatileLru,
        Policy::VolatileLfu,
        Policy::VolatileRandom,
        Policy::VolatileTtl,
    ];

    /// Its name, as in Redis's `maxmemory-policy`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Policy::S3Fifo => "s3-fifo",
            Policy::NoEviction => "noeviction",
            Policy::AllkeysLru => "allkeys-lru",
            Policy::AllkeysLfu => "allkeys-lfu",
            Policy::AllkeysRandom => "allkeys-random",
            Policy::VolatileLru => "volatile-lru",
            Policy::VolatileLfu => "volatile-lfu",
            Policy::VolatileRandom => "volatile-random",
            Policy::VolatileTtl => "volatile-ttl",
        }
    }

    /// Whether only entries that expire may be evicted.
    #[must_use]
    pub fn is_volatile(self) -> bool {
        matches!(
            self,
            Policy::VolatileLru
                | Policy::VolatileLfu
                | Policy::VolatileRandom
                | Policy::VolatileTtl
        )
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Policy {
    type Err = Error;
    fn from_str(text: &str) -> Result<Policy> {
        let named = Policy::ALL.into_iter().find(|policy| policy.name() == text);
        named.ok_or_else(|| Error::Invalid {
            what: format!(
                "the eviction policy is one of {}",
                Policy::ALL.map(Policy::name).join(", ")
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_policy_is_found_by_its_name_and_travels_as_it() {
        for policy in Policy::ALL {
            assert_eq!(policy.name().parse::<Policy>().unwrap(), policy);
            let text = serde_json::to_string(&policy).unwrap();
            assert_eq!(text, format!("\"{policy}\""));
        }
        assert!("lru".parse::<Policy>().is_err());
    }
}
