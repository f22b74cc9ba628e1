//! How fast does audio go into the library on one machine, and come out?
//!
//! Uploads, whole files of 8 MB, ranges of 64 KiB, and beside them a plain `pread` of the same ranges
//! and hashing alone. Prints a table; two threads. For search there is a bench of its own.

use std::{hint::black_box, time::Instant};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use kadenza_contract::{
    AudioRequest, ByteRange, Limit, MusicService, MusicServiceExt, Query, Stated,
};
use kadenza_library::{Library, LibraryConfig};

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        audio().await;
    });
}

#[expect(clippy::print_stdout, reason = "the table is the result")]
fn say(what: &str, figure: impl std::fmt::Display) {
    println!("{what:<44} {figure}");
}

/// A WAV file of this many bytes.
fn wav(title: &str, size: usize, seed: u64) -> Bytes {
    let mut info = b"INFOINAM".to_vec();
    info.extend((title.len() as u32).to_le_bytes());
    info.extend(title.as_bytes());
    info.resize(info.len().next_multiple_of(2), 0);
    let mut file =
        b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x02\0\x44\xac\0\0\x10\xb1\x02\0\x04\0\x10\0LIST"
            .to_vec();
    file.extend((info.len() as u32).to_le_bytes());
    file.extend(info);
    let mut noise = vec![0; size];
    blake3::Hasher::new()
        .update(&seed.to_be_bytes())
        .finalize_xof()
        .fill(&mut noise);
    file.extend(b"data");
    file.extend((size as u32).to_le_bytes());
    file.extend(noise);
    let length = file.len() as u32 - 8;
    file[4..8].copy_from_slice(&length.to_le_bytes());
    file.into()
}

async fn audio() {
    let directory = tempfile::tempdir().expect("a directory");
    let library = Library::open(directory.path(), LibraryConfig::default())
        .await
        .expect("a library");
    for (what, count, size) in [("8 MB", 32u64, 8 << 20), ("100 KB", 1000, 100_000)] {
        let files: Vec<Bytes> = (0..count)
            .map(|n| wav(&format!("{what} {n}"), size, n))
            .collect();
        let total: usize = files.iter().map(Bytes::len).sum();
        let begun = Instant::now();
        for file in &files {
            black_box(blake3::hash(file));
        }
        let hashing = begun.elapsed();
        let begun = Instant::now();
        let uploads = files.into_iter().map(|file| {
            let library = library.clone();
            async move {
                library
                    .upload_bytes(file, Stated::default())
                    .await
                    .expect("an upload")
            }
        });
        stream::iter(uploads)
            .buffer_unordered(16)
            .collect::<Vec<_>>()
            .await;
        let taken = begun.elapsed();
        let (per_second, rate) = (
            count as f64 / taken.as_secs_f64(),
            total as f64 / 1e6 / taken.as_secs_f64(),
        );
        say(
            &format!("uploads of {what}, 16 at once"),
            format!(
                "{per_second:.0}/s, {rate:.0} MB/s (hashing alone {:.0} MB/s)",
                total as f64 / 1e6 / hashing.as_secs_f64()
            ),
        );
    }
    let songs = library
        .search_all(&Query {
            limit: Limit::new(32).expect("a limit"),
            ..Query::words("8 mb").expect("words")
        })
        .await
        .expect("songs");
    for round in ["first, checked", "again"] {
        let begun = Instant::now();
        let readers = songs.iter().map(|song| {
            let (library, id) = (library.clone(), song.id());
            tokio::spawn(async move {
                let mut bytes = 0u64;
                for _ in 0..if round == "again" { 20 } else { 1 } {
                    let audio = library
                        .audio(&AudioRequest::whole(id))
                        .await
                        .expect("audio")
                        .expect("audio");
                    let mut stream = audio.stream;
                    while let Some(piece) = stream.next().await {
                        bytes += piece.expect("a piece").len() as u64;
                    }
                }
                bytes
            })
        });
        let bytes: u64 = stream::iter(readers)
            .buffer_unordered(8)
            .map(|read| read.expect("a reader"))
            .collect::<Vec<_>>()
            .await
            .iter()
            .sum();
        say(
            &format!("whole files, {round}"),
            format!(
                "{:.1} GB/s",
                bytes as f64 / 1e9 / begun.elapsed().as_secs_f64()
            ),
        );
    }
    let count = 200_000u64;
    let begun = Instant::now();
    let readers = (0..2).map(|reader| {
        let (library, songs) = (library.clone(), songs.clone());
        tokio::spawn(async move {
            for n in 0..count / 2 {
                let start = (n * 7919 + reader) % 127 * 65_536;
                let song = songs[n as usize % songs.len()].id();
                let range = ByteRange::from(start..start + 65_536);
                let request = AudioRequest {
                    song,
                    recording: None,
                    range,
                };
                let mut stream = library
                    .audio(&request)
                    .await
                    .expect("audio")
                    .expect("audio")
                    .stream;
                while let Some(piece) = stream.next().await {
                    black_box(piece.expect("a piece"));
                }
            }
        })
    });
    for reader in readers.collect::<Vec<_>>() {
        reader.await.expect("a reader");
    }
    say(
        "ranges of 64 KiB, 2 readers",
        format!("{:.0}/s", count as f64 / begun.elapsed().as_secs_f64()),
    );
    let id = songs[0].id();
    let begun = Instant::now();
    for _ in 0..count {
        black_box(library.song(&id).await.expect("a song"));
    }
    say(
        "song by id, 1 reader",
        format!("{:.0}/s", count as f64 / begun.elapsed().as_secs_f64()),
    );
}
