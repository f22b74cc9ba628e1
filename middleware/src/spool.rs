//! The beginning of an upload, kept so that it can be sent again.
//!
//! The first bytes are kept in memory, the rest in a temporary file without a name, which the
//! system removes with the last handle. An upload that does not fit, and one on a disk that fails,
//! goes through all the same; it cannot be sent again.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use tokio::task::spawn_blocking;

/// How much of a spool is read at once, in bytes.
const READ_BYTES: usize = 256 << 10;
/// In which steps memory is taken, in bytes.
const STEP_BYTES: usize = 256 << 10;

/// What all spools share: so much memory, and so much of the disk.
#[derive(Debug)]
pub(crate) struct Room {
    memory: Free,
    disk: Free,
}

impl Room {
    pub(crate) fn new(memory: usize, disk: u64) -> Room {
        Room {
            memory: Free(AtomicU64::new(memory as u64)),
            disk: Free(AtomicU64::new(disk)),
        }
    }
}

/// How many bytes are free.
#[derive(Debug)]
struct Free(AtomicU64);

impl Free {
    fn take(&self, bytes: u64) -> bool {
        let taken = self
            .0
            .try_update(Relaxed, Relaxed, |free| free.checked_sub(bytes));
        taken.is_ok()
    }

    fn give_back(&self, bytes: u64) {
        self.0.fetch_add(bytes, Relaxed);
    }
}

/// The beginning of an upload.
#[derive(Debug)]
pub(crate) struct Spool {
    /// The first bytes. Copied, since a small piece may hold on to a large buffer.
    head: Vec<u8>,
    head_max: usize,
    room: Arc<Room>,
    /// How much of the shared memory is taken, in bytes.
    taken: usize,
    /// The bytes behind the first ones.
    file: Option<Arc<File>>,
    in_file: u64,
    /// How much of the shared disk is taken, in bytes.
    taken_of_disk: u64,
    in_file_max: u64,
    /// Whether something was read that is not kept.
    lost: bool,
}

impl Spool {
    /// A spool of at most so many bytes in memory and in a file.
    pub(crate) fn new(head_max: usize, in_file_max: u64, room: Arc<Room>) -> Spool {
        Spool {
            head: Vec::new(),
            head_max,
            room,
            taken: 0,
            file: None,
            in_file: 0,
            taken_of_disk: 0,
            in_file_max,
            lost: false,
        }
    }

    /// Whether all that was added is kept.
    pub(crate) fn is_whole(&self) -> bool {
        !self.lost
    }

    /// Adds a piece at the end. Given up in the middle, it has not been added, and may be again.
    pub(crate) async fn add(&mut self, piece: &Bytes) {
        // Once the file was begun, everything goes there: the order of the bytes is their place.
        if self.lost || (self.in_file == 0 && self.add_to_head(piece)) {
            return;
        }
        let behind = self.in_file + piece.len() as u64;
        if behind > self.in_file_max {
            self.lose();
        } else if !self.take_of_disk(behind) {
            tracing::debug!("an upload cannot be kept for another attempt: others have the room");
            self.lose();
        } else if let Err(error) = self.write(piece.clone()).await {
            tracing::warn!(%error, "an upload cannot be kept for another attempt");
            self.lose();
        } else {
            self.in_file = behind;
        }
    }

    fn add_to_head(&mut self, piece: &[u8]) -> bool {
        let length = self.head.len() + piece.len();
        if length > self.head_max {
            return false;
        }
        if length > self.taken {
            let more = (length - self.taken)
                .max(STEP_BYTES)
                .min(self.head_max - self.taken);
            if !self.room.memory.take(more as u64) {
                return false;
            }
            self.taken += more;
            self.head.reserve_exact(self.taken - self.head.len());
        }
        self.head.extend_from_slice(piece);
        true
    }

    /// Takes as much of the disk as a file of this length needs. What was taken for a piece that was given up is there.
    fn take_of_disk(&mut self, length: u64) -> bool {
        let more = length.saturating_sub(self.taken_of_disk);
        let is_free = self.room.disk.take(more);
        if is_free {
            self.taken_of_disk += more;
        }
        is_free
    }

