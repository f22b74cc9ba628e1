//! Matroska and WebM with audio alone, read by symphonia.
//!
//! From: RFC 9559. A tag without a target is taken for one of the song, as the usual programs write it.

use std::{
    io::{self, Read, Seek},
    time::Duration,
};

use kadenza_contract::{Format, Result};
use lofty::{
    file::{FileType, TaggedFile},
    picture::{MimeType, Picture, PictureType},
    properties::FileProperties,
    tag::{ItemKey, Tag, TagType},
};
use symphonia::{
    core::{
        formats::{Attachment, FormatOptions, FormatReader, TrackType},
        meta::{MetadataRevision, RawTag, RawValue},
    },
    default::formats::MkvReader,
};

use super::counted::{self, Source};
use crate::file::{
    bounded::Bounded,
    limits::{FIELDS_BYTES_MAX, PICTURE_BYTES_MAX},
    refusal::{ACCEPTED, refused, unreadable},
    spliced::{Piece, Spliced},
};

/// A segment, which all of a file is in, and a part of its audio.
const SEGMENT: &[u8] = b"\x18\x53\x80\x67";
const CLUSTER: &[u8] = b"\x1f\x43\xb6\x75";
/// What its parser makes many items of: tags, the index, chapters, tracks, and the index of these.
const FIELDS: [&[u8]; 5] = [
    b"\x12\x54\xc3\x67",
    b"\x1c\x53\xbb\x6b",
    b"\x10\x43\xa7\x70",
    b"\x16\x54\xae\x6b",
    b"\x11\x4d\x9b\x74",
];

/// What a tag is called there, without its target, and here.
const NAMES: [(&str, ItemKey); 20] = [
    ("ARTIST", ItemKey::TrackArtist),
    ("ALBUM_ARTIST", ItemKey::AlbumArtist),
    ("ALBUMARTIST", ItemKey::AlbumArtist),
    ("ALBUM", ItemKey::AlbumTitle),
    ("GENRE", ItemKey::Genre),
    ("COMPOSER", ItemKey::Composer),
    ("DATE", ItemKey::RecordingDate),
    ("DATE_RECORDED", ItemKey::RecordingDate),
    ("DATE_RELEASED", ItemKey::ReleaseDate),
    ("YEAR", ItemKey::RecordingDate),
    ("TRACK", ItemKey::TrackNumber),
    ("TRACKNUMBER", ItemKey::TrackNumber),
    ("PART_NUMBER", ItemKey::TrackNumber),
    ("DISC", ItemKey::DiscNumber),
    ("DISCNUMBER", ItemKey::DiscNumber),
    ("LYRICS", ItemKey::Lyrics),
    ("BPM", ItemKey::Bpm),
    ("COMPILATION", ItemKey::FlagCompilation),
    ("REPLAYGAIN_TRACK_GAIN", ItemKey::ReplayGainTrackGain),
    ("REPLAYGAIN_TRACK_PEAK", ItemKey::ReplayGainTrackPeak),
];

