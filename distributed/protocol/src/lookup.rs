//! A lookup: finds the nodes closest to a key by asking ever closer ones.
//!
//! Kademlia, section 2.3, with these rules of our own:
//! - it ends when the `want` closest nodes that are alive have answered, and asks nobody beyond
//!   the `want`-th closest it knows of;
//! - a node that is late holds no place: the lookup goes on, and ends without it if it must. Its
//!   late answer is still taken;
//! - nodes that are doubted are asked only when nobody else answered at all;
//! - what nodes tell of others is hearsay: bounded, and another address for a known node is tried
//!   only when the first one failed.

mod candidate;

use std::{cmp::Ordering, collections::HashMap};

use self::candidate::{Candidate, Stage};
use crate::{
    contact::Contact,
    key::{Key, nearness},
    parameters::{ALPHA, ALPHA_STALLED, K},
};

pub(crate) use self::candidate::{Fate, up_to};

/// How many nodes a lookup remembers: the closest. More than [`ASKED_MAX`], so that none that was
/// asked is ever forgotten.
const CANDIDATES_MAX: usize = 256;

/// How many requests a lookup makes at most. An honest network of thousands with a third of its
/// nodes dead needs some 35.
const ASKED_MAX: usize = 128;

/// How many requests are without an answer at once at most, the late ones among them.
const UNANSWERED_MAX: usize = 24;

/// How many other addresses of known nodes are remembered.
const RIVALS_MAX: usize = 32;

/// At how many addresses one node is looked for.
const TRIES_MAX: u8 = 3;

/// A lookup under way.
///
/// Inputs may be late, repeated or forged: an answer that was not asked for, a second answer, and
/// news of this node itself change nothing.
///
/// ```
/// # use kadenza_protocol::{Contact, Key, Lookup};
/// # let [own, target] = [1, 2].map(|byte| Key::from_bytes([byte; 32]));
/// # let at = "127.0.0.1:4534".parse().unwrap();
/// # let [near, far] = [3, 200].map(|byte| Contact { id: Key::from_bytes([byte; 32]), address: at });
/// let mut lookup = Lookup::new(own, target, 20, [far]);
/// assert_eq!(lookup.start(), [far]);
/// assert_eq!(lookup.answered(&far, &[near], true), [near]);
/// assert_eq!(lookup.answered(&near, &[far], true), []);
/// assert!(lookup.is_done());
/// assert_eq!(lookup.result(), [near, far]);
/// ```
#[derive(Debug, Clone)]
pub struct Lookup {
    own: Key,
    target: Key,
    want: usize,
    /// The closest first.
    candidates: Vec<Candidate>,
    /// Other addresses that were told for candidates.
    rivals: Vec<Contact>,
    /// Addresses at which candidates were asked before they were asked at another.
    left: Vec<Contact>,
    /// Those not trusted to be up, where they are.
    doubted: Vec<Contact>,
    /// Those that other paths asked, see [`DisjointLookup`](crate::DisjointLookup).
    elsewhere: HashMap<Contact, Fate>,
    waiting: usize,
    late: usize,
    asked: usize,
    /// Answers since the last one that told of someone among the `want` closest.
    unhelpful: usize,
    /// Somebody was late or failed.
    troubled: bool,
    /// Nobody answered, so the doubted are asked too.
    desperate: bool,
    done: bool,
}

impl Lookup {
    /// A lookup by `own` of the `want` nodes closest to `target`, from `seeds` on; usually the `K`
    /// closest that the routing table has.
    #[must_use]
    pub fn new(
        own: Key,
        target: Key,
        want: usize,
        seeds: impl IntoIterator<Item = Contact>,
    ) -> Lookup {
        let mut lookup = Lookup {
            own,
            target,
            want: want.max(1),
            candidates: Vec::with_capacity(4 * K),
            rivals: Vec::new(),
            left: Vec::new(),
            doubted: Vec::new(),
            elsewhere: HashMap::new(),
            waiting: 0,
            late: 0,
            asked: 0,
            unhelpful: 0,
            troubled: false,
            desperate: false,
            done: false,
        };
        for seed in seeds {
            lookup.learn(seed);
        }
        lookup
    }

