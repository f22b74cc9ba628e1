//! The one task that changes the library.
//!
//! Changes wait in a bounded queue. The writer takes as many as are there, plans what they make of
//! what is known, writes it in one transaction, and answers them all: the disk syncs once for many
//! (group commit; DeWitt et al., "Implementation techniques for main memory database systems",
//! 1984). Since all changes pass here one after the other, two uploads of the same song cannot both
//! be the first, and audio cannot leave while a song that needs it arrives.

use std::{collections::HashMap, sync::Arc};

use kadenza_audio::{ChunkSource, off_thread, said};
use kadenza_contract::{Chunks, ContentHash, Error, Outcome, Result, Song, SongId, Upload};
use quick_cache::sync::Cache;
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    audio::{AudioHome, DurableAudio, Moves},
    card::Card,
    records::{Catalogue, Changes, Failed, HeldAudio, Saving, Writing},
};

/// How many changes may wait.
const QUEUE_MAX: usize = 256;
/// How many changes go into one transaction.
const BATCH_MAX: usize = 256;

/// Something to be changed.
#[derive(Debug)]
pub(crate) enum Change {
    /// A song with its audio, unless this audio of the song is here; and the same song as a reader of only
    /// the first artist knew it, if that is another one.
    Upload(Song, Option<Song>, DurableAudio),
    /// A recording of a song, whatever else is here.
    Replica(Song, DurableAudio),
    /// A recording whose audio is here.
    Adopt(Song, ContentHash),
    /// Audio that belongs here was found damaged; what was found.
    Damaged(ContentHash, String),
    /// Audio that belongs here was found whole, with these hashes of its chunks.
    Whole(Arc<Chunks>),
    /// Cards without audio.
    Cards(Vec<Song>),
    /// A recording whose audio was read anew, if the song is still here.
    Renewed(Song),
    /// Audio is not wanted here any more, by one song or by any.
    DropAudio(ContentHash, SongId),
    /// A song is not wanted here any more.
    DropCard(SongId),
}

/// The outcome of a change.
#[derive(Debug)]
pub(crate) enum ChangeOutcome {
    /// The answer to an upload.
    Uploaded(Upload),
    /// It is so now.
    Done,
    /// Adopting: the audio is not here.
    NotHeld,
}

type Answer = oneshot::Sender<Result<ChangeOutcome>>;

/// Where changes are handed in.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: mpsc::Sender<(Change, Answer)>,
}

/// Where changes are handed in that keep no library open.
#[derive(Debug, Clone)]
pub(crate) struct WeakWriter {
    queue: mpsc::WeakSender<(Change, Answer)>,
}

impl WeakWriter {
    /// As [`Writer::make`].
    pub(crate) async fn make(&self, change: Change) -> Result<ChangeOutcome> {
        let queue = self.queue.upgrade().ok_or_else(stopped)?;
        Writer { queue }.make(change).await
    }
}

fn stopped() -> Error {
    Error::storage("writing to the library")(said("it is being closed"))
}

impl Writer {
    /// A handle that does not keep the writer going.
    pub(crate) fn downgrade(&self) -> WeakWriter {
        WeakWriter {
            queue: self.queue.downgrade(),
        }
    }

