//! Opens what is to be sent, and keeps back what must not leave this machine.
//!
//! A folder may come from a stranger, and what sounds like audio in it may be a link to a private key. So nothing
//! is sent that does not begin as audio, nothing from a folder that does not lie in it, and of what is no regular
//! file only a pipe that the user named.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Cursor},
    path::Path,
};

use kadenza_contract::Error;
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    task::spawn_blocking,
};

use super::{paths::is_stdin, reading};
use crate::fault::Fault;

/// Why a link in a folder is not followed.
pub(super) const LEADS_OUT: &str = "it is a symbolic link out of the folder, so it was not sent: to upload what it leads to, name \
     it itself";
const NOT_REGULAR: &str = "it is no regular file, so it was not sent";

/// So much of a pipe is looked at: where music begins behind junk, it begins before this.
const HEAD_BYTES: u64 = (2 << 20) + (64 << 10);

/// Audio that may be sent.
pub(super) struct Audio {
    pub(super) bytes: Box<dyn AsyncRead + Send + Unpin>,
    /// How many they are; `None` for a pipe.
    pub(super) len: Option<u64>,
}

/// Why a file was not sent.
#[derive(Debug)]
pub(super) enum Unsent {
    /// It is none that may be sent.
    Kept(String),
    /// It failed.
    Fault(Fault),
}

impl From<Fault> for Unsent {
    fn from(fault: Fault) -> Unsent {
        Unsent::Fault(fault)
    }
}

impl From<Error> for Unsent {
    fn from(error: Error) -> Unsent {
        Unsent::Fault(error.into())
    }
}

fn unread(cause: io::Error) -> Unsent {
    Fault::io("cannot read it", cause).into()
}

/// Opens a file, which lies in the folder `within` unless it was named itself.
pub(super) async fn open(path: &Path, within: Option<&Path>) -> Result<Audio, Unsent> {
    if is_stdin(path) {
        return of_pipe(tokio::io::stdin()).await;
    }
    let (path, within) = (path.to_owned(), within.map(Path::to_owned));
    let opening = spawn_blocking(move || {
        let file = match within {
            Some(folder) => in_folder(&path, &folder)?,
            None => named(&path)?,
        };
        let meta = file.metadata().map_err(unread)?;
        if meta.is_file() {
            reading::begins_as_audio(&file, meta.len())?;
        }
        Ok::<_, Unsent>((file, meta))
    });
    let (file, meta) = opening.await.map_err(|error| unread(error.into()))??;
    let file = tokio::fs::File::from_std(file);
    match meta.is_file() {
        true => Ok(Audio {
            bytes: Box::new(file),
            len: Some(meta.len()),
        }),
        false => of_pipe(file).await,
    }
}

/// Opens a file that was found in a folder. It is looked at once more: since it was found, it may have become a link.
fn in_folder(path: &Path, folder: &Path) -> Result<File, Unsent> {
    let real = fs::canonicalize(path).map_err(unread)?;
    if !real.starts_with(folder) {
        return Err(Unsent::Kept(LEADS_OUT.to_owned()));
    }
    regular(&fs::metadata(&real).map_err(unread)?)?;
    let file = without_waiting(&real).map_err(unread)?;
    regular(&file.metadata().map_err(unread)?)?;
    Ok(file)
}

/// Opens a file that the user named. A pipe is waited for, as everywhere.
fn named(path: &Path) -> Result<File, Unsent> {
    let meta = fs::metadata(path).map_err(unread)?;
    if !is_pipe(&meta) {
        regular(&meta)?;
    }
    File::open(path).map_err(unread)
}

fn regular(meta: &Metadata) -> Result<(), Unsent> {
    match meta.is_file() {
        true => Ok(()),
        false => Err(Unsent::Kept(NOT_REGULAR.to_owned())),
    }
}

#[cfg(unix)]
fn is_pipe(meta: &Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_fifo(&meta.file_type())
}

#[cfg(not(unix))]
fn is_pipe(_: &Metadata) -> bool {
    false
}

/// Opens a file; what has become a pipe or a link meanwhile is not waited for nor followed.
#[cfg(unix)]
fn without_waiting(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;

    use rustix::fs::OFlags;
    let flags = (OFlags::NONBLOCK | OFlags::NOFOLLOW).bits();
    OpenOptions::new()
        .read(true)
        .custom_flags(flags.cast_signed())
        .open(path)
}

#[cfg(not(unix))]
fn without_waiting(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).open(path)
}

/// Looks at the beginning of a pipe.
async fn of_pipe(mut pipe: impl AsyncRead + Send + Unpin + 'static) -> Result<Audio, Unsent> {
    let mut head = Vec::new();
    let mut begin = (&mut pipe).take(HEAD_BYTES);
    begin.read_to_end(&mut head).await.map_err(unread)?;
    let looking = spawn_blocking(move || {
        let is_cut = head.len() as u64 == HEAD_BYTES;
        // Of a tag with a large picture the end, and the music behind it, are not seen.
        if !(is_cut && head.starts_with(b"ID3")) {
            reading::begins_as_audio(Cursor::new(&head), head.len() as u64)?;
        }
        Ok::<_, Unsent>(head)
    });
    let head = looking.await.map_err(|error| unread(error.into()))??;
    Ok(Audio {
        bytes: Box::new(Cursor::new(head).chain(pipe)),
        len: None,
    })
}
