//! The lease: how long a node may say "no".
//!
//! A node asks the others whether they know the same layout. While a majority of every version said so a short time
//! ago, no other version can have come into force: it would need one of those. Whoever was frozen, cut off or away
//! finds its lease over. Leases measure time and never tell it (Gray and Cheriton, "Leases", 1989).

use std::collections::HashMap;

use crate::{key::Key, layout::View, placement::majority};

/// How long a majority's word holds, from when it was asked for, in milliseconds.
pub const LEASE_MS: u64 = 5_000;
/// After this long all leases of earlier layouts are over, however the clocks of two machines differ in speed.
const EARLIER_LEASES_MS: u64 = LEASE_MS + LEASE_MS / 5;

/// Who agrees with this node's layout. Begins anew with every change of it.
#[derive(Debug, Clone, Default)]
pub struct Lease {
    /// When those were asked who know the same layout.
    agreed: HashMap<Key, u64>,
    /// When a majority of every version was known to agree for the first time.
    since: Option<u64>,
}

impl Lease {
    /// A node that was asked then knows the same layout. `now` is the time at which that is known.
    pub fn agreed(&mut self, view: &View, own: &Key, node: Key, asked_ms: u64, now_ms: u64) {
        let at = self.agreed.entry(node).or_default();
        *at = asked_ms.max(*at);
        if self.since.is_none() && self.until(view, own).is_some() {
            self.since = Some(now_ms);
        }
    }

    /// Until when the lease holds; none if no majority ever agreed.
    #[must_use]
    pub fn until(&self, view: &View, own: &Key) -> Option<u64> {
        let of_version = |version| {
            let mut asked: Vec<u64> = Vec::new();
            let mut voters = 0;
            for node in view.voters(version) {
                voters += 1;
                if node == own {
                    asked.push(u64::MAX);
                } else {
                    asked.extend(self.agreed.get(node));
                }
            }
            asked.sort_unstable_by(|a, b| b.cmp(a));
            // A version of which nobody is left demands nothing.
            match voters {
                0 => Some(u64::MAX),
                voters => asked.get(majority(voters) - 1).copied(),
            }
        };
        let mut versions = view.layout().versions();
        let oldest = versions.try_fold(u64::MAX, |oldest, version| {
            Some(oldest.min(of_version(version)?))
        })?;
        (!view.layout().current().voters.is_empty()).then(|| oldest.saturating_add(LEASE_MS))
    }

    /// Whether the lease holds.
    #[must_use]
    pub fn holds(&self, view: &View, own: &Key, now_ms: u64) -> bool {
        self.until(view, own).is_some_and(|until| now_ms < until)
    }

    /// Whether nobody holds a lease of an earlier layout any more, so that nothing is written under it either.
    #[must_use]
    pub fn is_established(&self, view: &View, own: &Key, now_ms: u64) -> bool {
        let mut versions = view.layout().versions();
        let all_agree = versions.all(|version| {
            let mut voters = view.voters(version);
            voters.all(|node| node == own || self.agreed.contains_key(node))
        });
        let is_over = |since: u64| now_ms >= since.saturating_add(EARLIER_LEASES_MS);
        all_agree || self.since.is_some_and(is_over)
    }
}
