//! Several artists and genres, albums under their own artist, and details: as files say them, and as
//! libraries of before learn them from the audio that they have.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use bytes::Bytes;
use common::{
    comments::{data, flac, m4a},
    made::opus_with,
    mpeg, new_song, open, real_data, until, upload,
};
use kadenza_contract::{
    Browse, DetailNumber, DetailText, GroupKind, MusicService, MusicServiceExt, Names, Outcome,
    Query, READER_OF_ALL_ARTISTS, Recording, Song, SongId, Tags,
};
use kadenza_library::{Library, Receipt};

fn values(names: &Names) -> Vec<&str> {
    names.values().collect()
}

async fn song(file: Bytes) -> Song {
    let directory = tempfile::tempdir().unwrap();
    upload(&open(&directory).await, file).await.unwrap().song
}

fn mp3(version: u8, frames: &[(&str, &str)]) -> Bytes {
    let frames = frames.iter().map(|(name, text)| (*name, mpeg::latin(text)));
    let id3 = mpeg::Id3 {
        version,
        ..mpeg::Id3::default()
    };
    let tag = id3.tag(&frames.collect::<Vec<_>>());
    [tag, mpeg::frames(77)].concat().into()
}

#[tokio::test]
async fn several_values_are_read_in_every_format() {
    let id3 = mp3(
        4,
        &[
            ("TIT2", "Title"),
            ("TPE1", "First\0AC/DC; Third"),
            ("TCON", "Rock\0Hip-Hop/Rap"),
        ],
    );
    let vorbis = flac(
        &[
            ("TITLE", "Title"),
            ("ARTIST", "First"),
            ("GENRE", "Rock"),
            ("ARTIST", "AC/DC; Third"),
            ("GENRE", "Hip-Hop/Rap"),
        ],
        1,
    );
    let text = |text: &str| data(1, text.as_bytes());
    let in_one_atom = m4a(&[
        (b"\xa9nam", text("Title")),
        (b"\xa9ART", [text("First"), text("AC/DC; Third")].concat()),
        (b"\xa9gen", [text("Rock"), text("Hip-Hop/Rap")].concat()),
        (b"tmpo", data(21, &[0, 128])),
    ]);
    let in_atoms = m4a(&[
        (b"\xa9nam", text("Title")),
        (b"\xa9ART", text("First")),
        (b"\xa9ART", text("AC/DC; Third")),
        (b"\xa9gen", text("Rock")),
        (b"\xa9gen", text("Hip-Hop/Rap")),
    ]);
    for (name, file) in [
        ("ID3v2.4", id3),
        ("Vorbis", vorbis),
        ("one atom", in_one_atom),
        ("atoms", in_atoms),
    ] {
        let song = song(file).await;
        let tags = song.tags();
        assert_eq!(values(tags.artists()), ["First", "AC/DC; Third"], "{name}");
        assert_eq!(values(tags.genres()), ["Rock", "Hip-Hop/Rap"], "{name}");
        let several = SongId::of_several("Title", ["First", "AC/DC; Third"], "");
        assert_eq!(song.id(), several, "{name}");
    }
    let tempo = m4a(&[(b"\xa9nam", text("Title")), (b"tmpo", data(21, &[0, 128]))]);
    let tempo = song(tempo).await;
    let details = tempo.tags().details().unwrap();
    assert_eq!(details.measure(DetailNumber::Bpm), Some(128.0));
    // There one text is one value.
    let old = mp3(3, &[("TIT2", "Title"), ("TPE1", "First/Second")]);
    assert_eq!(
        song(old).await.id(),
        SongId::of("Title", "First/Second", "")
    );
}

