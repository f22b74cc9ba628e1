//! The documents of a segment by the line that their titles make, or their artists: to find those that
//! are, or begin with, what was typed.

use std::{collections::HashMap, ops::Range};

use super::{
    flat::{Flat, Reader},
    order::Texts,
};
use crate::index::doc::Doc;
use kadenza_contract::{order, search_words};

/// Documents in the order of a line, then of their numbers.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    docs: Vec<Doc>,
}

/// The form of a text in which it is searched for.
pub(crate) fn line_of(text: &str) -> String {
    order::line(&search_words(text))
}

impl Lines {
    /// Of the texts of all documents in their order.
    pub(crate) fn of<'a>(texts: impl Iterator<Item = &'a str>) -> Lines {
        // Many songs share an artist or a title, so each is folded once.
        let mut numbers: HashMap<&str, u32> = HashMap::new();
        let mut lines = Texts::default();
        let number_of: Vec<u32> = texts
            .map(|text| {
                let next = numbers.len() as u32;
                *numbers.entry(text).or_insert_with(|| {
                    lines.push(&line_of(text));
                    next
                })
            })
            .collect();
        let mut place = vec![0u32; numbers.len()];
        for (at, number) in (0..).zip(lines.order()) {
            place[number as usize] = at;
        }
        let placed = number_of.iter().map(|number| place[*number as usize]);
        let mut docs: Vec<(u32, Doc)> = placed.zip(0..).collect();
        docs.sort_unstable();
        Lines {
            docs: docs.into_iter().map(|(_, doc)| doc).collect(),
        }
    }

    /// Those whose line is what was typed, and those whose line begins with it.
    pub(crate) fn typed<'a>(&self, typed: &str, text: impl Fn(Doc) -> &'a str) -> (&[Doc], &[Doc]) {
        let place = |is_before: &dyn Fn(&str) -> bool| {
            self.docs
                .partition_point(|doc| is_before(&line_of(text(*doc))))
        };
        let from = place(&|line| line < typed);
        let same = place(&|line| line <= typed);
        let to = place(&|line| line < typed || line.starts_with(typed));
        let slice = |range: Range<usize>| &self.docs[range];
        (slice(from..same), slice(from..to))
    }

    pub(crate) fn save(&self, into: &mut Flat<'_>) -> std::io::Result<()> {
        into.u32s(&self.docs)
    }

    pub(crate) fn load(from: &mut Reader<'_>) -> Option<Lines> {
        let docs = from.u32s()?;
        Some(Lines { docs })
    }
}
