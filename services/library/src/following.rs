//! Following the cards of a library: all of them at one moment, and every change after it.

use std::{fmt, sync::Arc};

use kadenza_contract::SongId;
use parking_lot::Mutex;
use tokio::sync::broadcast::{self, Receiver, Sender, error::TryRecvError};

use crate::card::Card;

/// How many changes wait for a follower that is slow. One that is slower begins anew.
const WAITING_MAX: usize = 4096;

/// What a change made of one card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardChange {
    /// The card before; none where there was none.
    pub before: Option<Card>,
    /// The card since; none where there is none any more.
    pub after: Option<Card>,
}

/// All cards as they were at one moment.
pub trait CardsOfAMoment: fmt::Debug + Send + Sync {
    /// The cards behind an id in the order of ids, at most `limit`.
    fn after(&self, id: Option<SongId>, limit: usize) -> Vec<Card>;
}

/// The cards of one moment, and the changes since.
#[derive(Debug)]
pub struct Following {
    /// The cards.
    pub cards: Arc<dyn CardsOfAMoment>,
    /// The changes, each of which came after the moment.
    pub changes: CardChanges,
}

/// The changes of cards since a moment, in their order.
#[derive(Debug)]
pub struct CardChanges {
    receiver: Receiver<Arc<[CardChange]>>,
}

/// The changes cannot be told one by one any more: follow the library anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outrun;

impl CardChanges {
    /// The next changes that have happened already; `None` if there are none yet.
    ///
    /// # Errors
    ///
    /// [`Outrun`].
    pub fn take(&mut self) -> Result<Option<Arc<[CardChange]>>, Outrun> {
        match self.receiver.try_recv() {
            Ok(changes) => Ok(Some(changes)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Closed | TryRecvError::Lagged(_)) => Err(Outrun),
        }
    }
}

/// Tells followers of changes.
#[derive(Debug)]
pub struct Followers {
    sender: Mutex<Sender<Arc<[CardChange]>>>,
}

impl Default for Followers {
    fn default() -> Followers {
        Followers {
            sender: Mutex::new(Sender::new(WAITING_MAX)),
        }
    }
}

impl Followers {
    /// Whether there are any.
    #[must_use]
    pub fn are_there(&self) -> bool {
        self.sender.lock().receiver_count() > 0
    }

    /// Tells them of changes.
    pub fn tell(&self, changes: Vec<CardChange>) {
        // That nobody follows is no error.
        let _ = self.sender.lock().send(changes.into());
    }

    /// Has all of them begin anew.
    pub fn outrun(&self) {
        *self.sender.lock() = broadcast::Sender::new(WAITING_MAX);
    }

    /// One more, that is told of all changes from now on.
    pub fn join(&self) -> CardChanges {
        CardChanges {
            receiver: self.sender.lock().subscribe(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_too_slow_begins_anew() {
        let followers = Followers::default();
        assert!(!followers.are_there());
        let (mut quick, mut slow) = (followers.join(), followers.join());
        assert!(followers.are_there());
        for _ in 0..=WAITING_MAX {
            followers.tell(Vec::new());
            assert_eq!(quick.take(), Ok(Some([].into())));
        }
        assert_eq!((quick.take(), slow.take()), (Ok(None), Err(Outrun)));
        followers.outrun();
        assert_eq!(quick.take(), Err(Outrun));
    }
}