#[tokio::test]
async fn details_are_read_and_kept_over_a_restart() {
    let id = "0b3f2f0e-1c1d-4a5b-8b7a-00ff00ff00ff";
    let file = flac(
        &[
            ("TITLE", "Title"),
            ("ARTIST", "Artist"),
            ("ALBUMARTIST", "Band"),
            ("COMPILATION", "1"),
            ("COMPOSER", "Händel"),
            ("COMPOSER", "Strozzi"),
            ("DISCSUBTITLE", "The Second Night"),
            ("ORIGINALDATE", "1969-09-26"),
            ("ARTISTSORT", "Artist, The"),
            ("REPLAYGAIN_TRACK_GAIN", "-7.25 dB"),
            ("REPLAYGAIN_TRACK_PEAK", "0.988553"),
            ("BPM", "128"),
            ("MUSICBRAINZ_TRACKID", id),
            ("MUSICBRAINZ_ALBUMID", "no id"),
        ],
        1,
    );
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    let song = upload(&library, file).await.unwrap().song;
    library.close().await;
    let library = open(&directory).await;
    let found = library.song(&song.id()).await.unwrap().unwrap();
    assert_eq!(found, song);
    let tags = found.tags();
    assert_eq!(values(tags.album_artists()), ["Band"]);
    assert_eq!((tags.is_compilation(), tags.album_artist()), (true, "Band"));
    let details = tags.details().unwrap();
    let text = |detail| details.text(detail);
    assert_eq!(details.texts(DetailText::Composers).count(), 2);
    assert_eq!(text(DetailText::DiscSubtitle), Some("The Second Night"));
    assert_eq!(text(DetailText::OriginalDate), Some("1969-09-26"));
    assert_eq!(text(DetailText::ArtistSort), Some("Artist, The"));
    assert_eq!(text(DetailText::MusicBrainzRecording), Some(id));
    assert_eq!(text(DetailText::MusicBrainzRelease), None);
    let number = |detail| details.measure(detail);
    assert_eq!(number(DetailNumber::TrackGain), Some(-7.25));
    assert_eq!(number(DetailNumber::TrackPeak), Some(0.988_553));
    assert_eq!(number(DetailNumber::Bpm), Some(128.0));
    assert_eq!(number(DetailNumber::SampleRate), Some(44_100.0));
}

/// Gains of Opus have names and units of their own (RFC 7845).
#[tokio::test]
async fn gains_of_opus_are_read() {
    let texts = ["TITLE=O", "r128_track_gain=-1805", "R128_ALBUM_GAIN=256"];
    for (texts, gains) in [
        (&texts[..], [Some(-7.050_781_25), Some(1.0)]),
        (&["TITLE=O", "R128_TRACK_GAIN=loud"], [None, None]),
        (&["TITLE=O", "R128_TRACK_GAIN=99999"], [None, None]),
    ] {
        let song = song(opus_with(1, 2, texts).into()).await;
        let details = song.tags().details().unwrap();
        let read = [DetailNumber::R128TrackGain, DetailNumber::R128AlbumGain];
        assert_eq!(read.map(|gain| details.measure(gain)), gains, "{texts:?}");
    }
}

/// A frame of lyrics with times in UTF-16; `format` is 2 for milliseconds, `kind` 1 for lyrics.
fn sylt(language: &[u8; 3], format: u8, kind: u8, parts: &[(u32, &str)]) -> Vec<u8> {
    let utf_16 = |text: &str| -> Vec<u8> {
        let units = std::iter::once(0xfeff)
            .chain(text.encode_utf16())
            .chain([0]);
        units.flat_map(u16::to_be_bytes).collect()
    };
    let mut frame = [&[1], &language[..], &[format, kind], &utf_16("By me")].concat();
    for (at, text) in parts {
        frame.extend(utf_16(text));
        frame.extend(at.to_be_bytes());
    }
    frame
}

/// The same without a description, in an encoding of its own: 0 is Latin-1, and 1 UTF-16 with a mark at the
/// description alone.
fn sylt_in(encoding: u8, parts: &[(u32, &str)]) -> Vec<u8> {
    let description: &[u8] = if encoding == 0 {
        b"\0"
    } else {
        b"\xff\xfe\0\0"
    };
    let units = |c: char| match encoding {
        0 => vec![c as u8],
        _ => (c as u16).to_le_bytes().to_vec(),
    };
    let mut frame = [&[encoding], &b"deu\x02\x01"[..], description].concat();
    for (at, text) in parts {
        frame.extend(text.chars().chain(['\0']).flat_map(units));
        frame.extend(at.to_be_bytes());
    }
    frame
}

