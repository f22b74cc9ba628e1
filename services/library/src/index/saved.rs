//! The index on the disk, so that a large library opens in a moment.
//!
//! ```text
//! index/manifest    which segments there are, what counts of each, and the change up to which it is true
//! index/7.segment   the columns of a segment
//! ```
//!
//! It is derived, so it is never needed, and never trusted without proof: the manifest ends with its own
//! checksum and has those of all segments, the name of the library, and the number of the last change in
//! it. Whatever does not fit is thrown away and built anew from the database. Segments are written and
//! synced first; then the manifest takes the place of the old one in one step; then segments that are in
//! neither go. So a crash anywhere leaves the old index or the new one.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    sync::{Arc, Weak},
};

use super::{
    bits::Bits,
    doc::Scope,
    list::Index,
    part::Part,
    segment::{Flat, Reader, Segment},
};

/// The first bytes of a manifest. Another version of any format in here is another number.
const MAGIC: &[u8] = b"kadenza index 4\n";

/// Which library, and which moment of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// The random name of the library.
    pub(crate) library: [u8; 16],
    /// The number of the last change.
    pub(crate) last: u64,
    /// The first change from which on an index can be caught up.
    pub(crate) since: u64,
}

/// The folder of a saved index. One at a time writes to it.
#[derive(Debug)]
pub(crate) struct Saved {
    folder: PathBuf,
    segments: Vec<Filed>,
    next: u64,
    /// The change up to which the manifest is true.
    change: Option<u64>,
}

/// A segment that is in a file.
#[derive(Debug, Clone)]
struct Filed {
    number: u64,
    checksum: [u8; 32],
    segment: Weak<Segment>,
}

impl Saved {
    /// The folder, and the index in it if there is one that fits. One that does not is thrown away.
    pub(crate) fn open(folder: PathBuf, now: Moment) -> io::Result<(Saved, Option<Index>)> {
        fs::create_dir_all(&folder)?;
        let mut saved = Saved {
            folder,
            segments: Vec::new(),
            next: 0,
            change: None,
        };
        let index = match fs::read(saved.manifest()) {
            Ok(manifest) => {
                let index = saved.read(&manifest, now);
                if index.is_none() {
                    tracing::warn!("the saved search index does not fit and is built anew");
                }
                index
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if index.is_none() {
            saved.segments.clear();
            saved.change = None;
            // Before anything is written to the database: its numbers must not grow into those of a
            // manifest that is not true.
            if saved.manifest().exists() {
                fs::remove_file(saved.manifest())?;
                sync(&saved.folder)?;
            }
        }
        saved.clear_up()?;
        Ok((saved, index))
    }

    /// How many documents of an index are in no file yet.
    pub(crate) fn missing(&self, index: &Index) -> usize {
        let new = index
            .parts
            .iter()
            .filter(|part| self.file_of(part).is_none());
        new.map(|part| part.segment.len()).sum()
    }

    /// Saves an index. After an error, the last one that was saved is there still.
    pub(crate) fn save(&mut self, index: &Index, library: [u8; 16]) -> io::Result<()> {
        if self.change == Some(index.change) && self.missing(index) == 0 {
            return Ok(());
        }
        let mut segments = Vec::new();
        for part in &index.parts {
            segments.push(match self.file_of(part) {
                Some(file) => file.clone(),
                None => self.write(&part.segment)?,
            });
        }
        let manifest = manifest(index, library, &segments)?;
        let fresh = self.folder.join("manifest.new");
        let mut file = File::create(&fresh)?;
        file.write_all(&manifest)?;
        file.sync_all()?;
        sync(&self.folder)?;
        fs::rename(&fresh, self.manifest())?;
        sync(&self.folder)?;
        (self.segments, self.change) = (segments, Some(index.change));
        self.clear_up()
    }

    fn manifest(&self) -> PathBuf {
        self.folder.join("manifest")
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number}.segment"))
    }

    fn file_of(&self, part: &Part) -> Option<&Filed> {
        let mut segments = self.segments.iter();
        segments.find(|file| std::ptr::eq(file.segment.as_ptr(), Arc::as_ptr(&part.segment)))
    }

    fn write(&mut self, segment: &Arc<Segment>) -> io::Result<Filed> {
        let number = self.next;
        self.next += 1;
        let file = File::create(self.path(number))?;
        let mut out = Checked {
            out: BufWriter::with_capacity(1 << 18, file),
            checksum: blake3::Hasher::new(),
        };
        segment.save(&mut Flat::new(&mut out))?;
        out.out.flush()?;
        out.out.get_ref().sync_all()?;
        Ok(Filed {
            number,
            checksum: *out.checksum.finalize().as_bytes(),
            segment: Arc::downgrade(segment),
        })
    }

    /// The index that a manifest describes; `None` if anything is not as it says.
    fn read(&mut self, manifest: &[u8], now: Moment) -> Option<Index> {
        let (body, checksum) = manifest.split_last_chunk::<32>()?;
        if blake3::hash(body).as_bytes() != checksum {
            return None;
        }
        let mut rest = Reader::new(body.strip_prefix(MAGIC)?);
        let library = rest.bytes()?;
        let [change, count] = *rest.u64s()?.as_array()?;
        if library != now.library || change > now.last || change < now.since {
            return None;
        }
        let mut parts = Vec::new();
        for _ in 0..count {
            let [number] = *rest.u64s()?.as_array()?;
            let [checksum] = *rest.hashes()?.as_array()?;
            let known = rest.u64s()?;
            let columns = fs::read(self.path(number)).ok()?;
            if *blake3::hash(&columns).as_bytes() != checksum {
                return None;
            }
            let segment = Arc::new(Segment::load(&mut Reader::new(&columns))?);
            drop(columns);
            self.segments.push(Filed {
                number,
                checksum,
                segment: Arc::downgrade(&segment),
            });
            self.next = self.next.max(number + 1);
            parts.push(Part::of(segment, Bits::of(known)));
        }
        self.change = Some(change);
        Some(Index::of(parts, change))
    }

    /// Removes what no manifest names.
    fn clear_up(&self) -> io::Result<()> {
        let kept: Vec<PathBuf> = self
            .segments
            .iter()
            .map(|file| self.path(file.number))
            .collect();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path != self.manifest() && !kept.contains(&path) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

fn manifest(index: &Index, library: [u8; 16], segments: &[Filed]) -> io::Result<Vec<u8>> {
    let mut bytes = MAGIC.to_vec();
    let mut flat = Flat::new(&mut bytes);
    flat.bytes(&library)?;
    flat.u64s(&[index.change, segments.len() as u64])?;
    for (part, file) in index.parts.iter().zip(segments) {
        flat.u64s(&[file.number])?;
        flat.bytes(&file.checksum)?;
        flat.u64s(part.seen(Scope::Known).words())?;
    }
    let checksum = blake3::hash(&bytes);
    bytes.extend(checksum.as_bytes());
    Ok(bytes)
}

/// A writer that hashes what goes through it.
struct Checked<W> {
    out: W,
    checksum: blake3::Hasher,
}

impl<W: Write> Write for Checked<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.checksum.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