pub(crate) fn read<R: Read + Seek + Send>(
    file: &mut Bounded<R>,
    at: u64,
) -> Result<(TaggedFile, Format)> {
    let start = file.piece(at, 64 << 10).map_err(unreadable)?;
    let title = segment_title(&start);
    let is_webm = file
        .piece(at, 64)
        .map_err(unreadable)?
        .windows(4)
        .any(|name| name == b"webm");
    let format = if is_webm {
        Format::Webm
    } else {
        Format::Matroska
    };
    let len = file.len() - at;
    let cut = cut(&start, len);
    let begin = cut.as_ref().map_or(0, |head| head.len() as u64);
    let pieces = [
        Piece::Bytes(cut.clone().unwrap_or_default()),
        Piece::part(at + begin, file.len()),
    ];
    let source = Source::new(Spliced::new(file, &pieces)).map_err(unreadable)?;
    let mut reader = MkvReader::try_new(source.stream(), FormatOptions::default())
        .map_err(|error| refused(format!("the {} is broken: {error}", format.extension())))?;
    if reader.first_track(TrackType::Video).is_some() {
        return Err(refused(format!("video is not taken: {ACCEPTED} accepted")));
    }
    let Some(track) = reader.first_track(TrackType::Audio) else {
        return Err(refused(format!(
            "no audio that is known was found in it; {ACCEPTED} accepted"
        )));
    };
    let audio = track.codec_params.as_ref().and_then(|codec| codec.audio());
    let rate = audio.and_then(|audio| audio.sample_rate);
    let channels = audio
        .and_then(|audio| audio.channels.as_ref())
        .map(|channels| channels.count());

    let mut tag = Tag::new(TagType::VorbisComments);
    while let Some(revision) = reader.metadata().pop() {
        take(&revision, &mut tag);
    }
    if let Some(revision) = reader.metadata().current() {
        take(revision, &mut tag);
    }
    if let Some(title) = title.filter(|_| tag.get_string(ItemKey::TrackTitle).is_none()) {
        tag.insert_text(ItemKey::TrackTitle, title);
    }
    for attachment in reader.attachments() {
        if let Attachment::File(cover) = attachment
            && cover.data.len() <= PICTURE_BYTES_MAX
            && cover
                .media_type
                .as_deref()
                .is_some_and(|kind| kind.starts_with("image/"))
        {
            let is_front = cover.name.to_lowercase().starts_with("cover.");
            let kind = if is_front {
                PictureType::CoverFront
            } else {
                PictureType::Other
            };
            let picture = Picture::unchecked(cover.data.to_vec())
                .pic_type(kind)
                .mime_type(MimeType::from_str(
                    cover.media_type.as_deref().unwrap_or_default(),
                ));
            tag.push_picture(picture.build());
        }
    }

    let info = reader.media_info();
    let stated = info
        .time_base
        .zip(info.duration)
        .and_then(|(base, lasts)| base.calc_duration(lasts));
    let stated = stated.and_then(|lasts| u64::try_from(lasts.as_millis()).ok());
    let lasts = match stated.filter(|ms| *ms > 0 && cut.is_none()) {
        Some(ms) => Duration::from_millis(ms),
        None => counted::count(&mut reader).map_or(Duration::ZERO, |(lasts, _)| lasts),
    };
    let bits = u128::from(len) * 8;
    let rate_of_bits = u32::try_from(bits / lasts.as_millis().max(1)).ok();
    let properties = FileProperties::new(
        lasts,
        rate_of_bits.filter(|_| !lasts.is_zero()),
        None,
        rate,
        None,
        channels.and_then(|channels| u8::try_from(channels).ok()),
        None,
    );
    Ok((
        TaggedFile::new(FileType::Vorbis, properties, vec![tag]),
        format,
    ))
}

/// Whether there is more of tags and the like than is taken. Elements are looked at in turn, those within a cluster that
/// states no size as well.
pub(crate) fn has_too_many<R: Read + Seek>(file: &mut Bounded<R>, at: u64) -> io::Result<bool> {
    let (mut at, mut bytes) = (at, 0);
    while at < file.len() {
        let head = file.piece(at, 12)?;
        let id_len = head[0].leading_zeros() as usize + 1;
        let Some((id, size)) = head.split_at_checked(id_len) else {
            break;
        };
        let Some((size, content)) = number(size) else {
            break;
        };
        let head_len = head.len() - content.len();
        let states_none = size + 1 == 1 << (7 * (head_len - id_len));
        at += head_len as u64;
        if id == SEGMENT || id == CLUSTER && states_none {
            continue;
        }
        let size = if states_none { file.len() } else { size as u64 };
        if FIELDS.contains(&id) {
            bytes += size.min(file.len() - at);
        }
        at = at.saturating_add(size);
    }
    Ok(bytes > FIELDS_BYTES_MAX)
}

fn take(revision: &MetadataRevision, tag: &mut Tag) {
    let of_tracks = revision
        .per_track
        .iter()
        .flat_map(|track| &track.metadata.tags);
    for found in revision.media.tags.iter().chain(of_tracks) {
        if let Some((key, text)) = known(&found.raw) {
            tag.push_unchecked(lofty::tag::TagItem::new(
                key,
                lofty::tag::ItemValue::Text(text),
            ));
        }
    }
}

