//! Repair: every copy that is missing somewhere is brought there, without anyone's help.
//!
//! Each node compares what it holds with each node that must hold the same, and gives what is
//! missing there. That heals after a death, fills a newcomer, and finds what an upload could not
//! deliver, all by the same pass. A copy that this node need not hold is dropped only after all
//! nodes that must have it confirmed theirs, and some time on top.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt, stream};
use kadenza_contract::{ContentHash, Result, SongId};
use kadenza_protocol::{Item, digests};
use tokio::time::Instant;

use crate::{
    Contact, Holding, Key,
    cluster::Cluster,
    repairing::inventory::Inventory,
    replicas::replica::Replica,
    uploading::push::{HeldRecording, push},
};

/// How many nodes are compared with at once.
const NODES_AT_ONCE: usize = 8;
/// How many recordings are on their way to one node at once.
const PUSHES_AT_ONCE: usize = 2;
/// Cards that are read and sent at a time.
const CARDS_AT_ONCE: usize = 256;
/// How many surplus copies are looked into in a pass because others have them otherwise than this node.
const LOOKED_INTO_MAX: usize = 64;

/// The copies that other nodes lacked when all were asked.
pub(crate) struct Survey {
    pub(crate) inventory: Arc<Inventory>,
    /// The songs that each node lacks. Nodes that did not answer are not among them.
    lacking: BTreeMap<Key, Vec<(SongId, Holding)>>,
    asked: usize,
}

impl Survey {
    /// How many songs this node answers for, and how many of these have all their copies.
    pub(crate) fn primaries(&self) -> (u64, u64) {
        let lacking: HashMap<Key, HashSet<SongId>> = self
            .lacking
            .iter()
            .map(|(node, lacks)| (*node, lacks.iter().map(|(id, _)| *id).collect()))
            .collect();
        let has =
            |node: &Key, id: &SongId| lacking.get(node).is_some_and(|lacks| !lacks.contains(id));
        let complete = self.inventory.primaries.iter();
        let complete = complete
            .filter(|song| song.is_whole && song.others.iter().all(|node| has(node, &song.id)))
            .count();
        (self.inventory.primaries.len() as u64, complete as u64)
    }

    /// How many of the songs that this node answers for each node lacks, this one among them, by its id.
    pub(crate) fn lacking_of_primaries(&self, own: &Key) -> BTreeMap<String, u64> {
        let primaries: HashSet<SongId> = self
            .inventory
            .primaries
            .iter()
            .map(|song| song.id)
            .collect();
        let lacking = self.lacking.iter().filter_map(|(node, lacks)| {
            let songs: HashSet<&SongId> = lacks.iter().map(|(id, _)| id).collect();
            let songs = songs.into_iter().filter(|id| primaries.contains(id));
            let count = songs.count() as u64;
            (count > 0).then(|| (node.to_string(), count))
        });
        let here = self.inventory.primaries.iter();
        let here = here.filter(|song| !song.is_whole).count() as u64;
        let here = (here > 0).then(|| (own.to_string(), here));
        lacking.chain(here).collect()
    }

    /// Whether all other nodes answered and nobody lacks anything.
    pub(crate) fn is_clean(&self) -> bool {
        self.all_answered() && self.lacking.values().all(Vec::is_empty)
    }

    /// Whether all other nodes answered and nobody lacks a card: nothing is missed in a list.
    fn has_all_cards(&self) -> bool {
        let mut lacking = self.lacking.values().flatten();
        self.all_answered() && lacking.all(|(_, holding)| *holding != Holding::Card)
    }

    fn all_answered(&self) -> bool {
        self.lacking.len() == self.asked
    }

    /// Whether all nodes that must hold an item have confirmed it. Where all members have left, nobody has.
    fn confirmed(&self, id: SongId, holding: Holding) -> bool {
        self.asked > 0
            && self.all_answered()
            && self
                .lacking
                .values()
                .all(|lacks| !lacks.contains(&(id, holding)))
    }
}