    /// Nodes that the asker does not trust to be up at these addresses (see
    /// [`RoutingTable::doubtful`](crate::RoutingTable::doubtful)): whichever node tells of them, they are
    /// asked only when nobody else answered.
    #[must_use]
    pub fn doubting(mut self, doubted: impl IntoIterator<Item = Contact>) -> Lookup {
        self.doubted
            .extend(doubted.into_iter().take(CANDIDATES_MAX));
        self
    }

    /// Whom to ask first. A lookup that knows nobody is done at once.
    #[must_use = "these nodes are to be asked"]
    pub fn start(&mut self) -> Vec<Contact> {
        self.advance()
    }

    /// The node asked as `from` answered that it knows `nodes`; `counts` is whether it counts
    /// towards `want` (one that is still joining does not). Gives whom to ask next.
    #[must_use = "these nodes are to be asked"]
    pub fn answered(&mut self, from: &Contact, nodes: &[Contact], counts: bool) -> Vec<Contact> {
        let goes_on = !self.done && self.takes_answer(from, nodes, counts);
        if goes_on { self.advance() } else { Vec::new() }
    }

    /// Takes an answer in, if it was asked for; also after the end, for the sake of other paths. The lookup goes on with
    /// [`Lookup::advance`].
    pub(crate) fn takes_answer(&mut self, from: &Contact, nodes: &[Contact], counts: bool) -> bool {
        let Some(at) = self.find(from) else {
            return false;
        };
        let left = self.left.contains(from);
        let candidate = &mut self.candidates[at];
        if !(left || candidate.contact == *from) {
            return false;
        }
        match candidate.stage {
            Stage::Waiting => self.waiting -= 1,
            Stage::Late => self.late -= 1,
            // It was late at this address, and is or was looked for at another.
            Stage::Known | Stage::Failed | Stage::Elsewhere(_) if left => {}
            Stage::Known | Stage::Answered { .. } | Stage::Failed | Stage::Elsewhere(_) => {
                return false;
            }
        }
        candidate.stage = Stage::Answered { counts };
        candidate.contact = *from;

        let edge = self.edge();
        let mut helpful = false;
        for node in nodes.iter().take(K) {
            let new = self.learn(*node);
            helpful |= new.is_some_and(|nearness| edge.is_none_or(|edge| nearness < edge));
        }
        self.unhelpful = if helpful { 0 } else { self.unhelpful + 1 };
        true
    }

    /// The soft deadline of the request to `from` passed: others may be asked instead, and it may
    /// still answer. Gives whom to ask next.
    #[must_use = "these nodes are to be asked"]
    pub fn late(&mut self, from: &Contact) -> Vec<Contact> {
        let goes_on = !self.done && self.takes_delay(from);
        if goes_on { self.advance() } else { Vec::new() }
    }

    /// Takes in that an answer is late. The lookup goes on with [`Lookup::advance`].
    pub(crate) fn takes_delay(&mut self, from: &Contact) -> bool {
        let Some(at) = self.find(from) else {
            return false;
        };
        let candidate = &mut self.candidates[at];
        if candidate.stage != Stage::Waiting || candidate.contact != *from {
            return false;
        }
        self.waiting -= 1;
        self.late += 1;
        candidate.stage = Stage::Late;
        self.troubled = true;
        self.try_rival(at);
        true
    }

    /// The request to `from` failed: its hard deadline passed, or its address refuses, or is
    /// another's. Gives whom to ask next.
    #[must_use = "these nodes are to be asked"]
    pub fn failed(&mut self, from: &Contact) -> Vec<Contact> {
        let goes_on = !self.done && self.takes_failure(from);
        if goes_on { self.advance() } else { Vec::new() }
    }

