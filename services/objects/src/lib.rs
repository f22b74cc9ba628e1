//! Audio in an object store: one object for each content, named by its hash.
//!
//! A store is a directory (`file:///dir`) or a bucket of an S3-compatible server
//! (`s3://bucket/prefix`). An object appears whole or not at all, and the same content always under
//! the same name, so writing it again changes nothing. Which objects belong to a library is decided
//! by its database alone; this crate keeps and gives bytes. What is read is *not* checked here:
//! a reader that knows the hashes of the chunks does that.

mod address;
mod failing;
mod parts;

use std::{fs::File, ops::Range, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use object_store::{ObjectStore, ObjectStoreExt, PutMode, path::Path};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    task::JoinSet,
};

pub use address::StoreAddress;
pub use kadenza_audio::AudioStore;

use failing::{failed, is_absent, is_unreadable, said};
use kadenza_contract::{ContentHash, Error, Result};

/// How many parts of 8 MiB are on their way to the store at once: 128 MiB of memory at most.
const WRITES_MAX: u32 = 16;
/// How many reads are under way at once.
const READS_MAX: u32 = 64;
/// The most bytes that [`AudioObjects::read`](AudioStore::read) gives at once.
const READ_BYTES_MAX: u64 = 16 << 20;
/// The object that says whose the others are.
const OWNER: &str = "kadenza-library";

/// A place in an object store where a library has its audio. Cloning it is cheap, and all clones
/// share its bounds.
///
/// For `s3://bucket/prefix`, credentials and endpoint come from the usual variables:
/// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT` for a store that is
/// not Amazon's, `AWS_ALLOW_HTTP=true` for one without TLS. An attempt ends after half a minute; what
/// fails is repeated a few times within some ten seconds.
#[derive(Debug, Clone)]
pub struct AudioObjects {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    place: Arc<str>,
    writes: Arc<Semaphore>,
    reads: Arc<Semaphore>,
}

impl AudioObjects {
    /// The place that an address names: `file:///dir`, a directory that is made if there is none,
    /// or `s3://bucket/prefix`. Nothing is asked of a server; [`check`](AudioStore::check) does that.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the address or a variable makes no sense, [`Error::Storage`] if the
    /// directory cannot be made.
    pub fn open(address: &str) -> Result<AudioObjects> {
        AudioObjects::at(&StoreAddress::from_environment(address))
    }

    /// Like [`open`](AudioObjects::open), with variables of one's own.
    ///
    /// # Errors
    ///
    /// Those of [`open`](AudioObjects::open).
    pub fn at(address: &StoreAddress) -> Result<AudioObjects> {
        let (store, prefix) = address::open(address)?;
        Ok(AudioObjects {
            store,
            prefix,
            place: address.url().into(),
            writes: Arc::new(Semaphore::new(WRITES_MAX as usize)),
            reads: Arc::new(Semaphore::new(READS_MAX as usize)),
        })
    }

    async fn read_now(&self, content: &ContentHash, range: Range<u64>) -> Result<Option<Bytes>> {
        let len = range.end - range.start;
        let _turn = turn(&self.reads, 1).await;
        match self.store.get_range(&self.path(content), range).await {
            Ok(bytes) if bytes.len() as u64 == len => Ok(Some(bytes)),
            Ok(_) => Err(Error::Damaged {
                what: format!("audio {content} is cut short in {}", self.place),
            }),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) if is_unreadable(&error) => Err(self.unreadable(content, &error)),
            Err(error) => Err(failed("reading audio", &self.place, &error)),
        }
    }

    /// A file is there and cannot be read, which is no trouble of the store.
    fn unreadable(&self, content: &ContentHash, error: &object_store::Error) -> Error {
        let how = said(error);
        Error::Damaged {
            what: format!("audio {content} cannot be read in {}: {how}", self.place),
        }
    }

    /// All audio that is here, with its size, in no order: for looking for what nobody knows. What
    /// is not named like audio is left out.
    pub fn list(&self) -> impl Stream<Item = Result<(ContentHash, u64)>> + Send + 'static {
        let (place, prefix) = (Arc::clone(&self.place), self.prefix.clone());
        let found = self.store.list(Some(&self.prefix));
        found.filter_map(move |found| {
            let named = match found {
                Ok(found) => named(&prefix, &found.location).map(|name| Ok((name, found.size))),
                Err(error) => Some(Err(failed("listing audio", &place, &error))),
            };
            std::future::ready(named)
        })
    }

    /// The same names as under `audio/` in a data directory, so that one can be copied to the other
    /// with any tool.
    fn path(&self, content: &ContentHash) -> Path {
        let name = content.to_string();
        let (folder, rest) = name.split_at(2);
        self.prefix.clone().join(folder).join(rest)
    }

    /// An error of the store at the start, where a wrong name or key is the user's to correct.
    fn unusable(&self, doing: &'static str, error: &object_store::Error) -> Error {
        use object_store::Error as Store;
        let advice = match error {
            Store::NotFound { .. } => "there is no such bucket or directory",
            Store::PermissionDenied { .. } | Store::Unauthenticated { .. } => {
                "access is denied: look at AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and \
                 what the key is allowed to do"
            }
            _ => return failed(doing, &self.place, error),
        };
        let how = said(error);
        Error::Invalid {
            what: format!("{} cannot be used: {advice} ({how})", self.place),
        }
    }
}

