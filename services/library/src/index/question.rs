//! A query, made ready to be asked of many segments.

use super::{
    bits::Bits,
    doc::{Doc, KINDS, Scope},
    part::Part,
    segment::{each_credit, each_name},
};
use kadenza_contract::{GroupKind, Query, SortKey, identity_fold, order::Wanted};

/// The part of a question that does not depend on the segment.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    pub(crate) query: &'a Query,
    pub(crate) scope: Scope,
    /// The words that a song must have; none if nothing is searched for.
    pub(crate) words: Option<&'a [Wanted]>,
    /// All words as they were typed, in a line.
    pub(crate) typed: String,
    /// Folded names of artist, album and genre.
    pub(crate) names: [Option<String>; 3],
    /// One more than the page takes.
    pub(crate) count: usize,
    pub(crate) after: Option<&'a SortKey>,
    /// Whether keys are those of entries.
    pub(crate) entries: bool,
}

impl<'a> Question<'a> {
    pub(crate) fn new(query: &'a Query, scope: Scope) -> Question<'a> {
        let text = query.text.as_ref();
        Question {
            query,
            scope,
            words: text.map(|text| text.required()),
            typed: text.map_or_else(String::new, |text| text.words().join(" ")),
            names: folded([&query.artist, &query.album, &query.genre]),
            count: query.limit.get() + 1,
            after: query.after.as_ref().map(|cursor| cursor.key()),
            entries: query.takes_entries(),
        }
    }
}

/// Names as filters compare them.
pub(crate) fn folded(names: [&Option<String>; 3]) -> [Option<String>; 3] {
    names.map(|name| name.as_deref().map(identity_fold))
}

impl Part {
    /// The documents in scope that pass the filters; `None` where there are no filters.
    pub(crate) fn filtered(&self, names: &[Option<String>; 3], scope: Scope) -> Option<Bits> {
        let mut passed: Option<Bits> = None;
        for (kind, name) in names.iter().enumerate() {
            let Some(name) = name else { continue };
            let segment = &*self.segment;
            let mut named = Bits::none(segment.len());
            for doc in self.named(kind, name) {
                named.insert(doc);
            }
            named.keep(passed.as_ref().unwrap_or_else(|| self.seen(scope)));
            passed = Some(named);
        }
        passed
    }

    /// The documents with a folded name of a kind.
    fn named(&self, kind: usize, name: &str) -> impl Iterator<Item = Doc> {
        let segment = &*self.segment;
        let groups = segment.groups(kind);
        let named = groups.named(name, move |doc, nth| {
            let mut names = Vec::new();
            each_name(KINDS[kind], &segment.best(doc), &mut |(name, _)| {
                names.push(name);
            });
            names.get(nth).copied().unwrap_or("")
        });
        let own = named.flat_map(|group| groups.docs(group));
        let credits = segment.credits();
        let credited = credits.named(name, |doc, nth| {
            let mut names = Vec::new();
            each_credit(&segment.best(doc), &mut |(name, _)| {
                names.push(name);
            });
            names.get(nth).copied().unwrap_or("")
        });
        let credited = credited.filter(move |_| KINDS[kind] == GroupKind::Artist);
        own.chain(credited.flat_map(|group| credits.docs(group)))
            .copied()
    }
}
