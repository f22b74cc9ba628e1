//! `kadenza backend` and servers over it, as processes.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use kadenza_contract::{
    AudioRequest, ByteRange, Error, MusicService, MusicServiceExt, NewSong, Outcome, SongId, Stated,
};
use kadenza_integration_tests::{
    fixtures::{AudioFile, Authority},
    processes::{Server, run, wait_until},
};
use kadenza_services::grpc::{Client, ClientConfig};
use tempfile::TempDir;

/// A file that is long enough to be in the middle of, however much is read ahead.
fn long_file() -> AudioFile {
    AudioFile {
        audio_bytes: 12 << 20,
        ..AudioFile::named("Long", "A", "B")
    }
}

fn backend(data: &Path) -> Server {
    let data = data
        .to_str()
        .expect("temporary directories are named in text");
    Server::start(&["backend", "--data", data, "--grpc", "127.0.0.1:0"])
}

/// A server without data of its own.
fn server_over(backend: SocketAddr) -> Server {
    let library = format!("grpc://{backend}");
    let args = ["serve", "--standalone", "--library", &library];
    Server::start(&[&args[..], &["--http", "127.0.0.1:0"]].concat())
}

fn client(backend: SocketAddr) -> Client {
    let host = backend.ip().to_string();
    Client::new(&host, backend.port(), ClientConfig::default()).unwrap()
}

#[test]
fn two_servers_over_one_backend_are_one_library() {
    let directory = TempDir::new().unwrap();
    let mut backend = backend(&directory.path().join("data"));
    let one = server_over(backend.grpc());
    let other = server_over(backend.grpc());

    let file = AudioFile::named("Over the wire", "Someone", "Somewhere");
    let path = directory.path().join("song.wav");
    std::fs::write(&path, file.bytes()).unwrap();
    let uploaded = one.ask(&["upload", path.to_str().unwrap()]);
    assert_eq!(uploaded.status, 0, "{uploaded:?}");

    let found = other.ask(&["search", "wire", "someone"]);
    assert_eq!(found.lines().count(), 1, "{found:?}");
    let id = found.stdout.split_whitespace().next().unwrap();
    let heard = directory.path().join("heard.wav");
    let listened = other.ask(&["listen", id, "--output", heard.to_str().unwrap()]);
    assert_eq!(listened.status, 0, "{listened:?}");
    assert!(
        std::fs::read(&heard).unwrap() == file.bytes(),
        "other bytes"
    );

    // Without the backend there is one clear line, and the servers go on when it is back.
    backend.kill();
    let failed = one.ask(&["search", "wire"]);
    assert_eq!((failed.status, failed.stdout.as_str()), (1, ""));
    backend.restart();
    let again = one.ask(&["search", "wire"]);
    assert_eq!(again.lines().count(), 1, "{again:?}");
    assert_eq!(backend.terminate().code(), Some(0));
}

#[test]
fn two_servers_over_one_encrypted_backend_are_one_library() {
    let directory = TempDir::new().unwrap();
    let authority = Authority::new();
    let (certificate, key) = authority.of_servers();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let data = text(directory.path());
    let tls = ["--tls-cert", &text(&certificate), "--tls-key", &text(&key)];
    let backend = [
        &["backend", "--data", &data, "--grpc", "127.0.0.1:0"],
        &tls[..],
    ]
    .concat();
    let backend = Server::start(&backend);
    let port = backend.grpc().port();
    let library = format!("grpcs://localhost:{port}");
    let serve = [
        "serve",
        "--standalone",
        "--http",
        "127.0.0.1:0",
        "--library",
    ];
    let ca = text(&authority.ca());
    let [one, other] =
        [(); 2].map(|()| Server::start(&[&serve[..], &[&library, "--ca", &ca]].concat()));

    let file = AudioFile::named("Sealed", "Someone", "Somewhere");
    let path = directory.path().join("song.wav");
    std::fs::write(&path, file.bytes()).unwrap();
    let uploaded = one.ask(&["upload", path.to_str().unwrap()]);
    assert_eq!(uploaded.status, 0, "{uploaded:?}");
    let found = other.ask(&["search", "sealed"]);
    assert_eq!(found.lines().count(), 1, "{found:?}");

    // Nobody vouches for it, or it is not spoken to as it should be: each question fails, and says why.
    let plain = format!("grpc://localhost:{port}");
    for (library, told) in [(&library, "certificate"), (&plain, "ask again by grpcs")] {
        let server = Server::start(&[&serve[..], &[library]].concat());
        let refused = server.ask(&["search", "sealed"]);
        assert_eq!(refused.status, 1, "{refused:?}");
        assert!(server.told().contains(told), "{}", server.told());
    }
}