/// The key and the text of a tag that is read here.
fn known(raw: &RawTag) -> Option<(ItemKey, String)> {
    let text = match &raw.value {
        RawValue::String(text) => text.to_string(),
        RawValue::UnsignedInt(number) => number.to_string(),
        RawValue::SignedInt(number) => number.to_string(),
        RawValue::Float(number) => number.to_string(),
        _ => return None,
    };
    let name = raw.key.to_uppercase();
    let (target, name) = name.split_once('@').unwrap_or(("", &name));
    let key = match (target, name) {
        ("ALBUM", "TITLE") => ItemKey::AlbumTitle,
        ("ALBUM", "ARTIST") => ItemKey::AlbumArtist,
        ("ALBUM" | "EDITION" | "PART", "PART_NUMBER") => ItemKey::DiscNumber,
        (_, "TITLE") => ItemKey::TrackTitle,
        (_, name) => NAMES.iter().find(|(known, _)| *known == name)?.1,
    };
    Some((key, text))
}

/// The beginning of a file that ends before its segment does, or whose segment ends nowhere, as a parser takes it;
/// what its head states is not there. `None` where the file is whole.
fn cut(start: &[u8], len: u64) -> Option<Vec<u8>> {
    const INDEX: &[u8] = b"\x11\x4d\x9b\x74";
    let (size, head) = number(start.strip_prefix(b"\x1a\x45\xdf\xa3")?)?;
    let segment = head.get(size..)?.strip_prefix(SEGMENT)?;
    let (size, content) = number(segment)?;
    let at = |rest: &[u8]| start.len() - rest.len();
    if at(content).saturating_add(size) as u64 <= len {
        return None;
    }
    let mut shown = start.to_vec();
    // A segment may end nowhere: then all bits of its size are set.
    let bytes = at(content) - at(segment);
    shown[at(segment)..at(content)].fill(0xff);
    shown[at(segment)] = 0xff >> (bytes - 1);
    // An index of what is no longer there is passed over.
    let index = content
        .strip_prefix(INDEX)
        .and_then(number)
        .and_then(|(size, index)| Some(at(index.get(size..)?)));
    if let Some(end) = index {
        const PASSED_OVER: u8 = 0xec;
        let size = (end - at(content)).checked_sub(9)? as u64;
        let head = [&[PASSED_OVER][..], &(size | 1 << 56).to_be_bytes()].concat();
        shown[at(content)..at(content) + head.len()].copy_from_slice(&head);
    }
    Some(shown)
}

/// The title of the whole file, which the usual programs write there and not among the tags.
fn segment_title(start: &[u8]) -> Option<String> {
    const INFO: &[u8] = b"\x15\x49\xa9\x66";
    // An index that stands before it names it, too.
    let infos = start.windows(4).enumerate().filter(|(_, id)| *id == INFO);
    infos
        .filter_map(|(at, _)| title_in(&start[at + INFO.len()..]))
        .next()
}

/// The title in what describes the whole file, from its size on.
fn title_in(info: &[u8]) -> Option<String> {
    const TITLE: &[u8] = b"\x7b\xa9";
    let (size, mut rest) = number(info)?;
    rest = rest.get(..size.min(rest.len()))?;
    while !rest.is_empty() {
        // The identifier of an element is as long as its first byte tells.
        let id = rest[0].leading_zeros() as usize + 1;
        let (name, behind) = rest.split_at_checked(id)?;
        let (size, content) = number(behind)?;
        let (content, behind) = content.split_at_checked(size)?;
        if name == TITLE {
            let text = String::from_utf8_lossy(content);
            return Some(text.trim_matches('\0').to_owned()).filter(|text| !text.is_empty());
        }
        rest = behind;
    }
    None
}

/// A size of variable length, and what follows.
fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let len = bytes.first()?.leading_zeros() as usize + 1;
    let (number, rest) = bytes.split_at_checked(len).filter(|_| len <= 8)?;
    let first = usize::from(number[0]) & ((1 << (8 - len)) - 1);
    let number = number[1..]
        .iter()
        .fold(first, |all, byte| all << 8 | usize::from(*byte));
    Some((number, rest))
}
