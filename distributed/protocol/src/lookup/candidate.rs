//! One node that a lookup knows of.

use crate::contact::Contact;

#[derive(Debug, Clone)]
pub(super) struct Candidate {
    /// Its distance from the target, the leading bits.
    pub(super) nearness: u64,
    pub(super) contact: Contact,
    pub(super) stage: Stage,
    /// Requests made to it, each to another address.
    pub(super) tries: u8,
    /// It is asked only when nobody else answered.
    pub(super) doubted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Known,
    Waiting,
    Late,
    Answered {
        counts: bool,
    },
    Failed,
    /// Another path asks it, so this one does not.
    Elsewhere(Fate),
}

/// What became of a request of another path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nothing yet.
    Open,
    Answered {
        counts: bool,
    },
    /// It is late, or failed.
    Gone,
}

impl Candidate {
    /// Whether it is one of the `want`, as far as is known.
    pub(super) fn takes_place(&self, desperate: bool) -> bool {
        match self.stage {
            Stage::Known => desperate || !self.doubted,
            Stage::Waiting => true,
            Stage::Elsewhere(Fate::Open) => true,
            Stage::Answered { counts } | Stage::Elsewhere(Fate::Answered { counts }) => counts,
            Stage::Late | Stage::Failed | Stage::Elsewhere(Fate::Gone) => false,
        }
    }

    /// Whether it answered, this path or another.
    pub(super) fn has_answered(&self) -> bool {
        matches!(
            self.stage,
            Stage::Answered { .. } | Stage::Elsewhere(Fate::Answered { .. })
        )
    }
}

/// Those of the closest that answered, up to and including the `want`-th that counts.
pub(crate) fn up_to(
    want: usize,
    answered: impl IntoIterator<Item = (Contact, bool)>,
) -> Vec<Contact> {
    let mut places = want;
    let wanted = answered.into_iter().take_while(|(_, counts)| {
        let taken = places > 0;
        places -= usize::from(taken && *counts);
        taken
    });
    wanted.map(|(contact, _)| contact).collect()
}