    /// Makes a change. When this returns it is durable and known. A change that was handed in
    /// happens even if the caller goes away.
    pub(crate) async fn make(&self, change: Change) -> Result<ChangeOutcome> {
        let (answer, answered) = oneshot::channel();
        let handed_in = self.queue.send((change, answer)).await;
        handed_in.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

/// Audio that is open for reading.
pub(crate) type OpenAudio = Cache<ContentHash, Arc<dyn ChunkSource>>;

/// Everything that the writer changes.
#[derive(Debug)]
pub(crate) struct WriterState {
    pub(crate) writing: Writing,
    pub(crate) home: AudioHome,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) opened: Arc<OpenAudio>,
    pub(crate) saving: Saving,
}

/// Starts the writer. It ends when the last [`Writer`] is dropped and all that was handed in is
/// done; then it drops what it works on, and `ended` last.
pub(crate) fn start(state: WriterState, ended: watch::Sender<()>) -> Writer {
    let (queue, waiting) = mpsc::channel(QUEUE_MAX);
    tokio::spawn(async move {
        run(state, waiting).await;
        drop(ended);
    });
    Writer { queue }
}

async fn run(mut state: WriterState, mut waiting: mpsc::Receiver<(Change, Answer)>) {
    let mut batch = Vec::new();
    state.saving.if_worth_it();
    while waiting.recv_many(&mut batch, BATCH_MAX).await > 0 {
        let mut plan = Plan::new(Arc::clone(&state.catalogue));
        let answers: Vec<(Answer, Result<ChangeOutcome>)> = batch
            .drain(..)
            .map(|(change, answer)| (answer, plan.take(change)))
            .collect();
        let done = state.carry_out(plan).await;
        let failure = done.err().map(Arc::new);
        for (answer, settled) in answers {
            // A caller that went away does not need the answer.
            let _ = answer.send(match &failure {
                None => settled,
                Some(failure) => settled.and_then(|_| Err(shared(failure))),
            });
        }
        state.saving.if_worth_it();
    }
    state.saving.finish().await;
}

/// One failure is told to everyone in its batch.
fn shared(failure: &Arc<Error>) -> Error {
    match &**failure {
        Error::Full { .. } => Error::full(),
        _ => Error::storage("writing to the library")(Box::new(Arc::clone(failure))),
    }
}

/// The cards and the audio after a batch of changes.
struct Plan {
    catalogue: Arc<Catalogue>,
    changes: Changes,
    arriving: HashMap<ContentHash, DurableAudio>,
    /// The hashes of the chunks of audio that is new, or whose hashes are written again.
    hashes: HashMap<ContentHash, Arc<Chunks>>,
}

impl Plan {
    fn new(catalogue: Arc<Catalogue>) -> Plan {
        Plan {
            catalogue,
            changes: Changes::default(),
            arriving: HashMap::new(),
            hashes: HashMap::new(),
        }
    }

    /// Plans a change. An error refuses it, and the others go on.
    fn take(&mut self, change: Change) -> Result<ChangeOutcome> {
        Ok(match change {
            Change::Upload(song, earlier, audio) => {
                let song = self.known_as(song, earlier);
                let content = audio.chunks.content();
                let mut outcome = Outcome::Added;
                if let Some(known) = self.card(&song.id()) {
                    let whole = |content: &&ContentHash| self.is_whole(content);
                    if known.held.iter().filter(whole).any(|held| *held == content) {
                        let outcome = Outcome::AlreadyThere;
                        let upload = Upload::new(known.song.clone(), outcome);
                        return Ok(ChangeOutcome::Uploaded(upload));
                    }
                    known.song.admits(&content)?;
                    if known.held.iter().any(|held| self.is_whole(held)) {
                        outcome = Outcome::RecordingAdded;
                    }
                }
                let id = song.id();
                self.add(&song, audio);
                let song = self.card(&id).map_or(song, |card| card.song.clone());
                ChangeOutcome::Uploaded(Upload::new(song, outcome))
            }
            Change::Replica(song, audio) => {
                self.add(&song, audio);
                ChangeOutcome::Done
            }
            Change::Adopt(song, content) => match self.audio(&content) {
                Some(held) if self.is_whole(&content) => {
                    self.hold(&song, content, held);
                    ChangeOutcome::Done
                }
                _ => ChangeOutcome::NotHeld,
            },
            Change::Damaged(content, why) => {
                if self.audio(&content).is_some() && !self.arriving.contains_key(&content) {
                    self.changes.damaged.insert(content, Some(why));
                }
                ChangeOutcome::Done
            }
            Change::Whole(chunks) => {
                let content = chunks.content();
                if let Some(held) = self.audio(&content) {
                    self.changes.audio.insert(content, Some(held));
                    self.hashes.insert(content, chunks);
                    self.mend(content);
                }
                ChangeOutcome::Done
            }
            Change::Cards(songs) => {
                for song in &songs {
                    self.merge(song, None);
                }
                ChangeOutcome::Done
            }
            Change::Renewed(song) => {
                if self.card(&song.id()).is_some() {
                    self.merge(&song, None);
                }
                ChangeOutcome::Done
            }
            Change::DropAudio(content, id) => {
                if self
                    .audio(&content)
                    .is_some_and(|held| held.songs.contains(&id))
                {
                    self.let_go(&id, Some(content));
                }
                ChangeOutcome::Done
            }
            Change::DropCard(id) => {
                if self.card(&id).is_some() {
                    self.let_go(&id, None);
                    self.changes.cards.insert(id, None);
                }
                ChangeOutcome::Done
            }
        })
    }

