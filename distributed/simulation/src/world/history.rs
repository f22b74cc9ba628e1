//! What was uploaded, and what of it was acknowledged when: by this, answers are judged.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use kadenza_contract::{ContentHash, Names, NewSong, Song, SongId, Stated, Tags, Upload};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::base::dice::Dice;

/// The words of all names. Few, so that many songs have one in common.
const WORDS: [&str; 12] = [
    "amber", "blue", "cold", "dawn", "ember", "fog", "glass", "harbour", "iron", "july", "north",
    "zebra",
];
const ARTISTS: [&str; 5] = ["Ada", "Bo", "Cleo", "Dust", "Emil"];
const ALBUMS: [&str; 4] = ["", "First", "Second", "Third"];
/// The largest audio of one chunk here, and the largest of all.
const SMALL_BYTES_MAX: u64 = 4_000;
const LARGE_BYTES_MAX: u64 = 700_000;

/// The names of a song.
#[derive(Debug, Clone)]
pub(crate) struct Names3 {
    pub(crate) title: String,
    pub(crate) artists: Vec<String>,
    pub(crate) album: String,
}

impl Names3 {
    fn draw(dice: &Dice) -> Names3 {
        let word = || dice.pick(&WORDS).unwrap_or_default();
        let artist = || dice.pick(&ARTISTS).unwrap_or_default().to_owned();
        let mut artists = vec![artist()];
        if dice.happens(0.15) {
            artists.push(artist());
            artists.dedup();
        }
        Names3 {
            title: format!("{} {}", word(), word()),
            artists,
            album: dice.pick(&ALBUMS).unwrap_or_default().to_owned(),
        }
    }

    fn id(&self) -> Option<SongId> {
        let artists = Names::new(self.artists.iter().map(String::as_str));
        let tags = Tags::new(&self.title, "", &self.album).ok()?;
        Some(tags.with_artists(artists).song_id())
    }
}

/// An upload that a client is about to make.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) id: SongId,
    pub(crate) content: ContentHash,
    names: Names3,
    bytes: Bytes,
}

impl Draft {
    /// It as a client sends it.
    pub(crate) fn song(&self) -> NewSong {
        let bytes = self.bytes.clone();
        NewSong {
            stated: Stated {
                title: Some(self.names.title.clone()),
                artists: self.names.artists.clone(),
                album: Some(self.names.album.clone()),
                ..Stated::default()
            },
            audio: stream::once(async move { Ok(bytes) }).boxed(),
        }
    }
}

#[derive(Debug)]
struct Uploaded {
    names: Names3,
    recordings: BTreeMap<ContentHash, Recorded>,
    /// As it was when it was acknowledged last.
    song: Option<Song>,
    /// When it was acknowledged first.
    acknowledged: Option<u64>,
}

#[derive(Debug)]
struct Recorded {
    bytes: Bytes,
    acknowledged: Option<u64>,
}

/// A song that was acknowledged.
#[derive(Debug, Clone)]
pub(crate) struct Acknowledged {
    pub(crate) song: Song,
    /// The recordings of it that were.
    pub(crate) recordings: BTreeSet<ContentHash>,
}

/// The history of a world.
#[derive(Debug, Default)]
pub(crate) struct History {
    state: Mutex<State>,
    acknowledges: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Counts all that happens.
    now: u64,
    songs: BTreeMap<SongId, Uploaded>,
    /// The recording that was acknowledged last.
    latest: Option<ContentHash>,
}

impl State {
    fn uploaded(&mut self, id: SongId, names: &Names3) -> &mut Uploaded {
        self.songs.entry(id).or_insert_with(|| Uploaded {
            names: names.clone(),
            recordings: BTreeMap::new(),
            song: None,
            acknowledged: None,
        })
    }

    fn drafted(&mut self, id: SongId, names: Names3, bytes: Bytes) -> Draft {
        let content = ContentHash::of(&bytes);
        let recordings = &mut self.uploaded(id, &names).recordings;
        recordings.entry(content).or_insert_with(|| Recorded {
            bytes: bytes.clone(),
            acknowledged: None,
        });
        Draft {
            id,
            content,
            names,
            bytes,
        }
    }
}

impl History {
    /// Something that is asked now: what was acknowledged before must be known to whoever answers.
    pub(crate) fn asked(&self) -> u64 {
        let mut state = self.state.lock();
        state.now += 1;
        state.now
    }

    /// Something to upload: a new song if there may be more, another recording of one, or the same again.
    pub(crate) fn draft(&self, dice: &Dice, songs_max: usize, large: f64) -> Option<Draft> {
        let mut state = self.state.lock();
        let known: Vec<SongId> = state.songs.keys().copied().collect();
        let is_new = known.is_empty() || known.len() < songs_max && dice.happens(0.75);
        let names = match dice.pick(&known).filter(|_| !is_new) {
            Some(id) => state.songs.get(&id)?.names.clone(),
            None => Names3::draw(dice),
        };
        let id = names.id()?;
        let uploaded = state.uploaded(id, &names);
        let recordings: Vec<Bytes> = uploaded
            .recordings
            .values()
            .map(|recorded| recorded.bytes.clone())
            .collect();
        let again = dice.pick(&recordings).filter(|_| dice.happens(0.5));
        let bytes = again.unwrap_or_else(|| audio(dice, large));
        Some(state.drafted(id, names, bytes))
    }