/// An MP3 with these frames of ID3v2.`version`, named as versions 2.3 and 2.4 do.
fn sung(version: u8, frames: &[(&str, Vec<u8>)]) -> Bytes {
    let names = [("TIT2", "TT2"), ("USLT", "ULT"), ("SYLT", "SLT")];
    let frames = frames.iter().map(|(name, content)| {
        let short = names.iter().find(|(long, _)| version == 2 && long == name);
        (short.map_or(*name, |(_, short)| *short), content.clone())
    });
    let frames: Vec<_> = frames.collect();
    let id3 = mpeg::Id3 {
        version,
        ..mpeg::Id3::default()
    };
    [id3.tag(&frames), mpeg::frames(77)].concat().into()
}

#[tokio::test]
async fn lyrics_with_times_are_read_from_id3() {
    let parts = [(500, "Lä "), (900, "la"), (62_345, "\nlö 愛")];
    let lines = [(500, "Lä"), (62_345, "lö")];
    let plain = mpeg::latin("engLa la\0without");
    let sung_as = |frame: Vec<u8>| vec![("SYLT", frame)];
    let times = [(500, "Lä la"), (62_345, "lö 愛")];
    for (name, frames, right) in [
        ("UTF-16", sung_as(sylt(b"deu", 2, 1, &parts)), &times),
        (
            "no language",
            sung_as(sylt(b"\0\0\0", 2, 1, &parts)),
            &times,
        ),
        (
            "both",
            vec![
                ("USLT", plain.clone()),
                ("SYLT", sylt(b"XXX", 2, 2, &parts)),
            ],
            &times,
        ),
        ("Latin-1", sung_as(sylt_in(0, &lines)), &lines),
        ("one mark", sung_as(sylt_in(1, &lines)), &lines),
        (
            "in frames of MPEG",
            sung_as(sylt(b"deu", 1, 1, &parts)),
            &times,
        ),
    ] {
        for version in [2, 3, 4] {
            let frames = [vec![("TIT2", mpeg::latin("Sung"))], frames.clone()].concat();
            let directory = tempfile::tempdir().unwrap();
            let library = open(&directory).await;
            let id = upload(&library, sung(version, &frames)).await;
            let id = id.unwrap().song.id();
            let lyrics = library.lyrics(&id).await.unwrap();
            let lyrics = lyrics.unwrap_or_else(|| panic!("{name}, {version}: none"));
            let texts = right.map(|(_, text)| text);
            assert_eq!(lyrics.plain, texts.join("\n"), "{name}, {version}");
            let lines = lyrics.synced.iter();
            let lines: Vec<_> = lines.map(|line| (line.at_ms, line.text.as_str())).collect();
            // Where such a frame lies in time, the audio would have to tell.
            let has_times = name != "in frames of MPEG";
            let right = right.map(|(at_ms, text)| (u64::from(at_ms), text));
            let right = if has_times { &right[..] } else { &[] };
            assert_eq!(lines, right, "{name}, {version}");
        }
    }
    // Chords are no lyrics, and neither is a frame that is cut.
    for version in [2, 3, 4] {
        for frame in [
            sylt(b"deu", 2, 5, &parts),
            sylt(b"deu", 2, 1, &parts)[..20].to_vec(),
        ] {
            let frames = [("TIT2", mpeg::latin("Played")), ("SYLT", frame)];
            let directory = tempfile::tempdir().unwrap();
            let library = open(&directory).await;
            let id = upload(&library, sung(version, &frames)).await;
            let id = id.unwrap().song.id();
            assert_eq!(library.lyrics(&id).await.unwrap(), None, "{version}");
        }
    }
}

fn together(title: &str, guest: &str, seed: u8) -> Bytes {
    let comments = [("TITLE", title), ("ARTIST", "Main"), ("ARTIST", guest)];
    flac(&comments, seed)
}

/// Brings a file into a library as a program of before described it.
async fn bring(library: &Library, file: &Bytes) -> Song {
    let scratch = tempfile::tempdir().unwrap();
    let source = open(&scratch).await;
    let staged = source.stage(new_song(file)).await.unwrap();
    let read = staged.song().best().clone();
    let tags = Tags::new(read.tags.title(), read.tags.artists().first(), "").unwrap();
    let old = Song::new(Recording {
        tags,
        reader: READER_OF_ALL_ARTISTS - 1,
        ..read
    });
    let chunks = staged.chunks();
    let receipt = library.receive(old.clone(), (**chunks).clone()).await;
    let Receipt::Receiving(receiving) = receipt.unwrap() else {
        panic!("it is there already")
    };
    for index in 0..chunks.len() {
        let bytes = staged.read_chunk(index).await.unwrap();
        receiving.write_chunk(index, bytes).await.unwrap();
    }
    receiving.commit().await.unwrap();
    old
}

