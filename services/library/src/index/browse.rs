//! Groups as [`Browse::page`] defines them, without looking at every song.
//!
//! Each segment walks its groups from the cursor on; those with equal keys are added up.

use std::{cmp::Reverse, collections::BinaryHeap};

use super::{
    bits::Bits,
    doc::{Doc, KINDS, Scope},
    list::Index,
    part::Part,
    question::folded,
    segment::{Name, each_name, key_of},
    totals::Total,
};
use kadenza_contract::{Browse, Cursor, Group, GroupKind, Page, SongId, SortKey};

/// Up to so many documents that pass the filters are asked for their groups; with more, all groups are
/// walked, and enough of them soon have one.
const LISTED_MAX: usize = 4096;
/// From so many songs on, adding many of them up takes longer than other tasks should wait.
const LONG_SONGS: u64 = 20_000;

/// The running totals of a group over several segments.
#[derive(Debug)]
struct Sum<'a> {
    songs: u64,
    duration_ms: u64,
    year: Option<u32>,
    /// The song with the lowest id, and where it is.
    first: Option<(&'a [u8; 32], &'a Part, Doc)>,
    /// Of an album, the song whose cover stands for it, and its place.
    cover: Option<(u64, &'a [u8; 32])>,
}

impl<'a> Sum<'a> {
    fn none() -> Sum<'a> {
        Sum {
            songs: 0,
            duration_ms: 0,
            year: None,
            first: None,
            cover: None,
        }
    }

    fn add(&mut self, kind: GroupKind, part: &'a Part, doc: Doc) {
        let segment = &part.segment;
        self.songs += 1;
        self.duration_ms += segment.duration_ms(doc);
        self.year = [self.year, segment.year(doc)].into_iter().flatten().min();
        let id = segment.id(doc);
        if self.first.is_none_or(|(first, ..)| id < first) {
            self.first = Some((id, part, doc));
        }
        if kind == GroupKind::Album {
            let place = segment.best(doc).cover_place(segment.has_artwork(doc));
            let cover = (place, id);
            self.cover = Some(self.cover.map_or(cover, |known| known.min(cover)));
        }
    }

    fn add_total(&mut self, part: &'a Part, total: &Total) {
        let Some(doc) = total.first else { return };
        self.songs += total.songs;
        self.duration_ms += total.duration_ms;
        self.year = [self.year, total.year].into_iter().flatten().min();
        let id = part.segment.id(doc);
        if self.first.is_none_or(|(first, ..)| id < first) {
            self.first = Some((id, part, doc));
        }
    }

    fn into_total(self) -> Total {
        Total {
            songs: self.songs,
            duration_ms: self.duration_ms,
            year: self.year,
            first: self.first.map(|(.., doc)| doc),
        }
    }

    /// The group with this key; `None` if it has no songs, or no name.
    fn into_group(self, kind: GroupKind, key: &SortKey) -> Option<Group> {
        let (id, part, doc) = self.first?;
        let mut named: Option<Name<'_>> = None;
        each_name(kind, &part.segment.best(doc), &mut |names| {
            if key_of(names) == *key {
                named = Some(names);
            }
        });
        let (name, artist) = named.filter(|(name, _)| !name.is_empty())?;
        let cover = self.cover.map_or(id, |(_, id)| id);
        Some(Group {
            name: name.to_owned(),
            artist: artist.map(str::to_owned),
            songs: self.songs,
            duration_ms: self.duration_ms,
            year: self.year,
            first: SongId::from_bytes(*cover),
        })
    }
}

impl Index {
    /// Whether browsing takes milliseconds rather than microseconds.
    pub(crate) fn is_long_browse(&self, browse: &Browse) -> bool {
        let adds_many_up = browse.kind == GroupKind::Genre || browse.genre.is_some();
        adds_many_up && self.count(Scope::Known) > LONG_SONGS
    }

