//! How cards are numbered, and which of them count.

use kadenza_contract::GroupKind;

/// The number of a card in a segment.
pub(crate) type Doc = u32;

/// In the order of the filters.
pub(crate) const KINDS: [GroupKind; 3] = [GroupKind::Artist, GroupKind::Album, GroupKind::Genre];

/// Which cards an answer is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Those with audio on this machine: the songs of the library.
    Held,
    /// All that are known here.
    Known,
}
