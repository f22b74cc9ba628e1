//! `kadenza listen`: the audio of a song, to stdout or a file.
//!
//! A file appears whole or not at all: it is written under a temporary name beside its place.

use std::{
    fs,
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
};

use clap::Args;
use futures_util::TryStreamExt;
use kadenza_contract::{AudioRequest, AudioStream, ContentHash, SongId};
use kadenza_terminal::{is_watched, note, size};
use tokio::io::AsyncWriteExt;

use super::trim;
use crate::{client::servers::Servers, fault::Fault, output};

/// Get the audio of a song, exactly as it was uploaded
#[derive(Debug, Args)]
pub(crate) struct Listen {
    /// The id of the song: 64 hexadecimal digits
    #[arg(value_name = "ID")]
    id: SongId,

    /// The recording to get, by its content hash: 64 hexadecimal digits. Without it, the best one that is there
    #[arg(long, value_name = "HASH")]
    recording: Option<ContentHash>,

    /// The file to write; without it, or with `-`, the audio goes to stdout
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Begin this many seconds into the song. This is exact for WAV and nearly so for MP3 and AAC;
    /// other formats cannot be cut
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    from: Option<f64>,

    /// Print one JSON document about the file that --output has written
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    servers: Servers,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() && seconds >= 0.0 => Ok(seconds),
        _ => Err("expected seconds such as 90 or 12.5".to_owned()),
    }
}

impl Listen {
    pub(crate) async fn run(self) -> Result<(), Fault> {
        let explain = self.servers.explaining();
        self.listen().await.map_err(explain)
    }

    async fn listen(self) -> Result<(), Fault> {
        let file = self
            .output
            .as_deref()
            .filter(|path| *path != Path::new("-"));
        match file {
            None if self.json => {
                return Err(Fault::Usage(
                    "--json needs --output FILE: stdout carries the audio".to_owned(),
                ));
            }
            None if io::stdout().is_terminal() => {
                return Err(Fault::Usage(
                    "the audio would go to the terminal: name a file with --output, or pipe it into a player"
                        .to_owned(),
                ));
            }
            _ => {}
        }
        let client = self.servers.client()?;
        let request = AudioRequest {
            recording: self.recording,
            ..AudioRequest::whole(self.id)
        };
        let audio = match self.from {
            Some(seconds) => trim::open_from(&client, &request, seconds).await?,
            None => trim::open(&client, &request).await?.stream,
        };
        let Some(path) = file else {
            return to_stdout(audio).await;
        };
        let bytes = to_file(audio, path).await?;
        if self.json {
            return output::print_json(&serde_json::json!({
                "id": self.id, "file": path.to_string_lossy(), "size": bytes
            }));
        }
        if is_watched() {
            note(&format!("{} in {}", size(bytes), path.display()));
        }
        Ok(())
    }
}

async fn to_stdout(mut audio: AudioStream) -> Result<(), Fault> {
    let mut out = tokio::io::stdout();
    while let Some(piece) = audio.try_next().await? {
        out.write_all(&piece).await.map_err(output::stdout_fault)?;
    }
    out.flush().await.map_err(output::stdout_fault)
}

/// Writes the audio to a file and gives the number of its bytes.
async fn to_file(audio: AudioStream, path: &Path) -> Result<u64, Fault> {
    let cannot = |cause| Fault::file("write", path, cause);
    match fs::metadata(path) {
        Ok(there) if there.is_dir() => Err(cannot(io::Error::other(
            "it is a directory: name a file in it",
        ))),
        // A pipe or a device is written to; renaming over it would replace it.
        Ok(there) if !there.is_file() => {
            let file = fs::OpenOptions::new().write(true).open(path);
            copy(audio, &mut file.map_err(cannot)?, path).await
        }
        // A symbolic link stays: the file that it points to is replaced.
        Ok(_) => replace(audio, &fs::canonicalize(path).map_err(cannot)?).await,
        Err(_) => replace(audio, path).await,
    }
}

async fn replace(audio: AudioStream, path: &Path) -> Result<u64, Fault> {
    let cannot = |cause| Fault::file("write", path, cause);
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".kadenza-").suffix(".part");
    as_other_files_are(&mut builder);
    let mut part = builder.tempfile_in(folder).map_err(cannot)?;
    let bytes = copy(audio, part.as_file_mut(), path).await?;
    part.as_file().sync_all().map_err(cannot)?;
    part.persist(path).map_err(|error| cannot(error.error))?;
    Ok(bytes)
}

/// Gives the file the permissions that the user's other new files have, by the umask. A temporary file
/// is the user's alone otherwise.
#[cfg(unix)]
fn as_other_files_are(builder: &mut tempfile::Builder<'_, '_>) {
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
}

/// Other systems give a temporary file the permissions of its folder.
#[cfg(not(unix))]
fn as_other_files_are(_: &mut tempfile::Builder<'_, '_>) {}

async fn copy(mut audio: AudioStream, file: &mut fs::File, path: &Path) -> Result<u64, Fault> {
    let mut bytes = 0;
    while let Some(piece) = audio.try_next().await? {
        // In place: this task has nothing else to do, and the pieces are small.
        file.write_all(&piece)
            .map_err(|cause| Fault::file("write", path, cause))?;
        bytes += piece.len() as u64;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::{StreamExt, stream};
    use kadenza_contract::Error;

    use super::*;

    fn pieces(pieces: Vec<kadenza_contract::Result<&'static [u8]>>) -> AudioStream {
        stream::iter(pieces)
            .map(|piece| piece.map(Bytes::from_static))
            .boxed()
    }

    #[tokio::test]
    async fn a_broken_stream_leaves_the_old_file_and_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        fs::write(&old, "before").unwrap();
        for path in [&old, &new] {
            let broken = pieces(vec![Ok(b"half"), Err(Error::Busy)]);
            assert!(matches!(
                to_file(broken, path).await,
                Err(Fault::Service(Error::Busy))
            ));
        }
        assert_eq!(fs::read(&old).unwrap(), b"before");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        assert_eq!(
            to_file(pieces(vec![Ok(b"a"), Ok(b"b")]), &old)
                .await
                .unwrap(),
            2
        );
        assert_eq!(fs::read(&old).unwrap(), b"ab");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_link_stays_a_link_and_a_device_a_device() {
        use std::os::unix::fs::{FileTypeExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        fs::write(&target, "before").unwrap();
        symlink(&target, &link).unwrap();
        to_file(pieces(vec![Ok(b"new")]), &link).await.unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&target).unwrap(), b"new");
        to_file(pieces(vec![Ok(b"new")]), Path::new("/dev/null"))
            .await
            .unwrap();
        assert!(
            fs::metadata("/dev/null")
                .unwrap()
                .file_type()
                .is_char_device()
        );
    }
}
