//! One node in the table, and what is believed of it: good, suspect, or dead and so gone.
//!
//! A lost connection is not a lost node, and one late answer is not a dead one; but a node that is
//! silent must cost its callers once, not at each lookup.

use crate::{contact::Contact, key::Key};

/// A good entry that answered nothing for this long is pinged. A guess between finding the dead
/// within a minute and the cost of it: a table of 130 entries sends four pings a second.
const QUIET_MS: u64 = 30_000;

/// An entry that was late is pinged after this time, so that whether it is dead is known before the
/// next lookup comes upon it.
const CHECK_MS: u64 = 1_000;

/// The shortest time between two probes of a suspect.
pub(super) const PROBE_MS: u64 = 10_000;

/// By how much each probe of a suspect but the first two comes later than the one before.
const PROBE_STEP_MS: u64 = 5_000;

/// Never by more than this, so that with the spread a probe comes at least every 30 s.
const PROBE_LATER_MS_MAX: u64 = 15_000;

/// Pings are spread by up to this much, so that they do not come in beats.
const SPREAD_MS: u64 = 5_000;

/// Soft deadlines closer together than this were passed by requests sent together, and count once.
const LATE_APART_MS: u64 = 100;

/// Hard failures closer together than this have the same cause, and count once.
const STRIKE_APART_MS: u64 = 5_000;

/// Strikes after which a suspect is dead: three refused connections, or four silences.
const DEAD_AT: u8 = 12;

/// The state that the table believes an entry to be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It answers: it is handed out and asked.
    Good,
    /// It passed two soft deadlines in a row or failed once: it is not handed out, and only probed.
    Suspect,
}

/// How a request failed for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Nobody listens at the address, or somebody else does.
    Refused,
    /// The hard deadline passed.
    Silent,
}

/// A node in the table.
#[derive(Debug, Clone)]
pub struct Entry {
    contact: Contact,
    state: State,
    answered_ms: u64,
    pinged_ms: Option<u64>,
    /// Pings since it last answered; they come ever later.
    pings: u8,
    late_ms: Option<u64>,
    strikes: u8,
    struck_ms: Option<u64>,
}

/// The effect of a failure on an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Unchanged,
    Suspect,
    Dead,
}

impl Entry {
    /// A node that just answered.
    pub(super) fn new(now_ms: u64, contact: Contact) -> Entry {
        Entry {
            contact,
            state: State::Good,
            answered_ms: now_ms,
            pinged_ms: None,
            pings: 0,
            late_ms: None,
            strikes: 0,
            struck_ms: None,
        }
    }

    /// Its id and address.
    #[must_use]
    pub fn contact(&self) -> Contact {
        self.contact
    }

    /// The state that it is believed to be in.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether it is handed out and asked.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.state == State::Good
    }

    /// When it last answered.
    #[must_use]
    pub fn answered_ms(&self) -> u64 {
        self.answered_ms
    }

    pub(super) fn id(&self) -> &Key {
        &self.contact.id
    }

    /// It let a soft deadline pass; gives whether that made it suspect.
    pub(super) fn late(&mut self, now_ms: u64) -> bool {
        match self.late_ms {
            _ if !self.is_good() => false,
            Some(before) if now_ms.saturating_sub(before) < LATE_APART_MS => false,
            Some(_) => {
                self.suspect(now_ms);
                true
            }
            None => {
                self.late_ms = Some(now_ms);
                false
            }
        }
    }

    pub(super) fn failed(&mut self, now_ms: u64, failure: Failure) -> Verdict {
        let recent = |at: u64| now_ms.saturating_sub(at) < STRIKE_APART_MS;
        if self.struck_ms.is_some_and(recent) {
            return Verdict::Unchanged;
        }
        self.struck_ms = Some(now_ms);
        self.strikes += match failure {
            Failure::Refused => DEAD_AT / 3,
            Failure::Silent => DEAD_AT / 4,
        };
        if self.is_good() {
            self.suspect(now_ms);
            Verdict::Suspect
        } else if self.strikes >= DEAD_AT {
            Verdict::Dead
        } else {
            Verdict::Unchanged
        }
    }

    fn suspect(&mut self, now_ms: u64) {
        self.state = State::Suspect;
        self.pinged_ms = Some(now_ms);
    }

    /// Whether it is time for `own` to ping it.
    pub(super) fn ping_due(&self, now_ms: u64, own: &Key) -> bool {
        let pinged_ms = self.pinged_ms.unwrap_or(0);
        let due_ms = match (self.state, self.late_ms) {
            (State::Suspect, _) => {
                let later_ms = PROBE_STEP_MS * u64::from(self.pings.saturating_sub(1));
                pinged_ms + PROBE_MS + later_ms.min(PROBE_LATER_MS_MAX)
            }
            (State::Good, Some(late_ms)) if pinged_ms < late_ms => late_ms + CHECK_MS,
            (State::Good, _) => self.answered_ms.max(pinged_ms) + QUIET_MS,
        };
        // The spread costs more to work out than all else, and most entries are not due at all.
        now_ms >= due_ms && now_ms >= due_ms + spread(own, self.id(), self.pings)
    }

    /// Whom to ping where someone else gives reason to doubt it, or hope: nobody where it answered
    /// or was pinged less than `pause_ms` ago.
    pub(super) fn challenge(&mut self, now_ms: u64, pause_ms: u64) -> Option<Contact> {
        let pinged_ms = self.pinged_ms.unwrap_or(0);
        let last_ms = if self.is_good() {
            self.answered_ms.max(pinged_ms)
        } else {
            pinged_ms
        };
        if now_ms.saturating_sub(last_ms) < pause_ms {
            return None;
        }
        self.pinged(now_ms);
        Some(self.contact)
    }

    pub(super) fn pinged(&mut self, now_ms: u64) {
        self.pinged_ms = Some(now_ms);
        self.pings = self.pings.saturating_add(1);
    }
}

/// A delay below [`SPREAD_MS`] that is the same for the same three and differs between nodes.
fn spread(own: &Key, id: &Key, turn: u8) -> u64 {
    // FNV-1a.
    let mut bits = 0xcbf2_9ce4_8422_2325_u64;
    for byte in own.as_bytes().iter().chain(id.as_bytes()).chain(&[turn]) {
        bits = (bits ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    (bits >> 16) % SPREAD_MS
}
