//! Songs that share something: each value has a number and the slots that have it.

use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use super::Slot;

/// Values in order, and for each the slots that have it, in rising order.
#[derive(Debug)]
pub(super) struct Members<K> {
    numbers: BTreeMap<Arc<K>, u32>,
    by_number: Vec<(Arc<K>, Vec<Slot>)>,
    free: Vec<u32>,
}

impl<K> Default for Members<K> {
    fn default() -> Members<K> {
        Members {
            numbers: BTreeMap::new(),
            by_number: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<K: Ord + Clone> Members<K> {
    /// Adds a slot to a value; gives the value's number.
    pub(super) fn insert(&mut self, value: &K, slot: Slot) -> u32 {
        let number = self.number(value).unwrap_or_else(|| self.add(value));
        let (_, slots) = &mut self.by_number[number as usize];
        if let Err(at) = slots.binary_search(&slot) {
            slots.insert(at, slot);
        }
        number
    }

    /// Takes a slot from a value; a value without any is forgotten.
    pub(super) fn remove(&mut self, value: &K, slot: Slot) {
        let Some(number) = self.number(value) else {
            return;
        };
        let (_, slots) = &mut self.by_number[number as usize];
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

    /// The value with this number.
    pub(super) fn value(&self, number: u32) -> Option<&K> {
        self.by_number
            .get(number as usize)
            .map(|(value, _)| &**value)
    }

    /// The slots of the value with this number.
    pub(super) fn slots(&self, number: u32) -> &[Slot] {
        let place = self.by_number.get(number as usize);
        place.map_or(&[], |(_, slots)| slots.as_slice())
    }

    /// The values behind one, in order, with their slots.
    pub(super) fn after(&self, value: Option<&K>) -> impl Iterator<Item = (&K, &[Slot])> {
        let from = value.map_or(Bound::Unbounded, Bound::Excluded);
        self.numbers
            .range::<K, _>((from, Bound::Unbounded))
            .map(|(value, number)| (&**value, self.slots(*number)))
    }

    fn add(&mut self, value: &K) -> u32 {
        let value = Arc::new(value.clone());
        let place = (Arc::clone(&value), Vec::new());
        let number = match self.free.pop() {
            Some(number) => {
                self.by_number[number as usize] = place;
                number
            }
            None => {
                self.by_number.push(place);
                u32::try_from(self.by_number.len() - 1).expect("no more values than slots")
            }
        };
        self.numbers.insert(value, number);
        number
    }
}
