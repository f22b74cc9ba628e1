//! Reading tags and properties, less and less of them until it succeeds.

use std::io::{Read, Seek};

use kadenza_contract::{Error, Format, Result};
use lofty::{
    config::{ParseOptions, ParsingMode},
    error::LoftyError,
    file::{AudioFile, FileType, TaggedFile, TaggedFileExt},
    mp4::{Mp4Codec, Mp4File},
    probe::Probe,
    properties::FileProperties,
    tag::{ItemKey, Tag, TagItem},
};

use super::{
    bounded::Bounded,
    container::{Found, Kind},
    formats::{ape, comments, flac, ilst, matroska, ogg, riff},
    frames::{self, Stream},
    id3::Id3,
    limits::READ_BYTES_MAX,
    refusal::{ACCEPTED, refused, unreadable},
    spliced::{Piece, Spliced},
};

/// So much of a stream of frames is enough to read it without what stands at its end.
const HEAD_BYTES: u64 = 64 << 10;

/// Reads as much as can be read of a file, or nothing of its tags where only the bare audio is wanted.
pub(super) fn read<R: Read + Seek + Send>(
    file: &mut Bounded<R>,
    found: &Found,
    is_bare: bool,
) -> Result<(TaggedFile, Format)> {
    let end = file.len();
    let tags = (!is_bare).then_some(&found.tags[..]);
    let mut whole = vec![Piece::part(found.at, end)];
    let mut other = None;
    let (file_type, format) = match found.kind {
        Kind::Frames(frame) => {
            let (file_type, format) = match frame.stream {
                Stream::Mpeg => (FileType::Mpeg, Format::Mp3),
                Stream::Adts => (FileType::Aac, Format::Aac),
            };
            let head = vec![Piece::part(found.at, end.min(found.at + HEAD_BYTES))];
            // Its frames were found: it plays, and has its tags, whatever a parser makes of the frames.
            let mut tagged = match each(file, file_type, tags, &[whole, head]) {
                Ok(tagged) => tagged,
                Err(_) if is_bare => {
                    TaggedFile::new(file_type, FileProperties::default(), Vec::new())
                }
                Err(_) => {
                    let alone = tags_alone(file, &found.tags);
                    TaggedFile::new(file_type, FileProperties::default(), alone)
                }
            };
            if !is_bare {
                ape::add_pictures(file, &mut tagged);
            }
            return Ok((tagged, format));
        }
        Kind::Mp4 => return mp4(file, &whole, is_bare),
        Kind::Ogg => {
            let format = ogg::format(file, found.at)?;
            let file_type = match format {
                Format::Opus => FileType::Opus,
                Format::Speex => FileType::Speex,
                Format::OggFlac => {
                    let head = ogg::flac_head(file, found.at);
                    let head = Piece::Bytes(
                        head.ok_or_else(|| refused("the head of its FLAC is broken".into()))?,
                    );
                    whole = vec![head];
                    FileType::Flac
                }
                _ => FileType::Vorbis,
            };
            (file_type, format)
        }
        Kind::Flac => {
            let bare = flac::bare(file, found.at).map_err(unreadable)?;
            other = bare.map(|bare| vec![Piece::Bytes(bare)]);
            (FileType::Flac, Format::Flac)
        }
        Kind::Riff | Kind::Aiff => {
            if let Some(pieces) = riff::pieces(file, found.at).map_err(unreadable)? {
                whole = pieces;
            }
            match found.kind {
                Kind::Riff => (FileType::Wav, Format::Wav),
                _ => (FileType::Aiff, Format::Aiff),
            }
        }
        Kind::WavPack => (FileType::WavPack, Format::WavPack),
        Kind::Musepack => (FileType::Mpc, Format::Musepack),
        Kind::MonkeysAudio => (FileType::Ape, Format::MonkeysAudio),
        // Its parser reads nothing without its tags.
        Kind::Matroska if is_bare => return Err(refused("it has more tags than music".into())),
        Kind::Matroska => return matroska::read(file, found.at),
    };
    let shown: Vec<_> = [Some(whole), other].into_iter().flatten().collect();
    let mut tagged = each(file, file_type, tags, &shown);
    // The encoder's name stands there in any case.
    let is_text = |item: &TagItem| item.key() != ItemKey::EncoderSoftware;
    let is_tagged = |file: &TaggedFile| file.tags().iter().flat_map(Tag::items).any(is_text);
    let has_tags = tagged.as_ref().is_ok_and(is_tagged);
    if found.kind == Kind::Ogg && !has_tags && !is_bare {
        file.allow(READ_BYTES_MAX);
        if let Some(comments) = comments::comments(file, found.at)
            && let Ok(read) = each(
                file,
                FileType::Flac,
                Some(&[]),
                &[vec![Piece::Bytes(comments)]],
            )
        {
            let properties = tagged.as_ref().map(|tagged| tagged.properties().clone());
            let properties = properties.unwrap_or_default();
            tagged = Ok(TaggedFile::new(file_type, properties, read.tags().to_vec()));
        }
    }
    let mut tagged = tagged.map_err(|error| broken(&error, format))?;
    with_audio(&tagged)?;
    let has_ape = matches!(
        found.kind,
        Kind::WavPack | Kind::Musepack | Kind::MonkeysAudio
    );
    if has_ape && !is_bare {
        ape::add_pictures(file, &mut tagged);
    }
    Ok((tagged, format))
}

