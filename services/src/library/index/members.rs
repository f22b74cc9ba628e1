//! Songs that share something: each value has a number and the slots that have it.

use std::{collections::BTreeMap, ops::Bound};

use super::Slot;

/// Values in order, and for each the slots that have it, in rising order.
#[derive(Debug)]
pub(super) struct Members<K> {
    numbers: BTreeMap<K, u32>,
    slots: Vec<Vec<Slot>>,
    free: Vec<u32>,
}

impl<K> Default for Members<K> {
    fn default() -> Members<K> {
        Members {
            numbers: BTreeMap::new(),
            slots: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<K: Ord + Clone> Members<K> {
    /// Adds a slot to a value; gives the value's number.
    pub(super) fn insert(&mut self, value: &K, slot: Slot) -> u32 {
        let number = match self.numbers.get(value) {
            Some(number) => *number,
            None => {
                let number = self.free.pop().unwrap_or_else(|| {
                    self.slots.push(Vec::new());
                    u32::try_from(self.slots.len() - 1).expect("no more values than slots")
                });
                self.numbers.insert(value.clone(), number);
                number
            }
        };
        let slots = &mut self.slots[number as usize];
        if let Err(at) = slots.binary_search(&slot) {
            slots.insert(at, slot);
        }
        number
    }

    /// Takes a slot from a value; a value without any is forgotten.
    pub(super) fn remove(&mut self, value: &K, slot: Slot) {
        let Some(&number) = self.numbers.get(value) else {
            return;
        };
        let slots = &mut self.slots[number as usize];
        if let Ok(at) = slots.binary_search(&slot) {
            slots.remove(at);
        }
        if slots.is_empty() {
            self.numbers.remove(value);
            self.free.push(number);
        }
    }

    /// The number of a value.
    pub(super) fn number(&self, value: &K) -> Option<u32> {
        self.numbers.get(value).copied()
    }

    /// The slots of the value with this number.
    pub(super) fn slots(&self, number: u32) -> &[Slot] {
        self.slots.get(number as usize).map_or(&[], Vec::as_slice)
    }

    /// The values behind one, in order, with their slots.
    pub(super) fn after(&self, value: Option<&K>) -> impl Iterator<Item = (&K, &[Slot])> {
        let from = value.map_or(Bound::Unbounded, Bound::Excluded);
        self.numbers
            .range::<K, _>((from, Bound::Unbounded))
            .map(|(value, number)| (value, self.slots(*number)))
    }
}
