//! The other nodes as partners in repair: when which of them is compared with.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::time::Instant;

use crate::Key;

/// The pause after a node was compared with, and the longest after it could not be.
const PAUSE_MIN: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// How a partner was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// It has everything that it must have of what is here.
    Whole,
    /// It has been given what it lacked: that it has all is for the next time to see.
    Given,
    /// It differs, and has lacked nothing that is here: it is for that node to give.
    Differs,
    /// It could not be compared with, or not given all.
    Failed,
}

#[derive(Debug, Default)]
struct Partner {
    /// From when on it is to be compared with, where there is a reason to.
    doubted: Option<Instant>,
    /// Not before this, as long as the layout is that under which it was compared with last.
    earliest: Option<Instant>,
    layout: Option<[u8; 32]>,
    pause: Duration,
    /// Whether that happens now.
    is_at_it: bool,
    /// The layout under which it was found to have every card that it must have of what is here, at a time
    /// when nothing was written under an earlier one any more.
    has_all_cards: Option<[u8; 32]>,
    /// Why it could not be given something.
    refusal: Option<String>,
}

/// All partners.
#[derive(Debug, Default)]
pub(crate) struct Partners {
    of: BTreeMap<Key, Partner>,
}

impl Partners {
    /// There is a reason to compare with a node, after a while.
    pub(crate) fn doubt(&mut self, node: Key, from: Instant) {
        let partner = self.of.entry(node).or_default();
        partner.doubted = Some(partner.doubted.map_or(from, |at| at.min(from)));
    }

    /// Whatever was tried in vain may be tried again now.
    pub(crate) fn try_again(&mut self) {
        for partner in self.of.values_mut() {
            (partner.earliest, partner.pause) = (None, Duration::ZERO);
        }
    }

    /// Which of these nodes are to be compared with now: they are at it from now on.
    pub(crate) fn due(&mut self, nodes: &[Key], layout: &[u8; 32], now: Instant) -> Vec<Key> {
        self.of
            .retain(|node, partner| partner.is_at_it || nodes.contains(node));
        let mut due = Vec::new();
        for node in nodes {
            let partner = self.of.entry(*node).or_default();
            if !partner.is_at_it && partner.due(layout, now).is_some_and(|at| at <= now) {
                (partner.is_at_it, partner.doubted) = (true, None);
                partner.layout = Some(*layout);
                due.push(*node);
            }
        }
        due
    }

    /// When one of them is due next.
    pub(crate) fn next(&self, layout: &[u8; 32], now: Instant) -> Option<Instant> {
        let waiting = self.of.values().filter(|partner| !partner.is_at_it);
        waiting.filter_map(|partner| partner.due(layout, now)).min()
    }

    /// A node has every card that it must have of what is here, under this layout.
    pub(crate) fn has_all_cards(&mut self, node: Key, layout: [u8; 32]) {
        self.of.entry(node).or_default().has_all_cards = Some(layout);
    }

    /// Whether all of these nodes have every card.
    pub(crate) fn have_all_cards(&self, nodes: &BTreeSet<Key>, layout: &[u8; 32]) -> bool {
        let has = |partner: &Partner| partner.has_all_cards.as_ref() == Some(layout);
        nodes.iter().all(|node| self.of.get(node).is_some_and(has))
    }

    /// A node is not being compared with any more.
    pub(crate) fn ended(&mut self, node: Key, left: Left, now: Instant) {
        let partner = self.of.entry(node).or_default();
        partner.is_at_it = false;
        partner.pause = match left {
            Left::Whole => Duration::ZERO,
            Left::Given => PAUSE_MIN,
            Left::Differs | Left::Failed => (partner.pause * 2).clamp(PAUSE_MIN, PAUSE_MAX),
        };
        partner.earliest = Some(now + partner.pause.max(PAUSE_MIN));
        if left != Left::Whole {
            partner.doubted.get_or_insert(now);
        }
    }

    /// Notes that a node refused copies, or took them again. Says whether that is new.
    pub(crate) fn note_refusal(&mut self, node: Key, why: Option<String>) -> bool {
        let partner = self.of.entry(node).or_default();
        let is_new = partner.refusal != why;
        partner.refusal = why;
        is_new
    }
}

impl Partner {
    fn due(&self, layout: &[u8; 32], now: Instant) -> Option<Instant> {
        let is_unknown = self.has_all_cards.as_ref() != Some(layout);
        let reason = match self.doubted {
            None if is_unknown => now,
            None => return None,
            Some(at) => at,
        };
        let earliest = self
            .earliest
            .filter(|_| self.layout.as_ref() == Some(layout));
        Some(earliest.map_or(reason, |earliest| reason.max(earliest)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUT: [u8; 32] = [1; 32];

    fn node(id: u8) -> Key {
        Key::from_bytes([id; 32])
    }

    #[tokio::test(start_paused = true)]
    async fn a_partner_is_due_when_there_is_a_reason() {
        let mut partners = Partners::default();
        let nodes = [node(1), node(2)];
        let now = Instant::now();
        // At first nothing is known of them; and nobody is compared with twice at once.
        assert_eq!(partners.due(&nodes, &LAYOUT, now), nodes);
        assert!(partners.due(&nodes, &LAYOUT, now).is_empty());
        for id in nodes {
            partners.has_all_cards(id, LAYOUT);
            partners.ended(id, Left::Whole, now);
        }
        assert!(partners.have_all_cards(&nodes.into(), &LAYOUT));
        assert_eq!(partners.next(&LAYOUT, now), None);
        assert!(!partners.have_all_cards(&nodes.into(), &[2; 32]));

        // Another layout is a reason, too, however short the time since.
        assert_eq!(partners.next(&[2; 32], now), Some(now));

        let later = now + Duration::from_secs(5);
        partners.doubt(node(1), later);
        assert_eq!(partners.next(&LAYOUT, now), Some(later));
        assert!(partners.due(&nodes, &LAYOUT, now).is_empty());
        assert_eq!(partners.due(&nodes, &LAYOUT, later), [node(1)]);
        // In vain: then less and less often, and not for ever.
        let mut at = later;
        for _ in 0..20 {
            partners.ended(node(1), Left::Failed, at);
            let next = partners.next(&LAYOUT, now).expect("it is tried again");
            assert!(next > at && next <= at + PAUSE_MAX);
            at = next;
            assert_eq!(partners.due(&nodes, &LAYOUT, at), [node(1)]);
        }
        partners.ended(node(1), Left::Failed, at);
        partners.try_again();
        assert_eq!(partners.due(&nodes, &LAYOUT, at), [node(1)]);
    }
}
