//! Covers that were asked for, by the picture and not by the song: the twelve songs of an album are
//! scaled once.
//!
//! Nothing here is on the disk: all of it is made again from the audio, a song at a time. Reading a
//! picture out of its file takes a millisecond, decoding and scaling it a hundred times as long; so
//! the latter is what is remembered.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use kadenza_contract::{Artwork, ContentHash};
use parking_lot::Mutex;
use quick_cache::{OptionsBuilder, Weighter, sync::Cache};
use tokio::sync::Semaphore;

use super::Picture;

/// Of how many songs it is remembered which picture they have: 4 MB of memory at most, in two halves.
const SONGS_MAX: usize = 1 << 15;
/// The size of a cover as players ask for it, in bytes: how many are expected.
const TYPICAL_BYTES: usize = 32 << 10;
/// The size of a cover that was decoded, in bytes: 600 pixels in square.
const TYPICAL_PIXELS: usize = 1 << 20;

/// How many failures are remembered, and how long: a machine that was busy may do better later.
const FAILURES_MAX: usize = 4096;
const FAILURE_LASTS: Duration = Duration::from_secs(600);

/// Pictures in the sizes that were asked for last.
#[derive(Debug)]
pub(crate) struct Covers {
    scaled: Cache<(ContentHash, Option<u32>), Artwork, Length>,
    /// Those that were decoded last, since other sizes are asked for soon.
    decoded: Cache<ContentHash, Picture, Length>,
    pictures: Mutex<Pictures>,
    /// Songs and pictures that could not be read, and when that was.
    failures: Cache<ContentHash, Instant>,
    /// Songs and pictures that are being read.
    under_way: Mutex<HashMap<ContentHash, Weak<Semaphore>>>,
}

/// What is remembered of a cover.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Known {
    Cover(Artwork),
    /// It cannot be read.
    Broken,
    Nothing,
}

/// Which picture a song has. When the young half is full it becomes the old one, and the songs of the
/// old one that nobody asked for since are forgotten. `quick_cache` would keep the first songs that
/// came, also when nobody asks for them any more.
#[derive(Debug, Default)]
struct Pictures {
    young: HashMap<ContentHash, ContentHash>,
    old: HashMap<ContentHash, ContentHash>,
}

impl Pictures {
    fn insert(&mut self, content: ContentHash, picture: ContentHash) {
        if self.young.len() >= SONGS_MAX / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(content, picture);
    }
}

#[derive(Debug, Clone)]
struct Length;

impl<K> Weighter<K, Artwork> for Length {
    fn weight(&self, _: &K, artwork: &Artwork) -> u64 {
        artwork.bytes.len() as u64
    }
}

impl<K> Weighter<K, Picture> for Length {
    fn weight(&self, _: &K, picture: &Picture) -> u64 {
        picture.pixels.len() as u64
    }
}

impl Covers {
    /// At most so many bytes of pictures as they are served, and as many of decoded ones.
    pub(crate) fn new(bytes_max: usize) -> Covers {
        Covers {
            scaled: weighed(bytes_max, TYPICAL_BYTES),
            decoded: weighed(bytes_max, TYPICAL_PIXELS),
            pictures: Mutex::default(),
            failures: Cache::new(FAILURES_MAX),
            under_way: Mutex::default(),
        }
    }

    /// What is remembered of the cover of a song in a size.
    pub(crate) fn of(&self, content: &ContentHash, size: Option<u32>) -> Known {
        let picture = self.picture(content);
        if let Some(artwork) = picture.and_then(|picture| self.scaled(&picture, size)) {
            return Known::Cover(artwork);
        }
        // As it is, a picture is given that nothing decodes.
        let is_broken = self.is_broken(content)
            || size.is_some() && picture.is_some_and(|picture| self.is_broken(&picture));
        if is_broken {
            Known::Broken
        } else {
            Known::Nothing
        }
    }

    /// The picture of a song, if that is remembered.
    pub(crate) fn picture(&self, content: &ContentHash) -> Option<ContentHash> {
        let mut pictures = self.pictures.lock();
        let young = pictures.young.get(content).copied();
        young.or_else(|| {
            let old = pictures.old.remove(content)?;
            pictures.insert(*content, old);
            Some(old)
        })
    }

