//! Lines that are chained by hashes, so that none can be changed, left out or put in between without breaking the chain.
//!
//! Each line is JSON and holds the hash of the line before it, also over the files that a full log is moved to. Whoever
//! may write the files can make a chain anew from any place on, or cut off its end; to notice that, keep a hash elsewhere,
//! such as the one that each start logs.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use blake3::Hash;
use serde::{Deserialize, Serialize};

/// A file that is so large is moved away.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// So many of them are kept beside the one that is written.
const FILES_MAX: u32 = 8;
/// Held by whoever writes.
const LOCK: &str = "audit.lock";
/// No line is longer. What a stranger says is cut long before.
const LINE_BYTES_MAX: u64 = 16 << 10;
/// What the first line has in the place of a hash.
const NOTHING: Hash = Hash::from_bytes([0; 32]);

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    /// When it was written, in RFC 3339.
    pub(super) at: jiff::Timestamp,
    /// What happened.
    pub(super) event: String,
    /// Who and what.
    #[serde(flatten)]
    pub(super) fields: BTreeMap<String, String>,
    /// The BLAKE3 hash of the line before, without its end.
    pub(super) before: String,
}

/// What a log looks like from its first line to its last.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Checked {
    /// A line that continues the chain.
    Line(Line),
    /// A line that a crash cut short. The chain goes on behind it.
    Cut,
    /// The chain is broken here: something was changed, left out or put in.
    Broken {
        /// The file.
        path: PathBuf,
        /// The number of the line, from 1.
        number: usize,
    },
}

/// The log of a data directory. Several processes may write to it.
#[derive(Debug)]
pub(super) struct Chain {
    data: PathBuf,
    file_bytes_max: u64,
}

impl Chain {
    pub(super) fn of(data: &Path) -> Chain {
        Chain {
            data: data.to_owned(),
            file_bytes_max: FILE_BYTES_MAX,
        }
    }

    /// Writes a line behind all others.
    pub(super) fn append(&self, event: &str, fields: BTreeMap<String, String>) -> io::Result<()> {
        let lock = private().create(true).append(true).open(self.lock())?;
        lock.lock()?;
        let mut file = private()
            .create(true)
            .append(true)
            .read(true)
            .open(self.file(0))?;
        if file.metadata()?.len() >= self.file_bytes_max {
            let end = hash_of(&last_line(&mut file)?);
            tracing::info!(%end, "a file of the audit log is full; the next begins");
            for number in (0..FILES_MAX).rev() {
                match fs::rename(self.file(number), self.file(number + 1)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            file = private()
                .create(true)
                .append(true)
                .read(true)
                .open(self.file(0))?;
        }
        let mut end = last_line(&mut file)?;
        if end.is_empty() && self.file(1).exists() {
            end = last_line(&mut File::open(self.file(1))?)?;
        }
        let mut text = Vec::new();
        if !end.is_empty() && !end.ends_with(b"\n") {
            text.push(b'\n');
        }
        let line = Line {
            at: jiff::Timestamp::now(),
            event: event.to_owned(),
            fields,
            before: hash_of(&end).to_hex().to_string(),
        };
        serde_json::to_writer(&mut text, &line)?;
        text.push(b'\n');
        // One write, so that a crash cuts one line at most.
        file.write_all(&text)
    }

    /// All lines, the oldest first.
    pub(super) fn check(&self) -> io::Result<Vec<Checked>> {
        let mut checked = Vec::new();
        // The oldest files may be gone.
        let mut before = None;
        for number in (0..=FILES_MAX).rev() {
            let path = self.file(number);
            let mut reader = match File::open(&path) {
                Ok(file) => BufReader::new(file),
                Err(absent) if absent.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let (mut raw, mut at) = (Vec::new(), 0);
            while reader
                .by_ref()
                .take(LINE_BYTES_MAX)
                .read_until(b'\n', &mut raw)?
                > 0
            {
                at += 1;
                let line: Option<Line> = serde_json::from_slice(&raw).ok();
                checked.push(match line {
                    None => Checked::Cut,
                    Some(line)
                        if before
                            .is_none_or(|hash: Hash| line.before == hash.to_hex().as_str()) =>
                    {
                        Checked::Line(line)
                    }
                    Some(_) => Checked::Broken {
                        path: path.clone(),
                        number: at,
                    },
                });
                before = Some(hash_of(&raw));
                raw.clear();
            }
        }
        Ok(checked)
    }

    /// The hash of the last line, to be kept elsewhere.
    pub(super) fn head(&self) -> io::Result<Hash> {
        match File::open(self.file(0)) {
            Ok(mut file) => Ok(hash_of(&last_line(&mut file)?)),
            Err(absent) if absent.kind() == io::ErrorKind::NotFound => Ok(NOTHING),
            Err(error) => Err(error),
        }
    }

    fn file(&self, number: u32) -> PathBuf {
        self.data.join(name(number))
    }

    fn lock(&self) -> PathBuf {
        self.data.join(LOCK)
    }
}

/// The names of all that a log has in its directory.
#[cfg(unix)]
pub(crate) fn files() -> impl Iterator<Item = String> {
    (0..=FILES_MAX).map(name).chain([LOCK.to_owned()])
}

fn name(number: u32) -> String {
    match number {
        0 => "audit.log".to_owned(),
        number => format!("audit.log.{number}"),
    }
}

/// The last line of a file with its end, which a crash may have cut; empty if there is none.
fn last_line(file: &mut File) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len();
    let start = length.saturating_sub(LINE_BYTES_MAX);
    file.seek(SeekFrom::Start(start))?;
    let mut end = Vec::new();
    file.take(LINE_BYTES_MAX).read_to_end(&mut end)?;
    let body = end.strip_suffix(b"\n").unwrap_or(&end);
    let begin = body.iter().rposition(|byte| *byte == b'\n');
    Ok(end.split_off(begin.map_or(0, |at| at + 1)))
}

fn hash_of(line: &[u8]) -> Hash {
    match line.strip_suffix(b"\n").unwrap_or(line) {
        [] => NOTHING,
        line => blake3::hash(line),
    }
}

#[cfg(unix)]
fn private() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

#[cfg(not(unix))]
fn private() -> OpenOptions {
    OpenOptions::new()
}

#[cfg(test)]
mod tests;
