//! A stack of layers, as the suite sees it.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use kadenza_contract::{Credential, MusicService};

/// The largest upload that the services of every [`Stack`] take, in bytes: what is larger must be
/// refused. Small, so that a promise can go beyond it.
pub const UPLOAD_BYTES_MAX: u64 = 16 << 20;

/// The credential of somebody whom a [`Stack`] answers that knows nobody else.
///
/// # Panics
///
/// Never: it is a word.
#[must_use]
pub fn key() -> Credential {
    Credential::new("kadenza_somebody").expect("it is a word")
}

/// A way to build a stack of layers.
#[async_trait]
pub trait Stack: fmt::Debug + Send + Sync {
    /// A new service that knows no songs, and takes uploads of at most [`UPLOAD_BYTES_MAX`].
    ///
    /// # Errors
    ///
    /// A description of the failure, for people.
    async fn start(&self) -> Result<Box<dyn Running>, String>;
}

/// Which machines of a stack are within reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Machines {
    /// Those that answer know only some songs.
    TooFew,
    /// All.
    All,
}

/// A stack that was built.
#[async_trait]
pub trait Running: Send + Sync {
    /// The service at its top.
    fn service(&self) -> Arc<dyn MusicService>;

    /// The services of the machines that it consists of, for a layer that stands on each of them;
    /// the service alone where it is one.
    fn faces(&self) -> Vec<Arc<dyn MusicService>> {
        vec![self.service()]
    }

    /// What shows the service somebody whom it answers.
    fn credential(&self) -> Credential {
        key()
    }

    /// Stops everything and starts it again over what it left on disk; afterwards
    /// [`service`](Running::service) gives the new one. `false` if this stack keeps nothing.
    ///
    /// # Errors
    ///
    /// A description of the failure, for people.
    async fn restart(&mut self) -> Result<bool, String>;

    /// Takes machines away, so many that lists may lack something from now on, or gives all of them back; then
    /// [`service`](Running::service) gives the new one. `false` where nothing is taken: it is one machine.
    ///
    /// # Errors
    ///
    /// A description of the failure, for people.
    async fn reach(&mut self, _machines: Machines) -> Result<bool, String> {
        Ok(false)
    }

    /// Stops everything.
    async fn stop(self: Box<Self>);
}
