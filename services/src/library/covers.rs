//! Covers that were asked for, by the picture and not by the song: the twelve songs of an album are
//! scaled once.
//!
//! Nothing here is on the disk: all of it is made again from the audio, a song at a time. Reading a
//! picture out of its file takes a millisecond, decoding and scaling it a hundred times as long; so
//! the latter is what is remembered.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::bounded::Bounded;
use crate::{Artwork, ContentHash};

/// Of how many songs it is remembered which picture they have: 4 MB of memory at most, in two halves.
const SONGS_MAX: usize = 1 << 15;

/// Pictures in the sizes that were asked for last.
#[derive(Debug)]
pub(super) struct Covers {
    scaled: Bounded<(ContentHash, Option<u32>), Artwork>,
    pictures: Mutex<Pictures>,
}

/// Which picture a song has. When the young half is full it becomes the old one, and what was in the
/// old one and not asked for since is forgotten.
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

impl Covers {
    /// At most so many bytes of pictures.
    pub(super) fn new(bytes_max: usize) -> Covers {
        Covers {
            scaled: Bounded::new(bytes_max),
            pictures: Mutex::default(),
        }
    }

    /// The cover of a song in a size, if that is remembered.
    pub(super) fn of(&self, content: &ContentHash, size: Option<u32>) -> Option<Artwork> {
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
    pub(super) fn scaled(&self, picture: &ContentHash, size: Option<u32>) -> Option<Artwork> {
        self.scaled.get(&(*picture, size))
    }

    /// A song has this picture.
    pub(super) fn has(&self, content: ContentHash, picture: ContentHash) {
        self.pictures.lock().insert(content, picture);
    }

    /// A picture in a size was made.
    pub(super) fn made(&self, picture: ContentHash, size: Option<u32>, artwork: &Artwork) {
        let weight = artwork.bytes.len();
        self.scaled.insert((picture, size), artwork.clone(), weight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(n: usize) -> ContentHash {
        ContentHash::of(&n.to_le_bytes())
    }

    #[test]
    fn songs_share_a_picture_and_are_forgotten_before_there_are_too_many() {
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