    /// Turns to read a song or a picture, of which there is one: for as long as somebody has it, others wait.
    pub(crate) fn turns(&self, with: ContentHash) -> Arc<Semaphore> {
        let mut under_way = self.under_way.lock();
        under_way.retain(|_, turns| turns.strong_count() > 0);
        let turns = under_way.get(&with).and_then(Weak::upgrade);
        turns.unwrap_or_else(|| {
            let turns = Arc::new(Semaphore::new(1));
            under_way.insert(with, Arc::downgrade(&turns));
            turns
        })
    }

    /// A song or a picture cannot be read.
    pub(crate) fn broke(&self, what: ContentHash) {
        self.failures.insert(what, Instant::now());
    }

    /// Whether a song or a picture could not be read not long ago.
    pub(crate) fn is_broken(&self, what: &ContentHash) -> bool {
        let at = self.failures.get(what);
        at.is_some_and(|at| at.elapsed() < FAILURE_LASTS)
    }

    /// The pixels of a picture, if they are remembered.
    pub(crate) fn decoded(&self, picture: &ContentHash) -> Option<Picture> {
        self.decoded.get(picture)
    }

    /// A picture was decoded.
    pub(crate) fn has_pixels(&self, picture: ContentHash, pixels: &Picture) {
        self.decoded.insert(picture, pixels.clone());
    }

    /// A picture in a size, if that is remembered.
    pub(crate) fn scaled(&self, picture: &ContentHash, size: Option<u32>) -> Option<Artwork> {
        self.scaled.get(&(*picture, size))
    }

    /// A song has this picture.
    pub(crate) fn has(&self, content: ContentHash, picture: ContentHash) {
        self.pictures.lock().insert(content, picture);
    }

    /// A picture in a size was made.
    pub(crate) fn made(&self, picture: ContentHash, size: Option<u32>, artwork: &Artwork) {
        self.scaled.insert((picture, size), artwork.clone());
    }
}

fn weighed<K: Eq + std::hash::Hash, V: Clone>(
    bytes_max: usize,
    typical: usize,
) -> Cache<K, V, Length>
where
    Length: Weighter<K, V>,
{
    let options = OptionsBuilder::new()
        .estimated_items_capacity((bytes_max / typical).max(1))
        .weight_capacity(bytes_max as u64)
        // A picture that is larger than a shard would never be kept.
        .shards(1)
        .build()
        .expect("both capacities are given");
    Cache::with_options(options, Length, Default::default(), Default::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(n: usize) -> ContentHash {
        ContentHash::of(&n.to_le_bytes())
    }

    #[test]
    fn songs_share_a_picture_and_only_so_many_are_remembered() {
        let covers = Covers::new(1000);
        let artwork = Artwork {
            content_type: "image/png".into(),
            bytes: vec![1; 100].into(),
        };
        let picture = ContentHash::of(b"picture");
        covers.made(picture, Some(64), &artwork);
        covers.has(hash(0), picture);
        for n in 1..3 * SONGS_MAX {
            covers.has(hash(n), picture);
            // One that is asked for is kept.
            assert_eq!(covers.of(&hash(0), Some(64)), Known::Cover(artwork.clone()));
        }
        assert_eq!(covers.of(&hash(0), Some(65)), Known::Nothing);
        assert_eq!(covers.of(&hash(1), Some(64)), Known::Nothing);
        let pictures = covers.pictures.lock();
        assert!(pictures.young.len() + pictures.old.len() <= SONGS_MAX);
    }
    #[test]
    fn what_is_broken_is_remembered_and_still_given_as_it_is() {
        let covers = Covers::new(1000);
        let (song, picture) = (hash(0), hash(1));
        covers.has(song, picture);
        covers.broke(picture);
        assert_eq!(covers.of(&song, Some(64)), Known::Broken);
        assert_eq!(covers.of(&song, None), Known::Nothing);
        covers.broke(song);
        assert_eq!(covers.of(&song, None), Known::Broken);
    }
}
