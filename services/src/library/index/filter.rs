//! Songs of exactly this artist, album or genre.

use super::{Entry, Index, Slot};
use crate::identity_fold;

/// Which songs a question leaves in.
#[derive(Debug)]
pub(super) enum Filter {
    /// Every song.
    All,
    /// None: there is no song of such a name.
    None,
    /// Those that have all of these: which facet, and the number of its value.
    These(Vec<(usize, u32)>),
}

impl Filter {
    /// Whether a card passes.
    pub(super) fn admits(&self, entry: &Entry) -> bool {
        match self {
            Filter::All => true,
            Filter::None => false,
            Filter::These(numbers) => numbers
                .iter()
                .all(|(facet, number)| entry.facets[*facet] == *number),
        }
    }
}

impl Index {
    /// The filter for an artist, an album and a genre.
    pub(super) fn filter(&self, names: [Option<&str>; 3]) -> Filter {
        let mut numbers = Vec::new();
        for (facet, name) in names.into_iter().enumerate() {
            let Some(name) = name else { continue };
            match self.facets[facet].number(&identity_fold(name).into()) {
                Some(number) => numbers.push((facet, number)),
                None => return Filter::None,
            }
        }
        if numbers.is_empty() {
            Filter::All
        } else {
            Filter::These(numbers)
        }
    }

    /// The slots that pass, in rising order; `None` stands for all.
    pub(super) fn filtered(&self, filter: &Filter) -> Option<Vec<Slot>> {
        let numbers = match filter {
            Filter::All => return None,
            Filter::None => return Some(Vec::new()),
            Filter::These(numbers) => numbers,
        };
        let slots = numbers
            .iter()
            .map(|(facet, number)| self.facets[*facet].slots(*number))
            .min_by_key(|slots| slots.len())
            .unwrap_or_default();
        let admits = |slot: &Slot| self.entry(*slot).is_some_and(|entry| filter.admits(entry));
        Some(slots.iter().copied().filter(admits).collect())
    }
}
