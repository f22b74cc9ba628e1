//! Covers that were asked for, by the picture and not by the song: the twelve songs of an album are
//! scaled once.
//!
//! Nothing here is on the disk: all of it is made again from the audio, a song at a time. Reading a
//! picture out of its file takes a millisecond, decoding and scaling it a hundred times as long; so
//! the latter is what is remembered.

use std::collections::HashMap;

use kadenza_contract::{Artwork, ContentHash};
use parking_lot::Mutex;
use quick_cache::{OptionsBuilder, Weighter, sync::Cache};

/// Of how many songs it is remembered which picture they have: 4 MB of memory at most, in two halves.
const SONGS_MAX: usize = 1 << 15;
/// The size of a cover as players ask for it, in bytes: how many are expected.
const TYPICAL_BYTES: usize = 32 << 10;

/// Pictures in the sizes that were asked for last.
#[derive(Debug)]
pub(crate) struct Covers {
    scaled: Cache<(ContentHash, Option<u32>), Artwork, Length>,
    pictures: Mutex<Pictures>,
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

impl Covers {
    /// At most so many bytes of pictures.
    pub(crate) fn new(bytes_max: usize) -> Covers {
        let options = OptionsBuilder::new()
            .estimated_items_capacity((bytes_max / TYPICAL_BYTES).max(1))
            .weight_capacity(bytes_max as u64)
            // A picture that is larger than a shard would never be kept.
            .shards(1)
            .build()
            .expect("both capacities are given");
        Covers {
            scaled: Cache::with_options(options, Length, Default::default(), Default::default()),
            pictures: Mutex::default(),
        }
    }

    /// The cover of a song in a size, if that is remembered.
    pub(crate) fn of(&self, content: &ContentHash, size: Option<u32>) -> Option<Artwork> {
        let picture = {
            let mut pictures = self.pictures.lock();
            let young = pictures.young.get(content).copied();
            young.or_else(|| {
                let old = pictures.old.remove(content)?;
                pictures.insert(*content, old);
                Some(old)
            })
        };
        self.scaled(&picture?, size)
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
            assert_eq!(covers.of(&hash(0), Some(64)).as_ref(), Some(&artwork));
        }
        assert_eq!(covers.of(&hash(0), Some(65)), None);
        assert_eq!(covers.of(&hash(1), Some(64)), None);
        let pictures = covers.pictures.lock();
        assert!(pictures.young.len() + pictures.old.len() <= SONGS_MAX);
    }
}
