//! Songs in messages: there as they are, and back only if they are songs.

use jiff::Timestamp;

use super::{Parsed, proto};
use kadenza_contract::{
    ContentHash, Copies, DetailNumber, DetailText, Details, Format, Names, Recording,
    RecordingCopies, Song, SongId, Tags,
};

const FORMATS: [(Format, proto::Format); 17] = [
    (Format::Mp3, proto::Format::Mp3),
    (Format::M4aAac, proto::Format::M4aAac),
    (Format::M4aAlac, proto::Format::M4aAlac),
    (Format::Aac, proto::Format::Aac),
    (Format::Flac, proto::Format::Flac),
    (Format::OggVorbis, proto::Format::OggVorbis),
    (Format::Opus, proto::Format::Opus),
    (Format::Wav, proto::Format::Wav),
    (Format::Aiff, proto::Format::Aiff),
    (Format::OggFlac, proto::Format::OggFlac),
    (Format::Speex, proto::Format::Speex),
    (Format::M4aFlac, proto::Format::M4aFlac),
    (Format::WavPack, proto::Format::WavPack),
    (Format::Musepack, proto::Format::Musepack),
    (Format::MonkeysAudio, proto::Format::MonkeysAudio),
    (Format::Matroska, proto::Format::Matroska),
    (Format::Webm, proto::Format::Webm),
];

impl From<&Song> for proto::Song {
    fn from(song: &Song) -> proto::Song {
        proto::Song {
            id: bytes(song.id().as_bytes()),
            recordings: song.recordings().iter().map(Into::into).collect(),
        }
    }
}

impl From<&Recording> for proto::Recording {
    fn from(recording: &Recording) -> proto::Recording {
        let format = FORMATS
            .iter()
            .find(|(format, _)| *format == recording.format)
            .map_or(proto::Format::Unspecified, |(_, wire)| *wire);
        let added_at = recording.added_at;
        proto::Recording {
            content_hash: bytes(recording.content.as_bytes()),
            format: format.into(),
            size: recording.size,
            duration_ms: recording.duration_ms,
            bit_rate: recording.bit_rate,
            tags: Some((&recording.tags).into()),
            has_artwork: recording.has_artwork,
            added_at: Some(prost_types::Timestamp {
                seconds: added_at.as_second(),
                nanos: added_at.subsec_nanosecond(),
            }),
            reader: recording.reader,
        }
    }
}

impl From<&Tags> for proto::Tags {
    fn from(tags: &Tags) -> proto::Tags {
        proto::Tags {
            title: tags.title().to_owned(),
            artist: tags.artist().to_owned(),
            album: tags.album().to_owned(),
            track: tags.track(),
            disc: tags.disc(),
            year: tags.year(),
            genre: tags.genre().map(str::to_owned),
            artists: several(tags.artists()),
            genres: several(tags.genres()),
            album_artists: list(tags.album_artists()),
            compilation: tags.is_compilation(),
            identity_artists: tags.identity().map(list).unwrap_or_default(),
            details: tags.details().map(details).unwrap_or_default(),
        }
    }
}

fn list(names: &Names) -> Vec<String> {
    names.values().map(str::to_owned).collect()
}

fn several(names: &Names) -> Vec<String> {
    match names.are_several() {
        true => list(names),
        false => Vec::new(),
    }
}

fn details(details: &Details) -> Vec<proto::Detail> {
    use proto::detail::Value;
    let detail = |name: &str, value| proto::Detail {
        name: name.to_owned(),
        value: Some(value),
    };
    let texts = details.all_texts();
    let texts = texts.map(|(of, text)| detail(of.name(), Value::Text(text.to_owned())));
    let numbers = details.all_numbers().filter_map(|(of, _)| {
        let measure = details.measure(of)?;
        Some(detail(of.name(), Value::Number(measure)))
    });
    texts.chain(numbers).collect()
}

/// The tags that a message holds; details that this program does not know are left out.
fn tags(wire: proto::Tags) -> Parsed<Tags> {
    use proto::detail::Value;
    let names = |values: &[String]| Names::new(values.iter().map(String::as_str));
    let mut tags = Tags::new(&wire.title, &wire.artist, &wire.album)
        .map_err(|_| "a recording without a title")?
        .with_track(wire.track)
        .with_disc(wire.disc)
        .with_year(wire.year)
        .with_genre(wire.genre.as_deref())
        .with_album_artists(&names(&wire.album_artists))
        .with_compilation(wire.compilation);
    if !wire.artists.is_empty() {
        tags = tags.with_artists(names(&wire.artists));
    }
    if !wire.genres.is_empty() {
        tags = tags.with_genres(names(&wire.genres));
    }
    let mut details = Details::default();
    for detail in wire.details {
        details = match detail.value {
            Some(Value::Text(text)) => match DetailText::named(&detail.name) {
                Some(known) => details.with_text(known, &text),
                None => details,
            },
            Some(Value::Number(number)) => match DetailNumber::named(&detail.name) {
                Some(known) => details.with_measure(known, Some(number)),
                None => details,
            },
            None => details,
        };
    }
    let identity = Some(names(&wire.identity_artists)).filter(|names| !names.is_empty());
    Ok(tags.with_details(details).with_identity(identity))
}

