//! A disk: what was handed in and what is synced, and what may befall it.
//!
//! A change is made in two steps, each of which takes time: it is handed in, and then synced. A crash in between loses
//! it. A store is honest if it returns only behind the second one.

use std::{
    fmt,
    sync::{Arc, Weak},
    time::Duration,
};

use kadenza_contract::{ContentHash, Error, Result, SongId};
use kadenza_library::{Card, CardChange, Followers, Following};
use parking_lot::Mutex;
use tokio::time::sleep;

use super::contents::{Change, Contents};
use crate::base::dice::Dice;

/// How much longer everything takes on a slow disk.
const SLOW: u64 = 60;

/// Sees what disks lose on purpose.
pub(crate) trait Watch: fmt::Debug + Send + Sync {
    /// A machine is about to drop its copy of this audio.
    fn drops(&self, machine: usize, song: &SongId, content: &ContentHash);
}

/// The disk of a machine. It outlives the runs of its node.
#[derive(Debug)]
pub(crate) struct Disk {
    machine: usize,
    dice: Dice,
    watch: Weak<dyn Watch>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    contents: Contents,
    /// How often it changed.
    generation: u64,
    followers: Followers,
    is_full: bool,
    is_slow: bool,
    /// Crashes so far: what was handed in before one is never synced behind it.
    crashes: u64,
}

impl State {
    fn take_in(&mut self, change: Change) {
        let concerned = self.contents.concerned(&change);
        let cards = concerned
            .into_iter()
            .map(|id| (id, self.contents.card(&id)));
        let cards: Vec<(SongId, Option<Card>)> = cards.collect();
        self.contents.apply(change);
        self.generation += 1;
        let changes = cards.into_iter().map(|(id, before)| CardChange {
            before,
            after: self.contents.card(&id),
        });
        self.followers.tell(changes.collect());
    }
}

impl Disk {
    pub(crate) fn new(machine: usize, dice: Dice, watch: Weak<dyn Watch>) -> Arc<Disk> {
        Arc::new(Disk {
            machine,
            dice,
            watch,
            state: Mutex::default(),
        })
    }

    /// Makes a change durable.
    pub(super) async fn make(&self, change: Change) -> Result<()> {
        let crashes = self.state.lock().crashes;
        self.works(1, 4).await;
        self.works(1, 12).await;
        if let (Change::DropAudio(song, content), Some(watch)) = (&change, self.watch.upgrade()) {
            watch.drops(self.machine, song, content);
        }
        let mut state = self.state.lock();
        if state.crashes == crashes {
            state.take_in(change);
        }
        Ok(())
    }

    /// Waits as long as the disk works on something.
    pub(super) async fn works(&self, low_ms: u64, high_ms: u64) {
        let slow = match self.state.lock().is_slow {
            true => SLOW,
            false => 1,
        };
        let ms = self.dice.between(low_ms, high_ms) * slow;
        sleep(Duration::from_millis(ms)).await;
    }

    /// An error where there is no room.
    pub(super) fn has_room(&self) -> Result<()> {
        match self.state.lock().is_full {
            true => Err(Error::full()),
            false => Ok(()),
        }
    }

    /// Looks at what is on it.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Contents) -> T) -> T {
        look(&self.state.lock().contents)
    }

    /// The cards on it, and all changes from now on.
    pub(super) fn follow(&self) -> Following {
        let state = self.state.lock();
        Following {
            cards: Arc::new(state.contents.clone()),
            changes: state.followers.join(),
        }
    }

    pub(super) fn generation(&self) -> u64 {
        self.state.lock().generation
    }

    /// What was handed in and not synced is lost.
    pub(crate) fn crash(&self) {
        self.state.lock().crashes += 1;
    }

    /// Everything is lost.
    pub(crate) fn wipe(&self) {
        let mut state = self.state.lock();
        state.crashes += 1;
        state.contents = Contents::default();
    }

    /// There is no more room, or some again.
    pub(crate) fn fill(&self, is_full: bool) {
        self.state.lock().is_full = is_full;
    }

    /// Everything takes long, or as long as usual again.
    pub(crate) fn slow(&self, is_slow: bool) {
        self.state.lock().is_slow = is_slow;
    }

    pub(super) fn is_full(&self) -> bool {
        self.state.lock().is_full
    }

    /// Audio is no longer what it was. Nobody notices yet.
    pub(crate) fn rot(&self, content: &ContentHash) {
        self.state.lock().contents.rot(content);
    }

    /// All damage is noticed.
    pub(crate) fn scrub(&self) {
        let mut state = self.state.lock();
        for content in state.contents.unnoticed() {
            state.take_in(Change::Noted(content));
        }
    }
}
