//! The most hits that any cache could have: one that knows what will be asked for.
//!
//! Belady, "A study of replacement algorithms for a virtual-storage computer", 1966, with the freedom
//! not to keep what was just asked for. All entries count the same, whatever their size, and none
//! expires.

use std::collections::{BinaryHeap, HashMap};

/// For each request of a load whether a cache that knows the future would have had it.
///
/// No cache of so many entries has more hits in all. `requests` are the keys that are asked for, in
/// their order; each that is missing may be kept at once, and what is kept stays until something else
/// takes its place. It takes n log n steps and some 40 bytes a request.
///
/// ```
/// use kadenza_cache::optimum;
///
/// // With room for one, the 1 is kept, since it is asked for again before the 2.
/// assert_eq!(optimum(&[1, 2, 1, 2], 1), [false, false, true, false]);
/// ```
#[must_use]
pub fn optimum(requests: &[u32], entries: usize) -> Vec<bool> {
    // A key is kept from one request to the next for it: a kept key is a later request that hits.
    let mut hits = vec![false; requests.len()];
    let mut kept = 0;
    // The requests that would hit. Those that have passed stay in it; they are never the latest one
    // as long as anything is kept.
    let mut awaited = BinaryHeap::new();
    for (now, next) in following(requests).into_iter().enumerate() {
        kept -= usize::from(hits[now]);
        // A key that is not asked for again is not kept.
        let Some(next) = next else { continue };
        hits[next] = true;
        awaited.push(next);
        kept += 1;
        if kept > entries
            && let Some(latest) = awaited.pop()
        {
            hits[latest] = false;
            kept -= 1;
        }
    }
    hits
}

/// For each request when the same is asked for again.
fn following(requests: &[u32]) -> Vec<Option<usize>> {
    let mut again = HashMap::new();
    let mut following = vec![None; requests.len()];
    for (at, key) in requests.iter().enumerate().rev() {
        following[at] = again.insert(key, at);
    }
    following
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// The most hits of all ways to keep and to let go, tried one by one. A set of keys is a number.
    fn most_hits(requests: &[u32], entries: usize) -> usize {
        let mut best = HashMap::from([(0u32, 0)]);
        for key in requests {
            let mut after: HashMap<u32, usize> = HashMap::new();
            for (kept, hits) in best {
                let hits = hits + (kept >> key & 1) as usize;
                let may_be_kept = kept | 1 << key;
                let subsets = (0..=may_be_kept).filter(|set| set & !may_be_kept == 0);
                for set in subsets.filter(|set| set.count_ones() as usize <= entries) {
                    let known = after.entry(set).or_default();
                    *known = (*known).max(hits);
                }
            }
            best = after;
        }
        best.into_values().max().unwrap_or(0)
    }

    /// How many of the hits are kept at the same time at most. A hit was kept since its key was asked
    /// for before.
    fn room_needed(requests: &[u32], hits: &[bool]) -> usize {
        let last = |at: usize| requests[..at].iter().rposition(|key| *key == requests[at]);
        let spans: Vec<(usize, usize)> = (0..requests.len())
            .filter(|at| hits[*at])
            .map(|at| (last(at).expect("a hit was asked for before"), at))
            .collect();
        let kept_after = |now| {
            spans
                .iter()
                .filter(move |(from, to)| (*from..*to).contains(&now))
        };
        (0..requests.len())
            .map(|now| kept_after(now).count())
            .max()
            .unwrap_or(0)
    }

    proptest! {
        #[test]
        fn no_way_to_keep_and_to_let_go_hits_more_often(
            requests in prop::collection::vec(0..6u32, 0..14), entries in 0..5usize,
        ) {
            let hits = optimum(&requests, entries);
            prop_assert_eq!(hits.len(), requests.len());
            let count = hits.iter().filter(|hit| **hit).count();
            prop_assert_eq!(count, most_hits(&requests, entries));
            prop_assert!(room_needed(&requests, &hits) <= entries);
        }
    }
}
