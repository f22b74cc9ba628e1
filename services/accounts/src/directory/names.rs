//! Which account a name means, the same at every node that knows the same accounts.
//!
//! Two sides of a cut, or two networks before they became one, may have given a name to two accounts. The older
//! one has it. Another one is called by the name, `~` and the first digits of its id, and signs in by that.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    entry::{Change, Entry},
    ids::{AccountId, Stamp},
};

/// How many digits of an id tell accounts of one name apart.
const DIGITS: usize = 8;

/// The accounts of each name, the oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Names(BTreeMap<String, BTreeSet<(Stamp, AccountId)>>);

impl Names {
    pub(super) fn add(&mut self, entry: &Entry) {
        if let Change::Name(name) = &entry.change {
            let same = self.0.entry(name.key()).or_default();
            same.insert((entry.stamp, entry.account));
        }
    }

    pub(super) fn remove(&mut self, entry: &Entry) {
        let Change::Name(name) = &entry.change else {
            return;
        };
        let key = name.key();
        if let Some(same) = self.0.get_mut(&key) {
            same.remove(&(entry.stamp, entry.account));
            if same.is_empty() {
                self.0.remove(&key);
            }
        }
    }

    /// The accounts of a name.
    pub(super) fn of(&self, key: &str) -> impl Iterator<Item = AccountId> {
        let same = self.0.get(key).into_iter().flatten();
        same.map(|(_, id)| *id)
    }
}

/// What tells an account from others of its name.
pub(super) fn first_digits(id: AccountId) -> String {
    let mut digits = id.to_string();
    digits.truncate(DIGITS);
    digits
}
