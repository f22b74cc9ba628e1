//! When the search index is saved: when the library is closed, and when much of it is new.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::task::JoinHandle;

use super::{
    catalogue::Catalogue,
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
pub(super) struct Saving {
    place: Arc<Place>,
    running: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Place {
    /// Keeps other processes out for as long as something is written.
    _directory: Arc<Directory>,
    catalogue: Arc<Catalogue>,
    saved: Mutex<Saved>,
    library: [u8; 16],
}

impl Saving {
    pub(super) fn new(
        directory: Arc<Directory>,
        catalogue: Arc<Catalogue>,
        saved: Saved,
        library: [u8; 16],
    ) -> Saving {
        Saving {
            place: Arc::new(Place {
                _directory: directory,
                catalogue,
                saved: Mutex::new(saved),
                library,
            }),
            running: None,
        }
    }

    /// Saves beside everything else, if much is not saved yet.
    pub(super) fn if_worth_it(&mut self) {
        if self
            .running
            .as_ref()
            .is_some_and(|running| !running.is_finished())
        {
            return;
        }
        let index = self.place.catalogue.index();
        if index.count(Scope::Known) < MISSING_MAX as u64 {
            return;
        }
        if self.place.saved.lock().missing(&index) >= MISSING_MAX {
            self.start();
        }
    }

    /// Saves what is not saved yet, and waits for it.
    pub(super) async fn finish(&mut self) {
        self.place.catalogue.close();
        self.wait().await;
        if self.place.catalogue.index().count(Scope::Known) >= CARDS_MIN {
            self.start();
            self.wait().await;
        }
    }

    fn start(&mut self) {
        let place = Arc::clone(&self.place);
        self.running = Some(tokio::task::spawn_blocking(move || place.save()));
    }

    async fn wait(&mut self) {
        if let Some(running) = self.running.take()
            && let Err(error) = running.await
        {
            tracing::warn!(%error, "the search index is not saved");
        }
    }
}

impl Place {
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
