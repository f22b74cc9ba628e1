//! Uploads across the death of servers, and what is reported of them.

mod common;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use common::{Fault, Music, Request, Server, audio, client, client_with, eventually};
use futures_util::{StreamExt, stream};
use kadenza_contract::{
    ContentHash, Error, MusicService, MusicServiceExt, NewSong, Outcome, Result, Stated,
};
use tokio::time::Instant;

const S: Duration = Duration::from_secs(1);

fn uploads(request: &Request) -> bool {
    request.is_upload()
}

fn titled(title: &str) -> Stated {
    Stated {
        title: Some(title.into()),
        ..Stated::default()
    }
}

/// A song whose audio comes in pieces.
fn in_pieces(bytes: &[u8], piece: usize) -> NewSong {
    let pieces: Vec<Result<Bytes>> = bytes
        .chunks(piece)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    NewSong {
        stated: titled("song"),
        audio: stream::iter(pieces).boxed(),
    }
}

fn stored(music: &Music) -> Bytes {
    let id = kadenza_contract::SongId::of("song", "artist", "album");
    music.find(&id.to_string()).expect("the song is stored").1
}

/// Whichever server is asked first has the fault; the other one is well.
fn first_fails(servers: &[&Server], fault: &Fault) {
    let fault = Arc::new(parking_lot::Mutex::new(Some(fault.clone())));
    for server in servers {
        let fault = Arc::clone(&fault);
        server.on(move |request| match request.is_upload() {
            true => fault.lock().take().unwrap_or_default(),
            false => Fault::None,
        });
    }
}

