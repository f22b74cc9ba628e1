//! The library from outside: what it keeps, finds and gives back, and what it refuses.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::{flac, new_song, open, pieces, upload, wav};
use futures_util::{StreamExt, TryStreamExt};
use kadenza_contract::{
    Artwork, ArtworkRequest, AudioRequest, Browse, ByteRange, ContentHash, Error, GroupKind,
    MusicService, MusicServiceExt, NewSong, Outcome, Query, Recording, Song, SongId, Stated,
};
use kadenza_library::{Library, LibraryConfig};

#[tokio::test]
async fn an_uploaded_song_is_found_and_heard() {
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    let bytes = wav("Blue Train", "John Coltrane", "Blue Train", 40, 1);
    let added = upload(&library, bytes.clone()).await.unwrap();
    assert_eq!(added.outcome, Outcome::Added);
    let id = added.song.id();
    assert_eq!(id, SongId::of("blue train", "JOHN COLTRANE", "Blue  Train"));
    let best = added.song.best();
    assert_eq!(best.content, ContentHash::of(&bytes));
    assert_eq!(
        (best.size, best.duration_ms),
        (bytes.len() as u64, Some(40_000))
    );
    assert_eq!(library.song(&id).await.unwrap(), Some(added.song.clone()));
    let found = library
        .search(&Query::words("train colt").unwrap())
        .await
        .unwrap();
    assert_eq!(found.items, std::slice::from_ref(&added.song));
    let artists = library
        .browse(&Browse::all(GroupKind::Artist))
        .await
        .unwrap();
    assert_eq!(artists.items[0].name, "John Coltrane");
    assert_eq!(library.audio_bytes(&id).await.unwrap(), Some(bytes.clone()));
    let status = library.status().await.unwrap();
    assert_eq!((status.songs, status.bytes), (1, bytes.len() as u64));
    assert!(library.servers().await.unwrap().is_empty());
}

#[tokio::test]
async fn any_range_gives_its_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    let bytes = wav("Long", "", "", 60, 2);
    let song = upload(&library, bytes.clone()).await.unwrap().song;
    let size = bytes.len() as u64;
    let edge = 256 * 1024;
    let ranges = [
        (0, None),
        (0, Some(1)),
        (edge - 1, Some(edge + 1)),
        (edge, Some(2 * edge)),
        (5, Some(3 * edge + 5)),
        (size - 1, None),
        (100, Some(u64::MAX)),
    ];
    // The second round reads what the first one has checked.
    for (start, end) in ranges.into_iter().chain(ranges) {
        let range = ByteRange { start, end };
        let request = AudioRequest {
            range,
            ..AudioRequest::whole(song.id())
        };
        let audio = library.audio(&request).await.unwrap().unwrap();
        let wanted = range.within(size).unwrap();
        assert_eq!(audio.range, wanted);
        let got: Vec<_> = audio.stream.try_collect().await.unwrap();
        assert!(got.iter().all(|piece| piece.len() <= edge as usize));
        assert_eq!(
            got.concat(),
            &bytes[wanted.start as usize..wanted.end as usize]
        );
    }
    let behind = AudioRequest {
        range: ByteRange {
            start: size,
            end: None,
        },
        ..AudioRequest::whole(song.id())
    };
    let refused = library.audio(&behind).await;
    assert!(matches!(refused, Err(Error::Range { size: s }) if s == size));
}

#[tokio::test]
async fn what_is_not_there_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    let id = SongId::of("nothing", "", "");
    assert_eq!(library.song(&id).await.unwrap(), None);
    assert!(
        library
            .audio(&AudioRequest::whole(id))
            .await
            .unwrap()
            .is_none()
    );
    let cover = ArtworkRequest {
        song: id,
        size: None,
    };
    assert_eq!(library.artwork(&cover).await.unwrap(), None);
    assert!(
        library
            .search(&Query::all())
            .await
            .unwrap()
            .items
            .is_empty()
    );
    let song = upload(&library, wav("x", "", "", 1, 1)).await.unwrap().song;
    let other = AudioRequest {
        recording: Some(ContentHash::of(b"other")),
        ..AudioRequest::whole(song.id())
    };
    assert!(library.audio(&other).await.unwrap().is_none());
}

#[tokio::test]
async fn audio_that_a_song_has_is_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    let audio = wav("Song", "Artist", "", 1, 1);
    let first = upload(&library, audio.clone()).await.unwrap();
    let generation = library.generation();
    let stated = Stated {
        title: Some("SONG ".into()),
        ..Stated::default()
    };
    let again = library.upload_bytes(audio, stated).await.unwrap();
    assert_eq!(again.outcome, Outcome::AlreadyThere);
    assert_eq!(again.song, first.song);
    assert_eq!(library.generation(), generation);
    assert_eq!(common::files(&directory).len(), 1);
}

