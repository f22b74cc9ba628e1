//! Where a cache keeps what it remembers.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use kadenza_contract::{CacheNodeStatus, Cause};

/// One cache node, or several that look like one.
///
/// A store may forget anything at any time. It gives what was put under a key before, not
/// necessarily last: whoever needs the newest puts it under a new key. So a node that was away may
/// come back with all that it had.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// The name of the node that a value would be put on.
    fn node_of(&self, key: &[u8]) -> Arc<str>;

    /// The value of a key; `None` if it is not there (any more).
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the node could not be asked.
    async fn get(&self, key: &[u8]) -> Result<Option<StoredValue>, StoreError>;

    /// Remembers a value, for so long if a time is given, in place of what was there.
    ///
    /// # Errors
    ///
    /// [`StoreError::Refused`] if the cache does not take it. After other errors it may or may not
    /// have been remembered.
    async fn put(&self, key: &[u8], value: Bytes, ttl: Option<Duration>) -> Result<(), StoreError>;

    /// How much longer it remembers a key. `None` if the key is not there, or the store cannot tell:
    /// then nobody makes a copy of it elsewhere.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the node could not be asked.
    async fn keeps(&self, key: &[u8]) -> Result<Option<Keep>, StoreError>;

    /// How each node of the store is.
    async fn counts(&self) -> Vec<CacheNodeStatus>;
}

/// Where the present epoch is: keys whose slots are far apart, so that no node of several has them all.
pub(crate) const EPOCH_KEYS: [&[u8]; 3] =
    [b"kadenza:epoch:0", b"kadenza:epoch:6", b"kadenza:epoch:10"];
/// A key that nobody puts anything under: to see whether a node is back.
pub(crate) const PROBE_KEY: &[u8] = b"kadenza:nothing";

/// Whether an entry under this key is bookkeeping of the cache, and no answer.
#[must_use]
pub fn is_bookkeeping(key: &[u8]) -> bool {
    key == PROBE_KEY || EPOCH_KEYS.contains(&key)
}

/// A value, and the name of the node that had it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredValue {
    /// The value.
    pub value: Bytes,
    /// The node.
    pub node: Arc<str>,
}

/// How long a value is remembered, if nothing takes its place before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// It does not expire.
    ForGood,
    /// It expires after so long.
    For(Duration),
}

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// It does not take the value.
    #[error("the cache does not take it: {0}")]
    Refused(#[from] Refused),
    /// It did not answer in time.
    #[error("the cache did not answer within {} ms", .0.as_millis())]
    Late(Duration),
    /// It failed lately and is not asked now.
    #[error("the cache failed lately and is not asked for a while")]
    Resting,
    /// It could not be reached, or said something that makes no sense.
    #[error("the cache failed")]
    Failed(#[source] Cause),
}

/// Why a value is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Nothing may leave for it by the policy.
    #[error("it is full, and nothing may leave by its policy")]
    Full,
    /// It is larger than the whole cache.
    #[error("the value is larger than the cache")]
    TooLarge,
}