#[tokio::test]
async fn an_upload_is_sent_once_and_added() {
    let (music, bytes) = (Music::new(), audio(300_000));
    let server = Server::start(&music).await;
    let client = client(&[&server]);
    let upload = client.upload(in_pieces(&bytes, 1000)).await.unwrap();
    assert_eq!(upload.outcome, Outcome::Added);
    assert_eq!(upload.song.best().content, ContentHash::of(&bytes));
    assert!(stored(&music) == bytes);
    let again = client.upload(in_pieces(&bytes, 1000)).await.unwrap();
    assert_eq!(again.outcome, Outcome::AlreadyThere);
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn a_server_that_dies_in_the_middle_costs_nothing() {
    let bytes = audio(3 << 20);
    for fault in [
        Fault::Close,
        Fault::CutUploadAfter(1),
        Fault::CutUploadAfter(1 << 20),
        Fault::StallUploadAfter(1 << 16),
        Fault::DropAndClose,
        Fault::Hang,
        Fault::Problem(503, "too-few", ""),
        Fault::Problem(503, "busy", "Retry-After: 1\r\n"),
        Fault::Problem(507, "full", ""),
        Fault::Problem(408, "body", ""),
        Fault::Raw("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\n\r\nno".into()),
    ] {
        // In memory, in memory and then a file, and in a file alone.
        for spool_memory in [8 << 20, 1 << 20, 0] {
            let music = Music::new();
            let (a, b) = (Server::start(&music).await, Server::start(&music).await);
            first_fails(&[&a, &b], &fault);
            let client = client_with(&[&a, &b], |config| {
                config.spool_memory = spool_memory;
                config.upload_stall_timeout = S / 2;
                config.upload_answer_timeout = S / 2;
            });
            let upload = client.upload(in_pieces(&bytes, 100_000)).await;
            let upload = upload.unwrap_or_else(|error| panic!("{fault:?}: {error:?}"));
            assert_eq!(upload.outcome, Outcome::Added, "{fault:?}");
            assert!(stored(&music) == bytes, "{fault:?}");
            assert!(a.seen().len() + b.seen().len() > 1, "{fault:?} was met");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_connection_costs_nothing() {
    let (music, bytes) = (Music::new(), audio(30_000));
    let (a, b) = (Server::start(&music).await, Server::start(&music).await);
    a.kill();
    let client = client(&[&a, &b]);
    let upload = client.upload(in_pieces(&bytes, 1000)).await.unwrap();
    assert_eq!(upload.outcome, Outcome::Added);
    assert!(stored(&music) == bytes);
}

#[tokio::test(start_paused = true)]
async fn our_upload_is_reported_as_added_after_a_lost_answer() {
    let (music, bytes) = (Music::new(), audio(30_000));
    let (a, b) = (Server::start(&music).await, Server::start(&music).await);
    first_fails(&[&a, &b], &Fault::StoreAndClose);
    let upload = client(&[&a, &b])
        .upload(in_pieces(&bytes, 1000))
        .await
        .unwrap();
    assert_eq!(upload.outcome, Outcome::Added);
    assert_eq!(music.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_error_claims_that_nothing_changed_only_if_known() {
    for fault in [Fault::StoreAndClose, Fault::DropAndClose] {
        let music = Music::new();
        let server = Server::start(&music).await;
        server.always(uploads, fault);
        let client = client_with(&[&server], |config| config.attempts_max = 1);
        let error = client
            .upload(in_pieces(&audio(30_000), 1000))
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    }
    // Here it is known: the body did not arrive.
    let server = Server::start(&Music::new()).await;
    server.always(uploads, Fault::CutUploadAfter(10));
    let client = client_with(&[&server], |config| config.attempts_max = 1);
    let unending = stream::iter([Ok(Bytes::from(audio(30_000)))]).chain(stream::pending());
    let song = NewSong {
        stated: titled("song"),
        audio: unending.boxed(),
    };
    let error = client.upload(song).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
}

/// One server may have kept a copy and says which machines are too few, the other one has no room at all: what
/// tells that something may have changed counts, in the server's own words.
#[tokio::test(start_paused = true)]
async fn the_reason_of_a_server_that_kept_a_copy_is_told() {
    let music = Music::new();
    let (a, b) = (Server::start(&music).await, Server::start(&music).await);
    a.always(uploads, Fault::Problem(503, "too-few", ""));
    b.always(uploads, Fault::Problem(507, "full", ""));
    let client = client(&[&a, &b]);
    let song = in_pieces(&audio(3_000), 1000);
    let error = client.upload(song).await.unwrap_err();
    assert!(matches!(error, Error::TooFew { .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn other_audio_is_reported_as_there_after_a_lost_answer() {
    let (music, bytes) = (Music::new(), audio(30_000));
    music.add("song", audio(77)).unwrap();
    let (a, b) = (Server::start(&music).await, Server::start(&music).await);
    first_fails(&[&a, &b], &Fault::StoreAndClose);
    let upload = client(&[&a, &b])
        .upload(in_pieces(&bytes, 1000))
        .await
        .unwrap();
    assert_eq!(upload.outcome, Outcome::AlreadyThere);
    assert_eq!(stored(&music).len(), 77);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_final() {
    for (status, code) in [(415, "not-audio"), (413, "too-large"), (422, "no-title")] {
        let music = Music::new();
        let (a, b) = (Server::start(&music).await, Server::start(&music).await);
        for server in [&a, &b] {
            server.always(uploads, Fault::Problem(status, code, ""));
        }
        let error = client(&[&a, &b])
            .upload(in_pieces(&audio(1000), 10))
            .await
            .unwrap_err();
        assert!(!error.is_transient(), "{error:?}");
        assert_eq!(a.seen().len() + b.seen().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_broken_stream_of_the_caller_stores_nothing() {
    let music = Music::new();
    let (a, b) = (Server::start(&music).await, Server::start(&music).await);
    // It breaks when the server has the beginning already.
    let broken = async {
        tokio::time::sleep(S).await;
        Err(Error::Body {
            cause: "the disk was pulled out".into(),
        })
    };
    let song = NewSong {
        stated: titled("song"),
        audio: stream::iter([Ok(Bytes::from(audio(30_000)))])
            .chain(stream::once(broken))
            .boxed(),
    };
    let error = client(&[&a, &b]).upload(song).await.unwrap_err();
    assert!(matches!(error, Error::Body { .. }), "{error:?}");
    assert_eq!(a.seen().len() + b.seen().len(), 1, "it was not sent again");
    eventually("the server sees a broken body", || async {
        *music.broken_uploads.lock() == 1
    })
    .await;
    assert_eq!(music.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_is_dropped_is_never_taken_for_a_whole_one() {
    let music = Music::new();
    let server = Server::start(&music).await;
    let client = client(&[&server]);
    // The stream gives a piece and then nothing for ever.
    let stream = stream::iter([Ok(Bytes::from(audio(30_000)))]).chain(stream::pending());
    let song = NewSong {
        stated: titled("song"),
        audio: stream.boxed(),
    };
    let mut upload = client.upload(song);
    assert!(tokio::time::timeout(S, &mut upload).await.is_err());
    assert_eq!(server.seen().len(), 1, "it is under way");
    drop(upload);
    eventually("the server sees a broken body", || async {
        *music.broken_uploads.lock() == 1
    })
    .await;
    assert_eq!(music.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_slow_uploader_is_not_a_dead_server() {
    let (music, bytes) = (Music::new(), audio(50_000));
    let server = Server::start(&music).await;
    let pieces: Vec<Bytes> = bytes.chunks(1000).map(Bytes::copy_from_slice).collect();
    let slow = stream::iter(pieces).then(|piece| async {
        tokio::time::sleep(S * 100).await;
        Ok(piece)
    });
    let song = NewSong {
        stated: titled("song"),
        audio: slow.boxed(),
    };
    let upload = client(&[&server]).upload(song).await.unwrap();
    assert_eq!(upload.outcome, Outcome::Added);
    assert!(stored(&music) == bytes);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn an_upload_larger_than_its_spool_is_not_repeated() {
    let bytes = audio(3 << 20);
    let small = |config: &mut kadenza_middleware::ClientConfig| {
        config.spool_memory = 1 << 16;
        config.spool_file = 1 << 16;
    };
    let music = Music::new();
    let (a, b) = (Server::start(&music).await, Server::start(&music).await);
    let upload = client_with(&[&a, &b], small)
        .upload(in_pieces(&bytes, 10_000))
        .await
        .unwrap();
    assert_eq!(upload.outcome, Outcome::Added);
    assert!(stored(&music) == bytes);

    let music = Music::new();
    let (a, b) = (Server::start(&music).await, Server::start(&music).await);
    first_fails(&[&a, &b], &Fault::CutUploadAfter(2 << 20));
    let error = client_with(&[&a, &b], small)
        .upload(in_pieces(&bytes, 10_000))
        .await
        .unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    assert_eq!(a.seen().len() + b.seen().len(), 1);
    assert_eq!(music.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_nothing_is_left_after_a_while() {
    let music = Music::new();
    let server = Server::start(&music).await;
    server.always(uploads, Fault::StallUploadAfter(0));
    let pulled = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = Arc::clone(&pulled);
    let endless = stream::repeat_with(move || {
        counted.fetch_add(1 << 16, std::sync::atomic::Ordering::Relaxed);
        Ok(Bytes::from(vec![0; 1 << 16]))
    });
    let song = NewSong {
        stated: titled("song"),
        audio: endless.boxed(),
    };
    let client = client_with(&[&server], |config| config.attempts_max = 1);
    let began = Instant::now();
    let error = client.upload(song).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    assert!(began.elapsed() < S * 30);
    let pulled = pulled.load(std::sync::atomic::Ordering::Relaxed);
    // What the sockets of this machine hold, and little more.
    assert!(pulled < 32 << 20, "{pulled} bytes were pulled");
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_nobody_takes_ends_in_an_error() {
    let music = Music::new();
    let (a, b) = (Server::start(&music).await, Server::start(&music).await);
    a.kill();
    b.kill();
    let error = client(&[&a, &b])
        .upload(in_pieces(&audio(1000), 10))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn what_the_uploader_states_travels_with_the_upload() {
    let music = Music::new();
    let server = Server::start(&music).await;
    let stated = Stated {
        title: Some("söng & more".into()),
        artists: vec!["a/b?c".into(), "d&e".into()],
        album: Some(String::new()),
        album_artists: vec!["f, g".into(), "h=i".into()],
        path: Some("x/y z.ogg".into()),
    };
    let client = client(&[&server]);
    client
        .upload_bytes(Bytes::from_static(b"audio"), stated)
        .await
        .unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].param("title"), Some("söng & more"));
    assert_eq!(seen[0].param("artist"), Some("a/b?c"));
    assert_eq!(
        seen[0].param("album"),
        Some(""),
        "an empty album is stated too"
    );
    let nothing = client.upload_bytes(Bytes::new(), Stated::default());
    assert!(matches!(nothing.await, Err(Error::NoTitle)));
    assert!(server.seen()[1].query.is_empty());
}
