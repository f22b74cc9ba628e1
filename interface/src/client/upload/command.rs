//! `kadenza upload`: files and folders into the library.
//!
//! Several files are under way at once, each as a stream, so that neither a large file nor a large
//! folder needs memory. Repeating the command is always safe: what is there already is left as it
//! is, and only what is missing is sent.

use std::{
    path::{Path, PathBuf},
    pin::pin,
    sync::Arc,
};

use clap::Args;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use kadenza_contract::{
    AudioStream, Error, MusicService, NewSong, Outcome, Stated, Upload as Taken,
};
use kadenza_middleware::Client;
use tokio::sync::mpsc;
use tokio_util::{io::ReaderStream, sync::CancellationToken};

use super::{
    known::known,
    neighbours::{self, AlbumArtists},
    opening::{self, Unsent},
    paths::is_stdin,
    progress::Progress,
    report::{Report, Verdict},
    walk::{Candidate, walk},
};
use crate::{client::servers::Servers, fault::Fault};

/// How many files are sent at once: enough to keep a server's disk busy, too few to be a burden.
const AT_ONCE: usize = 4;
/// How many files may be found ahead of those that are sent.
const FOUND_AHEAD_MAX: usize = 64;
/// The pieces in which a file is read.
const PIECE_BYTES: usize = 256 * 1024;

/// Upload files and folders
///
/// In a folder and the folders within, all files with an ending of audio are uploaded; a file that is
/// named itself is always tried. Only what begins as audio is sent. Symbolic links in a folder are followed
/// within it, and never out of it. Title, artist and album are read from the tags of each file unless
/// they are given here; where the tags lack a title or an artist, the path is looked at. A file that names
/// no artist of its album takes the one that most files of the album in its folder name. A song that is in
/// the library already is not sent again, so an upload that was interrupted can be repeated.
#[derive(Debug, Args)]
pub(crate) struct Upload {
    /// Files and folders; `-` reads one file from stdin
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// The title, instead of the one in the tags; only with a single file
    #[arg(long)]
    title: Option<String>,

    /// The artist, instead of those in the tags of each file; once for each of several, in their order
    #[arg(long = "artist", value_name = "ARTIST")]
    artists: Vec<String>,

    /// The album, instead of the one in the tags of each file; empty for none
    #[arg(long)]
    album: Option<String>,

    /// The artist of the album, instead of those in the tags of each file; once for each of several
    #[arg(long = "album-artist", value_name = "ARTIST")]
    album_artists: Vec<String>,

    /// Take names from the tags of each file alone: never from paths such as `Artist/Album/01 - Title.ogg`,
    /// nor the artist of an album from the other files of a folder
    #[arg(long)]
    tags_only: bool,

    /// Print one JSON document for each file
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    servers: Servers,
}

impl Upload {
    pub(crate) async fn run(self) -> Result<(), Fault> {
        let explain = self.servers.explaining();
        self.upload().await.map_err(explain)
    }

    async fn upload(self) -> Result<(), Fault> {
        self.check()?;
        let sender = Sender {
            client: Arc::new(self.servers.client()?),
            stated: Stated {
                title: self.title,
                artists: self.artists,
                album: self.album,
                album_artists: self.album_artists,
                path: None,
            },
            uses_paths: !self.tags_only,
            progress: Progress::start(),
            hopeless: CancellationToken::new(),
        };
        let (found, queue) = mpsc::channel(FOUND_AHEAD_MAX);
        let (progress, stated) = (sender.progress.clone(), sender.stated.clone());
        let neighbours = move |files: &[PathBuf]| match self.tags_only {
            false => neighbours::taken(files, &stated),
            true => AlbumArtists::new(),
        };
        tokio::task::spawn_blocking(move || walk(self.paths, neighbours, &found, &progress));

        let mut report = Report::new(self.json);
        let verdicts = received(queue)
            .take_until(sender.hopeless.cancelled())
            .map(|candidate| sender.treat(candidate))
            .buffer_unordered(AT_ONCE);
        let mut verdicts = pin!(verdicts);
        while let Some(treated) = verdicts.next().await {
            let (path, verdict) = match treated {
                Ok(treated) => treated,
                Err(fault) => {
                    sender.progress.end();
                    return Err(fault);
                }
            };
            let told = sender.progress.suspend(|| report.take(&path, verdict));
            sender.progress.one_done();
            told?;
        }
        sender.progress.end();
        report.end(sender.hopeless.is_cancelled())
    }

