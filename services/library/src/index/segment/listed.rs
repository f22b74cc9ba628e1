//! Names that may be several, and details, as they lie in a packed card.
//!
//! Nearly all recordings have one artist, one genre, and an album by that artist: for those a byte says so.

use super::numbers::{WHOLE, number, take, text, zagzig, zigzag};
use kadenza_contract::{
    DetailNumber, DetailText, Details, Names, Tags,
    order::{album_artist, values_of},
};

const SEVERAL_ARTISTS: u8 = 1;
const SEVERAL_GENRES: u8 = 1 << 1;
const HAS_ALBUM_ARTISTS: u8 = 1 << 2;
/// The artists of the album are those of the recording, and not repeated.
const SAME_ALBUM_ARTISTS: u8 = 1 << 3;
const SEVERAL_ALBUM_ARTISTS: u8 = 1 << 4;
const COMPILATION: u8 = 1 << 5;
const HAS_IDENTITY: u8 = 1 << 6;
const HAS_DETAILS: u8 = 1 << 7;

/// The values of a tag.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Listed<'a> {
    /// All of them in one text; empty where there are none.
    pub(crate) joined: &'a str,
    /// The length of each; empty where there are not several.
    lens: &'a [u8],
}

impl<'a> Listed<'a> {
    /// Each value.
    pub(crate) fn values(self) -> impl Iterator<Item = &'a str> {
        values_of(self.joined, self.lens())
    }

    pub(crate) fn names(self) -> Names {
        let lens = self.lens().map(|len| len as u16);
        Names::restored(self.joined, lens.collect())
    }

    fn lens(self) -> impl Iterator<Item = usize> + use<'a> {
        let mut rest = self.lens;
        std::iter::from_fn(move || (!rest.is_empty()).then(|| take(&mut rest) as usize))
    }

    fn read(rest: &mut &'a [u8], are_several: bool) -> Listed<'a> {
        let joined = text(rest);
        let lens = if are_several { block(rest) } else { &[] };
        Listed { joined, lens }
    }
}

/// The names of a recording and its details, but for title and album.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Credits<'a> {
    flags: u8,
    pub(crate) artists: Listed<'a>,
    pub(crate) genres: Listed<'a>,
    pub(crate) album_artists: Listed<'a>,
    identity: Listed<'a>,
    details: &'a [u8],
}

/// Adds the names of a recording and its details to a packed card.
pub(super) fn pack_credits(tags: &Tags, into: &mut Vec<u8>) {
    let (artists, genres, of_album) = (tags.artists(), tags.genres(), tags.album_artists());
    let is_same = of_album == artists;
    let has_own = !of_album.is_empty() && !is_same;
    let flags = [
        (SEVERAL_ARTISTS, artists.are_several()),
        (SEVERAL_GENRES, genres.are_several()),
        (HAS_ALBUM_ARTISTS, has_own),
        (SAME_ALBUM_ARTISTS, is_same && !of_album.is_empty()),
        (SEVERAL_ALBUM_ARTISTS, has_own && of_album.are_several()),
        (COMPILATION, tags.is_compilation()),
        (HAS_IDENTITY, tags.identity().is_some()),
        (HAS_DETAILS, tags.details().is_some()),
    ];
    let set = flags.iter().filter(|(_, is_set)| *is_set);
    into.push(set.fold(0, |all, (flag, _)| all | flag));
    list(artists, artists.are_several(), into);
    list(genres, genres.are_several(), into);
    if has_own {
        list(of_album, of_album.are_several(), into);
    }
    if let Some(identity) = tags.identity() {
        list(identity, true, into);
    }
    if let Some(details) = tags.details() {
        let mut packed = Vec::new();
        pack_details(details, &mut packed);
        number(into, packed.len() as u64);
        into.extend(packed);
    }
}

fn list(names: &Names, with_lens: bool, into: &mut Vec<u8>) {
    number(into, names.joined().len() as u64);
    into.extend(names.joined().as_bytes());
    if with_lens {
        let mut lens = Vec::new();
        for len in names.lens() {
            number(&mut lens, u64::from(*len));
        }
        number(into, lens.len() as u64);
        into.extend(lens);
    }
}

