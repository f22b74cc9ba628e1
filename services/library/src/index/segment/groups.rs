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
    /// The first group of each document; empty where few documents have any.
    group_of: Vec<u32>,
    /// Further groups of documents, with the documents rising, and in the order of their names.
    more: Vec<(Doc, u32)>,
    /// Groups by a hash of their folded names.
    names: Finder,
}

/// The names that make a group of a song: its own, and for an album its artist.
pub(crate) type Name<'a> = (&'a str, Option<&'a str>);

/// The names that put a song into groups of a kind, one or more.
pub(crate) fn each_name<'a>(kind: GroupKind, view: &View<'a>, give: &mut dyn FnMut(Name<'a>)) {
    let credits = &view.credits;
    let listed = match kind {
        GroupKind::Artist => credits.artists,
        GroupKind::Genre => credits.genres,
        GroupKind::Album => return give((view.album, Some(credits.album_artist()))),
    };
    if listed.joined.is_empty() {
        give(("", None));
    }
    for name in listed.values() {
        give((name, None));
    }
}

/// Those to whom a song belongs beside its artists: the artists of its album.
pub(crate) fn each_credit<'a>(view: &View<'a>, give: &mut dyn FnMut(Name<'a>)) {
    let credits = &view.credits;
    let album = credits.album_artist();
    let of_album = credits.album_artists.values().chain([album]);
    let mut known: Vec<&str> = credits.artists.values().collect();
    for name in of_album {
        let is_same = |known: &&str| *known == name || identity_fold(known) == identity_fold(name);
        if !name.is_empty() && !known.iter().any(is_same) {
            known.push(name);
            give((name, None));
        }
    }
}

/// Where the group of these names stands; the key looks at no more.
pub(crate) fn key_of((name, artist): Name<'_>) -> SortKey {
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
    /// The groups that the names of so many documents make. `sparse` where few have any.
    pub(crate) fn of<'a>(
        count: usize,
        sparse: bool,
        each: impl Fn(Doc, &mut dyn FnMut(Name<'a>)),
    ) -> Groups {
        let mut written: HashMap<Name<'a>, u32> = HashMap::new();
        let mut keyed: Vec<(SortKey, u32)> = Vec::new();
        let mut heads: Vec<u32> = Vec::new();
        let mut group_of: Vec<u32> = Vec::new();
        let mut more: Vec<(Doc, u32)> = Vec::new();
        for doc in 0..count as Doc {
            let mut has_first = sparse;
            each(doc, &mut |names| {
                let next = written.len() as u32;
                let number = *written.entry(names).or_insert_with(|| {
                    keyed.push((key_of(names), next));
                    heads.push(name_head(&identity_fold(names.0)));
                    next
                });
                match has_first {
                    true => more.push((doc, number)),
                    false => group_of.push(number),
                }
                has_first = true;
            });
        }
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
        let further = more.iter_mut().map(|(_, group)| group);
        for group in group_of.iter_mut().chain(further) {
            *group = number_of[*group as usize];
        }
        more.shrink_to_fit();
        named.sort_unstable();
        let names = Finder::of(named.into_iter());
        Groups::grouped(group_of, more, names)
    }

    /// Lists the documents of each group.
    fn grouped(group_of: Vec<u32>, more: Vec<(Doc, u32)>, names: Finder) -> Groups {
        let mut ends = vec![0u32; names.numbers().len()];
        for group in group_of.iter().chain(more.iter().map(|(_, group)| group)) {
            ends[*group as usize] += 1;
        }
        let mut before = 0;
        for end in &mut ends {
            before += std::mem::replace(end, before);
        }
        let mut docs = vec![0; group_of.len() + more.len()];
        let mut further = more.iter().peekable();
        let firsts = (0..).zip(group_of.iter().copied());
        let mut put = |doc: Doc, group: u32| {
            let at = &mut ends[group as usize];
            docs[*at as usize] = doc;
            *at += 1;
        };
        for (doc, group) in firsts {
            while let Some((other, group)) = further.next_if(|(other, _)| *other < doc) {
                put(*other, *group);
            }
            put(doc, group);
        }
        for (doc, group) in further {
            put(*doc, *group);
        }
        Groups {
            ends,
            docs,
            group_of,
            more,
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

    /// The groups of a document, in the order of its names.
    pub(crate) fn groups_of(&self, doc: Doc) -> impl Iterator<Item = u32> {
        let first = self.group_of.get(doc as usize).copied();
        let from = self.more.partition_point(|(other, _)| *other < doc);
        let more = self.more[from..].iter();
        let more = more.take_while(move |(other, _)| *other == doc);
        first.into_iter().chain(more.map(|(_, group)| *group))
    }

    /// Which of the names of its first document makes a group.
    pub(crate) fn nth(&self, group: u32) -> usize {
        let mut groups = self.groups_of(self.first(group));
        groups.position(|other| other == group).unwrap_or(0)
    }

    /// The groups of a folded name; `name` gives a name of a document by its place.
    pub(crate) fn named<'a>(
        &self,
        folded: &str,
        name: impl Fn(Doc, usize) -> &'a str,
    ) -> impl Iterator<Item = u32> {
        let alike = self.names.find(name_head(folded));
        let is_it =
            move |group: &u32| identity_fold(name(self.first(*group), self.nth(*group))) == folded;
        alike.filter(is_it)
    }

    pub(crate) fn save(&self, into: &mut Flat<'_>) -> std::io::Result<()> {
        into.u32s(&self.group_of)?;
        let (docs, groups): (Vec<u32>, Vec<u32>) = self.more.iter().copied().unzip();
        into.u32s(&docs)?;
        into.u32s(&groups)?;
        self.names.save(into)
    }

    pub(crate) fn load(from: &mut Reader<'_>) -> Option<Groups> {
        let group_of = from.u32s()?;
        let (docs, groups) = (from.u32s()?, from.u32s()?);
        let more = docs.into_iter().zip(groups).collect();
        let names = Finder::load(from)?;
        Some(Groups::grouped(group_of, more, names))
    }
}
