//! What is on a disk: cards, audio and small files, and the changes that can be made to them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use kadenza_contract::{Chunks, ContentHash, Song, SongId};
use kadenza_library::{Card, CardsOfAMoment, Counts};

/// Audio on a disk.
#[derive(Debug, Clone)]
pub(crate) struct Audio {
    pub(super) bytes: Bytes,
    pub(super) chunks: Arc<Chunks>,
    /// The songs that need it.
    songs: BTreeSet<SongId>,
    /// Whether it is no longer what was written.
    pub(super) is_rotten: bool,
    /// Whether that was noticed.
    pub(super) is_noted: bool,
}

/// Everything on a disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Contents {
    songs: BTreeMap<SongId, Song>,
    audio: BTreeMap<ContentHash, Audio>,
    files: BTreeMap<&'static str, Vec<u8>>,
}

/// A change of what is on a disk.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Cards(Vec<Song>),
    Audio(Song, Arc<Chunks>, Bytes),
    /// The song needs audio that is there.
    Adopt(Song, ContentHash),
    /// Damage was noticed.
    Noted(ContentHash),
    DropAudio(SongId, ContentHash),
    DropCard(SongId),
    File(&'static str, Vec<u8>),
}

impl Contents {
    pub(super) fn apply(&mut self, change: Change) {
        match change {
            Change::Cards(songs) => songs.iter().for_each(|song| self.merge(song)),
            Change::Audio(song, chunks, bytes) => {
                let known = self.audio.get(&chunks.content());
                let mut songs = known.map(|audio| audio.songs.clone()).unwrap_or_default();
                songs.insert(song.id());
                let audio = Audio {
                    bytes,
                    songs,
                    is_rotten: false,
                    is_noted: false,
                    chunks: Arc::clone(&chunks),
                };
                self.audio.insert(chunks.content(), audio);
                self.merge(&song);
            }
            Change::Adopt(song, content) => {
                if let Some(audio) = self.audio.get_mut(&content) {
                    audio.songs.insert(song.id());
                }
                self.merge(&song);
            }
            Change::Noted(content) => {
                if let Some(audio) = self.audio.get_mut(&content) {
                    audio.is_noted = audio.is_rotten;
                }
            }
            Change::DropAudio(song, content) => self.let_go(&song, |of| *of == content),
            Change::DropCard(song) => {
                self.let_go(&song, |_| true);
                self.songs.remove(&song);
            }
            Change::File(name, bytes) => drop(self.files.insert(name, bytes)),
        }
    }

    /// The songs whose cards a change may make others.
    pub(super) fn concerned(&self, change: &Change) -> BTreeSet<SongId> {
        match change {
            Change::Cards(songs) => songs.iter().map(Song::id).collect(),
            Change::Adopt(song, _) => [song.id()].into(),
            Change::DropAudio(song, _) | Change::DropCard(song) => [*song].into(),
            Change::Audio(song, chunks, _) => {
                let mut songs = self.holders(&chunks.content());
                songs.insert(song.id());
                songs
            }
            Change::Noted(content) => self.holders(content),
            Change::File(..) => BTreeSet::new(),
        }
    }

    fn holders(&self, content: &ContentHash) -> BTreeSet<SongId> {
        let audio = self.audio.get(content);
        audio.map(|audio| audio.songs.clone()).unwrap_or_default()
    }

    fn merge(&mut self, song: &Song) {
        match self.songs.get_mut(&song.id()) {
            Some(known) => drop(known.merge(song)),
            None => drop(self.songs.insert(song.id(), song.clone())),
        }
    }

    fn let_go(&mut self, song: &SongId, which: impl Fn(&ContentHash) -> bool) {
        self.audio.retain(|content, audio| {
            if which(content) {
                audio.songs.remove(song);
            }
            !audio.songs.is_empty()
        });
    }

    /// The card of a song.
    pub(crate) fn card(&self, id: &SongId) -> Option<Card> {
        let song = self.songs.get(id)?;
        let here = song.recordings().iter().filter_map(|recording| {
            let audio = self.audio.get(&recording.content)?;
            let is_its = audio.songs.contains(id);
            is_its.then_some((recording.content, audio.is_noted))
        });
        let here: Vec<(ContentHash, bool)> = here.collect();
        let with = |noted: bool| {
            let which = here.iter().filter(|(_, is_noted)| *is_noted == noted);
            which.map(|(content, _)| *content).collect()
        };
        Some(Card {
            song: song.clone(),
            held: with(false),
            damaged: with(true),
        })
    }

    /// The songs that are known.
    pub(crate) fn songs(&self) -> impl Iterator<Item = &Song> {
        self.songs.values()
    }

    /// All cards.
    pub(crate) fn cards(&self) -> Vec<Card> {
        let all = self.songs.keys();
        all.filter_map(|id| self.card(id)).collect()
    }

    pub(super) fn cards_after(&self, after: Option<SongId>, limit: usize) -> Vec<Card> {
        let behind = self.songs.keys();
        let behind = behind.filter(|id| after.is_none_or(|after| **id > after));
        behind.take(limit).filter_map(|id| self.card(id)).collect()
    }

    /// Audio that is here and not known to be damaged.
    pub(super) fn audio(&self, content: &ContentHash) -> Option<&Audio> {
        self.audio.get(content).filter(|audio| !audio.is_noted)
    }

    /// Whether good audio of a song is here.
    pub(crate) fn is_good(&self, id: &SongId, content: &ContentHash) -> bool {
        let audio = self.audio.get(content);
        audio.is_some_and(|audio| !audio.is_rotten && audio.songs.contains(id))
    }

    /// Whether good audio is here, of whichever song.
    pub(crate) fn has_good(&self, content: &ContentHash) -> bool {
        let audio = self.audio.get(content);
        audio.is_some_and(|audio| !audio.is_rotten)
    }

    /// Whether any audio is no longer what it was.
    pub(crate) fn is_rotten(&self) -> bool {
        self.audio.values().any(|audio| audio.is_rotten)
    }

    /// The hashes of all audio.
    pub(crate) fn all_audio(&self) -> impl Iterator<Item = &ContentHash> {
        self.audio.keys()
    }

    pub(super) fn rot(&mut self, content: &ContentHash) {
        if let Some(audio) = self.audio.get_mut(content) {
            audio.is_rotten = true;
        }
    }

    /// The damage that nobody has noticed.
    pub(super) fn unnoticed(&self) -> Vec<ContentHash> {
        let rotten = self.audio.iter();
        let rotten = rotten.filter(|(_, audio)| audio.is_rotten && !audio.is_noted);
        rotten.map(|(content, _)| *content).collect()
    }

    pub(super) fn damaged(&self) -> u64 {
        self.audio.values().filter(|audio| audio.is_noted).count() as u64
    }

    pub(crate) fn file(&self, name: &str) -> Option<&Vec<u8>> {
        self.files.get(name)
    }

    pub(super) fn counts(&self) -> Counts {
        let held = self.songs.keys().filter_map(|id| self.card(id));
        let held = held.filter(|card| !card.held.is_empty());
        let good = self.audio.values().filter(|audio| !audio.is_noted);
        Counts {
            songs: held.count() as u64,
            cards: self.songs.len() as u64,
            bytes: good.map(|audio| audio.bytes.len() as u64).sum(),
        }
    }
}

impl CardsOfAMoment for Contents {
    fn after(&self, id: Option<SongId>, limit: usize) -> Vec<Card> {
        self.cards_after(id, limit)
    }
}
