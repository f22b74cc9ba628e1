//! Why a message is sent, and the lookups for which it is.

use kadenza_protocol::{Contact, Key};

use super::super::{faulty::Search, watch::Watch};

#[derive(Debug, Clone, Copy)]
pub(crate) enum Errand {
    Ping,
    Seed,
    Lookup(u64),
}

/// A lookup that ended.
#[derive(Debug, Clone)]
pub(crate) struct LookupResult {
    pub(crate) by: usize,
    pub(crate) target: Key,
    pub(crate) want: usize,
    pub(crate) result: Vec<Contact>,
    pub(crate) requests: usize,
    pub(crate) took_us: u64,
}

/// A lookup under way.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) by: usize,
    pub(super) target: Key,
    pub(super) want: usize,
    pub(super) search: Search,
    pub(super) watch: Option<Watch>,
    pub(super) began_us: u64,
    pub(super) purpose: Purpose,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Joining,
    Filling,
    Measured,
}
