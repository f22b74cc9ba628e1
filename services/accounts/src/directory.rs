//! All accounts, as entries that merge to the same state in whatever order they arrive.
//!
//! For each account there are slots, each with the one entry that won it; which one wins depends on the
//! entries alone. That a deletion empties the other slots, and that tokens before [`Change::TokensEnded`] are
//! dropped, depends on the slot alone. So merging is commutative, associative and idempotent, until a bound
//! refuses entries: the bounds are far above what people need, and only there to stop a hostile member. They
//! are for what is new (`Room`); what was once taken is never dropped for them.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    clock::AHEAD_MS_MAX,
    entry::{Change, Entry, Token},
    ids::{AccountId, Stamp, TokenId},
    names::UserName,
    role::Role,
};

mod counts;
mod names;
#[cfg(test)]
mod tests;

use counts::Counts;
use names::{Names, first_digits};

/// How long after its end a token is kept, so that clocks may differ.
const MARGIN_MS: u64 = 24 * 60 * 60 * 1000;

/// What an entry is about; of two about the same, one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Slot {
    Deleted,
    Name,
    Shown,
    Role,
    Password,
    Disabled,
    Enabled,
    TokensEnded,
    Token(TokenId),
}

impl Entry {
    /// What it is about, as a text: of two entries with the same key one wins.
    #[must_use]
    pub fn key(&self) -> String {
        let slot = match Slot::of(self) {
            Slot::Token(id) => format!("token {id}"),
            slot => format!("{slot:?}").to_lowercase(),
        };
        format!("{} {slot}", self.account)
    }
}

impl Entry {
    /// Whether it is to be kept in the place of another one with the same key.
    #[must_use]
    pub fn wins_over(&self, other: &Entry) -> bool {
        wins(self, other)
    }
}

impl Slot {
    fn of(entry: &Entry) -> Slot {
        match &entry.change {
            Change::Name(_) => Slot::Name,
            Change::Shown(_) => Slot::Shown,
            Change::Role(_) => Slot::Role,
            Change::Password(_) => Slot::Password,
            Change::Disabled => Slot::Disabled,
            Change::Enabled { .. } => Slot::Enabled,
            Change::TokensEnded => Slot::TokensEnded,
            Change::Token(_) => Slot::Token(TokenId::of(entry.account, entry.stamp)),
            Change::TokenGone { made, .. } => Slot::Token(TokenId::of(entry.account, *made)),
            Change::Deleted => Slot::Deleted,
        }
    }
}

/// Whether an entry wins over another one in its slot: revoking over making, then the later one; the bytes
/// decide between two that a hostile writer made at the same time.
fn wins(new: &Entry, old: &Entry) -> bool {
    fn rank(entry: &Entry) -> (bool, Option<Stamp>, Stamp) {
        match entry.change {
            Change::TokenGone { .. } => (true, None, entry.stamp),
            Change::Enabled { lifts } => (false, Some(lifts), entry.stamp),
            _ => (false, None, entry.stamp),
        }
    }
    let bytes = |entry: &Entry| (entry.message(), entry.signature.clone());
    match rank(new).cmp(&rank(old)) {
        std::cmp::Ordering::Equal => bytes(new) > bytes(old),
        order => order.is_gt(),
    }
}

/// Whether an entry changed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merged {
    /// It won its slot.
    New,
    /// What is there wins, or it is there already.
    Known,
}

/// Why an entry was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Something in it is out of bounds.
    #[error("{0}")]
    Malformed(&'static str),
    /// Its clock is far ahead of this one.
    #[error("it was written by a clock that is far ahead")]
    Ahead,
    /// The token in it ended long ago.
    #[error("the token in it ended long ago")]
    Ended,
    /// There are as many entries as there may be.
    #[error("there are too many accounts or tokens")]
    Full,
    /// Nobody with a right to write signed it.
    #[error("its writer did not sign it")]
    Unsigned,
}

/// An account as the entries say it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// The name to sign in with.
    pub name: UserName,
    /// The name to show, if it is another one.
    pub shown: Option<String>,
    /// What it may do.
    pub role: Role,
    /// Whether it may do nothing.
    pub is_disabled: bool,
    /// When it was made.
    pub made: Stamp,
    /// The last disabling, if there is one.
    pub(crate) disabled: Option<Stamp>,
    pub(crate) password: Option<String>,
    /// When it got its password.
    pub(crate) password_set: Option<Stamp>,
    /// What it signs in by and is shown as.
    pub(crate) called: String,
}

/// A token that is good for something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenKept {
    /// Its id.
    pub id: TokenId,
    /// When it was made.
    pub made: Stamp,
    /// The token.
    pub token: Token,
}

/// The digests of a directory, by the first byte of the ids of accounts.
pub type Digests = BTreeMap<u8, [u8; 32]>;

/// All accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directory {
    accounts: BTreeMap<AccountId, BTreeMap<Slot, Entry>>,
    counts: Counts,
    names: Names,
}

