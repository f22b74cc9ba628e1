//! How an answer came to be, told from below to whoever asked.
//!
//! A layer notes what it did; a layer above that wants to know collects the notes of one call. In
//! between nobody is involved, and where nobody collects, nothing is kept.

use std::{cell::RefCell, sync::Arc, time::Duration};

use tokio::time::Instant;

/// The most notes of each kind in one call.
const NOTES_MAX: usize = 16;

tokio::task_local! {
    static COLLECTED: RefCell<Notes>;
}

/// The notes of the layers below during one call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// The notes of caches, in the order in which they were asked.
    pub caches: Vec<CacheNote>,
    /// How long parts of the answer took: `cache` is the look into a cache, `below` all that is below
    /// the cache, `server` all that another server did.
    pub layers: Vec<(&'static str, Duration)>,
}

/// The note of a cache on one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheNote {
    /// The name of the cache node that was asked.
    pub node: Arc<str>,
    /// The outcome.
    pub outcome: CacheOutcome,
}

/// The outcome of a question to a cache (in the words of RFC 9211).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheOutcome {
    /// It had the answer.
    Hit,
    /// It did not; the question went below, and the answer is remembered.
    Miss,
    /// It did not; the question went below, and the answer is not remembered.
    Unkept,
    /// It did not, and somebody else's same question was under way below already.
    Collapsed,
    /// It could not be asked, and the question went below.
    Bypass,
}

impl Notes {
    /// Runs a call and collects what is noted during it on this task.
    pub async fn collect<T>(call: impl Future<Output = T>) -> (T, Notes) {
        COLLECTED
            .scope(RefCell::default(), async {
                let answer = call.await;
                (answer, COLLECTED.with(RefCell::take))
            })
            .await
    }

    /// Notes what a cache did.
    pub fn cache(note: CacheNote) {
        Notes::with(|notes| {
            if notes.caches.len() < NOTES_MAX {
                notes.caches.push(note);
            }
        });
    }

    /// Notes how long a part of the answer took.
    pub fn took(layer: &'static str, time: Duration) {
        Notes::with(|notes| {
            if notes.layers.len() < NOTES_MAX {
                notes.layers.push((layer, time));
            }
        });
    }

    /// Passes notes on that were collected before.
    pub fn pass_on(self) {
        self.caches.into_iter().for_each(Notes::cache);
        for (layer, time) in self.layers {
            Notes::took(layer, time);
        }
    }

    /// Runs a call and notes how long the layer of this name took for it.
    pub async fn timed<T>(layer: &'static str, call: impl Future<Output = T>) -> T {
        // Where nobody wants to know, the clock is not looked at.
        if COLLECTED.try_with(|_| ()).is_err() {
            return call.await;
        }
        let begun = Instant::now();
        let answer = call.await;
        Notes::took(layer, begun.elapsed());
        answer
    }

    fn with(note: impl FnOnce(&mut Notes)) {
        // Nobody collects: then nobody wants to know.
        let _ = COLLECTED.try_with(|notes| note(&mut notes.borrow_mut()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(node: &str) -> CacheNote {
        CacheNote {
            node: node.into(),
            outcome: CacheOutcome::Hit,
        }
    }

    #[tokio::test]
    async fn notes_belong_to_the_call_that_made_them() {
        Notes::cache(note("nobody listens"));
        let call = |name: &'static str| {
            Notes::collect(async move {
                Notes::cache(note(name));
                tokio::task::yield_now().await;
                Notes::timed("below", async { Notes::cache(note("inner")) }).await;
                name
            })
        };
        let ((a, of_a), (b, of_b)) = tokio::join!(call("a"), call("b"));
        for (name, notes) in [(a, of_a), (b, of_b)] {
            assert_eq!(notes.caches, [note(name), note("inner")]);
            assert_eq!(notes.layers.len(), 1);
        }
    }

    #[tokio::test]
    async fn no_call_keeps_more_than_it_may() {
        let (_, notes) = Notes::collect(async {
            for _ in 0..1000 {
                Notes::cache(note("n"));
            }
        })
        .await;
        assert_eq!(notes.caches.len(), NOTES_MAX);
    }
}
