//! The conformance suite: what every implementor of
//! [`MusicService`](kadenza_contract::MusicService) promises, as code.
//!
//! A promise is a function that is given a service and says how it was broken, if it was. Promises
//! share a service where they can, and keep apart by the names of their songs (see [`Ground`]);
//! where a promise speaks of all songs there are, it gets a service of its own.
//!
//! Nothing here knows how a stack is built: that is what [`Stack`] is for.

mod ground;
mod promise;
mod promises;
mod stack;
mod verdict;

use std::{fmt, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::{FutureExt, StreamExt, stream};

use promise::Needs;

pub use ground::Ground;
pub use promise::Promise;
pub use promises::{
    Typed, any_text_may_be_a_name_of, any_text_may_be_searched_for_of, names_are_found_as_typed_of,
    promises,
};
pub use stack::{Machines, Running, Stack, UPLOAD_BYTES_MAX, key};
pub use verdict::{Broken, Verdict};

/// How long a promise may take before the service counts as hung. A guess, far above what the
/// slowest stack needs on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// How many promises are checked at once on the service that they share.
const AT_ONCE: usize = 4;

/// The verdicts on the promises of a stack.
#[derive(Debug)]
#[must_use]
pub struct Report {
    /// How many were held.
    pub held: usize,
    /// The name of each broken promise, and how it was broken.
    pub broken: Vec<(&'static str, Broken)>,
}

impl Report {
    /// Whether every promise was held.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.broken.is_empty()
    }

    /// Panics with all that was broken, if anything was.
    ///
    /// # Panics
    ///
    /// If a promise was broken.
    pub fn expect_whole(&self) {
        assert!(self.is_whole(), "{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} promises held, {} broken",
            self.held,
            self.broken.len()
        )?;
        for (name, how) in &self.broken {
            write!(f, "\n  {name}\n    {how}")?;
        }
        Ok(())
    }
}

/// Checks every promise on a stack.
pub async fn check(stack: &dyn Stack) -> Report {
    check_some(stack, &promises()).await
}

/// Checks some promises on a stack.
pub async fn check_some(stack: &dyn Stack, promises: &[Promise]) -> Report {
    let mut verdicts: Vec<(&'static str, Verdict)> = Vec::new();
    let (sharing, alone): (Vec<Promise>, Vec<Promise>) = promises
        .iter()
        .partition(|promise| promise.needs == Needs::Any);

    if !sharing.is_empty() {
        match stack.start().await {
            Ok(running) => {
                let service = running.service();
                let checks = sharing.iter().map(|promise| {
                    let on = Ground::shared(promise.name, Arc::clone(&service))
                        .answering(running.credential());
                    async move { (promise.name, check_one(promise, &on).await) }
                });
                // Collected first: a lazy stream over borrowed promises is too general to be sent.
                let checks: Vec<_> = checks.map(FutureExt::boxed).collect();
                verdicts.extend(
                    stream::iter(checks)
                        .buffered(AT_ONCE)
                        .collect::<Vec<_>>()
                        .await,
                );
                drop(service);
                running.stop().await;
            }
            Err(why) => verdicts.extend(sharing.iter().map(|p| (p.name, not_started(&why)))),
        }
    }
    for promise in &alone {
        let verdict = match stack.start().await {
            Ok(running) => {
                let on = Ground::alone(promise.name, running);
                let verdict = check_one(promise, &on).await;
                on.stop().await;
                verdict
            }
            Err(why) => not_started(&why),
        };
        verdicts.push((promise.name, verdict));
    }

    let held = verdicts
        .iter()
        .filter(|(_, verdict)| verdict.is_ok())
        .count();
    let broken = verdicts
        .into_iter()
        .filter_map(|(name, verdict)| Some((name, verdict.err()?)))
        .collect();
    Report { held, broken }
}

fn not_started(why: &str) -> Verdict {
    Err(Broken::new(format!("the stack did not start: {why}")))
}

async fn check_one(promise: &Promise, on: &Ground) -> Verdict {
    let verdict = AssertUnwindSafe((promise.check)(on)).catch_unwind();
    match tokio::time::timeout(PATIENCE, verdict).await {
        Ok(Ok(verdict)) => verdict,
        Ok(Err(panic)) => {
            let text = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied());
            let text = text.unwrap_or("no message");
            Err(Broken::new(format!("the service panicked: {text}")))
        }
        Err(_) => Err(Broken::new(format!(
            "no verdict after {} s: the service hangs",
            PATIENCE.as_secs()
        ))),
    }
}