    /// The song as an upload of it is added: under the name of its first artist where it was made so.
    fn known_as(&self, song: Song, earlier: Option<Song>) -> Song {
        let is_earlier = |earlier: &Song| {
            let known = self.card(&earlier.id());
            self.card(&song.id()).is_none()
                && known.is_some_and(|known| known.song.is_earlier_form_of(song.tags()))
        };
        earlier.filter(is_earlier).unwrap_or(song)
    }

    fn add(&mut self, song: &Song, audio: DurableAudio) {
        let content = audio.chunks.content();
        let size = audio.chunks.size();
        let held = self.audio(&content).unwrap_or(HeldAudio {
            size,
            songs: Vec::new(),
        });
        // Where the audio is here already, for this song or another, the new file is dropped.
        if held.songs.is_empty() || !self.is_whole(&content) {
            self.hashes.insert(content, Arc::clone(&audio.chunks));
            self.arriving.insert(content, audio);
            self.changes.audio.insert(content, Some(held.clone()));
            self.mend(content);
        }
        self.hold(song, content, held);
    }

    /// What was found of audio is no longer so.
    fn mend(&mut self, content: ContentHash) {
        if self.catalogue.is_damaged(&content) {
            self.changes.damaged.insert(content, None);
        } else {
            self.changes.damaged.remove(&content);
        }
    }

    fn hold(&mut self, song: &Song, content: ContentHash, mut held: HeldAudio) {
        self.merge(song, Some(content));
        if !held.songs.contains(&song.id()) {
            held.songs.push(song.id());
            self.changes.audio.insert(content, Some(held));
        }
    }

    /// Merges a song into its card. With `held`, audio of the song is here now.
    fn merge(&mut self, song: &Song, held: Option<ContentHash>) {
        let id = song.id();
        let known = self.card(&id);
        let mut card = known.as_deref().cloned().unwrap_or_else(|| Card {
            song: song.clone(),
            held: Vec::new(),
            damaged: Vec::new(),
        });
        let mut changed = card.song.merge(song) || known.is_none();
        if let Some(content) = held.filter(|content| !card.held.contains(content)) {
            card.held.push(content);
            changed = true;
        }
        if changed {
            self.changes.cards.insert(id, Some(Arc::new(card)));
        }
    }

    /// A song does without one of its recordings, or without all.
    fn let_go(&mut self, id: &SongId, content: Option<ContentHash>) {
        let Some(known) = self.card(id) else { return };
        let (gone, held) = known
            .held
            .iter()
            .partition(|held| content.is_none_or(|content| content == **held));
        let gone: Vec<ContentHash> = gone;
        let song = known.song.clone();
        let card = Card {
            song,
            held,
            damaged: Vec::new(),
        };
        self.changes.cards.insert(*id, Some(Arc::new(card)));
        for content in gone {
            self.release(id, content);
        }
    }