/// The song that a message holds. Its id is computed again.
pub(super) fn song(wire: Option<proto::Song>) -> Parsed<Song> {
    let wire = wire.ok_or("a song is missing")?;
    let recordings: Parsed<Vec<Recording>> = wire.recordings.into_iter().map(recording).collect();
    let song = Song::from_recordings(recordings?).map_err(|wrong| wrong.to_string())?;
    if song.id() == song_id(&wire.id)? {
        Ok(song)
    } else {
        Err("the id of a song does not fit its tags".to_owned())
    }
}

/// The recording that a message holds.
pub(super) fn recording(wire: proto::Recording) -> Parsed<Recording> {
    let format = wire.format();
    let format = FORMATS
        .iter()
        .find(|(_, known)| *known == format)
        .map(|(format, _)| *format)
        .ok_or_else(|| format!("an unknown format of audio, number {}", wire.format))?;
    let tags = wire.tags.ok_or("a recording without tags")?;
    let tags = self::tags(tags)?;
    let added_at = wire.added_at.ok_or("a recording without its time")?;
    Ok(Recording {
        content: content_hash(&wire.content_hash)?,
        format,
        size: wire.size,
        duration_ms: wire.duration_ms.filter(|ms| *ms > 0),
        bit_rate: wire.bit_rate.filter(|rate| *rate > 0),
        tags,
        has_artwork: wire.has_artwork,
        added_at: Timestamp::new(added_at.seconds, added_at.nanos)
            .map_err(|wrong| format!("a time that is none: {wrong}"))?,
        reader: wire.reader,
    })
}

/// The copies of the recordings of a song, for a message.
pub(super) fn copies(copies: &Copies) -> impl Iterator<Item = proto::Copies> {
    copies.recordings.iter().map(|of| proto::Copies {
        content_hash: bytes(of.content_hash.as_bytes()),
        copies: of.copies,
        needed: of.needed,
    })
}

/// The copies that a message tells of.
pub(super) fn counted(wire: &[proto::Copies]) -> Parsed<Copies> {
    let recordings = wire.iter().map(|of| {
        Ok(RecordingCopies {
            content_hash: content_hash(&of.content_hash)?,
            copies: of.copies,
            needed: of.needed,
        })
    });
    Ok(Copies {
        recordings: recordings.collect::<Parsed<_>>()?,
    })
}

/// The id that these bytes are.
pub(super) fn song_id(bytes: &[u8]) -> Parsed<SongId> {
    array(bytes).map(SongId::from_bytes)
}

/// The hash that these bytes are.
pub(super) fn content_hash(bytes: &[u8]) -> Parsed<ContentHash> {
    array(bytes).map(ContentHash::from_bytes)
}

/// An id or a hash for a message.
pub(super) fn bytes(hash: &[u8; 32]) -> bytes::Bytes {
    bytes::Bytes::copy_from_slice(hash)
}

fn array(bytes: &[u8]) -> Parsed<[u8; 32]> {
    bytes
        .try_into()
        .map_err(|_| format!("an id has 32 bytes, and not {}", bytes.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_song() -> Song {
        let tags = Tags::new("Title", "Artist", "").unwrap();
        Song::new(Recording {
            content: ContentHash::of(b"audio"),
            format: Format::Opus,
            size: 5,
            duration_ms: Some(1234),
            bit_rate: Some(96),
            tags: tags.with_year(Some(1999)).with_genre(Some("Jazz")),
            has_artwork: true,
            added_at: Timestamp::from_millisecond(-1_234).unwrap(),
            reader: 0,
        })
    }

    #[test]
    fn a_song_comes_back_as_it_was() {
        let sent = a_song();
        assert_eq!(song(Some((&sent).into())), Ok(sent));
        for (format, _) in FORMATS {
            let sent = Recording {
                format,
                ..a_song().best().clone()
            };
            assert_eq!(recording((&sent).into()), Ok(sent));
        }
    }

    #[test]
    fn what_is_not_known_of_a_recording_is_absent() {
        let sent = Recording {
            duration_ms: None,
            bit_rate: None,
            ..a_song().best().clone()
        };
        let mut wire = proto::Recording::from(&sent);
        assert_eq!((wire.duration_ms, wire.bit_rate), (None, None));
        // Older programs send 0.
        (wire.duration_ms, wire.bit_rate) = (Some(0), Some(0));
        assert_eq!(recording(wire), Ok(sent));
    }

    #[test]
    fn what_is_no_song_is_refused() {
        type Spoil = fn(&mut proto::Song);
        let spoiled: [(&str, Spoil); 8] = [
            ("id", |song| song.id = bytes(&[7; 32])),
            ("32 bytes", |song| song.id = Default::default()),
            ("recording", |song| song.recordings.clear()),
            ("title", |song| tags(song).title.clear()),
            ("id", |song| tags(song).album.push('x')),
            ("tags", |song| song.recordings[0].tags = None),
            ("format", |song| song.recordings[0].format = 99),
            ("time", |song| {
                song.recordings[0].added_at = Some(prost_types::Timestamp {
                    seconds: i64::MAX,
                    nanos: 0,
                });
            }),
        ];
        for (named, spoil) in spoiled {
            let mut wire = proto::Song::from(&a_song());
            spoil(&mut wire);
            let told = song(Some(wire)).unwrap_err();
            assert!(told.contains(named), "{named}: {told}");
        }
        assert!(song(None).is_err());
    }

    fn tags(song: &mut proto::Song) -> &mut proto::Tags {
        song.recordings[0].tags.as_mut().unwrap()
    }
}