#[async_trait]
impl AudioStore for AudioObjects {
    fn address(&self) -> &str {
        &self.place
    }

    fn is_examined_elsewhere(&self) -> bool {
        self.place.starts_with("s3://")
    }

    async fn check(&self) -> Result<()> {
        let doing = "trying the object store";
        // Others may be trying it at the same time.
        let nonce = format!("{}-{:?}", std::process::id(), std::time::SystemTime::now());
        let trial = self.prefix.clone().join(format!(
            "kadenza-trial-{}",
            &ContentHash::of(nonce.as_bytes()).to_string()[..16]
        ));
        let told = nonce.clone().into_bytes();
        self.store
            .put(&trial, told.clone().into())
            .await
            .map_err(|error| self.unusable(doing, &error))?;
        let got = match self.store.get(&trial).await {
            Ok(got) => got.bytes().await,
            Err(error) => Err(error),
        };
        let removed = self.store.delete(&trial).await;
        let got = got.map_err(|error| self.unusable(doing, &error))?;
        removed.map_err(|error| self.unusable(doing, &error))?;
        if got != told {
            return Err(Error::Protocol {
                place: self.place.to_string(),
                what: "it gave back other bytes than were written".into(),
            });
        }
        Ok(())
    }

    async fn owner(&self) -> Result<Option<String>> {
        let path = self.prefix.clone().join(OWNER);
        let got = match self.store.get(&path).await {
            Ok(got) => got.bytes().await,
            Err(error) => Err(error),
        };
        match got {
            Ok(named) => Ok(Some(String::from_utf8_lossy(&named).into_owned())),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(failed("asking whose the audio is", &self.place, &error)),
        }
    }

    async fn claim(&self, owner: &str) -> Result<bool> {
        let doing = "claiming the object store";
        let path = self.prefix.clone().join(OWNER);
        let told = owner.as_bytes().to_vec();
        let put = self
            .store
            .put_opts(&path, told.into(), PutMode::Create.into())
            .await;
        match put {
            Ok(_) => return Ok(true),
            Err(
                object_store::Error::AlreadyExists { .. }
                | object_store::Error::Precondition { .. },
            ) => {}
            Err(error) => return Err(self.unusable(doing, &error)),
        }
        if self.owner().await?.as_deref() != Some(owner) {
            return Err(Error::Invalid {
                what: format!(
                    "{} holds the audio of another library: give this one another prefix",
                    self.place
                ),
            });
        }
        Ok(false)
    }

    async fn put(&self, content: &ContentHash, file: &File, size: u64) -> Result<()> {
        let file = file
            .try_clone()
            .map_err(|error| Error::storage("reading audio to be stored")(error.into()))?;
        let parts = parts::Parts::of(file, size);
        let _turn = turn(&self.writes, parts.at_once()).await;
        parts
            .put(&self.store, &self.path(content))
            .await
            .map_err(|error| match error {
                parts::Failed::Disk(error) => {
                    Error::storage("reading audio to be stored")(error.into())
                }
                parts::Failed::Store(error) => failed("storing audio", &self.place, &error),
            })
    }

    async fn read(&self, content: &ContentHash, range: Range<u64>) -> Result<Option<Bytes>> {
        let len = range.end.saturating_sub(range.start);
        if len > READ_BYTES_MAX {
            return Err(Error::Invalid {
                what: format!("at most {READ_BYTES_MAX} bytes are read at once"),
            });
        }
        if len == 0 {
            return Ok(self.size(content).await?.map(|_| Bytes::new()));
        }
        // A task of its own, which ends with this future: whoever reads ahead and then pauses would
        // else keep its turn from all others.
        let mut reading = JoinSet::new();
        let (objects, content) = (self.clone(), *content);
        reading.spawn(async move { objects.read_now(&content, range).await });
        match reading.join_next().await {
            Some(Ok(read)) => read,
            Some(Err(error)) => Err(Error::storage("reading audio")(error.into())),
            None => unreachable!("a task was spawned"),
        }
    }

    async fn size(&self, content: &ContentHash) -> Result<Option<u64>> {
        let _turn = turn(&self.reads, 1).await;
        match self.store.head(&self.path(content)).await {
            Ok(found) => Ok(Some(found.size)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) if is_unreadable(&error) => Err(self.unreadable(content, &error)),
            Err(error) => Err(failed("looking for audio", &self.place, &error)),
        }
    }

    async fn remove(&self, content: &ContentHash) -> Result<()> {
        let _turn = turn(&self.writes, 1).await;
        match self.store.delete(&self.path(content)).await {
            Ok(()) => Ok(()),
            Err(error) if is_absent(&error) => Ok(()),
            Err(error) => Err(failed("removing audio", &self.place, &error)),
        }
    }
}

async fn turn(of: &Semaphore, permits: u32) -> SemaphorePermit<'_> {
    let turn = of.acquire_many(permits).await;
    turn.expect("a store's semaphores are never closed")
}

/// The content that an object is named after.
fn named(prefix: &Path, location: &Path) -> Option<ContentHash> {
    let name: String = location
        .prefix_match(prefix)?
        .map(|part| part.as_ref().to_owned())
        .collect();
    name.parse().ok()
}
