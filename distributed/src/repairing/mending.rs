//! Mending: one other node is given what it lacks.

use std::{
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
    /// Of how many songs something was given, to it or to those that stand in for it.
    songs: usize,
    /// Why it did not take all of it itself: others stand in for it.
    refusal: Option<Error>,
}

impl AddAssign for Given {
    fn add_assign(&mut self, more: Given) {
        self.songs += more.songs;
        self.refusal = more.refusal.or(self.refusal.take());
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
        let grew = ledger.lock().surplus_grew();
        let knows_surplus = ledger.lock().confirmed_surplus(&node.id) == Some(grew);
        if !knows_surplus {
            given += self.mend_surplus(ledger, node, Holding::Card).await?;
        }
        has_all_cards();
        if !is_alike {
            given += self.mend_shared(ledger, node, Holding::Audio).await?;
        }
        if !knows_surplus {
            let surplus = self.mend_surplus(ledger, node, Holding::Audio).await?;
            if surplus.refusal.is_none() {
                ledger.lock().confirm_surplus(node.id, grew);
            }
            given += surplus;
        }
        match given {
            Given {
                refusal: Some(refusal),
                ..
            } => Err(refusal),
            Given { songs: 0, .. } if is_alike => Ok(Left::Whole),
            Given { songs: 0, .. } => Ok(Left::Differs),
            _ => Ok(Left::Given),
        }
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

    /// Gives all of what only others must hold to these, or to those that stand in for them. Says whether they have had
    /// it already.
    pub(crate) async fn hand_over(
        self: &Arc<Self>,
        ledger: &Mutex<Ledger>,
        others: &[Contact],
    ) -> bool {
        let mut had_all = true;
        for node in others {
            for holding in [Holding::Card, Holding::Audio] {
                match self.mend_surplus(ledger, node, holding).await {
                    Ok(given) => had_all &= given.songs == 0,
                    Err(error) => {
                        tracing::warn!(peer = %node.address, error = error.chain(), "it does not take over");
                        had_all = false;
                    }
                }
            }
        }
        had_all
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
        let mut given = Given {
            songs: missing.len(),
            refusal: None,
        };
        if holding == Holding::Card {
            self.give_cards(peer.as_ref(), missing).await?;
            return Ok(given);
        }
        let refused = self.give_audio_of(peer.as_ref(), missing).await?;
        if !refused.is_empty() {
            given.songs -= refused.len();
            given.songs += self.give_to_stand_ins(ledger, node, &refused).await?;
            given.refusal = Some(Error::full());
        }
        Ok(given)
    }

    /// Gives a node the audio of these songs. Those for which it has no room; after a few, it is not asked for more.
    pub(super) async fn give_audio_of(
        self: &Arc<Self>,
        peer: &dyn Replica,
        songs: &[SongId],
    ) -> Result<Vec<SongId>> {
        let refusals = AtomicUsize::new(0);
        let given: Vec<(SongId, Result<()>)> = stream::iter(songs.to_vec())
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
            .await;
        let mut refused = Vec::new();
        for (id, given) in given {
            match given {
                Err(Error::Full { .. }) => refused.push(id),
                given => given?,
            }
        }
        Ok(refused)
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

    async fn give_audio(&self, peer: &dyn Replica, id: SongId) -> Result<()> {
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
                pace: self.repairing().pace(),
            };
            push(peer, recording, &chunks, &held).await?;
        }
        Ok(())
    }
}