impl Cluster {
    /// Asks every node what it lacks of that which it and this node must hold.
    pub(crate) async fn survey(self: &Arc<Self>, inventory: Arc<Inventory>) -> Survey {
        let own = self.own().id;
        let nodes: Vec<Contact> = inventory
            .placement
            .nodes()
            .iter()
            .filter(|node| node.id != own)
            .copied()
            .collect();
        let asked = nodes.len();
        let lacking = stream::iter(nodes)
            .map(|node| {
                let inventory = &inventory;
                async move { Some((node.id, self.lacking(node, inventory).await.ok()?)) }
            })
            .buffer_unordered(NODES_AT_ONCE)
            .filter_map(|answer| async move { answer })
            .collect()
            .await;
        Survey {
            inventory,
            lacking,
            asked,
        }
    }

    async fn lacking(
        self: &Arc<Self>,
        node: Contact,
        inventory: &Inventory,
    ) -> Result<Vec<(SongId, Holding)>> {
        let peer = self.replica(node);
        let mut lacking = Vec::new();
        for holding in [Holding::Audio, Holding::Card] {
            let shared = inventory.shared_with(&node.id, holding);
            let mut offered: Vec<Item> = inventory.surplus_for(&node.id, holding).to_vec();
            if !shared.is_empty() {
                let differing = peer.compare(holding, &digests(shared)).await?;
                let differs = |item: &&Item| differing.contains(&item.id.as_bytes()[0]);
                offered.extend(shared.iter().filter(differs).copied());
            }
            if !offered.is_empty() {
                let missing = peer.offer(holding, &offered).await?;
                lacking.extend(missing.into_iter().map(|id| (id, holding)));
            }
        }
        Ok(lacking)
    }

    /// One pass: ask, and give what is missing. Says whether nothing was missing.
    pub(crate) async fn repair(self: &Arc<Self>) -> Result<bool> {
        let view = self.members().view();
        // Nothing comes to this node under an earlier version from now on: what is given now is all of it.
        let is_established = self.members().are_established(&view);
        let is_new = self.members().synced() < view.layout().current().number;
        let survey = if is_new {
            self.survey(self.inventory_within(Duration::ZERO).await?)
                .await
        } else {
            self.survey(self.inventory().await?).await
        };
        let was_clean = survey.is_clean();
        self.give_all(&survey).await;
        if is_new
            && is_established
            && survey.has_all_cards()
            && self.members().view().digest() == view.digest()
        {
            self.members().have_synced(view.layout().current().number);
        }
        self.drop_surplus(&survey).await?;
        self.drop_spoiled(&survey.inventory).await?;
        Ok(was_clean)
    }

    /// Drops damaged copies that only others must hold, once all of those hold a good one.
    async fn drop_spoiled(self: &Arc<Self>, inventory: &Inventory) -> Result<()> {
        for spoiled in &inventory.spoiled {
            let nodes = spoiled.others.iter();
            let nodes = nodes.filter_map(|node| inventory.placement.contact(node));
            let id = spoiled.id;
            let held: Vec<Vec<ContentHash>> = stream::iter(nodes)
                .then(|node| async move { self.replica(node).song(id).await })
                .filter_map(|known| async move { known.ok().map(|known| known.held) })
                .collect()
                .await;
            if held.is_empty() || held.len() < spoiled.others.len() {
                continue;
            }
            for content in &spoiled.recordings {
                if held.iter().all(|held| held.contains(content)) {
                    self.store().drop_audio(&id, content).await?;
                }
            }
        }
        Ok(())
    }

    /// Gives every node what it lacks.
    pub(crate) async fn give_all(self: &Arc<Self>, survey: &Survey) {
        for (node, lacks) in &survey.lacking {
            let Some(node) = survey.inventory.placement.contact(node) else {
                continue;
            };
            match self.give(node, lacks).await {
                Ok(()) => {
                    if self.note_refusal(node.id, None) {
                        tracing::info!(peer = %node.address, "it has all its copies now");
                    }
                }
                Err(error) => {
                    let error = error.chain();
                    if self.note_refusal(node.id, Some(&error)) {
                        tracing::warn!(peer = %node.address, songs = lacks.len(), error, "it lacks copies, and does not take them");
                    }
                }
            }
        }
    }