/// A library of before knew songs by the first of their artists. It learns the others from the audio that it
/// has; its songs keep their ids, and further audio of them goes where the first is.
#[tokio::test]
async fn an_older_library_learns_all_artists_and_keeps_its_ids() {
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    let file = together("Duet", "Guest", 1);
    let old = bring(&library, &file).await;
    assert_eq!(old.id(), SongId::of("Duet", "Main", ""));
    // Before it is read anew, the same file belongs to it.
    let again = upload(&library, file.clone()).await.unwrap();
    assert_eq!(
        (again.song.id(), again.outcome),
        (old.id(), Outcome::AlreadyThere)
    );
    library.close().await;

    let library = open(&directory).await;
    until("all artists are known", async || {
        let song = library.song(&old.id()).await.unwrap().unwrap();
        values(song.tags().artists()) == ["Main", "Guest"]
    })
    .await;
    let guests = Query {
        artist: Some("guest".into()),
        ..Query::all()
    };
    let found = library.search_all(&guests).await.unwrap();
    assert_eq!(found.len(), 1);
    let song = &found[0];
    assert_eq!(song.id(), old.id());
    assert_eq!(song.best().added_at, old.best().added_at);
    assert!(song.tags().details().is_some());

    let again = upload(&library, file).await.unwrap();
    assert_eq!(
        (again.song.id(), again.outcome),
        (old.id(), Outcome::AlreadyThere)
    );
    let other = upload(&library, together("Duet", "Guest", 2))
        .await
        .unwrap();
    assert_eq!(
        (other.song.id(), other.outcome),
        (old.id(), Outcome::RecordingAdded)
    );
    // With somebody else it is another song.
    let others = upload(&library, together("Duet", "Somebody", 3))
        .await
        .unwrap();
    assert_eq!(others.outcome, Outcome::Added);
    assert_ne!(others.song.id(), old.id());
}

/// A song that is by one artist is not the one that they made with a guest.
#[tokio::test]
async fn a_song_alone_takes_in_none_with_a_guest() {
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    let alone = flac(&[("TITLE", "Song"), ("ARTIST", "Main")], 1);
    let alone = upload(&library, alone).await.unwrap();
    let with_guest = upload(&library, together("Song", "Guest", 2))
        .await
        .unwrap();
    assert_eq!(with_guest.outcome, Outcome::Added);
    assert_ne!(alone.song.id(), with_guest.song.id());
}

/// The files that are handed out with what is right.
#[tokio::test]
async fn handed_files_of_several_artists_and_of_albums_are_right() {
    let Some(cases) = real_data().map(|data| data.join("cases")) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    let send = async |name: &str| {
        let bytes = std::fs::read(cases.join(name)).unwrap();
        upload(&library, bytes.into()).await.unwrap()
    };
    for name in ["col1.mp3", "col2.mp3"] {
        assert_eq!(send(name).await.outcome, Outcome::Added, "{name}");
    }
    for name in ["multi_id3v24nul.mp3", "multi_flac.flac"] {
        let song = send(name).await.song;
        let tags = song.tags();
        assert_eq!(tags.artists().values().count(), 2, "{name}: {tags:?}");
        assert_eq!(tags.genres().values().count(), 2, "{name}: {tags:?}");
        let query = Query::words("second singer").unwrap();
        let hits = library.search_all(&query).await.unwrap();
        assert!(hits.iter().any(|hit| hit.id() == song.id()), "{name}");
    }
    for name in ["va1.mp3", "va2.mp3", "va3.mp3"] {
        send(name).await;
    }
    let various = Browse {
        artist: Some("Various Artists".into()),
        ..Browse::all(GroupKind::Album)
    };
    let albums = library.browse(&various).await.unwrap().items;
    assert_eq!(albums.len(), 1, "{albums:?}");
    assert_eq!(albums[0].songs, 3);
    assert_eq!(albums[0].artist.as_deref(), Some("Various Artists"));
}
