//! Where a library keeps its audio if not in files of its own.

use std::{fmt, fs::File, ops::Range};

use async_trait::async_trait;
use bytes::Bytes;
use kadenza_contract::{ContentHash, Result};

/// A store of audio by its content, such as a bucket.
///
/// Audio appears whole or not at all, and the same content always under the same name, so writing it
/// again changes nothing. Only the database of a library decides which audio belongs to it; a store
/// keeps and gives bytes. It does not check what it gives: [`StoredAudio`](crate::StoredAudio) does.
#[async_trait]
pub trait AudioStore: fmt::Debug + Send + Sync + 'static {
    /// The address of the store, without secrets.
    fn address(&self) -> &str;

    /// Whether those who keep the audio examine it themselves, and may charge for reading: a bucket. Then
    /// the scrub asks it only for sizes.
    fn is_examined_elsewhere(&self) -> bool;

    /// Makes sure that audio can be written, read and removed here: to be asked once, at the start,
    /// where someone reads the error.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`](kadenza_contract::Error::Invalid) if the store is set up wrongly;
    /// [`Error::Unreachable`](kadenza_contract::Error::Unreachable),
    /// [`Error::Timeout`](kadenza_contract::Error::Timeout),
    /// [`Error::Full`](kadenza_contract::Error::Full) and
    /// [`Error::Storage`](kadenza_contract::Error::Storage) if it does not answer.
    async fn check(&self) -> Result<()>;

    /// Whose the store is: the last word of [`claim`](AudioStore::claim). `None` if it is nobody's, like
    /// the empty directory where a disk is not mounted.
    ///
    /// # Errors
    ///
    /// Those of [`AudioStore::check`].
    async fn owner(&self) -> Result<Option<String>>;

    /// Takes the store for one library, for ever: a second library in the same store would remove
    /// audio that the first one needs. Says whether it was taken just now.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`](kadenza_contract::Error::Invalid) if it belongs to another library; those of
    /// [`AudioStore::check`].
    async fn claim(&self, owner: &str) -> Result<bool>;

    /// Keeps the audio that is in a file of `size` bytes. When this returns the audio is durable. Audio
    /// that is there already is written over with the same bytes. Dropping the future gives it up; the
    /// audio is there whole or not at all.
    ///
    /// # Errors
    ///
    /// Those of [`AudioStore::check`]. The audio may be there nevertheless.
    async fn put(&self, content: &ContentHash, file: &File, size: u64) -> Result<()>;

    /// Bytes of audio, at most 16 MiB; `None` if the audio is not here.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`](kadenza_contract::Error::Invalid) if it is more,
    /// [`Error::Damaged`](kadenza_contract::Error::Damaged) if it is shorter or cannot be read; those of
    /// [`AudioStore::check`].
    async fn read(&self, content: &ContentHash, range: Range<u64>) -> Result<Option<Bytes>>;

    /// The size of audio in bytes; `None` if the audio is not here.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`](kadenza_contract::Error::Damaged) if it is here and cannot be read; those of
    /// [`AudioStore::check`].
    async fn size(&self, content: &ContentHash) -> Result<Option<u64>>;

    /// Removes audio. Audio that is not here is no error.
    ///
    /// # Errors
    ///
    /// Those of [`AudioStore::check`]. The audio may be gone nevertheless.
    async fn remove(&self, content: &ContentHash) -> Result<()>;
}