    /// The page of groups that the songs in scope form.
    pub(crate) fn browse(&self, browse: &Browse, scope: Scope) -> Page<Group> {
        let names = folded([&browse.artist, &None, &browse.genre]);
        let kind = KINDS.iter().position(|kind| *kind == browse.kind);
        let kind = kind.expect("every kind is in the list");
        let after = browse.after.as_ref().map(|cursor| cursor.key());
        let mut walks: Vec<Walk<'_>> = self
            .parts
            .iter()
            .map(|part| Walk::new(part, kind, part.filtered(&names, scope), scope, after))
            .collect();
        let mut heads: BinaryHeap<Reverse<(SortKey, usize, u32)>> = BinaryHeap::new();
        for (at, walk) in walks.iter_mut().enumerate() {
            heads.extend(walk.next().map(|(key, group)| Reverse((key, at, group))));
        }
        let mut page = Page::whole(Vec::new(), None);
        let mut last = None;
        while let Some(Reverse((key, ..))) = heads.peek() {
            let key = key.clone();
            let mut sum = Sum::none();
            while let Some(Reverse((other, at, group))) = heads.peek()
                && *other == key
            {
                let (at, group) = (*at, *group);
                walks[at].add_up(group, &mut sum);
                heads.pop();
                let next = walks[at].next();
                heads.extend(next.map(|(key, group)| Reverse((key, at, group))));
            }
            let Some(group) = sum.into_group(browse.kind, &key) else {
                continue;
            };
            if page.items.len() == browse.limit.get() {
                page.next = last.map(Cursor::behind);
                break;
            }
            page.items.push(group);
            last = Some(key);
        }
        page
    }
}

/// The groups of a segment behind a key, in their order. Some may turn out to have no songs in scope.
struct Walk<'a> {
    part: &'a Part,
    kind: usize,
    filtered: Option<Bits>,
    scope: Scope,
    groups: Box<dyn Iterator<Item = u32> + 'a>,
}

impl<'a> Walk<'a> {
    fn new(
        part: &'a Part,
        kind: usize,
        filtered: Option<Bits>,
        scope: Scope,
        after: Option<&SortKey>,
    ) -> Walk<'a> {
        let groups = part.segment.groups(kind);
        let from = after.map_or(0, |after| {
            let (mut low, mut high) = (0, groups.len() as u32);
            while low < high {
                let middle = low.midpoint(high);
                if part.group_key(kind, middle) <= *after {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            low
        });
        let few = filtered.as_ref().filter(|bits| bits.count() <= LISTED_MAX);
        let groups: Box<dyn Iterator<Item = u32>> = match few {
            Some(docs) => {
                let mut listed: Vec<u32> =
                    docs.from(0).flat_map(|doc| groups.groups_of(doc)).collect();
                listed.retain(|group| *group >= from);
                listed.sort_unstable();
                listed.dedup();
                Box::new(listed.into_iter())
            }
            None => Box::new(from..groups.len() as u32),
        };
        Walk {
            part,
            kind,
            filtered,
            scope,
            groups,
        }
    }

    fn wanted(&self) -> &Bits {
        let seen = self.part.seen(self.scope);
        self.filtered.as_ref().unwrap_or(seen)
    }

    fn next(&mut self) -> Option<(SortKey, u32)> {
        loop {
            let group = self.groups.next()?;
            // Its key is made only if it has a song.
            let docs = self.part.segment.groups(self.kind).docs(group);
            if docs.iter().any(|doc| self.wanted().has(*doc)) {
                return Some((self.part.group_key(self.kind, group), group));
            }
        }
    }

    fn add_up(&self, group: u32, sum: &mut Sum<'a>) {
        let part = self.part;
        if KINDS[self.kind] == GroupKind::Genre && self.filtered.is_none() {
            let totals = part.genres(self.kind, self.scope);
            sum.add_total(part, &totals[group as usize]);
            return;
        }
        let docs = part.segment.groups(self.kind).docs(group).iter();
        for doc in docs.filter(|doc| self.wanted().has(**doc)) {
            sum.add(KINDS[self.kind], part, *doc);
        }
    }
}

impl Part {
    fn genres(&self, kind: usize, scope: Scope) -> &[Total] {
        let once = &self.genres[usize::from(scope == Scope::Held)];
        once.get_or_init(|| {
            let (groups, seen) = (self.segment.groups(kind), self.seen(scope));
            let totals = (0..groups.len() as u32).map(|group| {
                let mut sum = Sum::none();
                for doc in groups.docs(group).iter().filter(|doc| seen.has(**doc)) {
                    sum.add(KINDS[kind], self, *doc);
                }
                sum.into_total()
            });
            totals.collect()
        })
    }

    fn group_key(&self, kind: usize, group: u32) -> SortKey {
        let groups = self.segment.groups(kind);
        let (first, nth) = (groups.first(group), groups.nth(group));
        let (mut at, mut named) = (0, ("", None));
        each_name(KINDS[kind], &self.segment.best(first), &mut |names| {
            if at == nth {
                named = names;
            }
            at += 1;
        });
        key_of(named)
    }
}
