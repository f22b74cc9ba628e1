//! How often an address may ask.

use std::{num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    state::keyed::HashMapStateStore,
};
use parking_lot::Mutex;

use super::Source;
use crate::route::Route;

/// How many addresses are remembered a bound, each in some 60 bytes. Whoever has more networks than this is not to be
/// bounded by address.
const SOURCES_MAX: usize = 1 << 16;

/// So many at once, and then so many a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// After a pause.
    pub at_once: NonZeroU32,
    /// In the long run.
    pub per_second: NonZeroU32,
}

impl Rate {
    /// None if one of the two is 0.
    #[must_use]
    pub const fn of(at_once: u32, per_second: u32) -> Option<Rate> {
        match (NonZeroU32::new(at_once), NonZeroU32::new(per_second)) {
            (Some(at_once), Some(per_second)) => Some(Rate {
                at_once,
                per_second,
            }),
            _ => None,
        }
    }
}

/// How often one address may ask for what costs much. The defaults are guesses at what a household with several
/// players and an import never reaches; logs of real servers would settle them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateBounds {
    /// Covers, which are decoded. Default: 2,000 at once, several pages of albums, and 200 a second.
    pub covers: Rate,
    /// The status, for which all machines are asked. Default: 100 at once, and 10 a second.
    pub status: Rate,
    /// Uploads. Default: 2,000 at once, and 100 a second.
    pub uploads: Rate,
}

impl Default for RateBounds {
    fn default() -> RateBounds {
        RateBounds {
            covers: const { Rate::of(2_000, 200).expect("not 0") },
            status: const { Rate::of(100, 10).expect("not 0") },
            uploads: const { Rate::of(2_000, 100).expect("not 0") },
        }
    }
}

/// What each address has asked for lately.
#[derive(Debug)]
pub(crate) struct Rates {
    covers: Limiter,
    status: Limiter,
    uploads: Limiter,
}

impl Rates {
    pub(crate) fn new(bounds: &RateBounds) -> Rates {
        Rates {
            covers: Limiter::new(bounds.covers),
            status: Limiter::new(bounds.status),
            uploads: Limiter::new(bounds.uploads),
        }
    }

    /// Counts a request. Where it comes too often, gives when to ask again.
    pub(crate) fn admit(&self, route: Route, source: Source) -> Result<(), Duration> {
        match route {
            Route::Artwork => self.covers.admit(source),
            Route::Status => self.status.admit(source),
            Route::Upload => self.uploads.admit(source),
            _ => Ok(()),
        }
    }
}

type Keyed = RateLimiter<Source, HashMapStateStore<Source>, DefaultClock>;

/// One bound, for each address.
#[derive(Debug)]
struct Limiter {
    quota: Quota,
    clock: DefaultClock,
    seen: Mutex<Keyed>,
}

impl Limiter {
    fn new(rate: Rate) -> Limiter {
        let quota = Quota::per_second(rate.per_second).allow_burst(rate.at_once);
        Limiter {
            quota,
            clock: DefaultClock::default(),
            seen: Mutex::new(RateLimiter::hashmap(quota)),
        }
    }

    fn admit(&self, source: Source) -> Result<(), Duration> {
        let mut seen = self.seen.lock();
        if seen.len() >= SOURCES_MAX {
            seen.retain_recent();
            // Else it would be gone through for each one that comes.
            if seen.len() > SOURCES_MAX / 2 {
                *seen = RateLimiter::hashmap(self.quota);
            }
        }
        let asked = seen.check_key(&source);
        asked.map_err(|refused| refused.wait_time_from(self.clock.now()))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn source(number: u32) -> Source {
        // 16.0.0.0 and following.
        let address = Ipv4Addr::from_bits((16 << 24) + number);
        Source::of(address.into()).unwrap()
    }

    #[test]
    fn each_address_has_its_own_rate_and_is_told_when_to_ask() {
        let limiter = Limiter::new(Rate::of(3, 1).unwrap());
        for number in 0..10 {
            for _ in 0..3 {
                assert_eq!(limiter.admit(source(number)), Ok(()));
            }
            let wait = limiter.admit(source(number)).unwrap_err();
            assert!(wait <= Duration::from_secs(1), "{wait:?}");
            assert!(wait > Duration::from_millis(500), "{wait:?}");
        }
    }

    #[test]
    fn however_many_addresses_there_are_memory_is_bounded() {
        let limiter = Limiter::new(Rate::of(1, 1).unwrap());
        let many = 3 * SOURCES_MAX as u32 - 100;
        for number in 0..many {
            assert_eq!(limiter.admit(source(number)), Ok(()));
            assert!(limiter.seen.lock().len() <= SOURCES_MAX);
        }
        // Of those that came last one is remembered.
        assert!(limiter.admit(source(many - 1)).is_err());
    }
}
