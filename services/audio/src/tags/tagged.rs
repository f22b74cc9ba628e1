//! Format, tags, duration and cover of an audio file.
//!
//! Files come from strangers. A parser reads through a [`Bounded`] reader, which ends after so many
//! bytes or so long; its allocations are bounded by lofty; a panic in it becomes a refusal. What the
//! texts hold is cleaned by [`Tags`](kadenza_contract::Tags), not here.

use std::{
    io::{self, BufReader, Read, Seek, SeekFrom},
    panic::{AssertUnwindSafe, catch_unwind},
    time::Instant,
};

use lofty::{
    config::{GlobalOptions, ParseOptions, ParsingMode, apply_global_options},
    error::LoftyError,
    file::{AudioFile, FileType, TaggedFile, TaggedFileExt},
    mp4::{Mp4Codec, Mp4File},
    picture::{Picture, PictureType},
    probe::Probe,
    tag::{Accessor, ItemKey, Tag, TagType},
};

use kadenza_contract::{ContentHash, Error, Format, Result, TEXT_BYTES_MAX};

use super::{
    codepage,
    values::{self, Values},
};
use crate::covers::is_picture;

/// The largest picture that is taken from a file, in bytes.
const PICTURE_BYTES_MAX: usize = 10 << 20;
/// The most that a parser allocates at once: a picture and what surrounds it.
const ALLOCATION_BYTES_MAX: usize = PICTURE_BYTES_MAX + (1 << 20);
/// The most bytes that a parser reads of one file. Tags with their pictures fit many times over;
/// audio itself is skipped, not read.
const READ_BYTES_MAX: u64 = 64 << 20;

/// The formats that are accepted, for people whose file was refused.
const ACCEPTED: &str = "mp3, m4a (AAC or ALAC), aac, flac, ogg (Vorbis), opus, wav and aiff are";

/// The tags and properties that a file has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tagged {
    pub(crate) format: Format,
    /// `None` where it is not known.
    pub(crate) duration_ms: Option<u64>,
    /// In kbit/s; `None` where it is not known.
    pub(crate) bit_rate: Option<u32>,
    pub(crate) title: Option<String>,
    pub(crate) album: Option<String>,
    pub(crate) track: Option<u32>,
    pub(crate) disc: Option<u32>,
    pub(crate) year: Option<u32>,
    /// Fields of several values, and details.
    pub(crate) values: Values,
    /// The hash of its cover.
    pub(crate) picture: Option<ContentHash>,
}

/// Reads what a file says of itself. Waits for the disk, no longer than `deadline`.
pub(crate) fn read(file: impl Read + Seek, deadline: Instant) -> Result<Tagged> {
    let (tagged, format) = parse(file, deadline)?;
    let properties = tagged.properties();
    let rate = properties
        .audio_bitrate()
        .or(properties.overall_bitrate())
        .filter(|rate| *rate > 0);
    let texts = texts(&tagged);
    let text = |key| text(&texts, key);
    Ok(Tagged {
        format,
        duration_ms: u64::try_from(properties.duration().as_millis())
            .ok()
            .filter(|ms| *ms > 0),
        bit_rate: rate,
        title: text(ItemKey::TrackTitle),
        album: text(ItemKey::AlbumTitle),
        track: number(&tagged, Accessor::track),
        disc: number(&tagged, Accessor::disk),
        year: number(&tagged, |tag| tag.date().map(|date| u32::from(date.year))),
        values: values::read(&tagged),
        picture: front(&tagged).map(ContentHash::of),
    })
}

/// The cover in a file: its front, or else the first picture. Waits for the disk, no longer than
/// `deadline`.
pub(crate) fn read_cover(file: impl Read + Seek, deadline: Instant) -> Result<Option<Vec<u8>>> {
    let (tagged, _) = parse(file, deadline)?;
    Ok(front(&tagged).map(<[u8]>::to_vec))
}

fn front(tagged: &TaggedFile) -> Option<&[u8]> {
    let real = || pictures(tagged).filter(|picture| is_picture(picture.data()));
    let front = real().find(|picture| picture.pic_type() == PictureType::CoverFront);
    front.or_else(|| real().next()).map(Picture::data)
}

