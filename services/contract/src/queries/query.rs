//! A search, and the one definition of which songs fit it and in which order.
//!
//! [`Query::key`] is pure: it knows a query and a song, nothing else. Every engine (an index on
//! disk, PostgreSQL, many machines) must give the songs that it accepts in the order of its keys,
//! so that all stacks give the same answer.

use std::{
    collections::{BTreeSet, HashMap, hash_map},
    fmt,
    str::FromStr,
};

use serde::{Deserialize, Serialize};

use super::{
    entry::Entry,
    relevance::{INSIDE, SLIP, rank},
};
use crate::{
    Cursor, Error, Limit, Names, Page, QueryText, Recording, Result, Song, SongId, SortKey,
    identity_fold, sort_fold, words::Wanted,
};

/// The order of the songs of a search. In text, the names below in lower case; `random:7` for a seed
/// of 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Sort {
    /// The best fit to the words first. Without words, by title.
    Relevance,
    /// By title, then artist, then album.
    Title,
    /// By artist, then as on their albums.
    Artist,
    /// By album and the artist of the album, then disc and track.
    Album,
    /// The last added first.
    Newest,
    /// By year, the oldest first; songs without a year last.
    Year,
    /// Shuffled; the same for the same seed, so that a list can be followed to its end.
    Random(u32),
}

/// The orders with one word for a name.
const NAMED: [(Sort, &str); 6] = [
    (Sort::Relevance, "relevance"),
    (Sort::Title, "title"),
    (Sort::Artist, "artist"),
    (Sort::Album, "album"),
    (Sort::Newest, "newest"),
    (Sort::Year, "year"),
];

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, NAMED.iter().find(|(sort, _)| sort == self)) {
            (_, Some((_, name))) => f.write_str(name),
            (Sort::Random(seed), _) => write!(f, "random:{seed}"),
            (sort, None) => unreachable!("{sort:?} has a name"),
        }
    }
}

impl FromStr for Sort {
    type Err = Error;
    fn from_str(text: &str) -> Result<Sort> {
        let named = NAMED.iter().find(|(_, name)| *name == text);
        let seed = || text.strip_prefix("random:")?.parse().ok();
        named
            .map(|(sort, _)| *sort)
            .or_else(|| seed().map(Sort::Random))
            .ok_or_else(|| Error::Invalid {
                what:
                    "sort is one of relevance, title, artist, album, newest, year, or random:SEED \
                       with a number below 4294967296"
                        .into(),
            })
    }
}

impl TryFrom<String> for Sort {
    type Error = Error;
    fn try_from(text: String) -> Result<Sort> {
        text.parse()
    }
}

impl From<Sort> for String {
    fn from(sort: Sort) -> String {
        sort.to_string()
    }
}

/// A question for songs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// Words to be found; every song fits if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<QueryText>,
    /// Only songs of exactly this artist: by them, alone or with others, or on an album of theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artist: Option<String>,
    /// Only songs of exactly this album.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub album: Option<String>,
    /// Only songs of exactly this genre.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub genre: Option<String>,
    /// The order.
    pub sort: Sort,
    /// How many songs at most.
    pub limit: Limit,
    /// Where to go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Cursor>,
}

impl Default for Query {
    fn default() -> Query {
        Query {
            text: None,
            artist: None,
            album: None,
            genre: None,
            sort: Sort::Relevance,
            limit: Limit::default(),
            after: None,
        }
    }
}

impl Query {
    /// Every song.
    #[must_use]
    pub fn all() -> Query {
        Query::default()
    }

    /// The songs that have these words.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the text is too long.
    pub fn words(text: &str) -> Result<Query> {
        Ok(Query {
            text: Some(QueryText::new(text)?),
            ..Query::default()
        })
    }

    /// Where an entry stands among the hits; `None` if its song is none of them.
    #[must_use]
    pub fn key(&self, entry: &Entry) -> Option<SortKey> {
        let recording = entry.recording();
        let key = self.key_of(entry.song(), recording)?;
        Some(if self.takes_entries() {
            key.of_recording(&recording.content)
        } else {
            key
        })
    }

    /// Where a song stands among the hits if it is there once; `None` if it is none of them.
    #[must_use]
    pub fn song_key(&self, song: &Song) -> Option<SortKey> {
        self.key_of(song, song.best())
    }

