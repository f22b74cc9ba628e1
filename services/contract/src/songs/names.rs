//! The values of a tag that may have several: artists, genres.
//!
//! A value is never split, and several are never one: only the file, or whoever uploads it, says where one
//! name ends and the next begins. They are shown in one text, and kept in their order.

use super::text::{TEXT_BYTES_MAX, clean};
use crate::fold::identity_fold;

/// The most values that a tag keeps; further ones are dropped.
pub const VALUES_MAX: usize = 32;

/// Stands between values where they are shown in one text.
const BETWEEN: &str = ", ";

/// The values of one tag, cleaned; none of them is empty, and no two are the same after folding.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Names {
    joined: String,
    /// The length of each value in bytes. Empty where there is one value, or none.
    lens: Box<[u16]>,
}

impl Names {
    /// These values, as many as fit: at most [`VALUES_MAX`], and together [`TEXT_BYTES_MAX`] bytes.
    #[must_use]
    pub fn new<'a>(values: impl IntoIterator<Item = &'a str>) -> Names {
        Names::within(values, TEXT_BYTES_MAX)
    }

    /// These values, as many as fit into so many bytes.
    pub(crate) fn within<'a>(values: impl IntoIterator<Item = &'a str>, bytes_max: usize) -> Names {
        let mut kept: Vec<(String, String)> = Vec::new();
        let mut bytes = 0;
        for value in values.into_iter().map(clean) {
            let folded = identity_fold(&value);
            let more = value.len() + if kept.is_empty() { 0 } else { BETWEEN.len() };
            if folded.is_empty() || kept.iter().any(|(_, known)| *known == folded) {
                continue;
            }
            if kept.len() == VALUES_MAX || bytes + more > bytes_max {
                break;
            }
            bytes += more;
            kept.push((value, folded));
        }
        let values: Vec<&str> = kept.iter().map(|(value, _)| value.as_str()).collect();
        let lens = values.iter().map(|value| value.len() as u16);
        Names {
            joined: values.join(BETWEEN),
            lens: lens.filter(|_| values.len() > 1).collect(),
        }
    }

    /// From what [`joined`](Names::joined) and [`lens`](Names::lens) gave; nothing is checked.
    #[must_use]
    pub fn restored(joined: &str, lens: Box<[u16]>) -> Names {
        Names {
            joined: joined.to_owned(),
            lens,
        }
    }

    /// All values in one text; empty if there are none.
    #[must_use]
    pub fn joined(&self) -> &str {
        &self.joined
    }

    /// The length of each value in bytes; empty if there are not several.
    #[must_use]
    pub fn lens(&self) -> &[u16] {
        &self.lens
    }

    /// Each value.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        values_of(&self.joined, self.lens.iter().map(|len| usize::from(*len)))
    }

    /// The first value; empty if there are none.
    #[must_use]
    pub fn first(&self) -> &str {
        self.values().next().unwrap_or("")
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.joined.is_empty()
    }

    /// Whether there is more than one value.
    #[must_use]
    pub fn are_several(&self) -> bool {
        !self.lens.is_empty()
    }

    /// Whether both have the same values in the same order, after folding.
    #[must_use]
    pub fn is_same(&self, other: &Names) -> bool {
        let folded = |names: &Names| names.values().map(identity_fold).collect::<Vec<_>>();
        folded(self) == folded(other)
    }
}

/// The values of which a joined text was made, by their lengths in bytes; without lengths, the text itself
/// if it is not empty.
pub fn values_of(joined: &str, lens: impl Iterator<Item = usize>) -> impl Iterator<Item = &str> {
    let mut lens = lens.peekable();
    let mut only = (lens.peek().is_none() && !joined.is_empty()).then_some(joined);
    let mut rest = joined;
    std::iter::from_fn(move || {
        let Some(len) = lens.next() else {
            return only.take();
        };
        let (value, behind) = rest.split_at_checked(len)?;
        rest = behind.strip_prefix(BETWEEN).unwrap_or(behind);
        Some(value)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_are_never_split_and_stay_in_order() {
        let names = Names::new([
            "AC/DC",
            "Simon & Garfunkel",
            "Tyler, The Creator",
            "ac/dc",
            " ",
        ]);
        let values: Vec<&str> = names.values().collect();
        assert_eq!(values, ["AC/DC", "Simon & Garfunkel", "Tyler, The Creator"]);
        assert_eq!(
            names.joined(),
            "AC/DC, Simon & Garfunkel, Tyler, The Creator"
        );
        assert!(names.are_several() && !Names::new(["A, B"]).are_several());
    }

    #[test]
    fn too_many_values_are_dropped_and_none_is_cut_in_two() {
        let many: Vec<String> = (0..100).map(|n| format!("Artist {n}")).collect();
        let names = Names::new(many.iter().map(String::as_str));
        assert_eq!(names.values().count(), VALUES_MAX);
        let long = ["é".repeat(1500), "x".repeat(2000), "y".repeat(1090)];
        let names = Names::new(long.iter().map(String::as_str));
        assert_eq!(names.values().count(), 1);
        assert!(names.joined().len() <= TEXT_BYTES_MAX);
    }

    proptest! {
        #[test]
        fn what_is_taken_apart_is_what_was_joined(values in proptest::collection::vec("[a-c, /é]{0,5}", 0..5)) {
            let names = Names::new(values.iter().map(String::as_str));
            let apart: Vec<&str> = names.values().collect();
            prop_assert_eq!(apart.join(BETWEEN), names.joined());
            prop_assert_eq!(Names::new(apart), names.clone());
            prop_assert_eq!(Names::restored(names.joined(), names.lens().into()), names);
        }
    }
}