    fn check(&self) -> Result<(), Fault> {
        let one_file = self.paths.len() == 1 && !self.paths[0].is_dir();
        if self.title.is_some() && !one_file {
            return Err(Fault::Usage(
                "--title states the title of one song: name a single file with it".to_owned(),
            ));
        }
        if self.paths.iter().filter(|path| is_stdin(path)).count() > 1 {
            return Err(Fault::Usage("stdin (`-`) can be read only once".to_owned()));
        }
        Ok(())
    }
}

fn received<T>(queue: mpsc::Receiver<T>) -> impl Stream<Item = T> {
    stream::unfold(queue, async |mut queue| {
        let item = queue.recv().await?;
        Some((item, queue))
    })
}

/// Sends files.
#[derive(Debug)]
struct Sender {
    client: Arc<Client>,
    stated: Stated,
    uses_paths: bool,
    progress: Progress,
    /// No server can be reached: further files would only fail one after the other.
    hopeless: CancellationToken,
}

impl Sender {
    /// What becomes of a file. `Err` where it is the same for all of them: whoever asks may not upload.
    async fn treat(&self, candidate: Candidate) -> Result<(PathBuf, Verdict), Fault> {
        Ok(match candidate {
            Candidate::CueSheet(sheet) => {
                let verdict = Verdict::CueSheet(sheet.told());
                (sheet.path, verdict)
            }
            Candidate::Unreadable { path, cause, .. } => {
                let verdict = Verdict::Failed(format!("cannot read it: {cause}"));
                (path, verdict)
            }
            Candidate::LeadsOut { path } => (path, Verdict::Unsent(opening::LEADS_OUT.to_owned())),
            Candidate::File {
                path,
                hint,
                album_artists,
                within,
            } => {
                let mut stated = self.stated.clone();
                stated.path = hint.filter(|_| self.uses_paths);
                stated.album_artists.extend(album_artists);
                let verdict = match self.send(&path, within.as_deref(), stated).await {
                    Ok(taken) => Verdict::Taken(Box::new(taken)),
                    Err(Unsent::Fault(Fault::Service(error))) if error.is_about_caller() => {
                        return Err(Fault::Service(error));
                    }
                    Err(Unsent::Kept(reason)) => Verdict::Unsent(reason),
                    Err(Unsent::Fault(Fault::Service(error))) if !error.is_transient() => {
                        Verdict::Refused(error)
                    }
                    Err(Unsent::Fault(fault)) => {
                        if matches!(fault, Fault::Service(Error::Unreachable { .. })) {
                            self.hopeless.cancel();
                        }
                        Verdict::Failed(fault.chain())
                    }
                };
                (path, verdict)
            }
        })
    }

    /// Sends a file, unless its song is there. The client of the middleware repeats it where that
    /// may help.
    async fn send(
        &self,
        path: &Path,
        within: Option<&Path>,
        stated: Stated,
    ) -> Result<Taken, Unsent> {
        // First: nobody is asked about what may not be sent.
        let audio = opening::open(path, within).await?;
        if !is_stdin(path)
            && let Some(song) = known(&self.client, path, &stated).await?
        {
            return Ok(Taken::new(song, Outcome::AlreadyThere));
        }
        let bar = self.progress.file(path, audio.len);
        let audio: AudioStream = ReaderStream::with_capacity(audio.bytes, PIECE_BYTES)
            .inspect_ok(move |piece| bar.sent(piece.len()))
            .map_err(|cause| Error::Storage {
                doing: "reading the file",
                cause: Box::new(cause),
            })
            .boxed();
        Ok(self.client.upload(NewSong { stated, audio }).await?)
    }
}
