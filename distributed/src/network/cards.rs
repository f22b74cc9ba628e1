//! Cards as JSON that fits into frames.
//!
//! A song is a grow-only set of recordings, so a part of its recordings is a smaller card of the same song,
//! and the receiver merges the parts. A card that is too long for a frame is sent in parts.

use kadenza_contract::{ContentHash, Error, Recording, Result, Song};
use serde::Serialize;

/// Bytes of cards in one message: below the 1 MiB of an attachment.
pub(crate) const CARD_BYTES_MAX: usize = 768 * 1024;
/// So many recordings always fit: each has at most 50 KiB, with the longest texts all of quotation marks.
const RECORDINGS_THAT_FIT: usize = 15;

pub(crate) fn json(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|cause| Error::Storage {
        doing: "writing a message as JSON",
        cause: Box::new(cause),
    })
}

/// The card of a song from behind a recording on, as far as it fits, and the recording where it was
/// cut. In the order of content hashes, which no other recording changes. None if nothing is behind it.
pub(crate) fn part(
    song: &Song,
    after: Option<ContentHash>,
) -> Result<Option<(Song, Option<ContentHash>)>> {
    if after.is_none() && song.recordings().len() <= RECORDINGS_THAT_FIT {
        return Ok(Some((song.clone(), None)));
    }
    let mut left: Vec<&Recording> = song.recordings().iter().collect();
    left.retain(|recording| after.is_none_or(|after| recording.content > after));
    left.sort_unstable_by_key(|recording| recording.content);
    let fitting = fitting(&left)?;
    let cut = (fitting < left.len()).then(|| left[fitting - 1].content);
    Ok(of(&left[..fitting])?.map(|song| (song, cut)))
}

/// The same song in parts of JSON, each of which fits.
pub(crate) fn parts(song: &Song, into: &mut Vec<Vec<u8>>) -> Result<()> {
    let mut after = None;
    while let Some((part, next)) = part(song, after)? {
        into.push(json(&part)?);
        if next.is_none() {
            break;
        }
        after = next;
    }
    Ok(())
}

/// The best recordings of a song, as many as fit. None if all do.
pub(crate) fn best_part(song: &Song) -> Result<Option<Song>> {
    if song.recordings().len() <= RECORDINGS_THAT_FIT {
        return Ok(None);
    }
    let all: Vec<&Recording> = song.recordings().iter().collect();
    let fitting = fitting(&all)?;
    if fitting == all.len() {
        return Ok(None);
    }
    of(&all[..fitting])
}

/// How many of these fit, from the first on; at least one of any.
fn fitting(recordings: &[&Recording]) -> Result<usize> {
    let mut bytes = 0;
    for (at, recording) in recordings.iter().enumerate() {
        bytes += json(recording)?.len() + 1;
        if at > 0 && bytes > CARD_BYTES_MAX {
            return Ok(at);
        }
    }
    Ok(recordings.len())
}

fn of(recordings: &[&Recording]) -> Result<Option<Song>> {
    if recordings.is_empty() {
        return Ok(None);
    }
    Song::from_recordings(recordings.iter().copied().cloned().collect()).map(Some)
}

#[cfg(test)]
mod tests {
    use kadenza_contract::{Format, Tags};

    use super::*;

    /// A song of so many recordings, each with texts as long as they may be.
    fn song(recordings: u16) -> Song {
        let album = "\"".repeat(4000);
        let one = |number: u16| {
            let mut content = [0; 32];
            content[..2].copy_from_slice(&number.to_be_bytes());
            Recording {
                content: ContentHash::from_bytes(content),
                format: Format::Mp3,
                size: 1,
                duration_ms: Some(1),
                // The best ones are not those with the lowest hashes.
                bit_rate: Some(1 + u32::from(number % 7)),
                tags: Tags::new("title", "artist", &album).unwrap(),
                has_artwork: false,
                added_at: Default::default(),
                reader: 0,
            }
        };
        Song::from_recordings((0..recordings).map(one).collect()).unwrap()
    }

    #[test]
    fn the_parts_of_a_long_card_fit_and_make_it_whole() {
        for many in [1, 16, 17, 95, 96, 300] {
            let song = song(many);
            let mut parts = Vec::new();
            super::parts(&song, &mut parts).unwrap();
            assert_eq!(parts.len() > 1, many > 95, "{many}: {}", parts.len());
            let mut merged: Option<Song> = None;
            for part in &parts {
                assert!(part.len() <= CARD_BYTES_MAX + 200);
                let part: Song = serde_json::from_slice(part).unwrap();
                match &mut merged {
                    Some(song) => drop(song.merge(&part)),
                    none => *none = Some(part),
                }
            }
            assert_eq!(merged.as_ref(), Some(&song), "{many}");
        }
    }

    #[test]
    fn a_hit_keeps_its_best_recordings() {
        assert!(best_part(&song(90)).unwrap().is_none());
        let whole = song(300);
        let part = best_part(&whole).unwrap().unwrap();
        assert_eq!(part.best(), whole.best());
        assert!(json(&part).unwrap().len() <= CARD_BYTES_MAX + 200);
    }
}