    /// Whether a song fits is said of its best recording, and so is how well; where it stands beside others
    /// that fit as well, of the recording that is given.
    fn key_of(&self, song: &Song, recording: &Recording) -> Option<SortKey> {
        let tags = song.tags();
        if !fits(&self.artist, tags.credited())
            || !fits(&self.album, [tags.album()])
            || !fits(&self.genre, or_none(tags.genres()))
        {
            return None;
        }
        let relevance = match &self.text {
            Some(text) => Some(rank(text, tags)?),
            None => None,
        };
        // Parts of words and slips stand at the end of the best hits; without that order they would be
        // anywhere among them.
        if self.sort != Sort::Relevance && relevance.is_some_and(|rank| rank >= INSIDE) {
            return None;
        }
        let placed = Placed::of(song, recording);
        Some(match (self.sort, relevance) {
            (Sort::Relevance, Some(rank)) => placed.ranked(rank),
            (sort, _) => placed.key(sort),
        })
    }

    /// Whether a song may be on the list several times: a list of an album has an entry for each place on it.
    #[must_use]
    pub fn takes_entries(&self) -> bool {
        self.album.is_some()
    }

    /// What stands for a song on the list, if it fits.
    fn entries(&self, song: Song) -> Vec<Entry> {
        if self.takes_entries() {
            Entry::on_album(song)
        } else {
            vec![Entry::of(song)]
        }
    }

    /// The page of hits among these songs: the definition of a right answer. Copies of the same
    /// song are merged.
    pub fn page(&self, songs: impl IntoIterator<Item = Song>) -> Page<Entry> {
        let songs = united(songs).into_values();
        let entries = songs.flat_map(|song| self.entries(song));
        let keyed = entries.filter_map(|entry| Some((self.key(&entry)?, entry)));
        let after = self.after.as_ref().map(Cursor::key);
        let mut keyed: Vec<(SortKey, Entry)> = keyed
            .filter(|(key, _)| after.is_none_or(|after| key > after))
            .collect();
        if !self.takes_slips() || keyed.iter().any(|(key, _)| key.rank() < SLIP) {
            keyed.retain(|(key, _)| !self.is_slip(key));
        }
        Page::of(keyed, self.after.as_ref(), self.limit)
    }

    /// Whether there may be words inside of other words and slips among the hits.
    #[must_use]
    pub fn takes_parts(&self) -> bool {
        let required = self.text.iter().flat_map(QueryText::required);
        self.sort == Sort::Relevance && required.flat_map(Wanted::parts).next().is_some()
    }

    /// Whether hits with slips may stand on the page: only where nothing better does, here or before the
    /// cursor.
    #[must_use]
    pub fn takes_slips(&self) -> bool {
        let after = self.after.as_ref().map(|cursor| cursor.key().rank());
        self.takes_parts() && after.is_none_or(|rank| rank >= SLIP)
    }

    fn is_slip(&self, key: &SortKey) -> bool {
        self.sort == Sort::Relevance && self.text.is_some() && key.rank() >= SLIP
    }

    /// The page that the pages of several machines make together; copies of a song are merged.
    pub fn merge(&self, pages: Vec<Page<Entry>>) -> Page<Entry> {
        // Copies are united first: one that knows another recording may stand elsewhere, or be several entries.
        let all = pages.iter().flat_map(|page| &page.items);
        let songs = united(all.map(|entry| entry.song().clone()));
        let is_better = |song: &Song| self.song_key(song).is_some_and(|key| !self.is_slip(&key));
        let slips = self.takes_slips() && !songs.values().any(is_better);
        let pages = pages.into_iter().map(|page| {
            let ids: BTreeSet<SongId> = page.items.iter().map(|entry| entry.song().id()).collect();
            let known = ids.iter().filter_map(|id| songs.get(id));
            let taken = known.filter(|song| slips || is_better(song));
            Page {
                items: taken.flat_map(|song| self.entries(song.clone())).collect(),
                // What follows a slip are slips.
                next: page.next.filter(|next| slips || !self.is_slip(next.key())),
                partial: page.partial,
            }
        });
        let key = |entry: &Entry| {
            let key = self.key(entry)?;
            // Of a song that has several entries, some may stand before the page.
            let after = self.after.as_ref().map(Cursor::key);
            let is_before = self.takes_entries() && after.is_some_and(|after| key <= *after);
            (!is_before).then_some(key)
        };
        Page::merge(pages, self.limit, key, |_, _| ())
    }
}

/// Whether a filter lets a song with these names pass.
pub(super) fn fits<'a>(wanted: &Option<String>, names: impl IntoIterator<Item = &'a str>) -> bool {
    wanted.as_ref().is_none_or(|wanted| {
        let wanted = identity_fold(wanted);
        names.into_iter().any(|name| identity_fold(name) == wanted)
    })
}

/// The values, or an empty one if there are none.
pub(super) fn or_none(names: &Names) -> impl Iterator<Item = &str> {
    names.values().chain(names.is_empty().then_some(""))
}

