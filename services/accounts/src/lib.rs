//! Accounts: who may do what, for one server or for many that keep the same accounts.
//!
//! [`Directory`] is the accounts as a set of small entries that merges in any order to the same state; it
//! knows no clock, disk or chance. [`Accounts`] is what the views ask: [`LocalAccounts`] answers it over a
//! directory that an [`EntryStore`] keeps. Neither knows HTTP: addresses, cookies and statuses are the views'.

mod attempts;
mod clock;
mod directory;
mod entry;
mod error;
mod ids;
mod local;
mod names;
mod passwords;
mod role;
mod secret;
mod service;
mod signatures;
mod store;

pub use directory::{Account, Digests, Directory, Merged, Refused, TokenKept};
pub use entry::{Change, Entry, Token, TokenKind};
pub use error::{AccountsError, Result};
pub use ids::{AccountId, SecretHash, Stamp, TokenId, WriterId};
pub use local::{FirstCode, Lacking, LocalAccounts, Now, Written};
pub use names::UserName;
pub use role::Role;
pub use secret::Secret;
pub use service::{
    Accounts, Caller, MadeToken, NewToken, NewUser, SignIn, TokenInfo, User, UserChange,
};
pub use signatures::{Alone, Signatures, Vouching};
pub use store::{EntryStore, MemoryStore, Put};
