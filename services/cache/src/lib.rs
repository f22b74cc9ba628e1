//! The cache in front of a slower library.
//!
//! [`Cached`] is a layer like any other: it implements [`MusicService`](kadenza_contract::MusicService) over
//! another. What it remembers is in a [`Store`]: [`Embedded`] in this process, or several stores
//! made one by [`Partitioned`] or [`Replicated`]. A cache costs speed when it fails, never an answer.

mod cached;
mod embedded;
mod epochs;
mod flights;
mod guarded;
mod latency;
mod optimum;
mod partitioned;
mod policy;
mod replicated;
mod sealed;
mod slots;
mod store;

pub use cached::{Cached, CachedConfig};
pub use embedded::{Capacity, Embedded};
pub use guarded::{Guarded, Patience};
pub use optimum::optimum;
pub use partitioned::Partitioned;
pub use policy::Policy;
pub use replicated::Replicated;
pub use slots::{SLOTS, SlotMap, slot_of};
pub use store::{Keep, Refused, Store, StoreError, StoredValue, is_bookkeeping};