fn parse(file: impl Read + Seek, deadline: Instant) -> Result<(TaggedFile, Format)> {
    let mut reader = Bounded {
        inner: BufReader::new(file),
        left: READ_BYTES_MAX,
        deadline,
    };
    let parsed = catch_unwind(AssertUnwindSafe(|| {
        apply_global_options(
            GlobalOptions::new()
                .use_custom_resolvers(false)
                .preserve_format_specific_items(false)
                .allocation_limit(ALLOCATION_BYTES_MAX),
        );
        let file_type = guess(&mut reader)?;
        // A broken field is guessed where that is possible, and left out where it is not.
        let first = parse_as(&mut reader, file_type, ParsingMode::BestAttempt);
        first.or_else(|_| parse_as(&mut reader, file_type, ParsingMode::Relaxed))
    }));
    match parsed {
        Ok(Err(_)) | Err(_) if Instant::now() >= deadline => {
            Err(refused("reading its tags takes too long".into()))
        }
        Ok(parsed) => parsed,
        Err(_) => Err(refused("it is broken in a way that cannot be read".into())),
    }
}

fn guess<R: Read + Seek>(reader: &mut Bounded<R>) -> Result<FileType> {
    let unreadable = |error: io::Error| refused(format!("it cannot be read: {error}"));
    let mut start = Vec::new();
    reader
        .by_ref()
        .take(12)
        .read_to_end(&mut start)
        .map_err(unreadable)?;
    reader.rewind().map_err(unreadable)?;
    let guessed = Probe::new(reader).guess_file_type().map_err(unreadable)?;
    // A container that holds something else may contain what looks like frames of MPEG audio.
    let contained = [
        &b"OggS"[..],
        b"RIFF",
        b"RF64",
        b"FORM",
        b"fLaC",
        b"\x1a\x45\xdf\xa3",
    ];
    let is_contained =
        contained.iter().any(|magic| start.starts_with(magic)) || start.get(4..8) == Some(b"ftyp");
    guessed
        .file_type()
        .filter(|found| !(is_contained && matches!(found, FileType::Mpeg | FileType::Aac)))
        .ok_or_else(|| refused(format!("the format is not known; {ACCEPTED} accepted")))
}

fn parse_as<R: Read + Seek>(
    reader: &mut Bounded<R>,
    file_type: FileType,
    mode: ParsingMode,
) -> Result<(TaggedFile, Format)> {
    let format = match file_type {
        FileType::Mpeg => Format::Mp3,
        FileType::Mp4 => Format::M4aAac,
        FileType::Aac => Format::Aac,
        FileType::Flac => Format::Flac,
        FileType::Vorbis => Format::OggVorbis,
        FileType::Opus => Format::Opus,
        FileType::Wav => Format::Wav,
        FileType::Aiff => Format::Aiff,
        other => {
            return Err(refused(format!(
                "{other:?} is not kept; {ACCEPTED} accepted"
            )));
        }
    };
    let broken = |error: LoftyError| {
        let how = causes(&error);
        refused(format!("the {} is broken: {how}", format.extension()))
    };
    let options = ParseOptions::new().parsing_mode(mode);
    reader
        .rewind()
        .map_err(|error| refused(format!("it cannot be read: {error}")))?;
    if file_type != FileType::Mp4 {
        let probe = Probe::with_file_type(reader, file_type).options(options);
        let tagged = probe.read().map_err(broken)?;
        return with_audio(tagged, format);
    }
    let mp4 = Mp4File::read_from(reader, options).map_err(broken)?;
    let properties = mp4.properties();
    let format = match properties.codec() {
        _ if properties.is_drm_protected() => {
            return Err(refused("it is locked by copy protection".into()));
        }
        Mp4Codec::AAC => Format::M4aAac,
        Mp4Codec::ALAC => Format::M4aAlac,
        Mp4Codec::Unknown => {
            return Err(refused(format!(
                "no audio was found in it; {ACCEPTED} accepted"
            )));
        }
        other => {
            return Err(refused(format!(
                "{other:?} in MPEG-4 is not kept; {ACCEPTED} accepted"
            )));
        }
    };
    with_audio(mp4.into(), format)
}

