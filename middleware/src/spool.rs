//! What was read of an upload, kept so that it can be sent again.
//!
//! The first bytes are kept in memory, the rest in a temporary file without a name, which the
//! system removes with the last handle. What does not fit, or a disk that fails, costs nothing but
//! the possibility to send again.

use std::{fs::File, io, os::unix::fs::FileExt, sync::Arc};

use bytes::Bytes;
use tokio::task::spawn_blocking;

/// How much of a spool is read from the file at once, in bytes.
const READ_BYTES: u64 = 256 << 10;

/// The beginning of an upload.
#[derive(Debug)]
pub(crate) struct Spool {
    memory_max: u64,
    file_max: u64,
    /// Pieces with the position behind their last byte.
    pieces: Vec<(u64, Bytes)>,
    in_memory: u64,
    file: Option<Arc<File>>,
    length: u64,
    /// Whether something was read that is not kept.
    lost: bool,
}

impl Spool {
    pub(crate) fn new(memory_max: usize, file_max: u64) -> Spool {
        Spool {
            memory_max: memory_max as u64,
            file_max,
            pieces: Vec::new(),
            in_memory: 0,
            file: None,
            length: 0,
            lost: false,
        }
    }

    /// Whether all that was added is kept.
    pub(crate) fn is_whole(&self) -> bool {
        !self.lost
    }

    /// Adds a piece at the end. Given up in the middle, it has not been added, and may be again.
    pub(crate) async fn add(&mut self, piece: Bytes) {
        if self.lost || piece.is_empty() {
            return;
        }
        let length = piece.len() as u64;
        // Once the file was begun, everything goes there: the order of the bytes is their place.
        if self.file.is_none() && self.in_memory + length <= self.memory_max {
            self.in_memory += length;
            self.length += length;
            self.pieces.push((self.length, piece));
            return;
        }
        let at = self.length - self.in_memory;
        if at + length > self.file_max {
            self.lose();
        } else if let Err(error) = self.write(piece, at).await {
            tracing::warn!(%error, "an upload cannot be kept for another attempt");
            self.lose();
        } else {
            self.length += length;
        }
    }

    /// A piece of what is kept, from a position before the end.
    pub(crate) async fn read(&self, at: u64) -> io::Result<Bytes> {
        if at < self.in_memory {
            let index = self.pieces.partition_point(|(end, _)| *end <= at);
            let (end, piece) = &self.pieces[index];
            let rest = usize::try_from(end - at).map_err(io::Error::other)?;
            return Ok(piece.slice(piece.len() - rest..));
        }
        let Some(file) = self.file.clone() else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        let length =
            usize::try_from((self.length - at).min(READ_BYTES)).map_err(io::Error::other)?;
        let at = at - self.in_memory;
        blocking(move || {
            let mut piece = vec![0; length];
            file.read_exact_at(&mut piece, at)?;
            Ok(piece.into())
        })
        .await
    }

    async fn write(&mut self, piece: Bytes, at: u64) -> io::Result<()> {
        let file = match &self.file {
            Some(file) => Arc::clone(file),
            None => {
                let file = Arc::new(blocking(tempfile::tempfile).await?);
                self.file.insert(file).clone()
            }
        };
        // At a fixed place, so that writing it once more after this was given up changes nothing.
        blocking(move || file.write_all_at(&piece, at)).await
    }

    fn lose(&mut self) {
        self.lost = true;
        self.pieces = Vec::new();
        self.file = None;
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

    async fn filled(pieces: &[Vec<u8>], memory_max: usize, file_max: u64) -> Spool {
        let mut spool = Spool::new(memory_max, file_max);
        for piece in pieces {
            spool.add(piece.clone().into()).await;
        }
        spool
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(future)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_was_added_is_read_from_any_place(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..20),
                                                 memory_max in 0usize..200, from in 0usize..900) {
            let whole = pieces.concat();
            run(async {
                let spool = filled(&pieces, memory_max, 10_000).await;
                assert!(spool.is_whole());
                assert_eq!(spool.length, whole.len() as u64);
                let mut at = from.min(whole.len());
                let mut read = whole[..at].to_vec();
                while (at as u64) < spool.length {
                    let piece = spool.read(at as u64).await.unwrap();
                    assert!(!piece.is_empty());
                    at += piece.len();
                    read.extend_from_slice(&piece);
                }
                assert_eq!(read, whole);
                assert!(spool.in_memory <= memory_max as u64);
            });
        }
    }

    #[test]
    fn what_does_not_fit_is_lost_and_its_memory_free() {
        run(async {
            let spool = filled(&[vec![1; 10], vec![2; 10], vec![3; 10]], 10, 15).await;
            assert!(!spool.is_whole());
            assert!(spool.pieces.is_empty() && spool.file.is_none());
        });
    }
}
