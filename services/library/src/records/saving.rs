//! When the search index is saved: when the library is closed, and when much of it is new.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::task::JoinHandle;

use super::catalogue::Catalogue;
use crate::{
    directory::Directory,
    index::{Saved, Scope},
};

/// The fewest cards for which an index is saved. Fewer are arranged in some ten milliseconds.
const CARDS_MIN: u64 = 1000;
/// With so many cards in segments that are not saved, it is done at once: to arrange them again takes
/// seconds.
const MISSING_MAX: usize = 200_000;

/// Saves the index of a library.
#[derive(Debug)]
pub(crate) struct Saving {
    target: Arc<SaveTarget>,
    running: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct SaveTarget {
    /// Keeps other processes out for as long as something is written.
    _directory: Arc<Directory>,
    catalogue: Arc<Catalogue>,
    saved: Mutex<Saved>,
    library: [u8; 16],
}

impl Saving {
    pub(crate) fn new(
        directory: Arc<Directory>,
        catalogue: Arc<Catalogue>,
        saved: Saved,
        library: [u8; 16],
    ) -> Saving {
        Saving {
            target: Arc::new(SaveTarget {
                _directory: directory,
                catalogue,
                saved: Mutex::new(saved),
                library,
            }),
            running: None,
        }
    }

    /// Saves beside everything else, if much is not saved yet.
    pub(crate) fn if_worth_it(&mut self) {
        if self
            .running
            .as_ref()
            .is_some_and(|running| !running.is_finished())
        {
            return;
        }
        let index = self.target.catalogue.index();
        if index.count(Scope::Known) < MISSING_MAX as u64 {
            return;
        }
        if self.target.saved.lock().missing(&index) >= MISSING_MAX {
            self.start();
        }
    }

    /// Saves what is not saved yet, and waits for it.
    pub(crate) async fn finish(&mut self) {
        self.target.catalogue.close();
        self.wait().await;
        if self.target.catalogue.index().count(Scope::Known) >= CARDS_MIN {
            self.start();
            self.wait().await;
        }
    }

    fn start(&mut self) {
        let target = Arc::clone(&self.target);
        self.running = Some(tokio::task::spawn_blocking(move || target.save()));
    }

    async fn wait(&mut self) {
        if let Some(running) = self.running.take()
            && let Err(error) = running.await
        {
            tracing::warn!(%error, "the search index is not saved");
        }
    }
}

impl SaveTarget {
    fn save(&self) {
        let index = self.catalogue.index();
        // Asked after the index is taken: what it fell behind with later is not missing in it.
        if self.catalogue.is_complete()
            && let Err(error) = self.saved.lock().save(&index, self.library)
        {
            tracing::warn!(%error, "the search index is not saved; opening will take longer");
        }
    }
}