/// A file in which no audio was found is none, whatever tags it has.
fn with_audio(tagged: TaggedFile, format: Format) -> Result<(TaggedFile, Format)> {
    let properties = tagged.properties();
    if properties.sample_rate().is_none_or(|rate| rate == 0) && properties.duration().is_zero() {
        return Err(refused("no audio was found in it".into()));
    }
    Ok((tagged, format))
}

/// All tags of a file, the one that belongs to its format first.
pub(super) fn tags(tagged: &TaggedFile) -> impl Iterator<Item = &Tag> {
    let first = tagged.primary_tag();
    let others = tagged
        .tags()
        .iter()
        .filter(move |tag| first.is_none_or(|first| first.tag_type() != tag.tag_type()));
    first.into_iter().chain(others)
}

/// The fields that are read of a tag. All others are dropped, however many there are.
const KEYS: [ItemKey; 5] = [
    ItemKey::TrackTitle,
    ItemKey::TrackArtist,
    ItemKey::AlbumArtist,
    ItemKey::AlbumTitle,
    ItemKey::Genre,
];

/// The texts of each tag, by the order of [`KEYS`], decoded and bounded.
fn texts(tagged: &TaggedFile) -> Vec<[Option<String>; KEYS.len()]> {
    let of_each = tags(tagged).map(|tag| {
        let mut texts = KEYS.map(|key| {
            let text = tag.get_string(key).map(bounded);
            text.filter(|text| !text.trim().is_empty())
                .map(str::to_owned)
        });
        let has_code_pages = matches!(
            tag.tag_type(),
            TagType::Id3v1 | TagType::Id3v2 | TagType::RiffInfo | TagType::AiffText
        );
        if has_code_pages {
            codepage::repair(&mut texts);
        }
        texts
    });
    of_each.collect()
}

/// A text cut between characters: decoding it may double its length, and still it is long enough.
fn bounded(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT_BYTES_MAX * 2)]
}

/// The first text of this kind with something in it.
fn text(texts: &[[Option<String>; KEYS.len()]], key: ItemKey) -> Option<String> {
    let at = KEYS.iter().position(|kept| *kept == key)?;
    texts.iter().find_map(|texts| texts[at].clone())
}

fn number(tagged: &TaggedFile, get: impl Fn(&Tag) -> Option<u32>) -> Option<u32> {
    tags(tagged).filter_map(get).find(|number| *number > 0)
}

fn pictures(tagged: &TaggedFile) -> impl Iterator<Item = &Picture> {
    tags(tagged)
        .flat_map(Tag::pictures)
        .filter(|picture| picture.data().len() <= PICTURE_BYTES_MAX)
}

/// An error with what lies under it, in one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        line = format!("{line}: {cause}");
        next = cause.source();
    }
    line
}

fn refused(what: String) -> Error {
    Error::NotAudio { what }
}

/// A reader that ends in an error after so many bytes, or so late.
#[derive(Debug)]
struct Bounded<R> {
    inner: BufReader<R>,
    left: u64,
    deadline: Instant,
}

impl<R: Read + Seek> Read for Bounded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let len = into
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if len == 0 && !into.is_empty() {
            return Err(io::Error::other("more than a parser may read"));
        }
        let read = self.inner.read(&mut into[..len])?;
        self.left -= read as u64;
        if self.left % 4096 < read as u64 && Instant::now() >= self.deadline {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(read)
    }
}

impl<R: Read + Seek> Seek for Bounded<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        // Within what was read ahead, a short step costs nothing.
        match to {
            SeekFrom::Current(by) => {
                let before = self.inner.stream_position()?;
                self.inner.seek_relative(by)?;
                Ok(before.saturating_add_signed(by))
            }
            other => self.inner.seek(other),
        }
    }
}