#[test]
fn grpc_with_other_machines_is_plain_only_if_asked_for() {
    let directory = TempDir::new().unwrap();
    let data = directory.path().to_str().unwrap();
    let backend = ["backend", "--data", data, "--grpc", "0.0.0.0:0"];
    let serve = ["serve", "--standalone", "--http", "127.0.0.1:0"];
    let serve = [&serve[..], &["--library", "grpc://backend.invalid"]].concat();
    for (args, told) in [(&backend[..], "--tls-cert"), (&serve, "write grpcs://")] {
        let refused = run(args);
        assert_eq!(refused.status, 2, "{refused:?}");
        assert!(refused.stderr.contains(told), "{refused:?}");
        assert!(refused.stderr.contains("--insecure-grpc"), "{refused:?}");
        let server = Server::start(&[args, &["--insecure-grpc"]].concat());
        let log = server.told();
        assert!(
            log.contains("--insecure-grpc: whoever is on the way"),
            "{log}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_killed_during_a_song_is_an_error_until_it_is_back() {
    let directory = TempDir::new().unwrap();
    let mut backend = backend(directory.path());
    let client = client(backend.grpc());
    let file = long_file().bytes();
    let upload = client
        .upload_bytes(file.clone(), Stated::default())
        .await
        .unwrap();
    let id = upload.song.id();

    let mut audio = client
        .audio(&AudioRequest::whole(id))
        .await
        .unwrap()
        .unwrap();
    let mut heard = Vec::from(audio.stream.next().await.unwrap().unwrap());
    backend.kill();
    let mut error = None;
    while let Some(piece) = audio.stream.next().await {
        match piece {
            Ok(piece) => heard.extend_from_slice(&piece),
            Err(broken) => error = Some(broken),
        }
    }
    assert!(
        matches!(error, Some(Error::Unreachable { .. })),
        "{error:?}"
    );
    assert!(heard.len() < file.len() && file.starts_with(&heard));
    let asked = client.song(&id).await;
    assert!(matches!(asked, Err(Error::Unreachable { .. })), "{asked:?}");

    backend.restart();
    let request = AudioRequest {
        range: ByteRange {
            start: heard.len() as u64,
            end: None,
        },
        ..AudioRequest::whole(id)
    };
    let mut audio = client.audio(&request).await.unwrap().unwrap();
    while let Some(piece) = audio.stream.next().await {
        heard.extend_from_slice(&piece.unwrap());
    }
    assert!(heard == file, "the two parts are not the song");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_killed_during_an_upload_keeps_none_of_it() {
    let directory = TempDir::new().unwrap();
    let mut backend = backend(directory.path());
    let client = client(backend.grpc());
    let file = long_file().bytes();
    let id = SongId::of("Long", "A", "B");

    let (go_on, waiting) = tokio::sync::oneshot::channel::<()>();
    let half = file.slice(..file.len() / 2);
    let rest = file.slice(file.len() / 2..);
    let rest = stream::once(async move {
        let _ = waiting.await;
        Ok(rest)
    });
    let song = NewSong {
        stated: Stated::default(),
        audio: stream::iter([Ok::<Bytes, Error>(half)]).chain(rest).boxed(),
    };
    let uploading = tokio::spawn({
        let client = client.clone();
        async move { client.upload(song).await }
    });
    wait_until_something_is_spooled(directory.path()).await;
    backend.kill();
    drop(go_on);
    let answered = uploading.await.unwrap();
    assert!(
        matches!(answered, Err(Error::Unreachable { .. })),
        "{answered:?}"
    );

    backend.restart();
    assert_eq!(client.song(&id).await.unwrap(), None);
    let upload = client
        .upload_bytes(file.clone(), Stated::default())
        .await
        .unwrap();
    assert_eq!((upload.song.id(), upload.outcome), (id, Outcome::Added));
    assert!(client.audio_bytes(&id).await.unwrap().unwrap() == file);
}

/// Waits until the backend has taken more than can be in the windows of the connection.
async fn wait_until_something_is_spooled(data: &Path) {
    let data = Arc::new(data.to_owned());
    tokio::task::spawn_blocking(move || {
        wait_until("an upload is under way", || {
            (size_of(&data) > 3 << 20).then_some(())
        });
    })
    .await
    .unwrap();
}

fn size_of(path: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(path) else {
        return 0;
    };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => size_of(&entry.path()),
        Ok(meta) => meta.len(),
        // It was moved meanwhile.
        Err(_) => 0,
    });
    sizes.sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_told_to_end_lets_a_song_play_on_and_ends_in_time() {
    let directory = TempDir::new().unwrap();
    let mut backend = backend(directory.path());
    let client = client(backend.grpc());
    let file = long_file().bytes();
    let upload = client.upload_bytes(file, Stated::default()).await.unwrap();
    let request = AudioRequest::whole(upload.song.id());
    let mut audio = client.audio(&request).await.unwrap().unwrap();
    audio.stream.next().await.unwrap().unwrap();
    let ended = tokio::task::spawn_blocking(move || backend.terminate());
    // The listener reads no more, and the backend does not wait for ever.
    assert_eq!(ended.await.unwrap().code(), Some(0));
    tokio::time::timeout(Duration::from_secs(30), async {
        let mut last = None;
        while let Some(piece) = audio.stream.next().await {
            last = Some(piece);
        }
        assert!(matches!(last, Some(Err(_))), "the end was silent");
    })
    .await
    .unwrap();
}