    /// Gives a node what it lacks. An error if not all of it arrived.
    async fn give(self: &Arc<Self>, node: Contact, lacks: &[(SongId, Holding)]) -> Result<()> {
        let peer = self.replica(node);
        let of = |wanted: Holding| -> Vec<SongId> {
            lacks
                .iter()
                .filter(|(_, holding)| *holding == wanted)
                .map(|(id, _)| *id)
                .collect()
        };
        let cards = of(Holding::Card);
        for batch in cards.chunks(CARDS_AT_ONCE) {
            let mut songs = Vec::new();
            for id in batch {
                songs.extend(self.store().card(id).await?.map(|card| card.song));
            }
            peer.add_cards(&songs).await?;
        }
        let given: Vec<Result<()>> = stream::iter(of(Holding::Audio))
            .map(|id| {
                let peer = &peer;
                async move { self.give_audio(peer.as_ref(), id).await }
            })
            .buffer_unordered(PUSHES_AT_ONCE)
            .collect()
            .await;
        given.into_iter().collect()
    }

    async fn give_audio(self: &Arc<Self>, peer: &dyn Replica, id: SongId) -> Result<()> {
        let Some(card) = self.store().card(&id).await? else {
            return Ok(());
        };
        for content in &card.held {
            let (Some(recording), Some(chunks)) = (
                card.song.recording(content),
                self.store().chunks(content).await?,
            ) else {
                continue;
            };
            let held = HeldRecording {
                store: self.store(),
                chunks: &chunks,
            };
            push(peer, recording, &chunks, &held).await?;
        }
        Ok(())
    }

    /// Whether all nodes that must have a song have everything of it that is here, and may have more.
    async fn have_no_less(
        self: &Arc<Self>,
        survey: &Survey,
        id: SongId,
        holding: Holding,
    ) -> Result<bool> {
        let Some(card) = self.store().card(&id).await? else {
            return Ok(false);
        };
        let placement = &survey.inventory.placement;
        let nodes: Vec<Key> = match holding {
            Holding::Audio => placement.of_audio(id),
            Holding::Card => placement.of_card(&card.song).into_iter().collect(),
        };
        for node in nodes {
            let Some(contact) = placement.contact(&node) else {
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

    /// Drops what only others must hold, once they all have confirmed it for long enough.
    async fn drop_surplus(self: &Arc<Self>, survey: &Survey) -> Result<()> {
        let now = Instant::now();
        let (mut confirmed, mut others) = (BTreeSet::new(), Vec::new());
        for (id, holding) in survey.inventory.not_ours.iter().copied() {
            match survey.confirmed(id, holding) {
                true => drop(confirmed.insert((id, holding))),
                false => others.push((id, holding)),
            }
        }
        // A song may have gained recordings that never came here: those who have them have it otherwise for ever.
        for (id, holding) in others.into_iter().take(LOOKED_INTO_MAX) {
            if survey.asked > 0
                && survey.all_answered()
                && self.have_no_less(survey, id, holding).await?
            {
                confirmed.insert((id, holding));
            }
        }
        let ripe: Vec<(SongId, Holding)> = {
            let mut since = self.surplus_since().lock();
            since.retain(|item, _| confirmed.contains(item));
            for item in confirmed {
                since.entry(item).or_insert(now);
            }
            let kept: Duration = self.surplus_kept();
            since
                .iter()
                .filter(|(_, since)| now - **since >= kept)
                .map(|(item, _)| *item)
                .collect()
        };
        for (id, holding) in ripe {
            match holding {
                Holding::Audio => {
                    for content in self
                        .store()
                        .card(&id)
                        .await?
                        .map(|card| card.held)
                        .unwrap_or_default()
                    {
                        self.store().drop_audio(&id, &content).await?;
                    }
                }
                Holding::Card => self.store().drop_card(&id).await?,
            }
            self.surplus_since().lock().remove(&(id, holding));
        }
        Ok(())
    }
}
