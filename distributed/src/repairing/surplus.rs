//! Copies that only other nodes must hold: dropped once all of those have confirmed theirs, some time on top, and
//! just before.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures_util::{StreamExt, stream};
use kadenza_contract::{ContentHash, Recording, Result, SongId};
use kadenza_library::Card;
use kadenza_protocol::{Item, Key};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::ledger::Ledger;
use crate::{Contact, Holding, cluster::Cluster, replicas::possession::Challenge};

/// How much is confirmed and dropped at a time.
const DROPPED_AT_ONCE: usize = 256;

impl Cluster {
    /// Drops what only others must hold, once they all have confirmed it for long enough.
    pub(super) async fn drop_surplus(self: &Arc<Self>, ledger: &Mutex<Ledger>) -> Result<()> {
        let mut ripe = self.ripe(ledger);
        // With a card goes the audio that is here, so audio goes first.
        ripe.sort_by_key(|(_, holding)| *holding != Holding::Audio);
        let view = self.members().view();
        let mut of_nodes: BTreeMap<(Key, Holding), Vec<Item>> = BTreeMap::new();
        for (id, holding) in &ripe {
            let Some(card) = self.store().card(id).await? else {
                continue;
            };
            let ledger = ledger.lock();
            for node in ledger.nodes_of(&card, *holding) {
                let item = ledger.item_for(&node, &card, *holding, true);
                of_nodes.entry((node, *holding)).or_default().extend(item);
            }
        }
        let mut unconfirmed: BTreeSet<(SongId, Holding)> = BTreeSet::new();
        for ((node, holding), items) in of_nodes {
            let missing = match view.layout().contact(&node) {
                Some(node) => self.replica(node).offer(holding, &items).await.ok(),
                None => None,
            };
            let missing = missing.unwrap_or_else(|| items.iter().map(|item| item.id).collect());
            if !missing.is_empty() {
                // It is offered everything again.
                ledger.lock().doubt_surplus_of(&node);
            }
            unconfirmed.extend(missing.into_iter().map(|id| (id, holding)));
        }
        for item @ (id, holding) in ripe {
            self.repairing().surplus_since().remove(&item);
            // A song may have gained recordings that never came here: those who have them have it otherwise for ever.
            if unconfirmed.contains(&item) && !self.have_no_less(ledger, id, holding).await? {
                continue;
            }
            match holding {
                Holding::Audio => {
                    let card = self.store().card(&id).await?;
                    if let Some(card) = &card
                        && !self.others_prove(ledger, card).await?
                    {
                        continue;
                    }
                    for content in card.map(|card| card.held).unwrap_or_default() {
                        self.store().drop_audio(&id, &content).await?;
                    }
                }
                Holding::Card => {
                    let card = self.store().card(&id).await?;
                    if card.is_none_or(|card| card.held.is_empty() && card.damaged.is_empty()) {
                        self.store().drop_card(&id).await?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether all nodes that must have a song prove that they hold the audio that is here.
    async fn others_prove(self: &Arc<Self>, ledger: &Mutex<Ledger>, card: &Card) -> Result<bool> {
        let nodes = ledger.lock().nodes_of(card, Holding::Audio);
        let view = self.members().view();
        let held = |recording: &&Recording| card.held.contains(&recording.content);
        for node in nodes {
            let Some(contact) = view.layout().contact(&node) else {
                return Ok(false);
            };
            let replica = self.replica(contact);
            for recording in card.song.recordings().iter().filter(held) {
                let content = &recording.content;
                let challenge = Challenge::draw(&*self.outside().env, recording.size);
                let expected = challenge.meet(self.store(), node, content).await?;
                let proof = replica.prove(content, challenge).await;
                if expected.is_none() || proof.ok() != Some(expected) {
                    tracing::warn!(%node, %content, "a node does not prove that it holds a recording; this copy is kept");
                    // It may have found out just now, and is offered everything again.
                    ledger.lock().doubt_surplus_of(&node);
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Whether all nodes that must have a song have everything of it that is here, and may have more.
    async fn have_no_less(
        self: &Arc<Self>,
        ledger: &Mutex<Ledger>,
        id: SongId,
        holding: Holding,
    ) -> Result<bool> {
        let Some(card) = self.store().card(&id).await? else {
            return Ok(false);
        };
        let nodes = ledger.lock().nodes_of(&card, holding);
        let view = self.members().view();
        for node in nodes {
            let Some(contact) = view.layout().contact(&node) else {
                return Ok(false);
            };
            let Ok(known) = self.replica(contact).song(id).await else {
                return Ok(false);
            };
            let has_all = match holding {
                Holding::Audio => card.held.iter().all(|held| known.held.contains(held)),
                Holding::Card => known.song.is_some_and(|mut song| !song.merge(&card.song)),
            };
            if !has_all {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What all others have confirmed for long enough.
    fn ripe(&self, ledger: &Mutex<Ledger>) -> Vec<(SongId, Holding)> {
        let ledger = ledger.lock();
        let mut since = self.repairing().surplus_since();
        since.retain(|item, _| ledger.surplus().contains(item));
        if !ledger.is_surplus_confirmed() {
            return Vec::new();
        }
        let now = Instant::now();
        for item @ (id, _) in ledger.surplus() {
            match ledger.is_refused(id) {
                true => drop(since.remove(item)),
                false => drop(since.entry(*item).or_insert(now)),
            }
        }
        let kept = self.repairing().surplus_kept();
        let ripe = since.iter().filter(|(_, since)| now - **since >= kept);
        ripe.map(|(item, _)| *item).take(DROPPED_AT_ONCE).collect()
    }

    /// Drops damaged copies that only others must hold, once all of those hold a good one.
    pub(super) async fn drop_spoiled(self: &Arc<Self>, ledger: &Mutex<Ledger>) -> Result<()> {
        let view = self.members().view();
        let spoiled: Vec<SongId> = ledger.lock().spoiled().iter().copied().collect();
        for id in spoiled {
            let Some(card) = self.store().card(&id).await? else {
                continue;
            };
            let must_hold = ledger.lock().nodes_of(&card, Holding::Audio);
            let nodes = must_hold.iter();
            let nodes: Vec<Contact> = nodes
                .filter_map(|node| view.layout().contact(node))
                .collect();
            let held: Vec<Vec<ContentHash>> = stream::iter(nodes)
                .then(|node| async move { self.replica(node).song(id).await })
                .filter_map(|known| async move { known.ok().map(|known| known.held) })
                .collect()
                .await;
            if held.is_empty() || held.len() < must_hold.len() {
                continue;
            }
            for content in &card.damaged {
                if held.iter().all(|held| held.contains(content)) {
                    self.store().drop_audio(&id, content).await?;
                }
            }
        }
        Ok(())
    }
}
