//! What another node lacks of that which it must hold and this node holds.

use std::sync::Arc;

use kadenza_contract::{Result, SongId};
use kadenza_protocol::{Digest, GROUPS, Item, Parts, last_before, range_of, ranges_of};
use parking_lot::Mutex;

use super::ledger::Ledger;
use crate::{Contact, Holding, Key, cluster::Cluster, replicas::remote::OFFER_ITEMS_MAX};

/// Cards that are read from the store at a time.
const CARDS_AT_ONCE: usize = 500;

impl Cluster {
    /// The ranges of ids in which a node holds something else of what both must hold.
    pub(super) async fn differing(
        self: &Arc<Self>,
        ledger: &Mutex<Ledger>,
        node: &Contact,
        holding: Holding,
    ) -> Result<Vec<u16>> {
        let groups: Vec<u16> = (0..GROUPS).collect();
        let differing = self
            .compare(ledger, node, holding, Parts::Groups, &groups)
            .await?;
        let ranges: Vec<u16> = differing.into_iter().flat_map(ranges_of).collect();
        self.compare(ledger, node, holding, Parts::Ranges, &ranges)
            .await
    }

    /// Those of these parts in which a node holds something else.
    pub(super) async fn compare(
        self: &Arc<Self>,
        ledger: &Mutex<Ledger>,
        node: &Contact,
        holding: Holding,
        parts: Parts,
        numbers: &[u16],
    ) -> Result<Vec<u16>> {
        if numbers.is_empty() {
            return Ok(Vec::new());
        }
        let layout = Key::from_bytes(self.members().view().digest());
        let digests: Vec<(u16, Digest)> = {
            let mut ledger = ledger.lock();
            let own = ledger.shared_with(&node.id, holding);
            numbers
                .iter()
                .map(|number| (*number, own.of(parts, *number)))
                .collect()
        };
        let peer = self.replica(*node);
        peer.compare(layout, holding, parts, &digests).await
    }

    /// The songs within these ranges of which a node lacks what both must hold.
    pub(super) async fn missing_within(
        self: &Arc<Self>,
        ledger: &Mutex<Ledger>,
        node: &Contact,
        holding: Holding,
        ranges: &[u16],
    ) -> Result<Vec<SongId>> {
        let mut items = Vec::new();
        for range in ranges {
            let mut after = last_before(*range);
            loop {
                let cards = self.store().cards_after(after, CARDS_AT_ONCE).await?;
                let within = cards
                    .iter()
                    .take_while(|card| range_of(&card.song.id()) == *range);
                let count = within.clone().count();
                {
                    let ledger = ledger.lock();
                    items.extend(
                        within.filter_map(|card| ledger.item_for(&node.id, card, holding, false)),
                    );
                }
                if count < CARDS_AT_ONCE {
                    break;
                }
                after = cards.last().map(|card| card.song.id());
            }
        }
        self.offer(node, holding, &items).await
    }

    /// The songs of which a node lacks what only others must hold, that one among them.
    pub(super) async fn missing_of_surplus(
        self: &Arc<Self>,
        ledger: &Mutex<Ledger>,
        node: &Contact,
        holding: Holding,
    ) -> Result<Vec<SongId>> {
        let surplus: Vec<SongId> = {
            let ledger = ledger.lock();
            let of_kind = ledger.surplus().iter().filter(|(_, of)| *of == holding);
            of_kind.map(|(id, _)| *id).collect()
        };
        let mut missing = Vec::new();
        for batch in surplus.chunks(OFFER_ITEMS_MAX) {
            let mut items: Vec<Item> = Vec::new();
            for id in batch {
                if let Some(card) = self.store().card(id).await? {
                    items.extend(ledger.lock().item_for(&node.id, &card, holding, true));
                }
            }
            missing.extend(self.offer(node, holding, &items).await?);
        }
        Ok(missing)
    }

    pub(super) async fn offer(
        self: &Arc<Self>,
        node: &Contact,
        holding: Holding,
        items: &[Item],
    ) -> Result<Vec<SongId>> {
        match items.is_empty() {
            true => Ok(Vec::new()),
            false => self.replica(*node).offer(holding, items).await,
        }
    }
}
