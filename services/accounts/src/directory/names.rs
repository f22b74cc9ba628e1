//! Which account a name means, the same at every node that knows the same accounts.
//!
//! Two sides of a cut, or two networks before they became one, may have given a name to two accounts. The older
//! one has it. Another one is called by the name, `~` and the first digits of its id, and signs in by that.

use std::collections::{BTreeMap, BTreeSet};

use super::{Account, Directory};
use crate::{
    entry::{Change, Entry},
    ids::{AccountId, Stamp},
    names::UserName,
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
}

impl Directory {
    /// The account that somebody means who signs in as this.
    #[must_use]
    pub fn named(&self, key: &str) -> Option<Account> {
        self.of_name(key).next().or_else(|| {
            let (name, digits) = key.rsplit_once('~')?;
            let mut others = self.of_name(name).skip(1);
            others.find(|account| digits == first_digits(account.id))
        })
    }

    /// The accounts that have a name, the oldest first.
    fn of_name(&self, key: &str) -> impl Iterator<Item = Account> {
        let same = self.names.0.get(key).into_iter().flatten();
        same.filter_map(|(_, id)| super::account(*id, self.accounts.get(id)?))
            .map(|mut account| {
                account.called = self.called(&account);
                account
            })
    }

    /// What an account is called, so that no two are called the same.
    pub(super) fn called(&self, account: &Account) -> String {
        let owns = self.is_owner(&account.name, account.id);
        match owns {
            true => account.name.as_str().to_owned(),
            false => format!("{}~{}", account.name.as_str(), first_digits(account.id)),
        }
    }

    fn is_owner(&self, name: &UserName, id: AccountId) -> bool {
        let same = self.names.0.get(&name.key()).into_iter().flatten();
        let whole = |id: &AccountId| {
            let slots = self.accounts.get(id);
            slots.is_some_and(|slots| super::account(*id, slots).is_some())
        };
        let mut owners = same.map(|(_, id)| id).filter(|id| whole(id));
        owners.next() == Some(&id)
    }
}

fn first_digits(id: AccountId) -> String {
    let mut digits = id.to_string();
    digits.truncate(DIGITS);
    digits
}
