//! A file on its way into a store: in one piece, or in parts of some megabytes.

use std::{fs::File, io, ops::Range, os::unix::fs::FileExt, sync::Arc};

use futures_util::{StreamExt, stream::FuturesUnordered};
use object_store::{
    MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload, UploadPart, path::Path,
};

/// The size of a part, in bytes. S3 takes no parts under 5 MiB but the last one.
const PART_BYTES: u64 = 8 << 20;
/// S3 takes 10,000 parts.
const PARTS_MAX: u64 = 9_000;
/// How many parts of one file are on their way at once.
const AT_ONCE: usize = 2;

/// Why a file is not in the store.
#[derive(Debug)]
pub(super) enum Failed {
    /// The file could not be read.
    Disk(io::Error),
    /// The store did not take it.
    Store(object_store::Error),
}

/// A file, and how it is cut.
#[derive(Debug)]
pub(super) struct Parts {
    file: Arc<File>,
    size: u64,
    part: u64,
}

impl Parts {
    /// A file of `size` bytes.
    pub(super) fn of(file: File, size: u64) -> Parts {
        Parts {
            file: Arc::new(file),
            size,
            part: PART_BYTES.max(size.div_ceil(PARTS_MAX)),
        }
    }

    /// How many parts are in memory at once.
    pub(super) fn at_once(&self) -> u32 {
        if self.size <= self.part {
            1
        } else {
            AT_ONCE as u32
        }
    }

    /// Puts it into the store.
    pub(super) async fn put(self, store: &Arc<dyn ObjectStore>, path: &Path) -> Result<(), Failed> {
        if self.size <= self.part {
            let payload = read(&self.file, 0..self.size).await?;
            store.put(path, payload).await.map_err(Failed::Store)?;
            return Ok(());
        }
        let upload = store.put_multipart(path).await.map_err(Failed::Store)?;
        let mut upload = Aborting(Some(upload));
        let done = match &mut upload.0 {
            Some(upload) => self.put_parts(upload.as_mut()).await,
            None => unreachable!("an upload is taken out when it is done"),
        };
        if done.is_ok() {
            upload.0 = None;
        }
        done
    }

    async fn put_parts(&self, upload: &mut dyn MultipartUpload) -> Result<(), Failed> {
        let mut under_way: FuturesUnordered<UploadPart> = FuturesUnordered::new();
        let mut start = 0;
        while start < self.size {
            if under_way.len() == AT_ONCE
                && let Some(done) = under_way.next().await
            {
                done.map_err(Failed::Store)?;
            }
            let end = (start + self.part).min(self.size);
            let payload = read(&self.file, start..end).await?;
            under_way.push(upload.put_part(payload));
            start = end;
        }
        while let Some(done) = under_way.next().await {
            done.map_err(Failed::Store)?;
        }
        upload.complete().await.map_err(Failed::Store)?;
        Ok(())
    }
}

/// An upload that is taken back when it fails or is given up: its parts would be paid for unseen.
/// After a crash they stay, until a rule of the bucket removes what was never completed.
#[derive(Debug)]
struct Aborting(Option<Box<dyn MultipartUpload>>);

impl Drop for Aborting {
    fn drop(&mut self) {
        if let Some(mut upload) = self.0.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move {
                if let Err(error) = upload.abort().await {
                    let error = super::failing::said(&error);
                    tracing::warn!(
                        error,
                        "parts of an upload that was given up stay in the store"
                    );
                }
            });
        }
    }
}

async fn read(file: &Arc<File>, range: Range<u64>) -> Result<PutPayload, Failed> {
    let file = Arc::clone(file);
    let reading = tokio::task::spawn_blocking(move || {
        let mut bytes = vec![0; (range.end - range.start) as usize];
        file.read_exact_at(&mut bytes, range.start)?;
        Ok(PutPayload::from(bytes))
    });
    match reading.await {
        Ok(read) => read.map_err(Failed::Disk),
        Err(panicked) => Err(Failed::Disk(io::Error::other(panicked))),
    }
}
