//! Mending: one other node is given what it lacks.

use std::{
    collections::BTreeSet,
    ops::AddAssign,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::{StreamExt, stream};
use kadenza_contract::{Error, Result, SongId};
use kadenza_protocol::Parts;
use parking_lot::Mutex;

use super::{ledger::Ledger, partners::Left};
use crate::{
    Contact, Holding,
    cluster::Cluster,
    replicas::replica::Replica,
    uploading::push::{HeldRecording, push},
};

/// How many ranges of ids are looked at before it is given what was missing in them.
const RANGES_AT_ONCE: usize = 16;
/// How many recordings are on their way to one node at once.
const PUSHES_AT_ONCE: usize = 2;
/// After so many songs for which a node has no room, a larger one among them, it is full.
const REFUSALS_MAX: usize = 4;
/// Cards that are read and sent at a time.
const CARDS_AT_ONCE: usize = 256;

/// What came of giving a node what it lacks.
#[derive(Debug, Default)]
struct Given {
    /// Of how many songs something was taken that was not there, by it or by those that stand in for it.
    songs: usize,
    /// The songs for whose audio it has no room: others stand in for it.
    refused: BTreeSet<SongId>,
    /// Whether nobody has room for some of it.
    is_short: bool,
}

impl AddAssign for Given {
    fn add_assign(&mut self, mut more: Given) {
        self.songs += more.songs;
        self.refused.append(&mut more.refused);
        self.is_short |= more.is_short;
    }
}

impl Cluster {
    /// Compares with a node, and gives it what it lacks: first cards, so that nothing is missed in lists, then audio.
    /// `has_all_cards` is called once it has every card.
    ///
    /// # Errors
    ///
    /// If it does not answer, or could not be given something; [`Error::Full`] also where others stand in for it.
    pub(super) async fn mend(
        self: &Arc<Self>,
        ledger: &Mutex<Ledger>,
        node: &Contact,
        has_all_cards: impl FnOnce(),
    ) -> Result<Left> {
        let is_alike = self.is_alike(ledger, node).await?;
        let mut given = Given::default();
        if !is_alike {
            given += self.mend_shared(ledger, node, Holding::Card).await?;
        }
        let (grew, knows_surplus) = {
            let ledger = ledger.lock();
            (ledger.surplus_grew(), ledger.knows_surplus(&node.id))
        };
        if !knows_surplus {
            given += self.mend_surplus(ledger, node, Holding::Card).await?;
        }
        has_all_cards();
        if !is_alike {
            given += self.mend_shared(ledger, node, Holding::Audio).await?;
        }
        if !knows_surplus {
            let surplus = self.mend_surplus(ledger, node, Holding::Audio).await?;
            let refused = surplus.refused.clone();
            ledger.lock().confirm_surplus(node.id, grew, refused);
            given += surplus;
        }
        if !given.refused.is_empty() {
            return Err(Error::full());
        }
        Ok(match given.songs {
            0 if is_alike => Left::Whole,
            0 => Left::Differs,
            _ => Left::Given,
        })
    }

    /// Whether a node that must hold the same as this one does.
    pub(super) async fn is_alike(
        self: &Arc<Self>,
        ledger: &Mutex<Ledger>,
        node: &Contact,
    ) -> Result<bool> {
        let (layout, theirs) = self.hail(node).await?;
        if *layout.as_bytes() != self.members().view().digest() {
            return Err(Error::Busy);
        }
        Ok(theirs == Some(ledger.lock().root_with(&node.id)))
    }

    async fn mend_shared(
        self: &Arc<Self>,
        ledger: &Mutex<Ledger>,
        node: &Contact,
        holding: Holding,
    ) -> Result<Given> {
        let mut differing = self.differing(ledger, node, holding).await?;
        // Several may be at it for the same node: each begins elsewhere, and looks again before each step.
        let first = usize::from(self.own().id.as_bytes()[0]);
        let turn = differing.len() * first / 256;
        differing.rotate_left(turn);
        let mut given = Given::default();
        for ranges in differing.chunks(RANGES_AT_ONCE) {
            let still = self
                .compare(ledger, node, holding, Parts::Ranges, ranges)
                .await?;
            let missing = self.missing_within(ledger, node, holding, &still).await?;
            given += self.give(ledger, node, holding, &missing).await?;
        }
        Ok(given)
    }

    /// Gives all of what only others must hold to these, or to those that stand in for them. Of how many songs they
    /// lacked something; none if not all of it was taken.
    pub(crate) async fn hand_over(
        self: &Arc<Self>,
        ledger: &Mutex<Ledger>,
        others: &[Contact],
    ) -> Option<usize> {
        let (mut lacked, mut is_taken) = (0, true);
        for node in others {
            for holding in [Holding::Card, Holding::Audio] {
                match self.mend_surplus(ledger, node, holding).await {
                    Ok(given) => {
                        lacked += given.songs;
                        is_taken &= !given.is_short;
                    }
                    Err(error) => {
                        tracing::warn!(peer = %node.address, error = error.chain(), "it does not take over");
                        is_taken = false;
                    }
                }
            }
        }
        is_taken.then_some(lacked)
    }

    /// Gives a node what it lacks of that which only others must hold.
    async fn mend_surplus(
        self: &Arc<Self>,
        ledger: &Mutex<Ledger>,
        node: &Contact,
        holding: Holding,
    ) -> Result<Given> {
        let missing = self.missing_of_surplus(ledger, node, holding).await?;
        self.give(ledger, node, holding, &missing).await
    }

    /// Gives a node these, or where it has no room for them, those that stand in for it. An error if not all of it
    /// arrived at either.
    async fn give(
        self: &Arc<Self>,
        ledger: &Mutex<Ledger>,
        node: &Contact,
        holding: Holding,
        missing: &[SongId],
    ) -> Result<Given> {
        let peer = self.replica(*node);
        let mut given = Given::default();
        if holding == Holding::Card {
            self.give_cards(peer.as_ref(), missing).await?;
            given.songs = missing.len();
            return Ok(given);
        }
        for (id, pushed) in self.give_audio_of(peer.as_ref(), missing).await {
            match pushed {
                Ok(was_new) => given.songs += usize::from(was_new),
                Err(Error::Full { .. }) => drop(given.refused.insert(id)),
                Err(error) => return Err(error),
            }
        }
        if !given.refused.is_empty() {
            let placed = self.give_to_stand_ins(ledger, node, &given.refused).await?;
            given.songs += placed.taken;
            given.is_short = placed.is_short;
        }
        Ok(given)
    }

    /// Gives a node the audio of these songs. For each, whether some of it was not there, or why it was not taken; after
    /// a few for which there is no room, the node is not asked for more.
    pub(super) async fn give_audio_of(
        self: &Arc<Self>,
        peer: &dyn Replica,
        songs: &[SongId],
    ) -> Vec<(SongId, Result<bool>)> {
        let refusals = AtomicUsize::new(0);
        stream::iter(songs.to_vec())
            .map(|id| {
                let refusals = &refusals;
                async move {
                    if refusals.load(Ordering::Relaxed) >= REFUSALS_MAX {
                        return (id, Err(Error::full()));
                    }
                    let given = self.give_audio(peer, id).await;
                    if matches!(given, Err(Error::Full { .. })) {
                        refusals.fetch_add(1, Ordering::Relaxed);
                    }
                    (id, given)
                }
            })
            .buffer_unordered(PUSHES_AT_ONCE)
            .collect()
            .await
    }

    async fn give_cards(&self, peer: &dyn Replica, missing: &[SongId]) -> Result<()> {
        for batch in missing.chunks(CARDS_AT_ONCE) {
            let mut songs = Vec::new();
            for id in batch {
                songs.extend(self.store().card(id).await?.map(|card| card.song));
            }
            peer.add_cards(&songs).await?;
        }
        Ok(())
    }

    /// Gives a node the audio of a song. Whether some of it was not there.
    async fn give_audio(&self, peer: &dyn Replica, id: SongId) -> Result<bool> {
        let mut was_new = false;
        let Some(card) = self.store().card(&id).await? else {
            return Ok(was_new);
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
                pace: self.repairing().pace(),
            };
            was_new |= push(peer, recording, &chunks, &held).await?;
        }
        Ok(was_new)
    }
}