    /// A new song to upload, if it is as it is wanted.
    pub(crate) fn draft_if(
        &self,
        dice: &Dice,
        is_wanted: impl Fn(&SongId) -> bool,
    ) -> Option<Draft> {
        let names = Names3::draw(dice);
        let id = names.id()?;
        let mut state = self.state.lock();
        let is_new = !state.songs.contains_key(&id);
        (is_new && is_wanted(&id)).then(|| state.drafted(id, names, audio(dice, 0.0)))
    }

    /// Another recording of the same song.
    pub(crate) fn another(&self, dice: &Dice, of: &Draft) -> Draft {
        let mut state = self.state.lock();
        state.drafted(of.id, of.names.clone(), audio(dice, 0.0))
    }

    /// An upload was acknowledged.
    pub(crate) fn acknowledge(&self, draft: &Draft, upload: &Upload) {
        let mut state = self.state.lock();
        state.now += 1;
        let now = state.now;
        let Some(uploaded) = state.songs.get_mut(&draft.id) else {
            return;
        };
        uploaded.acknowledged.get_or_insert(now);
        match &mut uploaded.song {
            Some(song) => drop(song.merge(&upload.song)),
            none => *none = Some(upload.song.clone()),
        }
        if let Some(recorded) = uploaded.recordings.get_mut(&draft.content) {
            recorded.acknowledged.get_or_insert(now);
        }
        state.latest = Some(draft.content);
        self.acknowledges.notify_waiters();
    }

    /// Waits until something is acknowledged.
    pub(crate) async fn acknowledges(&self) {
        self.acknowledges.notified().await;
    }

    /// The recording that was acknowledged last.
    pub(crate) fn latest(&self) -> Option<ContentHash> {
        self.state.lock().latest
    }

    /// What was acknowledged before something was asked.
    pub(crate) fn before(&self, asked: u64) -> BTreeMap<SongId, Acknowledged> {
        let state = self.state.lock();
        let songs = state.songs.iter().filter_map(|(id, uploaded)| {
            uploaded.acknowledged.filter(|at| *at < asked)?;
            let recordings = uploaded.recordings.iter();
            let recordings = recordings
                .filter(|(_, recorded)| recorded.acknowledged.is_some_and(|at| at < asked));
            let acknowledged = Acknowledged {
                song: uploaded.song.clone()?,
                recordings: recordings.map(|(content, _)| *content).collect(),
            };
            Some((*id, acknowledged))
        });
        songs.collect()
    }

    /// Whether a song was acknowledged before something was asked.
    pub(crate) fn is_before(&self, id: &SongId, asked: u64) -> bool {
        let state = self.state.lock();
        let uploaded = state.songs.get(id);
        let at = uploaded.and_then(|uploaded| uploaded.acknowledged);
        at.is_some_and(|at| at < asked)
    }

    /// The audio of a recording, if anybody ever uploaded it.
    pub(crate) fn bytes(&self, id: &SongId, content: &ContentHash) -> Option<Bytes> {
        let state = self.state.lock();
        let recorded = state.songs.get(id)?.recordings.get(content)?;
        Some(recorded.bytes.clone())
    }

    /// All songs that anybody ever uploaded, acknowledged or not.
    pub(crate) fn ids(&self) -> Vec<SongId> {
        self.state.lock().songs.keys().copied().collect()
    }

    /// The bytes of all recordings that anybody ever uploaded.
    pub(crate) fn bytes_uploaded(&self) -> u64 {
        let state = self.state.lock();
        let songs = state.songs.values();
        let recordings = songs.flat_map(|song| song.recordings.values());
        recordings.map(|recorded| recorded.bytes.len() as u64).sum()
    }

    /// A word, an artist and an album that may have songs.
    pub(crate) fn words(dice: &Dice) -> (String, String, String) {
        let of = |all: &[&'static str]| dice.pick(all).unwrap_or_default().to_owned();
        let mut word = of(&WORDS);
        if dice.happens(0.4) {
            word.truncate(dice.between(1, 4) as usize);
        }
        (word, of(&ARTISTS), of(&ALBUMS[1..]))
    }
}

fn audio(dice: &Dice, large: f64) -> Bytes {
    let len = match dice.happens(large) {
        true => dice.between(SMALL_BYTES_MAX, LARGE_BYTES_MAX),
        false => dice.between(1, SMALL_BYTES_MAX),
    };
    let mut bytes = vec![0; len as usize];
    let mut reader = blake3::Hasher::new().update(&dice.key()).finalize_xof();
    reader.fill(&mut bytes);
    bytes.into()
}

/// How long a client waits for any answer. The longest deadlines in the node are shorter, save that of an upload.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);
