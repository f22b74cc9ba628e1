//! Songs for tests: real audio files, made in code.
#![allow(dead_code, reason = "each test binary uses its part")]

pub(crate) mod comments;
pub(crate) mod counted;
pub(crate) mod made;
pub(crate) mod mpeg;

use std::{path::PathBuf, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use kadenza_contract::{AudioStream, Error, MusicServiceExt, NewSong, Stated, Upload};
use kadenza_library::{Library, LibraryConfig};

/// A WAV file with tags in a RIFF INFO list. `seconds` of noise that depends on `seed`, 16 bit
/// mono at 8 kHz: 16,000 bytes a second.
pub(crate) fn wav(title: &str, artist: &str, album: &str, seconds: usize, seed: u64) -> Bytes {
    let mut info = b"INFO".to_vec();
    for (id, text) in [(b"INAM", title), (b"IART", artist), (b"IPRD", album)] {
        if !text.is_empty() {
            let mut text = text.as_bytes().to_vec();
            text.push(0);
            chunk(&mut info, id, &text);
        }
    }
    let mut format = Vec::new();
    for field in [1u16, 1] {
        format.extend(field.to_le_bytes());
    }
    for field in [8_000u32, 16_000] {
        format.extend(field.to_le_bytes());
    }
    for field in [2u16, 16] {
        format.extend(field.to_le_bytes());
    }
    let mut noise = vec![0; seconds * 16_000];
    blake3::Hasher::new()
        .update(&seed.to_be_bytes())
        .finalize_xof()
        .fill(&mut noise);
    let mut body = b"WAVE".to_vec();
    chunk(&mut body, b"fmt ", &format);
    chunk(&mut body, b"LIST", &info);
    chunk(&mut body, b"data", &noise);
    let mut file = Vec::new();
    chunk(&mut file, b"RIFF", &body);
    file.into()
}

fn chunk(into: &mut Vec<u8>, id: &[u8; 4], data: &[u8]) {
    into.extend(id);
    into.extend((data.len() as u32).to_le_bytes());
    into.extend(data);
    if data.len() % 2 == 1 {
        into.push(0);
    }
}

/// A FLAC file without any frames, with tags and pictures: as much of one as tags need.
pub(crate) fn flac(title: &str, pictures: &[(u32, &str, &[u8])]) -> Bytes {
    let mut file = b"fLaC".to_vec();
    let mut info = vec![0x10, 0, 0x10, 0, 0, 0, 0, 0, 0, 0];
    // 44,100 Hz, 2 channels, 16 bit, 441,000 samples: ten seconds.
    info.extend((44_100u64 << 44 | 1 << 41 | 15 << 36 | 441_000).to_be_bytes());
    info.extend([0; 16]);
    let mut comments = 0u32.to_le_bytes().to_vec();
    let title = format!("TITLE={title}");
    comments.extend(1u32.to_le_bytes());
    comments.extend((title.len() as u32).to_le_bytes());
    comments.extend(title.as_bytes());
    let mut blocks = vec![(0u8, info), (4, comments)];
    for (kind, mime, bytes) in pictures {
        let mut picture = kind.to_be_bytes().to_vec();
        picture.extend((mime.len() as u32).to_be_bytes());
        picture.extend(mime.as_bytes());
        picture.extend([0; 20]);
        picture.extend((bytes.len() as u32).to_be_bytes());
        picture.extend(*bytes);
        blocks.push((6, picture));
    }
    let last = blocks.len() - 1;
    for (at, (kind, block)) in blocks.into_iter().enumerate() {
        let header = u32::from(kind | if at == last { 0x80 } else { 0 }) << 24;
        file.extend((header | block.len() as u32).to_be_bytes());
        file.extend(block);
    }
    // Something that is not a frame: nothing here plays it.
    file.extend([0xff, 0xf8, 0, 0, 0, 0, 0, 0]);
    file.into()
}

/// Bytes as a stream of pieces.
pub(crate) fn pieces(bytes: &Bytes, piece: usize) -> AudioStream {
    let pieces: Vec<Bytes> = bytes.chunks(piece).map(Bytes::copy_from_slice).collect();
    stream::iter(pieces.into_iter().map(Ok)).boxed()
}

/// An upload that states nothing.
pub(crate) fn new_song(bytes: &Bytes) -> NewSong {
    NewSong {
        stated: Stated::default(),
        audio: pieces(bytes, 64 * 1024),
    }
}

pub(crate) async fn open(directory: &tempfile::TempDir) -> Library {
    Library::open(directory.path(), LibraryConfig::default())
        .await
        .unwrap()
}

pub(crate) async fn upload(library: &Library, bytes: Bytes) -> Result<Upload, Error> {
    library.upload_bytes(bytes, Stated::default()).await
}

/// Every file in a data directory but the database, the lock and the marker.
pub(crate) fn files(directory: &tempfile::TempDir) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![
        directory.path().join("audio"),
        directory.path().join("incoming"),
    ];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("audio/library") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// Waits until something holds, for at most ten seconds.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(10), waiting).await;
    assert!(waited.is_ok(), "waited in vain until {what}");
}

/// Where the real data is; says so if it is nowhere.
pub(crate) fn real_data() -> Option<PathBuf> {
    let found = std::env::var_os("KADENZA_DATA").map(PathBuf::from);
    if found.is_none() {
        eprintln!("skipped: KADENZA_DATA does not name the directory of the real data");
    }
    found
}
