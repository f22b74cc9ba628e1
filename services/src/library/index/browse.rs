//! Groups as [`Browse::page`] defines them, without looking at every song.

use std::collections::HashMap;

use super::{Entry, Index, KINDS, Scope, Slot};
use crate::{Browse, Group, GroupKind, Page, SongId, SortKey};

/// What is added up over the songs of a group.
#[derive(Debug, Default)]
struct Sum {
    songs: u64,
    duration_ms: u64,
    year: Option<u32>,
    /// The song with the lowest id, and where it is.
    first: Option<(SongId, Slot)>,
}

impl Sum {
    fn add(&mut self, slot: Slot, entry: &Entry) {
        self.songs += 1;
        self.duration_ms += entry.duration_ms;
        self.year = [self.year, entry.year].into_iter().flatten().min();
        if self.first.is_none_or(|(first, _)| entry.id < first) {
            self.first = Some((entry.id, slot));
        }
    }

    fn into_group(self, index: &Index, kind: GroupKind) -> Option<Group> {
        let (first, slot) = self.first?;
        let tags = index.entry(slot)?.card.song.tags();
        let (name, artist) = match kind {
            GroupKind::Artist => (tags.artist(), None),
            GroupKind::Album => (tags.album(), Some(tags.artist().to_owned())),
            GroupKind::Genre => (tags.genre()?, None),
        };
        Some(Group {
            name: name.to_owned(),
            artist,
            songs: self.songs,
            duration_ms: self.duration_ms,
            year: self.year,
            first,
        })
    }
}

/// From so many songs on, adding them all up takes milliseconds. A guess.
const LONG_SONGS: usize = 10_000;

impl Index {
    /// Whether browsing takes milliseconds rather than microseconds.
    pub(in super::super) fn is_long_browse(&self, browse: &Browse) -> bool {
        let adds_many_up = browse.kind == GroupKind::Genre || browse.genre.is_some();
        adds_many_up && self.by_id.len() > LONG_SONGS
    }

    /// The page of groups that the songs in scope form.
    pub(in super::super) fn browse(&self, browse: &Browse, scope: Scope) -> Page<Group> {
        let kind = KINDS
            .iter()
            .position(|kind| *kind == browse.kind)
            .expect("every kind is in the list");
        let after = browse.after.as_ref();
        let filter = self.filter([browse.artist.as_deref(), None, browse.genre.as_deref()]);
        let keyed: Vec<(SortKey, Group)> = match self.filtered(&filter) {
            None => self.groups[kind]
                .after(after.map(|cursor| cursor.key()))
                .filter_map(|(key, slots)| {
                    let mut sum = Sum::default();
                    for &slot in slots {
                        if let Some(entry) = self.entry(slot)
                            && Index::sees(scope, entry)
                        {
                            sum.add(slot, entry);
                        }
                    }
                    Some((key.clone(), sum.into_group(self, browse.kind)?))
                })
                .take(browse.limit.get() + 1)
                .collect(),
            Some(slots) => {
                let mut sums: HashMap<u32, Sum> = HashMap::new();
                for slot in slots {
                    if let Some(entry) = self.entry(slot)
                        && Index::sees(scope, entry)
                        && let Some(group) = entry.groups[kind]
                    {
                        sums.entry(group).or_default().add(slot, entry);
                    }
                }
                let groups = &self.groups[kind];
                let mut keyed: Vec<(&SortKey, Sum)> = sums
                    .into_iter()
                    .filter_map(|(number, sum)| Some((groups.value(number)?, sum)))
                    .filter(|(key, _)| after.is_none_or(|after| *key > after.key()))
                    .collect();
                keyed.sort_unstable_by_key(|(key, _)| *key);
                keyed
                    .into_iter()
                    .take(browse.limit.get() + 1)
                    .filter_map(|(key, sum)| {
                        Some((key.clone(), sum.into_group(self, browse.kind)?))
                    })
                    .collect()
            }
        };
        Page::of(keyed, after, browse.limit)
    }
}
