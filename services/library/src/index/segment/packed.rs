//! A card in some 120 bytes, without its id.
//!
//! Numbers are in LEB128, seven bits a byte; texts are preceded by their length. What is packed is read
//! again only by the same version of the program: a saved index of another one is not looked at.

use jiff::Timestamp;

use super::{
    listed::{Credits, Listed, pack_credits},
    numbers::{WHOLE, number, take, text, zagzig, zigzag},
};
use crate::card::Card;
use kadenza_contract::{
    ContentHash, Format, Recording, Song, SongId, Tags,
    order::{Placed, cover_place},
};

/// Bit of the byte of a format: whether there is artwork.
const ARTWORK: u8 = 0x80;
/// Bit of the byte of a format: whether the audio is here.
const HELD: u8 = 0x40;

/// Adds a card to a row of packed cards.
pub(crate) fn pack(card: &Card, into: &mut Vec<u8>) {
    let recordings = card.song.recordings();
    number(into, recordings.len() as u64);
    number(into, card.held.len() as u64);
    for recording in recordings {
        into.extend(recording.content.as_bytes());
        let format = Format::ALL
            .iter()
            .position(|known| *known == recording.format);
        let format = format.expect("every format is in the list") as u8;
        let artwork = if recording.has_artwork { ARTWORK } else { 0 };
        let is_held = card.held.contains(&recording.content);
        into.push(format | artwork | if is_held { HELD } else { 0 });
        let (seconds, nanos) = (
            recording.added_at.as_second(),
            recording.added_at.subsec_nanosecond(),
        );
        number(into, zigzag(seconds));
        number(into, zigzag(i64::from(nanos)));
        for size in [
            recording.size,
            recording.duration_ms.unwrap_or(0),
            u64::from(recording.bit_rate.unwrap_or(0)),
            u64::from(recording.reader),
        ] {
            number(into, size);
        }
        let tags = &recording.tags;
        for part in [tags.track(), tags.disc(), tags.year()] {
            number(into, part.map_or(0, |part| u64::from(part) + 1));
        }
        for text in [tags.title(), tags.album()] {
            number(into, text.len() as u64);
            into.extend(text.as_bytes());
        }
        pack_credits(tags, into);
    }
}

/// A recording as it lies there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) content: &'a [u8; 32],
    format: u8,
    seconds: i64,
    nanos: i64,
    pub(crate) size: u64,
    /// 0 where it is not known.
    pub(crate) duration_ms: u64,
    /// 0 where it is not known.
    bit_rate: u64,
    pub(crate) reader: u64,
    /// Track, disc and year.
    numbers: [Option<u32>; 3],
    pub(crate) title: &'a str,
    pub(crate) album: &'a str,
    pub(crate) credits: Credits<'a>,
}

impl<'a> View<'a> {
    pub(crate) fn year(&self) -> Option<u32> {
        self.numbers[2]
    }

    pub(crate) fn placed(&self, id: &'a [u8; 32]) -> Placed<'a> {
        let [track, disc, year] = self.numbers;
        Placed {
            id,
            title: self.title,
            artist: self.credits.artists.joined,
            album: self.album,
            album_artist: self.credits.album_artist(),
            disc,
            track,
            year,
            added_ms: self.added_at().as_millisecond(),
        }
    }

    fn added_at(&self) -> Timestamp {
        let nanos = i32::try_from(self.nanos).expect(WHOLE);
        Timestamp::new(self.seconds, nanos).expect(WHOLE)
    }

    /// The tags of the recording.
    pub(crate) fn tags(&self) -> Tags {
        let credits = &self.credits;
        Tags::restored(
            [self.title, self.album],
            [credits.artists, credits.genres, credits.album_artists].map(Listed::names),
            self.numbers,
            credits.is_compilation(),
            credits.identity(),
            credits.details(),
        )
    }

    /// The place of its song on an album among those whose cover can stand for it.
    pub(crate) fn cover_place(&self, has_artwork: bool) -> u64 {
        let [track, disc, _] = self.numbers;
        cover_place(has_artwork, disc, track)
    }

    fn recording(&self) -> Recording {
        Recording {
            content: ContentHash::from_bytes(*self.content),
            format: Format::ALL[usize::from(self.format & !(ARTWORK | HELD))],
            size: self.size,
            duration_ms: Some(self.duration_ms).filter(|ms| *ms > 0),
            bit_rate: Some(u32::try_from(self.bit_rate).expect(WHOLE)).filter(|rate| *rate > 0),
            tags: self.tags(),
            has_artwork: self.format & ARTWORK != 0,
            added_at: self.added_at(),
            reader: u32::try_from(self.reader).expect(WHOLE),
        }
    }

    fn is_held(&self) -> bool {
        self.format & HELD != 0
    }
}

/// A packed card.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packed<'a> {
    count: u64,
    held: u64,
    recordings: &'a [u8],
}

impl<'a> Packed<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Packed<'a> {
        let mut rest = bytes;
        Packed {
            count: take(&mut rest),
            held: take(&mut rest),
            recordings: rest,
        }
    }

    /// The recording to play.
    pub(crate) fn best(&self) -> View<'a> {
        let mut rest = self.recordings;
        view(&mut rest)
    }

    pub(crate) fn is_held(&self) -> bool {
        self.held != 0
    }

    /// Whether its recordings state several places on an album.
    pub(crate) fn has_several(&self) -> bool {
        let mut numbers = self.views().map(|view| view.numbers);
        self.count > 1
            && numbers.next().is_some_and(|[track, disc, _]| {
                numbers.any(|[other, of, _]| (other, of) != (track, disc))
            })
    }

    /// Whether any recording has artwork.
    pub(crate) fn has_artwork(&self) -> bool {
        self.views().any(|view| view.format & ARTWORK != 0)
    }

    /// The recordings whose audio is here.
    pub(crate) fn held(&self) -> impl Iterator<Item = View<'a>> + use<'a> {
        self.views().filter(View::is_held)
    }

    pub(crate) fn song(&self, id: SongId) -> Song {
        Song::restored(id, self.views().map(|view| view.recording()).collect())
    }

    pub(crate) fn card(&self, id: SongId) -> Card {
        let contents = self.held().map(|view| *view.content);
        Card {
            held: contents.map(ContentHash::from_bytes).collect(),
            song: self.song(id),
            damaged: Vec::new(),
        }
    }

    fn views(&self) -> impl Iterator<Item = View<'a>> + use<'a> {
        let mut rest = self.recordings;
        (0..self.count).map(move |_| view(&mut rest))
    }
}

fn view<'a>(rest: &mut &'a [u8]) -> View<'a> {
    let (content, behind) = rest.split_first_chunk::<32>().expect(WHOLE);
    let (format, behind) = behind.split_first().expect(WHOLE);
    *rest = behind;
    let (seconds, nanos) = (zagzig(take(rest)), zagzig(take(rest)));
    let [size, duration_ms, bit_rate, reader] = [(); 4].map(|()| take(rest));
    let numbers = [(); 3].map(|()| take(rest).checked_sub(1).map(|part| part as u32));
    let [title, album] = [(); 2].map(|()| text(rest));
    let credits = Credits::read(rest);
    View {
        content,
        format: *format,
        seconds,
        nanos,
        size,
        duration_ms,
        bit_rate,
        reader,
        numbers,
        title,
        album,
        credits,
    }
}
