//! A small cache with a bound, which forgets what was used longest ago.

use std::{collections::HashMap, hash::Hash};

use parking_lot::Mutex;

/// At most so much weight of values. Finding the oldest looks at all of them, so it is meant for
/// hundreds of entries, each dear to make.
#[derive(Debug)]
pub(crate) struct Bounded<K, V> {
    weight_max: usize,
    state: Mutex<State<K, V>>,
}

#[derive(Debug)]
struct State<K, V> {
    entries: HashMap<K, Entry<V>>,
    weight: usize,
    clock: u64,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    weight: usize,
    used: u64,
}

impl<K: Hash + Eq + Clone, V: Clone> Bounded<K, V> {
    /// An empty cache.
    pub(crate) fn new(weight_max: usize) -> Bounded<K, V> {
        Bounded {
            weight_max,
            state: Mutex::new(State {
                entries: HashMap::new(),
                weight: 0,
                clock: 0,
            }),
        }
    }

    /// The value, which is now the one used last.
    pub(crate) fn get(&self, key: &K) -> Option<V> {
        let mut state = self.state.lock();
        state.clock += 1;
        let now = state.clock;
        let entry = state.entries.get_mut(key)?;
        entry.used = now;
        Some(entry.value.clone())
    }

    /// Remembers a value, unless it alone is too heavy.
    pub(crate) fn insert(&self, key: K, value: V, weight: usize) {
        if weight > self.weight_max {
            return;
        }
        let mut state = self.state.lock();
        state.forget(&key);
        while state.weight + weight > self.weight_max {
            let Some(oldest) = state
                .entries
                .iter()
                .min_by_key(|(_, entry)| entry.used)
                .map(|(key, _)| key.clone())
            else {
                break;
            };
            state.forget(&oldest);
        }
        state.clock += 1;
        let used = state.clock;
        state.weight += weight;
        state.entries.insert(
            key,
            Entry {
                value,
                weight,
                used,
            },
        );
    }

    /// Forgets a value.
    pub(crate) fn remove(&self, key: &K) {
        self.state.lock().forget(key);
    }
}

impl<K: Hash + Eq, V> State<K, V> {
    fn forget(&mut self, key: &K) {
        if let Some(entry) = self.entries.remove(key) {
            self.weight -= entry.weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_longest_ago_is_forgotten_first() {
        let cache = Bounded::new(3);
        for key in 1..=3 {
            cache.insert(key, key * 10, 1);
        }
        assert_eq!(cache.get(&1), Some(10));
        cache.insert(4, 40, 1);
        assert_eq!(cache.get(&2), None);
        cache.insert(5, 50, 2);
        assert_eq!(
            [1, 3, 4, 5].map(|key| cache.get(&key).is_some()),
            [false, false, true, true]
        );
    }

    #[test]
    fn what_is_too_heavy_is_not_kept_and_drives_nothing_out() {
        let cache = Bounded::new(2);
        cache.insert('a', (), 1);
        cache.insert('b', (), 3);
        assert!(cache.get(&'a').is_some() && cache.get(&'b').is_none());
        cache.insert('a', (), 2);
        cache.remove(&'a');
        cache.insert('c', (), 2);
        assert!(cache.get(&'c').is_some());
    }
}