    /// A piece of what is kept, from a position before the end.
    pub(crate) async fn read(&self, at: u64) -> io::Result<Bytes> {
        let in_head = usize::try_from(at).ok().and_then(|at| self.head.get(at..));
        if let Some(rest) = in_head.filter(|rest| !rest.is_empty()) {
            return Ok(Bytes::copy_from_slice(&rest[..rest.len().min(READ_BYTES)]));
        }
        let at = at - self.head.len() as u64;
        let Some(file) = self.file.clone().filter(|_| at < self.in_file) else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        let length = usize::try_from(self.in_file - at).unwrap_or(READ_BYTES);
        let mut piece = vec![0; length.min(READ_BYTES)];
        blocking(move || {
            file.read_exact_at(&mut piece, at)?;
            Ok(piece.into())
        })
        .await
    }

    async fn write(&mut self, piece: Bytes) -> io::Result<()> {
        let file = match &self.file {
            Some(file) => Arc::clone(file),
            None => {
                let file = Arc::new(blocking(tempfile::tempfile).await?);
                Arc::clone(self.file.insert(file))
            }
        };
        // At a fixed place, so that writing it once more after this was given up changes nothing.
        let at = self.in_file;
        blocking(move || file.write_all_at(&piece, at)).await
    }

    fn lose(&mut self) {
        self.lost = true;
        self.file = None;
        self.head = Vec::new();
        let taken = std::mem::take(&mut self.taken);
        self.room.memory.give_back(taken as u64);
        let taken = std::mem::take(&mut self.taken_of_disk);
        self.room.disk.give_back(taken);
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.lose();
    }
}

async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(act)
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn room(memory: usize, disk: u64) -> Arc<Room> {
        Arc::new(Room::new(memory, disk))
    }

    async fn filled(pieces: &[Vec<u8>], head_max: usize, in_file_max: u64) -> Spool {
        let mut spool = Spool::new(head_max, in_file_max, room(1 << 20, 1 << 20));
        for piece in pieces {
            spool.add(&piece.clone().into()).await;
        }
        spool
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(future)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_was_added_is_read_from_any_place(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..20),
            head_max in 0usize..200, from in 0usize..900,
        ) {
            let whole = pieces.concat();
            run(async {
                let spool = filled(&pieces, head_max, 10_000).await;
                assert!(spool.is_whole());
                let mut at = from.min(whole.len());
                let mut read = whole[..at].to_vec();
                while at < whole.len() {
                    let piece = spool.read(at as u64).await.unwrap();
                    assert!(!piece.is_empty());
                    at += piece.len();
                    read.extend_from_slice(&piece);
                }
                assert_eq!(read, whole);
                assert!(spool.read(at as u64).await.is_err(), "there is nothing behind the end");
                assert!(spool.head.len() <= head_max && spool.taken <= head_max);
            });
        }
    }

    #[test]
    fn what_does_not_fit_is_lost_and_its_memory_free() {
        run(async {
            let spool = filled(&[vec![1; 10], vec![2; 10], vec![3; 10]], 10, 15).await;
            assert!(!spool.is_whole());
            assert!(spool.head.is_empty() && spool.file.is_none());
            assert_eq!(spool.room.memory.0.load(Relaxed), 1 << 20);
            assert_eq!(spool.room.disk.0.load(Relaxed), 1 << 20);
        });
    }

    #[test]
    fn without_free_memory_a_spool_begins_in_its_file() {
        run(async {
            let room = room(100, 1000);
            let mut first = Spool::new(100, 100, Arc::clone(&room));
            first.add(&vec![1; 60].into()).await;
            let mut second = Spool::new(100, 100, Arc::clone(&room));
            second.add(&vec![2; 60].into()).await;
            assert_eq!((first.head.len(), second.head.len()), (60, 0));
            assert_eq!(second.read(0).await.unwrap(), vec![2; 60]);
            drop(first);
            assert_eq!(room.memory.0.load(Relaxed), 100);
        });
    }

    #[test]
    fn all_spools_together_take_no_more_of_the_disk_than_they_may() {
        run(async {
            let room = room(0, 100);
            let spool = || Spool::new(0, 80, Arc::clone(&room));
            let (mut first, mut second) = (spool(), spool());
            first.add(&vec![1; 70].into()).await;
            second.add(&vec![2; 30].into()).await;
            assert!(first.is_whole() && second.is_whole());
            // What does not fit is lost alone, and others have its room.
            second.add(&vec![2; 1].into()).await;
            assert!(first.is_whole() && !second.is_whole());
            first.add(&vec![1; 10].into()).await;
            assert_eq!(first.read(0).await.unwrap(), vec![1; 80]);
            assert_eq!(room.disk.0.load(Relaxed), 20);
            drop(first);
            assert_eq!(room.disk.0.load(Relaxed), 100);
        });
    }
}