#[tokio::test]
async fn other_audio_of_a_song_is_kept_beside_the_first() {
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    let files = [
        wav("Song", "Artist", "", 1, 1),
        wav("SONG ", "artist", "", 2, 2),
    ];
    let first = upload(&library, files[0].clone()).await.unwrap();
    let second = upload(&library, files[1].clone()).await.unwrap();
    assert_eq!(second.outcome, Outcome::RecordingAdded);
    assert_eq!(second.song.id(), first.song.id());
    assert_eq!(second.song.recordings().len(), 2);
    library.close().await;
    let library = open(&directory).await;
    assert_eq!(
        library.song(&first.song.id()).await.unwrap(),
        Some(second.song)
    );
    for file in files {
        let request = AudioRequest {
            recording: Some(ContentHash::of(&file)),
            ..AudioRequest::whole(first.song.id())
        };
        let audio = library.audio(&request).await.unwrap().unwrap();
        let heard: Vec<_> = audio.stream.try_collect().await.unwrap();
        assert_eq!(heard.concat(), file);
    }
}

#[tokio::test]
async fn no_card_deletes_audio_and_the_bound_is_for_uploads() {
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    let audio = wav("Song", "Artist", "", 1, 1);
    let song = upload(&library, audio.clone()).await.unwrap().song;
    let better = |number: u16| {
        let mut content = [0; 32];
        content[..2].copy_from_slice(&number.to_be_bytes());
        Recording {
            content: ContentHash::from_bytes(content),
            bit_rate: Some(u32::MAX),
            ..song.best().clone()
        }
    };
    let others = Song::from_recordings((0..300).map(better).collect()).unwrap();
    library.add_cards(vec![others]).await.unwrap();
    library.close().await;
    let library = open(&directory).await;
    let known = library.song(&song.id()).await.unwrap().unwrap();
    assert_eq!(known.recordings().len(), 301);
    assert_eq!(
        library.audio_bytes(&song.id()).await.unwrap(),
        Some(audio.clone())
    );
    let refused = upload(&library, wav("Song", "Artist", "", 2, 2)).await;
    assert!(matches!(refused, Err(Error::TooManyRecordings { .. })));
    let again = upload(&library, audio).await.unwrap();
    assert_eq!(again.outcome, Outcome::AlreadyThere);
}

#[tokio::test]
async fn what_the_uploader_states_wins_over_the_tags() {
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    let bytes = wav("Tagged", "Somebody", "An Album", 1, 1);
    let stated = |title: &str| Stated {
        title: Some(title.into()),
        artists: vec!["Stated".into()],
        album: Some(String::new()),
        ..Stated::default()
    };
    let song = library
        .upload_bytes(bytes.clone(), stated("Mine"))
        .await
        .unwrap()
        .song;
    let tags = song.tags();
    assert_eq!(
        (tags.title(), tags.artist(), tags.album()),
        ("Mine", "Stated", "")
    );
    // A title that shows nothing counts as not stated.
    let song = library
        .upload_bytes(bytes, stated(" \u{200b}"))
        .await
        .unwrap()
        .song;
    assert_eq!(song.tags().title(), "Tagged");
    // The same audio is two songs now, and one file.
    assert_eq!(library.counts().songs, 2);
    assert_eq!(common::files(&directory).len(), 1);
}

#[tokio::test]
async fn an_upload_that_is_refused_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let config = LibraryConfig {
        upload_bytes_max: 100_000,
        ..LibraryConfig::default()
    };
    let library = Library::open(directory.path(), config).await.unwrap();
    let untitled = upload(&library, wav("", "artist", "album", 1, 1)).await;
    assert!(matches!(untitled, Err(Error::NoTitle)), "{untitled:?}");
    let text = upload(&library, "these are words, not music".repeat(100).into()).await;
    assert!(
        matches!(&text, Err(Error::NotAudio { what }) if what.contains("flac")),
        "{text:?}"
    );
    let empty = upload(&library, bytes::Bytes::new()).await;
    assert!(matches!(empty, Err(Error::NotAudio { .. })), "{empty:?}");
    let large = upload(&library, wav("Large", "", "", 10, 1)).await;
    assert!(
        matches!(large, Err(Error::TooLarge { limit: 100_000 })),
        "{large:?}"
    );
    let whole = wav("Broken", "", "", 3, 1);
    let audio = pieces(&whole, 10_000)
        .take(4)
        .chain(futures_util::stream::iter([Err(Error::Busy)]))
        .boxed();
    let stated = Stated::default();
    let broken = library.upload(NewSong { stated, audio }).await;
    assert!(matches!(broken, Err(Error::Body { .. })), "{broken:?}");
    assert_eq!(library.counts(), Default::default());
    assert!(common::files(&directory).is_empty());
    assert_eq!(library.generation(), 0);
}

#[tokio::test]
async fn a_disk_that_would_be_full_refuses_uploads_and_replicas() {
    let directory = tempfile::tempdir().unwrap();
    let config = LibraryConfig {
        disk_reserve_bytes: u64::MAX / 2,
        ..LibraryConfig::default()
    };
    let library = Library::open(directory.path(), config).await.unwrap();
    let refused = upload(&library, wav("Full", "", "", 1, 1)).await;
    assert!(matches!(refused, Err(Error::Full { .. })), "{refused:?}");
    assert!(common::files(&directory).is_empty());

    let elsewhere = tempfile::tempdir().unwrap();
    let source = open(&elsewhere).await;
    let staged = source
        .stage(new_song(&wav("Full", "", "", 1, 1)))
        .await
        .unwrap();
    let refused = library
        .receive(staged.song().clone(), (**staged.chunks()).clone())
        .await;
    assert!(matches!(refused, Err(Error::Full { .. })), "{refused:?}");
}

