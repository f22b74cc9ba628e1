//! Services that break one promise each, so that the suite is known to refuse something.
//!
//! All are a [`Memory`] with one [`Fault`]. A fault names the promise that it breaks, and the suite
//! must refuse it by that one; it may break others too.

mod answers;
mod fault;
mod sound;
mod uploads;

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use kadenza_contract::{
    Artwork, ArtworkRequest, Audio, AudioRequest, Browse, Copies, Credential, Entry, Error, Group,
    MusicService, NewSong, Page, Partial, Query, Recording, Result, Song, SongId, Status, Upload,
};
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use crate::{
    conformance::{Machines, Running, Stack},
    memory::Memory,
};

pub use fault::Fault;

/// A [`Memory`] with a fault.
#[derive(Debug)]
pub struct Faulty {
    fault: Fault,
    inner: Arc<Memory>,
    /// Where a second recording of a song is kept by the fault that keeps one.
    second: Memory,
    /// How many calls of the kind that the fault is about are under way, or were ever made.
    calls: AtomicUsize,
    /// Places for listeners, where the fault has few of them.
    listeners: Arc<Semaphore>,
    notes: Arc<Mutex<Notes>>,
}

/// The memory of a fault.
#[derive(Debug, Default)]
struct Notes {
    /// Cursors that were handed out, and how many songs lie before them.
    cursors: HashMap<String, usize>,
    /// Songs whose audio is withheld.
    mute: HashSet<SongId>,
    /// Songs that search does not know yet, and for how many more questions.
    unlisted: HashMap<SongId, usize>,
    /// True once something went wrong after which nothing works.
    stuck: bool,
    /// What was said last of a page that lacked something.
    partial: Option<Partial>,
}

impl Faulty {
    /// A library in memory with this fault.
    #[must_use]
    pub fn new(fault: Fault) -> Faulty {
        Faulty {
            fault,
            inner: Arc::default(),
            second: Memory::default(),
            calls: AtomicUsize::new(0),
            listeners: Arc::new(Semaphore::new(16)),
            notes: Arc::default(),
        }
    }

    /// A song as this service tells it.
    fn told(&self, song: &Song) -> Song {
        let recordings = song.recordings().iter().cloned().map(|mut recording| {
            let Recording { tags, .. } = recording.clone();
            match self.fault {
                Fault::ForgetsTheYear => recording.tags = tags.with_year(None),
                Fault::TellsAnotherSize => recording.size += 1,
                Fault::DatesInTheFuture => {
                    recording.added_at = jiff::Timestamp::MAX;
                }
                Fault::RenumbersSongs => {
                    let songs = u32::try_from(self.inner.len()).unwrap_or(u32::MAX);
                    recording.tags = tags.with_track(Some(songs));
                }
                _ => {}
            }
            recording
        });
        Song::from_recordings(recordings.collect()).expect("only numbers and times were changed")
    }

    /// Counts a question, and lets others come between; questions that are given up here are
    /// never counted off.
    async fn question(&self) -> Result<()> {
        let limit = match self.fault {
            Fault::OneQuestionAtATime => 0,
            Fault::LeaksQuestions => 2,
            _ => return Ok(()),
        };
        let others = self.calls.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
        self.calls.fetch_sub(1, Ordering::Relaxed);
        if others > limit {
            Err(Error::Busy)
        } else {
            Ok(())
        }
    }
}

#[async_trait]
impl MusicService for Faulty {
    /// Like a library it does not look at who asks.
    fn for_caller(&self, _: &Credential) -> Option<Arc<dyn MusicService>> {
        (self.fault == Fault::AnswersCallersFromElsewhere).then(|| Arc::new(Memory::default()) as _)
    }

    async fn song(&self, id: &SongId) -> Result<Option<Song>> {
        self.question().await?;
        match self.inner.song(id).await? {
            Some(song) => Ok(Some(self.told(&song))),
            None if self.fault == Fault::TakesAbsenceForFailure => Err(absent()),
            None => Ok(None),
        }
    }

    async fn copies(&self, id: &SongId) -> Result<Option<Copies>> {
        let mut copies = self.inner.copies(id).await?;
        if self.fault == Fault::CountsNoCopies
            && let Some(copies) = &mut copies
        {
            copies.recordings.clear();
        }
        Ok(copies)
    }

    async fn search(&self, query: &Query) -> Result<Page<Entry>> {
        self.question().await?;
        let mut page = self.said_badly(self.search_badly(query).await?)?;
        let told = |entry: &Entry| Entry::new(self.told(entry), entry.pinned().copied());
        page.items = page.items.iter().map(told).collect::<Result<_>>()?;
        Ok(page)
    }

    async fn browse(&self, browse: &Browse) -> Result<Page<Group>> {
        self.said_badly(self.browse_badly(browse).await?)
    }

    async fn upload(&self, song: NewSong) -> Result<Upload> {
        let upload = self.upload_badly(song).await?;
        let song = self.told(&upload.song);
        Ok(Upload { song, ..upload })
    }

    async fn audio(&self, request: &AudioRequest) -> Result<Option<Audio>> {
        self.audio_badly(request).await
    }

    async fn lyrics(&self, id: &SongId) -> Result<Option<kadenza_contract::Lyrics>> {
        match self.fault {
            Fault::HasNoLyrics => Ok(None),
            _ => self.inner.lyrics(id).await,
        }
    }

    async fn artwork(&self, request: &ArtworkRequest) -> Result<Option<Artwork>> {
        self.artwork_badly(request).await
    }

    async fn status(&self) -> Result<Status> {
        let mut status = self.inner.status().await?;
        if self.fault == Fault::CountsRepeats {
            status.songs = self.calls.load(Ordering::Relaxed) as u64;
        }
        Ok(status)
    }

    async fn servers(&self) -> Result<Vec<String>> {
        Ok(match self.fault {
            Fault::ServersWithoutScheme => vec!["127.0.0.1:4533".into()],
            Fault::ServersWithPath => vec!["http://127.0.0.1:4533/api".into()],
            _ => Vec::new(),
        })
    }
}

/// The error of a service that takes absence for failure.
fn absent() -> Error {
    Error::Invalid {
        what: "no such song".into(),
    }
}

/// The stack that is a [`Faulty`] alone.
#[derive(Debug)]
pub struct WithFault(pub Fault);

#[async_trait]
impl Stack for WithFault {
    async fn start(&self) -> Result<Box<dyn Running>, String> {
        let service = Arc::new(Faulty::new(self.0));
        Ok(Box::new(Restartable {
            fault: self.0,
            service,
        }))
    }
}

#[derive(Debug)]
struct Restartable {
    fault: Fault,
    service: Arc<Faulty>,
}

#[async_trait]
impl Running for Restartable {
    fn service(&self) -> Arc<dyn MusicService> {
        Arc::clone(&self.service) as Arc<dyn MusicService>
    }

    async fn restart(&mut self) -> Result<bool, String> {
        let forgets = self.fault == Fault::ForgetsOnRestart;
        if forgets {
            self.service = Arc::new(Faulty::new(self.fault));
        }
        Ok(forgets)
    }

    async fn reach(&mut self, machines: Machines) -> Result<bool, String> {
        self.service.inner.reach(machines);
        Ok(true)
    }

    async fn stop(self: Box<Self>) {}
}