impl Directory {
    /// Takes an entry in.
    ///
    /// # Errors
    ///
    /// [`Refused`]; nothing changed.
    pub fn merge(&mut self, entry: Entry, now_ms: u64) -> Result<Merged, Refused> {
        if entry.stamp.wall_ms > now_ms.saturating_add(AHEAD_MS_MAX) {
            return Err(Refused::Ahead);
        }
        if ended(&entry).is_some_and(|expires_ms| is_over(expires_ms, now_ms)) {
            return Err(Refused::Ended);
        }
        self.restore(entry)
    }

    /// Takes an entry in that was taken before, whatever the clock says now and however many there are.
    pub(crate) fn restore(&mut self, entry: Entry) -> Result<Merged, Refused> {
        if self.decide(&entry)? == Merged::Known {
            return Ok(Merged::Known);
        }
        let (slot, stamp) = (Slot::of(&entry), entry.stamp);
        let id = entry.account;
        let added = entry.clone();
        let slots = self.accounts.entry(id).or_default();
        let mut gone: Vec<Entry> = slots.insert(slot, entry).into_iter().collect();
        let stays = |other: &Slot, entry: &Entry| match slot {
            Slot::Deleted => *other == Slot::Deleted,
            Slot::TokensEnded => token_made(entry).is_none_or(|made| made > stamp),
            _ => true,
        };
        slots.retain(|other, entry| {
            let stays = stays(other, entry);
            if !stays {
                gone.push(entry.clone());
            }
            stays
        });
        for entry in &gone {
            self.counts.remove(entry);
            self.names.remove(entry);
        }
        self.counts.add(&added);
        self.names.add(&added);
        Ok(Merged::New)
    }

    /// What would become of an entry, apart from its times and from whether there is room for it.
    pub(crate) fn decide(&self, entry: &Entry) -> Result<Merged, Refused> {
        entry.check().map_err(Refused::Malformed)?;
        let slot = Slot::of(entry);
        if let Some(slots) = self.accounts.get(&entry.account) {
            let is_deleted = slots.contains_key(&Slot::Deleted) && slot != Slot::Deleted;
            let is_void = token_made(entry).is_some_and(|made| is_void(slots, made));
            let is_beaten = slots.get(&slot).is_some_and(|old| !wins(entry, old));
            if is_deleted || is_void || is_beaten {
                return Ok(Merged::Known);
            }
        }
        Ok(Merged::New)
    }

    /// Drops tokens that ended long ago, and gives the keys of their entries.
    pub fn prune(&mut self, now_ms: u64) -> Vec<String> {
        let (counts, mut keys) = (&mut self.counts, Vec::new());
        for slots in self.accounts.values_mut() {
            slots.retain(|_, entry| {
                let is_over = ended(entry).is_some_and(|expires| is_over(expires, now_ms));
                if is_over {
                    counts.remove(entry);
                    keys.push(entry.key());
                }
                !is_over
            });
        }
        keys
    }

    /// An account, if enough is known of it and it was not deleted.
    #[must_use]
    pub fn account(&self, id: AccountId) -> Option<Account> {
        let mut account = account(id, self.accounts.get(&id)?)?;
        account.called = self.called(&account);
        Some(account)
    }