    fn release(&mut self, id: &SongId, content: ContentHash) {
        let Some(mut held) = self.audio(&content) else {
            return;
        };
        held.songs.retain(|holder| holder != id);
        if held.songs.is_empty() {
            self.arriving.remove(&content);
            self.hashes.remove(&content);
            self.mend(content);
            self.changes.audio.insert(content, None);
        } else {
            self.changes.audio.insert(content, Some(held));
        }
    }

    /// A card as it is after the changes so far.
    fn card(&self, id: &SongId) -> Option<Arc<Card>> {
        match self.changes.cards.get(id) {
            Some(card) => card.clone(),
            None => self.catalogue.card(id),
        }
    }

    /// Whether audio counts as held after the changes so far.
    fn is_whole(&self, content: &ContentHash) -> bool {
        match self.changes.damaged.get(content) {
            Some(damage) => damage.is_none(),
            None => self.catalogue.is_whole(content),
        }
    }

    /// Audio as it is after the changes so far.
    fn audio(&self, content: &ContentHash) -> Option<HeldAudio> {
        match self.changes.audio.get(content) {
            Some(held) => held.clone(),
            None => self.catalogue.held(content),
        }
    }
}

impl WriterState {
    async fn carry_out(&mut self, plan: Plan) -> Result<()> {
        let Plan {
            changes,
            arriving,
            hashes,
            ..
        } = plan;
        if changes.is_empty() {
            return Ok(());
        }
        let leaving: Vec<ContentHash> = changes
            .audio
            .iter()
            .filter(|(content, now)| now.is_none() && self.catalogue.owns(content))
            .map(|(content, _)| *content)
            .collect();
        let arrived: Vec<ContentHash> = arriving.keys().copied().collect();
        let arriving = arriving
            .into_iter()
            .map(|(content, audio)| (content, audio.at))
            .collect();
        let mut moves = Moves::prepare(&self.home, arriving, leaving).await?;
        let number = match self.writing.write(&changes, &hashes).await {
            Ok(number) => number,
            Err(Failed::Before(error)) => {
                moves.take_back().await;
                return Err(error);
            }
            Err(Failed::Committing(error)) => {
                self.catalogue.fell_behind();
                moves.leave_open().await;
                return Err(error);
            }
        };
        for content in changes.audio.keys().chain(changes.damaged.keys()) {
            self.opened.remove(content);
        }
        let placed = moves.place_files().await;
        if let Err(error) = self.apply(changes, number).await {
            moves.leave_open().await;
            return Err(error);
        }
        if placed.is_err() {
            self.note_unplaced(arrived).await;
        }
        moves.finish().await.and(placed)
    }

    /// The catalogue takes in what is in the database.
    async fn apply(&self, changes: Changes, number: u64) -> Result<()> {
        let catalogue = Arc::clone(&self.catalogue);
        let applied = off_thread("arranging songs", move || {
            catalogue.apply(&changes, number);
            Ok(())
        });
        let applied = applied.await;
        applied.inspect_err(|_| self.catalogue.fell_behind())
    }

    /// Some of this audio is in the database and not in its place. All of it counts as damaged until it is brought again,
    /// or the scrub has found it in its place.
    async fn note_unplaced(&mut self, arrived: Vec<ContentHash>) {
        let why = || Some("it could not be put in its place".to_owned());
        let changes = Changes {
            damaged: arrived
                .into_iter()
                .map(|content| (content, why()))
                .collect(),
            ..Changes::default()
        };
        let noted = match self.writing.write(&changes, &HashMap::new()).await {
            Ok(number) => self.apply(changes, number).await,
            Err(Failed::Before(error)) => Err(error),
            Err(Failed::Committing(error)) => {
                self.catalogue.fell_behind();
                Err(error)
            }
        };
        if let Err(error) = noted {
            let error = error.chain();
            tracing::error!(
                error,
                "audio that is not in its place could not be noted as damaged"
            );
        }
    }
}