fn png(width: u32, height: u32) -> Vec<u8> {
    let picture = image::RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, 9]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, image::ImageFormat::Png)
        .unwrap();
    bytes.into_inner()
}

async fn cover(library: &Library, song: SongId, size: Option<u32>) -> Option<Artwork> {
    library
        .artwork(&ArtworkRequest { song, size })
        .await
        .unwrap()
}

#[tokio::test]
async fn a_cover_comes_as_it_is_or_scaled_but_never_enlarged() {
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    let (front, back) = (png(300, 150), png(40, 40));
    // Its name says another format; its content counts.
    let pictures = [(4, "image/png", &back[..]), (3, "text/html", &front[..])];
    let song = upload(&library, flac("Covered", &pictures))
        .await
        .unwrap()
        .song;
    assert!(song.best().has_artwork);
    let original = cover(&library, song.id(), None).await.unwrap();
    assert_eq!(original.content_type, "image/png");
    assert_eq!(original.bytes, front);
    let small = cover(&library, song.id(), Some(100)).await.unwrap();
    assert_eq!(small.content_type, "image/jpeg");
    let picture = image::load_from_memory(&small.bytes).unwrap();
    assert_eq!((picture.width(), picture.height()), (100, 50));
    assert_eq!(cover(&library, song.id(), Some(100)).await, Some(small));
    let large = cover(&library, song.id(), Some(u32::MAX)).await.unwrap();
    let picture = image::load_from_memory(&large.bytes).unwrap();
    assert_eq!((picture.width(), picture.height()), (300, 150));
    let zero = library
        .artwork(&ArtworkRequest {
            song: song.id(),
            size: Some(0),
        })
        .await;
    assert!(matches!(zero, Err(Error::Invalid { .. })));
}

#[tokio::test]
async fn what_is_no_picture_is_no_cover() {
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    let script = b"<script>alert(1)</script>";
    let song = upload(&library, flac("Script", &[(3, "image/png", script)]))
        .await
        .unwrap()
        .song;
    assert!(!song.best().has_artwork);
    assert_eq!(cover(&library, song.id(), None).await, None);
    // The header of a picture that would take 14 GB to decode.
    let mut bomb = png(1, 1);
    bomb[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
    let song = upload(&library, flac("Bomb", &[(3, "image/png", &bomb)]))
        .await
        .unwrap()
        .song;
    assert_eq!(cover(&library, song.id(), Some(64)).await, None);
}

#[tokio::test]
async fn many_uploads_at_once_are_all_there() {
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    let uploads = (0..100u64).map(|n| {
        let library = library.clone();
        async move {
            // Every song comes twice, with other audio.
            let bytes = wav(&format!("Song {}", n / 2), "Many", "", 1, n);
            upload(&library, bytes).await.unwrap()
        }
    });
    let done: Vec<_> = futures_util::stream::iter(uploads)
        .buffer_unordered(100)
        .collect()
        .await;
    let added = done
        .iter()
        .filter(|upload| upload.outcome == Outcome::Added)
        .count();
    assert_eq!((done.len(), added), (100, 50));
    assert_eq!(library.counts().songs, 50);
    assert_eq!(common::files(&directory).len(), 100);
    for upload in done {
        let now = library.song(&upload.song.id()).await.unwrap().unwrap();
        assert_eq!(now.recordings().len(), 2);
        let mut acknowledged = upload.song.recordings().iter();
        assert!(acknowledged.all(|of| now.recording(&of.content) == Some(of)));
    }
}

#[tokio::test]
async fn compressed_frames_of_tags_are_unpacked() {
    let directory = tempfile::tempdir().unwrap();
    let library = open(&directory).await;
    let mp3 = |flags: u8, text: &[u8]| {
        let mut frame = b"TIT2\0\0\0".to_vec();
        frame.push(text.len() as u8);
        frame.extend([0, flags]);
        frame.extend(text);
        let mut file = b"ID3\x04\0\0\0\0\0".to_vec();
        file.push(frame.len() as u8);
        file.extend(frame);
        for _ in 0..20 {
            file.extend([0xff, 0xfb, 0x90, 0]);
            file.extend([0; 413]);
        }
        bytes::Bytes::from(file)
    };
    // The length of what is packed, then a stored block of it, then its Adler-32.
    let packed = b"\0\0\0\x06\x78\x01\x01\x06\0\xf9\xff\x03Title\x05\xf9\x02\x06";
    let plain = upload(&library, mp3(0, b"\x03Title")).await.unwrap();
    assert_eq!(plain.song.tags().title(), "Title");
    let packed = upload(&library, mp3(0x09, packed)).await.unwrap();
    assert_eq!(packed.song.id(), plain.song.id());
}
