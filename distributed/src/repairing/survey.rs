//! Survey: how many of the songs that this node answers for have all their copies, as their holders say now.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures_util::{StreamExt, stream};
use kadenza_contract::{Result, SongId};
use kadenza_protocol::layout::Slot;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::{ledger::Ledger, remembered::Unconfirmed};
use crate::{Contact, Holding, Key, cluster::Cluster};

/// How many nodes are compared with at once.
const NODES_AT_ONCE: usize = 8;
/// How many missing songs are looked at to tell how large they are.
const WEIGHED_MAX: usize = 1000;
/// Cards that are read from the store at a time.
const CARDS_AT_ONCE: usize = 500;

/// The copies of the songs that this node answers for, since it is the first responsible one that is here.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// How many songs these are.
    pub(crate) songs: u64,
    /// Those that have not all their copies.
    incomplete: BTreeSet<SongId>,
    /// How many of them each node lacks, this one among them, by its id.
    pub(crate) lacking: BTreeMap<String, u64>,
    /// About how many bytes of audio they lack together.
    pub(crate) missing_bytes: u64,
}

impl Survey {
    /// How many songs have all their copies.
    pub(crate) fn complete(&self) -> u64 {
        self.songs.saturating_sub(self.incomplete.len() as u64)
    }
}

impl Cluster {
    /// Asks every node what it lacks of that which it and this node must hold.
    pub(crate) async fn survey(self: &Arc<Self>) -> Result<Survey> {
        let ledger = self.ledger().await?;
        let own = self.own().id;
        let unheard = self.members().unheard_now();
        // Where the first responsible node is not heard, the next one answers for a song.
        let is_here = |node: &Key| !unheard.contains(node);
        let nodes: Vec<Contact> = {
            let ledger = ledger.lock();
            let view = self.members().view();
            let others = ledger.others();
            others
                .filter_map(|node| view.layout().contact(&node))
                .collect()
        };
        let answers: Vec<(Key, Result<BTreeSet<SongId>>)> = stream::iter(nodes)
            .map(|node| {
                let ledger = &ledger;
                async move { (node.id, self.lacked_by(ledger, &node).await) }
            })
            .buffer_unordered(NODES_AT_ONCE)
            .collect()
            .await;
        let mut survey = Survey::default();
        let mut silent = BTreeSet::new();
        let mut some_lacked: Vec<SongId> = Vec::new();
        {
            let ledger = ledger.lock();
            let is_ours = |id: &SongId| ledger.is_primary_of(Slot::of(&(*id).into()), is_here);
            survey.songs = ledger.primaries(is_here);
            let here = ledger.lacking().clone();
            for (node, answer) in answers.into_iter().chain([(own, Ok(here))]) {
                let Ok(mut lacks) = answer else {
                    silent.insert(node);
                    continue;
                };
                lacks.retain(is_ours);
                if !lacks.is_empty() {
                    survey.lacking.insert(node.to_string(), lacks.len() as u64);
                    let room = WEIGHED_MAX - some_lacked.len();
                    some_lacked.extend(lacks.iter().take(room));
                }
                survey.incomplete.append(&mut lacks);
            }
        }
        if !silent.is_empty() {
            let unconfirmed = self.unconfirmed(&ledger, silent, &unheard).await?;
            survey.incomplete.extend(unconfirmed.iter().copied());
        }
        let lacked: u64 = survey.lacking.values().sum();
        survey.missing_bytes = self.mean_bytes(&some_lacked).await?.saturating_mul(lacked);
        Ok(survey)
    }

    /// The songs that this node answers for and that silent nodes must hold something of. All cards are gone through for
    /// it, so it is done a small part of the time only, however often it is asked: meanwhile the last answer counts.
    async fn unconfirmed(
        self: &Arc<Self>,
        ledger: &Mutex<Ledger>,
        silent: BTreeSet<Key>,
        unheard: &BTreeSet<Key>,
    ) -> Result<Arc<Vec<SongId>>> {
        let of = (self.members().view().digest(), silent, unheard.clone());
        let begun = Instant::now();
        let last = |last: &Unconfirmed| last.still(&of);
        if let Some(songs) = self.repairing().unconfirmed.lock().as_ref().and_then(last) {
            return Ok(songs);
        }
        let is_here = |node: &Key| !unheard.contains(node);
        let songs = Arc::new(self.primaries_on(ledger, &of.1, is_here).await?);
        let found = Unconfirmed::new(begun, of, Arc::clone(&songs));
        *self.repairing().unconfirmed.lock() = Some(found);
        Ok(songs)
    }

    /// How many bytes the audio of a song has, in the mean of these.
    async fn mean_bytes(&self, songs: &[SongId]) -> Result<u64> {
        let mut bytes = 0;
        for id in songs {
            let card = self.store().card(id).await?;
            let recordings = card.iter().flat_map(|card| card.song.recordings());
            bytes += recordings.map(|recording| recording.size).sum::<u64>();
        }
        Ok(bytes / (songs.len() as u64).max(1))
    }

    /// The songs of which a node lacks anything that it and this node must hold, and that is here.
    async fn lacked_by(
        self: &Arc<Self>,
        ledger: &Mutex<Ledger>,
        node: &Contact,
    ) -> Result<BTreeSet<SongId>> {
        let mut lacked = BTreeSet::new();
        if self.is_alike(ledger, node).await? {
            return Ok(lacked);
        }
        for holding in [Holding::Card, Holding::Audio] {
            let ranges = self.differing(ledger, node, holding).await?;
            lacked.extend(self.missing_within(ledger, node, holding, &ranges).await?);
        }
        if !lacked.is_empty() {
            self.repairing().doubt(node.id);
        }
        Ok(lacked)
    }

    /// The songs that this node answers for, and of which one of these nodes must hold something.
    async fn primaries_on(
        self: &Arc<Self>,
        ledger: &Mutex<Ledger>,
        nodes: &BTreeSet<Key>,
        is_here: impl Fn(&Key) -> bool,
    ) -> Result<Vec<SongId>> {
        let mut songs = Vec::new();
        let mut after = None;
        loop {
            let cards = self.store().cards_after(after, CARDS_AT_ONCE).await?;
            let Some(last) = cards.last() else {
                return Ok(songs);
            };
            after = Some(last.song.id());
            {
                let ledger = ledger.lock();
                let ours = cards.iter().filter(|card| {
                    ledger.is_primary_of(Slot::of(&card.song.id().into()), &is_here)
                });
                let on_them = ours.filter(|card| {
                    let must = ledger.nodes_of(card, Holding::Card);
                    must.iter().any(|node| nodes.contains(node))
                });
                songs.extend(on_them.map(|card| card.song.id()));
            }
            tokio::task::yield_now().await;
        }
    }
}