/// The tags of a stream of frames that no parser takes, read around frames that each takes.
fn tags_alone<R: Read + Seek>(file: &mut Bounded<R>, tags: &[Id3]) -> Vec<Tag> {
    let mut frame = vec![0xff, 0xfb, 0x90, 0];
    frame.resize(417, 0);
    file.allow(READ_BYTES_MAX);
    let end = file.len();
    let behind = frames::end(file).unwrap_or(end);
    let shown = vec![Piece::Bytes(frame.repeat(4)), Piece::part(behind, end)];
    let read = each(file, FileType::Mpeg, Some(tags), &[shown]);
    read.map_or_else(|_| Vec::new(), |read| read.tags().to_vec())
}

/// From the most that can be read to the least.
fn options() -> [ParseOptions; 3] {
    let relaxed = ParseOptions::new().parsing_mode(ParsingMode::Relaxed);
    [
        // A broken field is guessed where that is possible, and left out where it is not.
        ParseOptions::new().parsing_mode(ParsingMode::BestAttempt),
        relaxed,
        { relaxed }.read_cover_art(false),
    ]
}

/// Reads the audio behind tags: with the tags, then with those of their fields that can be read, then without any.
/// `audio` is what a parser is shown of it, in turn. Without `tags`, nothing is read of any.
fn each<R: Read + Seek>(
    file: &mut Bounded<R>,
    file_type: FileType,
    tags: Option<&[Id3]>,
    audio: &[Vec<Piece>],
) -> lofty::error::Result<TaggedFile> {
    let mut first = None;
    let mut attempt = |tags: Vec<Piece>, audio: &[Piece], options: ParseOptions| {
        let pieces: Vec<_> = tags.into_iter().chain(audio.iter().cloned()).collect();
        read_as(file, &pieces, |file| {
            Probe::with_file_type(file, file_type)
                .options(options)
                .read()
        })
        .map_err(|error| {
            first.get_or_insert(error);
        })
        .ok()
    };
    // Without tags, there is but the last attempt.
    for audio in audio.iter().filter(|_| tags.is_some()) {
        for options in options() {
            let tags = tags.into_iter().flatten();
            let tags = tags.map(|tag| Piece::Bytes(tag.bytes())).collect();
            if let Some(tagged) = attempt(tags, audio, options) {
                return Ok(tagged);
            }
        }
    }
    let last = audio.last().expect("there is something to read");
    for tag in tags.into_iter().flatten() {
        // One frame at a time: those that fail are left out.
        let frames = tag.frames.iter().filter(|frame| {
            let alone = tag.bytes_of(std::slice::from_ref(*frame));
            attempt(vec![Piece::Bytes(alone)], last, options()[1]).is_some()
        });
        let frames: Vec<_> = frames.cloned().collect();
        let tags = vec![Piece::Bytes(tag.bytes_of(&frames))];
        if !frames.is_empty()
            && let Some(tagged) = attempt(tags, last, options()[1])
        {
            return Ok(tagged);
        }
    }
    for audio in audio {
        let bare = { options()[1] }.read_tags(false).read_cover_art(false);
        if let Some(tagged) = attempt(Vec::new(), audio, bare) {
            return Ok(tagged);
        }
    }
    Err(first.expect("an attempt failed"))
}

fn read_as<R: Read + Seek, T>(
    file: &mut Bounded<R>,
    pieces: &[Piece],
    parse: impl FnOnce(&mut Spliced<'_, R>) -> lofty::error::Result<T>,
) -> lofty::error::Result<T> {
    file.allow(READ_BYTES_MAX);
    parse(&mut Spliced::new(file, pieces))
}

fn mp4<R: Read + Seek>(
    file: &mut Bounded<R>,
    whole: &[Piece],
    is_bare: bool,
) -> Result<(TaggedFile, Format)> {
    let bare = { options()[1] }.read_tags(false).read_cover_art(false);
    let mut first = None;
    let with_tags = options().into_iter().filter(|_| !is_bare);
    for options in with_tags.chain([bare]) {
        let read = read_as(file, whole, |file| Mp4File::read_from(file, options));
        let mp4 = match read {
            Ok(mp4) => mp4,
            Err(error) => {
                first.get_or_insert(error);
                continue;
            }
        };
        let properties = mp4.properties();
        let format = match properties.codec() {
            _ if properties.is_drm_protected() => {
                return Err(refused("it is locked by copy protection".into()));
            }
            Mp4Codec::AAC => Format::M4aAac,
            Mp4Codec::ALAC => Format::M4aAlac,
            Mp4Codec::FLAC => Format::M4aFlac,
            Mp4Codec::Unknown => {
                return Err(refused(format!(
                    "no audio was found in it; {ACCEPTED} accepted"
                )));
            }
            other => {
                return Err(refused(format!(
                    "{other:?} in MPEG-4 is not taken: {ACCEPTED} accepted"
                )));
            }
        };
        let further = ilst::further(mp4.ilst());
        let pictures = ilst::further_pictures(mp4.ilst());
        let mut tagged = mp4.into();
        ilst::add(&mut tagged, further, pictures);
        with_audio(&tagged)?;
        return Ok((tagged, format));
    }
    Err(broken(&first.expect("an attempt failed"), Format::M4aAac))
}

/// A file in which no audio was found is none, whatever tags it has.
fn with_audio(tagged: &TaggedFile) -> Result<()> {
    let properties = tagged.properties();
    if properties.sample_rate().is_none_or(|rate| rate == 0) && properties.duration().is_zero() {
        return Err(refused("no audio was found in it".into()));
    }
    Ok(())
}

/// An error with what lies under it, in one line.
fn broken(error: &LoftyError, format: Format) -> Error {
    let mut line = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        line = format!("{line}: {cause}");
        next = cause.source();
    }
    refused(format!("the {} is broken: {line}", format.extension()))
}