    /// All accounts that are not deleted.
    pub fn accounts(&self) -> impl Iterator<Item = Account> {
        self.accounts.keys().filter_map(|id| self.account(*id))
    }

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
        self.names.of(key).filter_map(|id| self.account(id))
    }

    /// What an account is called, so that no two are called the same.
    fn called(&self, account: &Account) -> String {
        let is_whole = |id: &AccountId| {
            let slots = self.accounts.get(id);
            slots.is_some_and(is_whole)
        };
        let owner = self.names.of(&account.name.key()).find(is_whole);
        match owner == Some(account.id) {
            true => account.name.as_str().to_owned(),
            false => format!("{}~{}", account.name.as_str(), first_digits(account.id)),
        }
    }

    /// Whether something else is kept that is about the same.
    pub(crate) fn has(&self, entry: &Entry) -> bool {
        let slots = self.accounts.get(&entry.account);
        slots.is_some_and(|slots| slots.contains_key(&Slot::of(entry)))
    }

    /// How many entries an account has.
    pub(crate) fn entries_of(&self, account: AccountId) -> usize {
        self.accounts.get(&account).map_or(0, BTreeMap::len)
    }

    /// How many entries there are, and of whom.
    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The tokens of an account that are good for something now.
    pub fn tokens(&self, account: AccountId, now_ms: u64) -> impl Iterator<Item = TokenKept> {
        let slots = self.accounts.get(&account);
        let password = slots.and_then(password_of);
        let slots = slots.into_iter().flatten();
        slots.filter_map(move |(slot, entry)| token(slot, entry, password, now_ms))
    }

    /// A token that is good for something now.
    #[must_use]
    pub fn token(&self, account: AccountId, id: TokenId, now_ms: u64) -> Option<TokenKept> {
        let (slot, slots) = (Slot::Token(id), self.accounts.get(&account)?);
        token(&slot, slots.get(&slot)?, password_of(slots), now_ms)
    }

    /// All entries.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.accounts.values().flat_map(BTreeMap::values)
    }

    /// The digests of the accounts by the first byte of their ids, without those of which nothing is known. Two
    /// directories are the same where these are. Tokens that ended long ago are left out: who dropped them already,
    /// and who did not yet, is no difference.
    #[must_use]
    pub fn digests(&self, now_ms: u64) -> Digests {
        let mut hashers: BTreeMap<u8, blake3::Hasher> = BTreeMap::new();
        for entry in self.that_last(now_ms) {
            let hasher = hashers.entry(entry.account.0[0]).or_default();
            hasher.update(&hash(entry));
        }
        let digest = |(first, hasher): (u8, blake3::Hasher)| (first, hasher.finalize().into());
        hashers.into_iter().map(digest).collect()
    }

    /// The entries of the accounts whose ids begin with one of these bytes, in the order of their keys.
    #[must_use]
    pub fn of_parts(&self, parts: &BTreeSet<u8>, now_ms: u64) -> BTreeMap<String, &Entry> {
        let entries = self.that_last(now_ms);
        let entries = entries.filter(|entry| parts.contains(&entry.account.0[0]));
        entries.map(|entry| (entry.key(), entry)).collect()
    }

    fn that_last(&self, now_ms: u64) -> impl Iterator<Item = &Entry> {
        let lasts = move |entry: &&Entry| !ended(entry).is_some_and(|ends| is_over(ends, now_ms));
        self.entries().filter(lasts)
    }
}

fn hash(entry: &Entry) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&entry.message()).update(&entry.signature);
    *hasher.finalize().as_bytes()
}

/// Whether enough is known of an account to say what it may do.
fn is_whole(slots: &BTreeMap<Slot, Entry>) -> bool {
    slots.contains_key(&Slot::Name) && slots.contains_key(&Slot::Role)
}

fn account(id: AccountId, slots: &BTreeMap<Slot, Entry>) -> Option<Account> {
    let Entry {
        change: Change::Name(name),
        stamp: made,
        ..
    } = slots.get(&Slot::Name)?
    else {
        return None;
    };
    let Change::Role(role) = slots.get(&Slot::Role)?.change else {
        return None;
    };
    let text = |slot| match &slots.get(&slot)?.change {
        Change::Shown(text) | Change::Password(text) => Some(text.clone()),
        _ => None,
    };
    let disabled = slots.get(&Slot::Disabled).map(|entry| entry.stamp);
    let lifted = slots
        .get(&Slot::Enabled)
        .and_then(|entry| match entry.change {
            Change::Enabled { lifts } => Some(lifts),
            _ => None,
        });
    Some(Account {
        id,
        name: name.clone(),
        shown: text(Slot::Shown),
        role,
        is_disabled: disabled > lifted,
        made: *made,
        disabled,
        password: text(Slot::Password),
        password_set: password_of(slots),
        called: name.as_str().to_owned(),
    })
}

/// When an account got its password.
fn password_of(slots: &BTreeMap<Slot, Entry>) -> Option<Stamp> {
    slots.get(&Slot::Password).map(|entry| entry.stamp)
}

/// The token of an entry, if it is good: one that was made under an earlier password ended with it, also where
/// it was made elsewhere after that one was changed here.
fn token(slot: &Slot, entry: &Entry, password: Option<Stamp>, now_ms: u64) -> Option<TokenKept> {
    let (Slot::Token(id), Change::Token(token)) = (slot, &entry.change) else {
        return None;
    };
    let is_outdated = token.under.is_some_and(|under| Some(under) < password);
    (token.expires_ms > now_ms && !is_outdated).then(|| TokenKept {
        id: *id,
        made: entry.stamp,
        token: token.clone(),
    })
}

/// When the token was made that an entry is about.
fn token_made(entry: &Entry) -> Option<Stamp> {
    match entry.change {
        Change::Token(_) => Some(entry.stamp),
        Change::TokenGone { made, .. } => Some(made),
        _ => None,
    }
}

/// Whether all tokens of this time were ended.
fn is_void(slots: &BTreeMap<Slot, Entry>, made: Stamp) -> bool {
    slots
        .get(&Slot::TokensEnded)
        .is_some_and(|entry| made <= entry.stamp)
}

fn ended(entry: &Entry) -> Option<u64> {
    match &entry.change {
        Change::Token(token) => Some(token.expires_ms),
        Change::TokenGone { expires_ms, .. } => Some(*expires_ms),
        _ => None,
    }
}

fn is_over(expires_ms: u64, now_ms: u64) -> bool {
    expires_ms.saturating_add(MARGIN_MS) < now_ms
}
