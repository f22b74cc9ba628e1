//! How long who guesses passwords has to wait.
//!
//! Failures are counted for each name and each address. A name waits for half a minute at most, so that a
//! stranger cannot lock its owner out for long; an address waits for longer.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
};

/// So many failures are mistakes of somebody who types.
const FREE: u32 = 5;
/// How many names and addresses are remembered; those that are over are forgotten first.
const KEPT_MAX: usize = 8192;
const NAME_SECONDS_MAX: u64 = 30;
const ADDRESS_SECONDS_MAX: u64 = 15 * 60;
/// Without a failure for so long, all is forgotten.
const FORGOTTEN_MS: u64 = 60 * 60 * 1000;

/// Who is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Who {
    /// The key of a name.
    Name(String),
    /// An address; of IPv6 the network, which one customer has to himself.
    Address(IpAddr),
}

impl Who {
    pub(crate) fn at(address: IpAddr) -> Who {
        Who::Address(match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = u128::from(address) & !u128::from(u64::MAX);
                IpAddr::V6(Ipv6Addr::from(network))
            }
            v4 => v4,
        })
    }

    fn seconds_max(&self) -> u64 {
        match self {
            Who::Name(_) => NAME_SECONDS_MAX,
            Who::Address(_) => ADDRESS_SECONDS_MAX,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last_ms: u64,
    until_ms: u64,
}

/// The failures of the last hour.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    failures: HashMap<Who, Failures>,
}

impl Attempts {
    /// How many seconds one of them has still to wait, if any.
    pub(crate) fn wait(&self, who: &[Who], now_ms: u64) -> Option<u64> {
        let until = who
            .iter()
            .filter_map(|who| self.failures.get(who))
            .map(|failed| failed.until_ms);
        let left = until.max()?.checked_sub(now_ms)?;
        (left > 0).then(|| left.div_ceil(1000))
    }

    /// Notes an attempt, which counts as failed until [`succeeded`](Self::succeeded) is called. So attempts
    /// at once do not all pass before the first of them has failed.
    pub(crate) fn begun(&mut self, who: &[Who], now_ms: u64) {
        self.make_room(now_ms);
        for who in who {
            let most = who.seconds_max();
            let failed = self.failures.entry(who.clone()).or_insert(Failures {
                count: 0,
                last_ms: now_ms,
                until_ms: 0,
            });
            if failed.last_ms + FORGOTTEN_MS < now_ms {
                failed.count = 0;
            }
            failed.count = failed.count.saturating_add(1);
            failed.last_ms = now_ms;
            let doubled = failed
                .count
                .checked_sub(FREE)
                .map(|over| 1_u64 << over.min(20));
            failed.until_ms = now_ms + doubled.unwrap_or(0).min(most) * 1000;
        }
    }

    pub(crate) fn succeeded(&mut self, who: &[Who]) {
        for who in who {
            self.failures.remove(who);
        }
    }

    fn make_room(&mut self, now_ms: u64) {
        if self.failures.len() + 2 <= KEPT_MAX {
            return;
        }
        self.failures
            .retain(|_, failed| failed.last_ms + FORGOTTEN_MS >= now_ms);
        if self.failures.len() + 2 > KEPT_MAX {
            // Half of them, those that wait the least: a flood of new names costs the old ones little.
            let mut until: Vec<u64> = self
                .failures
                .values()
                .map(|failed| failed.until_ms)
                .collect();
            let middle = until.len() / 2;
            let (_, bound, _) = until.select_nth_unstable(middle);
            let bound = *bound;
            let mut left = KEPT_MAX / 2;
            self.failures.retain(|_, failed| {
                let stays = failed.until_ms > bound || failed.until_ms == bound && left > 0;
                left = left.saturating_sub(usize::from(stays));
                stays
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_guesses_waits_longer_each_time() {
        let mut attempts = Attempts::default();
        let name = [Who::Name("ada".into())];
        let address = [Who::at([10, 0, 0, 1].into())];
        for who in [&name, &address] {
            for _ in 0..FREE - 1 {
                attempts.begun(who, 0);
                assert_eq!(attempts.wait(who, 0), None);
            }
            let waits = (0..14).map(|_| {
                attempts.begun(who, 0);
                attempts.wait(who, 0).unwrap()
            });
            let waits: Vec<_> = waits.collect();
            assert_eq!(waits[..4], [1, 2, 4, 8]);
            assert_eq!(waits[13], who[0].seconds_max());
            assert_eq!(attempts.wait(who, 1000 * waits[13]), None);
        }
        attempts.succeeded(&name);
        assert_eq!(attempts.wait(&name, 0), None);
    }

    #[test]
    fn a_flood_of_names_is_forgotten() {
        let mut attempts = Attempts::default();
        let guessed = [Who::Name("ada".into())];
        for _ in 0..20 {
            attempts.begun(&guessed, 0);
        }
        for n in 0..5 * KEPT_MAX {
            attempts.begun(
                &[Who::Name(n.to_string()), Who::at([10, 0, 0, 1].into())],
                1,
            );
        }
        assert!(attempts.failures.len() <= KEPT_MAX);
        assert!(attempts.wait(&guessed, 1).is_some());
        assert!(attempts.wait(&[Who::at([10, 0, 0, 1].into())], 1).is_some());
    }

    #[test]
    fn addresses_of_one_network_are_one() {
        let at = |text: &str| Who::at(text.parse().unwrap());
        assert_eq!(at("2001:db8::1"), at("2001:db8::ffff:1"));
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
        assert_eq!(at("::ffff:10.0.0.1"), at("10.0.0.1"));
    }
}
