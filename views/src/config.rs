//! The settings of the views.

use std::sync::Arc;

use kadenza_accounts::Accounts;
use kadenza_api::StorageHealth;
use parking_lot::Mutex;

use crate::{CacheCounts, RateBounds, Site};

/// The largest upload unless configured otherwise: 2 GiB, which is over three hours of
/// uncompressed CD audio.
pub const UPLOAD_BYTES_MAX_DEFAULT: u64 = 2 << 30;

/// Choices for [`crate::router`].
#[derive(Debug, Clone)]
pub struct ViewsConfig {
    /// The largest upload that is taken, in bytes. Default: [`UPLOAD_BYTES_MAX_DEFAULT`].
    pub upload_bytes_max: u64,
    /// The base URL (`http://HOST:PORT`) at which others reach this server, named first among the
    /// servers. Default: none.
    pub advertised: Option<String>,
    /// The names under which the server answers, and the pages that may upload. Default: addresses in numbers and
    /// `localhost`, and their pages.
    pub site: Site,
    /// Who may do what. Default: none, and everybody may do everything.
    pub accounts: Option<Arc<dyn Accounts>>,
    /// How often one address may ask for what costs much. Default: more often than a household does.
    pub rates: RateBounds,
    /// How many uploads of one address may have brought more than their first MiB and not be done; further ones wait.
    /// Default: 16, a quarter of the turns that libraries have.
    pub uploads_of_one_max: usize,
    /// What `/health` answers. Default: ready.
    pub readiness: Readiness,
    /// How `/metrics` asks for the counts of cache nodes below. Default: there are none.
    pub cache_counts: CacheCounts,
}

impl Default for ViewsConfig {
    fn default() -> ViewsConfig {
        ViewsConfig {
            upload_bytes_max: UPLOAD_BYTES_MAX_DEFAULT,
            advertised: None,
            site: Site::default(),
            accounts: None,
            rates: RateBounds::default(),
            uploads_of_one_max: 16,
            readiness: Readiness::default(),
            cache_counts: CacheCounts::default(),
        }
    }
}

/// Whether this server wants requests. Clones share the answer, so that whoever composes the server
/// can withdraw it while the stack below starts or stops.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<State>);

#[derive(Debug, Default)]
struct State {
    unready: Mutex<Option<&'static str>>,
    storage: Mutex<StorageHealth>,
}

impl Readiness {
    /// Sets what `/health` says of the storage. Default: that it is well.
    pub fn set_storage(&self, storage: StorageHealth) {
        *self.0.storage.lock() = storage;
    }

    /// What `/health` says of the storage.
    #[must_use]
    pub fn storage(&self) -> StorageHealth {
        *self.0.storage.lock()
    }

    /// The server wants requests.
    pub fn give(&self) {
        *self.0.unready.lock() = None;
    }

    /// The server wants no requests; `/health` tells people why.
    pub fn withdraw(&self, why: &'static str) {
        *self.0.unready.lock() = Some(why);
    }

    /// Why the server wants no requests; `None` if it does.
    #[must_use]
    pub fn withdrawn(&self) -> Option<&'static str> {
        *self.0.unready.lock()
    }
}