    /// Takes in that a request failed. The lookup goes on with [`Lookup::advance`].
    pub(crate) fn takes_failure(&mut self, from: &Contact) -> bool {
        let Some(at) = self.find(from) else {
            return false;
        };
        let candidate = &mut self.candidates[at];
        if candidate.contact != *from {
            return false;
        }
        match candidate.stage {
            Stage::Waiting => self.waiting -= 1,
            Stage::Late => self.late -= 1,
            Stage::Known | Stage::Answered { .. } | Stage::Failed | Stage::Elsewhere(_) => {
                return false;
            }
        }
        candidate.stage = Stage::Failed;
        self.troubled = true;
        self.try_rival(at);
        true
    }

    /// Another path asks this node, or heard what came of it: this one waits for that, and asks it not itself.
    pub(crate) fn takes_news(&mut self, of: &Contact, fate: Fate) {
        self.elsewhere.insert(*of, fate);
        let Some(at) = self.find(of) else {
            return;
        };
        let candidate = &mut self.candidates[at];
        let is_open = matches!(candidate.stage, Stage::Known | Stage::Elsewhere(_));
        if !is_open || candidate.contact != *of {
            return;
        }
        candidate.stage = Stage::Elsewhere(fate);
        if fate == Fate::Gone {
            self.troubled = true;
            self.try_rival(at);
        }
    }

