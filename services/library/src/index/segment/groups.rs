//! The artists, albums or genres of a segment, in the order in which browsing lists them, and the
//! documents of each.
//!
//! A group keeps no text: its first document has it.

use std::collections::HashMap;

use super::{
    finder::Finder,
    flat::{Flat, Reader},
    packed::View,
};
use crate::index::doc::{Doc, KINDS};
use kadenza_contract::{Browse, Group, GroupKind, SongId, SortKey, identity_fold};

/// Groups by number, in the order of their keys. Songs without a name are one too, since filters can
/// ask for them; browsing leaves it out.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    /// Where the documents of each group end.
    ends: Vec<u32>,
    docs: Vec<Doc>,
    /// The group of each document.
    group_of: Vec<u32>,
    /// Groups by a hash of their folded names.
    names: Finder,
}

/// The names that make the group of a song: its own, and for an album its artist.
pub(crate) fn names_of<'a>(kind: GroupKind, view: &View<'a>) -> (&'a str, Option<&'a str>) {
    match kind {
        GroupKind::Artist => (view.artist, None),
        GroupKind::Album => (view.album, Some(view.artist)),
        GroupKind::Genre => (view.genre, None),
    }
}

/// Where the group of these names stands; the key looks at no more.
pub(crate) fn key_of((name, artist): (&str, Option<&str>)) -> SortKey {
    Browse::all(KINDS[0]).key(&Group {
        name: name.to_owned(),
        artist: artist.map(str::to_owned),
        songs: 1,
        duration_ms: 0,
        year: None,
        first: SongId::from_bytes([0; 32]),
    })
}

/// The head under which a folded name is found (FNV-1a; Fowler, Noll and Vo).
fn name_head(folded: &str) -> u32 {
    let mut hash = 0x811c_9dc5u32;
    for byte in folded.bytes() {
        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    hash
}

impl Groups {
    /// The groups that the names of all documents make.
    pub(crate) fn of<'a>(names: impl Iterator<Item = (&'a str, Option<&'a str>)>) -> Groups {
        let mut written: HashMap<(&str, Option<&str>), u32> = HashMap::new();
        let mut keyed: Vec<(SortKey, u32)> = Vec::new();
        let mut heads: Vec<u32> = Vec::new();
        let mut group_of: Vec<u32> = names
            .map(|names| {
                let next = written.len() as u32;
                *written.entry(names).or_insert_with(|| {
                    keyed.push((key_of(names), next));
                    heads.push(name_head(&identity_fold(names.0)));
                    next
                })
            })
            .collect();
        drop(written);
        keyed.sort_unstable();
        let mut number_of = vec![0u32; keyed.len()];
        let mut named: Vec<(u32, u32)> = Vec::new();
        let mut before: Option<&SortKey> = None;
        for (key, written) in &keyed {
            if before != Some(key) {
                named.push((heads[*written as usize], named.len() as u32));
                before = Some(key);
            }
            number_of[*written as usize] = named.len() as u32 - 1;
        }
        for group in &mut group_of {
            *group = number_of[*group as usize];
        }
        named.sort_unstable();
        let names = Finder::of(named.into_iter());
        Groups::grouped(group_of, names)
    }

    /// Lists the documents of each group.
    fn grouped(group_of: Vec<u32>, names: Finder) -> Groups {
        let mut ends = vec![0u32; names.numbers().len()];
        for group in &group_of {
            ends[*group as usize] += 1;
        }
        let mut before = 0;
        for end in &mut ends {
            before += std::mem::replace(end, before);
        }
        let mut docs = vec![0; group_of.len()];
        for (doc, group) in (0..).zip(&group_of) {
            let at = &mut ends[*group as usize];
            docs[*at as usize] = doc;
            *at += 1;
        }
        Groups {
            ends,
            docs,
            group_of,
            names,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The documents of a group, rising.
    pub(crate) fn docs(&self, group: u32) -> &[Doc] {
        let at = group as usize;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.docs[start as usize..self.ends[at] as usize]
    }

    /// The document that stands for a group.
    pub(crate) fn first(&self, group: u32) -> Doc {
        self.docs(group)[0]
    }

    pub(crate) fn group_of(&self, doc: Doc) -> u32 {
        self.group_of[doc as usize]
    }

    /// The groups of a folded name.
    pub(crate) fn named<'a>(
        &self,
        folded: &str,
        name: impl Fn(Doc) -> &'a str,
    ) -> impl Iterator<Item = u32> {
        let alike = self.names.find(name_head(folded));
        alike.filter(move |group| identity_fold(name(self.first(*group))) == folded)
    }

    pub(crate) fn save(&self, into: &mut Flat<'_>) -> std::io::Result<()> {
        into.u32s(&self.group_of)?;
        self.names.save(into)
    }

    pub(crate) fn load(from: &mut Reader<'_>) -> Option<Groups> {
        let (group_of, names) = (from.u32s()?, Finder::load(from)?);
        Some(Groups::grouped(group_of, names))
    }
}