fn block<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let len = take(rest) as usize;
    let (block, behind) = rest.split_at(len);
    *rest = behind;
    block
}

impl<'a> Credits<'a> {
    pub(super) fn read(rest: &mut &'a [u8]) -> Credits<'a> {
        let (flags, behind) = rest.split_first().expect(WHOLE);
        *rest = behind;
        let has = |flag| flags & flag != 0;
        let artists = Listed::read(rest, has(SEVERAL_ARTISTS));
        let genres = Listed::read(rest, has(SEVERAL_GENRES));
        let album_artists = if has(HAS_ALBUM_ARTISTS) {
            Listed::read(rest, has(SEVERAL_ALBUM_ARTISTS))
        } else if has(SAME_ALBUM_ARTISTS) {
            artists
        } else {
            Listed::default()
        };
        let none = Listed::default();
        Credits {
            flags: *flags,
            artists,
            genres,
            album_artists,
            identity: if has(HAS_IDENTITY) {
                Listed::read(rest, true)
            } else {
                none
            },
            details: if has(HAS_DETAILS) { block(rest) } else { &[] },
        }
    }

    /// The artist under whom the album stands.
    pub(crate) fn album_artist(&self) -> &'a str {
        album_artist(
            self.artists.values().next().unwrap_or(""),
            self.album_artists.joined,
            self.album_artists.values(),
            self.is_compilation(),
        )
    }

    pub(super) fn is_compilation(&self) -> bool {
        self.flags & COMPILATION != 0
    }

    pub(super) fn identity(&self) -> Option<Names> {
        (self.flags & HAS_IDENTITY != 0).then(|| self.identity.names())
    }

    pub(super) fn details(&self) -> Option<Box<Details>> {
        (self.flags & HAS_DETAILS != 0).then(|| Box::new(unpack_details(self.details)))
    }
}

/// In front of a text that is not an id packed into 16 bytes.
const PLAIN: u8 = 0x80;

fn pack_details(details: &Details, into: &mut Vec<u8>) {
    number(into, details.all_texts().count() as u64);
    for (detail, text) in details.all_texts() {
        let place = detail.place() as u8;
        match uuid(text) {
            Some(bytes) => {
                into.push(place);
                into.extend(bytes);
            }
            None => {
                into.push(place | PLAIN);
                number(into, text.len() as u64);
                into.extend(text.as_bytes());
            }
        }
    }
    for (detail, value) in details.all_numbers() {
        into.push(detail.place() as u8);
        number(into, zigzag(value));
    }
}

fn unpack_details(mut packed: &[u8]) -> Details {
    let rest = &mut packed;
    let count = take(rest);
    let byte = |rest: &mut &[u8]| {
        let (byte, behind) = rest.split_first().expect(WHOLE);
        *rest = behind;
        *byte
    };
    let texts = (0..count).map(|_| {
        let place = byte(rest);
        let detail = DetailText::at(usize::from(place & !PLAIN)).expect(WHOLE);
        if place & PLAIN != 0 {
            return (detail, text(rest).to_owned());
        }
        let (bytes, behind) = rest.split_first_chunk::<16>().expect(WHOLE);
        *rest = behind;
        (detail, hyphenated(bytes))
    });
    let texts = texts.collect();
    let mut numbers = Vec::new();
    while !rest.is_empty() {
        let place = usize::from(byte(rest));
        let detail = DetailNumber::at(place).expect(WHOLE);
        numbers.push((detail, zagzig(take(rest))));
    }
    Details::restored(texts, numbers)
}

/// The bytes of an id that is written as ids are, in lower case.
fn uuid(text: &str) -> Option<[u8; 16]> {
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    let mut bytes = [0; 16];
    hex::decode_to_slice(&digits, &mut bytes).ok()?;
    (hyphenated(&bytes) == text).then_some(bytes)
}

fn hyphenated(bytes: &[u8; 16]) -> String {
    let digits = hex::encode(bytes);
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &digits[part]);
    parts.join("-")
}