    /// Whether the lookup has ended. Nothing that comes later changes it.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// How many nodes were asked and are neither late nor have answered or failed.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// How many requests were made so far.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.asked
    }

    /// The closest nodes that answered, the closest first, up to and including the `want`-th that
    /// counts.
    #[must_use]
    pub fn result(&self) -> Vec<Contact> {
        up_to(self.want, self.all_answered())
    }

    /// All nodes that answered, the closest first, and whether each counts.
    pub(crate) fn all_answered(&self) -> impl Iterator<Item = (Contact, bool)> + '_ {
        let candidates = self.candidates.iter();
        candidates.filter_map(|candidate| match candidate.stage {
            Stage::Answered { counts } => Some((candidate.contact, counts)),
            Stage::Known | Stage::Waiting | Stage::Late | Stage::Failed | Stage::Elsewhere(_) => {
                None
            }
        })
    }

    /// The nodes that were told of and never asked, the closest first: news for a routing table.
    pub fn told(&self) -> impl Iterator<Item = Contact> + '_ {
        let told = self
            .candidates
            .iter()
            .filter(|candidate| candidate.stage == Stage::Known);
        told.map(|candidate| candidate.contact)
    }

    fn find(&self, contact: &Contact) -> Option<usize> {
        let nearness = nearness(&self.target, &contact.id);
        self.position(nearness, &contact.id).ok()
    }

    /// Where a node is among the candidates, or else where it belongs.
    fn position(&self, nearness: u64, id: &Key) -> Result<usize, usize> {
        let exactly = |other: &Key| {
            if other == id {
                Ordering::Equal
            } else {
                self.target.distance(other).cmp(&self.target.distance(id))
            }
        };
        self.candidates.binary_search_by(|candidate| {
            let leading = candidate.nearness.cmp(&nearness);
            leading.then_with(|| exactly(&candidate.contact.id))
        })
    }

    /// Remembers a node; gives its nearness if it is a new one.
    fn learn(&mut self, contact: Contact) -> Option<u64> {
        if contact.id == self.own {
            return None;
        }
        let nearness = nearness(&self.target, &contact.id);
        let at = match self.position(nearness, &contact.id) {
            Ok(at) => {
                self.learn_address(at, contact);
                return None;
            }
            Err(at) => at,
        };
        if self.candidates.len() >= CANDIDATES_MAX {
            let known = |candidate: &Candidate| candidate.stage == Stage::Known;
            let farthest = self
                .candidates
                .iter()
                .rposition(known)
                .filter(|last| *last >= at)?;
            self.candidates.remove(farthest);
        }
        let stage = self.first_stage(&contact);
        let doubted = self.doubted.contains(&contact);
        self.candidates.insert(
            at,
            Candidate {
                nearness,
                contact,
                stage,
                tries: 0,
                doubted,
            },
        );
        Some(nearness)
    }

    /// How a node begins that is told of.
    fn first_stage(&self, contact: &Contact) -> Stage {
        let fate = self.elsewhere.get(contact);
        fate.map_or(Stage::Known, |fate| Stage::Elsewhere(*fate))
    }

    /// Somebody told of a node that is known already: perhaps at another address.
    fn learn_address(&mut self, at: usize, contact: Contact) {
        let candidate = &mut self.candidates[at];
        if candidate.contact == contact || matches!(candidate.stage, Stage::Answered { .. }) {
            return;
        }
        if self.doubted.contains(&contact) && !self.desperate {
            return;
        }
        if candidate.doubted && candidate.stage == Stage::Known {
            // The doubt is about the other address.
            (candidate.contact, candidate.doubted) = (contact, false);
            return;
        }
        let known = self.rivals.contains(&contact) || self.left.contains(&contact);
        if !known && self.rivals.len() < RIVALS_MAX {
            self.rivals.push(contact);
        }
        if matches!(
            candidate.stage,
            Stage::Late | Stage::Failed | Stage::Elsewhere(Fate::Gone)
        ) {
            self.try_rival(at);
        }
    }

    /// Looks for a node that is late or failed at another address, if one was told.
    fn try_rival(&mut self, at: usize) {
        let candidate = &mut self.candidates[at];
        if candidate.tries >= TRIES_MAX {
            return;
        }
        let told = self
            .rivals
            .iter()
            .position(|rival| rival.id == candidate.contact.id);
        if let Some(rival) = told {
            self.late -= usize::from(candidate.stage == Stage::Late);
            let contact = self.rivals.swap_remove(rival);
            self.left
                .push(std::mem::replace(&mut candidate.contact, contact));
            let stage = self.first_stage(&contact);
            self.candidates[at].stage = stage;
        }
    }

    /// Asks whom it may ask, and ends the lookup if there is nobody left to wait for.
    pub(crate) fn advance(&mut self) -> Vec<Contact> {
        if self.done {
            return Vec::new();
        }
        let (mut asks, mut open) = self.ask();
        if open {
            return asks;
        }
        if !self.candidates.iter().any(Candidate::has_answered) {
            if !self.desperate {
                self.desperate = true;
                for contact in std::mem::take(&mut self.doubted) {
                    self.learn(contact);
                }
                (asks, open) = self.ask();
            }
            // To find somebody late is better than to find nobody.
            open |= self.late > 0;
        }
        self.done = !open;
        asks
    }

    /// Asks the closest that take a place, as many as there are slots. Gives whether any of those
    /// that take a place have yet to answer.
    fn ask(&mut self) -> (Vec<Contact>, bool) {
        let stalled = self.troubled || self.unhelpful >= ALPHA;
        let parallel = if stalled { ALPHA_STALLED } else { ALPHA };
        let mut places = self.want;
        let mut open = false;
        let mut asks = Vec::new();
        for candidate in &mut self.candidates {
            if places == 0 {
                break;
            }
            if !candidate.takes_place(self.desperate) {
                continue;
            }
            if candidate.stage == Stage::Known {
                if self.asked >= ASKED_MAX {
                    continue;
                }
                if self.waiting < parallel && self.waiting + self.late < UNANSWERED_MAX {
                    candidate.stage = Stage::Waiting;
                    candidate.tries += 1;
                    self.waiting += 1;
                    self.asked += 1;
                    asks.push(candidate.contact);
                }
            }
            places -= 1;
            open |= matches!(
                candidate.stage,
                Stage::Known | Stage::Waiting | Stage::Elsewhere(Fate::Open)
            );
        }
        (asks, open)
    }

    /// The nearness of the last node that the lookup would ask as things are; none while fewer
    /// than `want` are known.
    fn edge(&self) -> Option<u64> {
        let takers = self
            .candidates
            .iter()
            .filter(|one| one.takes_place(self.desperate));
        takers
            .map(|candidate| candidate.nearness)
            .nth(self.want - 1)
    }
}

#[cfg(test)]
mod tests;