fn united(songs: impl IntoIterator<Item = Song>) -> HashMap<SongId, Song> {
    let mut united: HashMap<SongId, Song> = HashMap::new();
    for song in songs {
        match united.entry(song.id()) {
            hash_map::Entry::Occupied(mut known) => {
                known.get_mut().merge(&song);
            }
            hash_map::Entry::Vacant(place) => {
                place.insert(song);
            }
        }
    }
    united
}

/// The fields of a song that the orders look at, so that an engine need not make a [`Song`] to place one.
#[derive(Debug, Clone, Copy)]
pub struct Placed<'a> {
    /// The bytes of the song's id.
    pub id: &'a [u8; 32],
    /// The title.
    pub title: &'a str,
    /// All artists in one text, or an empty text.
    pub artist: &'a str,
    /// The album, or an empty text.
    pub album: &'a str,
    /// The artist under whom the album stands.
    pub album_artist: &'a str,
    /// The disc number.
    pub disc: Option<u32>,
    /// The track number.
    pub track: Option<u32>,
    /// The year.
    pub year: Option<u32>,
    /// When it was added, in milliseconds since 1970.
    pub added_ms: i64,
}

impl<'a> Placed<'a> {
    fn of(song: &'a Song, recording: &'a Recording) -> Placed<'a> {
        let tags = &recording.tags;
        Placed {
            id: song.id_bytes(),
            title: tags.title(),
            artist: tags.artist(),
            album: tags.album(),
            album_artist: tags.album_artist(),
            disc: tags.disc(),
            track: tags.track(),
            year: tags.year(),
            added_ms: recording.added_at.as_millisecond(),
        }
    }

    /// Where the song stands among all songs.
    #[must_use]
    pub fn key(&self, sort: Sort) -> SortKey {
        let text = match sort {
            Sort::Artist => self.on_album_of([self.artist, self.album]),
            Sort::Album => self.on_album_of([self.album, self.album_artist]),
            Sort::Random(_) => String::new(),
            Sort::Relevance | Sort::Title | Sort::Newest | Sort::Year => self.by_title(),
        };
        SortKey::new(self.rank(sort), text, *self.id)
    }

    /// Where it stands among the hits of a search, with this relevance.
    #[must_use]
    pub fn ranked(&self, relevance: u64) -> SortKey {
        SortKey::new(relevance, self.by_title(), *self.id)
    }

    /// The number that an order looks at before any text.
    #[must_use]
    pub fn rank(&self, sort: Sort) -> u64 {
        match sort {
            Sort::Newest => u64::try_from(self.added_ms).map_or(u64::MAX, |ms| u64::MAX - ms),
            Sort::Year => self.year.map_or(u64::MAX, u64::from),
            Sort::Random(seed) => shuffled(self.id, seed),
            Sort::Relevance | Sort::Title | Sort::Artist | Sort::Album => 0,
        }
    }

    fn by_title(&self) -> String {
        let mut text = String::new();
        push_part(&mut text, self.title, 96);
        text.push('\u{1}');
        push_part(&mut text, self.artist, 48);
        text.push('\u{1}');
        push_part(&mut text, self.album, 46);
        text
    }

    fn on_album_of(&self, names: [&str; 2]) -> String {
        let mut text = String::new();
        for name in names {
            push_part(&mut text, name, 60);
            text.push('\u{1}');
        }
        let (disc, track) = (self.disc.unwrap_or(0), self.track.unwrap_or(9999));
        text.push_str(&format!("{disc:04}{track:04}"));
        push_part(&mut text, self.title, 60);
        text
    }
}

/// Parts of a sort text are cut, so that a long title leaves room for what follows.
fn push_part(into: &mut String, text: &str, bytes_max: usize) {
    let folded = sort_fold(text);
    let mut end = folded.len().min(bytes_max);
    while !folded.is_char_boundary(end) {
        end -= 1;
    }
    into.push_str(&folded[..end]);
}

/// The place of a song in a shuffled list: a 32-bit mix (Mueller's `hash32`) of the beginning of its
/// id. Simple enough for any database to compute in signed 64-bit integers.
pub fn shuffled(id: &[u8; 32], seed: u32) -> u64 {
    let [a, b, c, d, ..] = *id;
    shuffled_head(u32::from_be_bytes([a, b, c, d]), seed)
}

/// The same, of the first four bytes of the id.
pub fn shuffled_head(head: u32, seed: u32) -> u64 {
    let mut place = u64::from(head ^ seed);
    for _ in 0..2 {
        place = ((place ^ (place >> 16)) * 0x045d_9f3b) & 0xffff_ffff;
    }
    place ^ (place >> 16)
}
