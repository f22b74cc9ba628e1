//! How fast does the library take audio in, and what of it is hashing, the disk, and the store?
//!
//! Songs of 5 MB and of 100 KB, several at once, into a library with its audio in its directory, and
//! in an object store on the same machine (the server of the tests, in this process, which does not
//! sync). Beside them, in the same run: hashing alone, writing and syncing alone, and putting the
//! same bytes into the store without a library. Files are read in this process, and in processes of their own as a
//! server has them read. Prints a table; two threads.

#![expect(clippy::print_stdout, reason = "the table is the result")]

use std::{
    fs::File,
    future::Future,
    io::Write,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use kadenza_contract::{ChunkHasher, ContentHash, MusicServiceExt, Stated};
use kadenza_integration_tests::{
    fixtures::{AudioFile, Kind},
    s3::S3Server,
};
use kadenza_services::{
    Library,
    library::{AudioPlace, AudioStore, LibraryConfig, ReaderProgram, read_files},
};

/// The argument that makes this program a reader of files.
const READ_FILES: &str = "read-files";
/// How many songs are on their way at once.
const AT_ONCE: usize = 8;

fn main() {
    if std::env::args_os().nth(1).as_deref() == Some(READ_FILES.as_ref()) {
        read_files().expect("a process that reads files");
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        for (count, size) in [(60, 5_000_000), (1000, 100_000)] {
            println!("\n{count} songs of {size} bytes, {AT_ONCE} at once");
            let songs: Vec<Bytes> = (0..count).map(|n| song(n, size)).collect();
            measure(&songs).await;
        }
    });
}

fn song(n: usize, size: usize) -> Bytes {
    let file = AudioFile {
        kind: Kind::Mp3,
        audio_bytes: size,
        ..AudioFile::named(&format!("Song {n} of {size}"), "Import", "In One Go")
    };
    file.bytes()
}

async fn measure(songs: &[Bytes]) {
    report("hashing alone, one thread", songs, async {
        for song in songs {
            let mut hasher = ChunkHasher::new();
            hasher.update(song);
            let _ = hasher.finish();
        }
    })
    .await;

    let directory = tempfile::tempdir().expect("a directory");
    report("writing and syncing alone", songs, async {
        side_by_side(songs, |n, song| {
            let path = directory.path().join(n.to_string());
            async move {
                let writing = tokio::task::spawn_blocking(move || write(&path, &song));
                writing.await.expect("no panic").expect("a file");
            }
        })
        .await;
    })
    .await;

    let processes = ReaderProgram {
        path: std::env::current_exe().expect("this program"),
        args: vec![READ_FILES.into()],
    };
    for (how, reader) in [("", None), (", read by processes", Some(processes))] {
        let directory = tempfile::tempdir().expect("a directory");
        let config = LibraryConfig {
            reader,
            ..LibraryConfig::default()
        };
        let library = Library::open(directory.path(), config);
        let library = library.await.expect("a library");
        let what = format!("into the library{how}");
        report(&what, songs, upload(&library, songs)).await;
        let what = format!("the same again{how}");
        report(&what, songs, upload(&library, songs)).await;
        library.close().await;
    }

    let store = S3Server::start().expect("a server");
    let objects = store.objects("alone");
    let files = tempfile::tempdir().expect("a directory");
    report("into the object store alone", songs, async {
        side_by_side(songs, |n, song| {
            let (path, objects) = (files.path().join(n.to_string()), objects.clone());
            async move {
                let content = ContentHash::of(&song);
                std::fs::write(&path, &song).expect("a file");
                let file = File::open(&path).expect("a file");
                let put = objects.put(&content, &file, song.len() as u64);
                put.await.expect("put");
            }
        })
        .await;
    })
    .await;
    let directory = tempfile::tempdir().expect("a directory");
    let config = LibraryConfig {
        audio: AudioPlace::Store(Arc::new(store.objects("library"))),
        ..LibraryConfig::default()
    };
    let library = Library::open(directory.path(), config).await;
    let library = library.expect("a library");
    report(
        "into the library, audio in the store",
        songs,
        upload(&library, songs),
    )
    .await;
    library.close().await;
}

async fn upload(library: &Library, songs: &[Bytes]) {
    side_by_side(songs, |_, song| {
        let library = library.clone();
        async move {
            let upload = library.upload_bytes(song, Stated::default());
            upload.await.expect("an upload");
        }
    })
    .await;
}

async fn side_by_side<F: Future<Output = ()> + Send + 'static>(
    songs: &[Bytes],
    work: impl Fn(usize, Bytes) -> F,
) {
    let tasks = songs.iter().cloned().enumerate();
    // Each begins when it is its turn.
    stream::iter(tasks)
        .map(|(n, song)| tokio::spawn(work(n, song)))
        .buffer_unordered(AT_ONCE)
        .for_each(|done| async { done.expect("no panic") })
        .await;
}

fn write(path: &Path, song: &[u8]) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(song)?;
    file.sync_data()
}

async fn report(what: &str, songs: &[Bytes], work: impl Future<Output = ()>) {
    let begun = Instant::now();
    work.await;
    let took: Duration = begun.elapsed();
    let bytes: usize = songs.iter().map(Bytes::len).sum();
    let seconds = took.as_secs_f64();
    println!(
        "{what:<40} {:>8.0} songs/s {:>8.0} MB/s",
        songs.len() as f64 / seconds,
        bytes as f64 / 1e6 / seconds
    );
}
