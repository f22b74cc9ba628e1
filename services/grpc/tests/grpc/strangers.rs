//! Clients that are not ours, and some that are no clients.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::stream;
use kadenza_grpc::{
    PIECE_BYTES_MAX, ServerConfig,
    proto::{
        self, UploadSongRequest,
        upload_song_request::{End, Part, Stated},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tonic::Code;

use crate::support::{Backend, Odd, PATIENCE, until};

fn messages(parts: Vec<Part>) -> Vec<UploadSongRequest> {
    let message = |part| UploadSongRequest { part: Some(part) };
    parts.into_iter().map(message).collect()
}

#[tokio::test]
async fn a_malformed_upload_is_refused_and_stored_nowhere() {
    let odd = Arc::new(Odd::default());
    let backend = Backend::of(Arc::clone(&odd) as _, ServerConfig::default()).await;
    let stated = || Part::Stated(Stated::default());
    let piece = |bytes: usize| Part::Piece(Bytes::from(vec![1; bytes]));
    let refused: [(&str, Vec<UploadSongRequest>, Code); 9] = [
        ("nothing", vec![], Code::Aborted),
        ("no end", messages(vec![stated(), piece(9)]), Code::Aborted),
        (
            "no beginning",
            messages(vec![piece(9), Part::End(End {})]),
            Code::InvalidArgument,
        ),
        (
            "only an end",
            messages(vec![Part::End(End {})]),
            Code::InvalidArgument,
        ),
        (
            "two beginnings",
            messages(vec![stated(), piece(9), stated(), Part::End(End {})]),
            Code::InvalidArgument,
        ),
        (
            "a message of nothing",
            vec![
                messages(vec![stated()])[0].clone(),
                UploadSongRequest::default(),
            ],
            Code::InvalidArgument,
        ),
        (
            "an empty piece",
            messages(vec![stated(), piece(0)]),
            Code::InvalidArgument,
        ),
        (
            "a large piece",
            messages(vec![
                stated(),
                piece(PIECE_BYTES_MAX + 1),
                Part::End(End {}),
            ]),
            Code::InvalidArgument,
        ),
        (
            "a huge piece",
            messages(vec![stated(), piece(16 << 20), Part::End(End {})]),
            Code::Aborted,
        ),
    ];
    for (what, messages, code) in refused {
        let mut stub = backend.stub().await;
        let answered = stub.upload_song(stream::iter(messages)).await;
        let status = answered.map(|_| ()).unwrap_err();
        assert_eq!(status.code(), code, "{what}: {status:?}");
        assert!(!status.details().is_empty(), "{what}");
    }
    until("nothing is held", || odd.held() == 0).await;
    assert!(
        odd.uploads().iter().all(Result::is_err),
        "{:?}",
        odd.uploads()
    );

    let whole = messages(vec![stated(), piece(PIECE_BYTES_MAX), Part::End(End {})]);
    let mut stub = backend.stub().await;
    stub.upload_song(stream::iter(whole)).await.unwrap();
    assert_eq!(odd.uploads().last(), Some(&Ok(PIECE_BYTES_MAX as u64)));
}

#[tokio::test]
async fn questions_that_make_no_sense_are_told_so() {
    let backend = Backend::of(Arc::new(Odd::default()), ServerConfig::default()).await;
    let mut stub = backend.stub().await;
    let short = Bytes::from_static(b"short");
    let status = stub
        .get_song(proto::GetSongRequest {
            id: short,
            with_copies: false,
        })
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(
        status.message().contains("32 bytes"),
        "{}",
        status.message()
    );

    let page = proto::Page {
        size: 501,
        token: String::new(),
    };
    let request = proto::SearchSongsRequest {
        query: None,
        page: Some(page),
    };
    let status = stub.search_songs(request).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);

    let request = proto::StreamAudioRequest {
        song_id: vec![0; 32].into(),
        start: u64::MAX,
        ..Default::default()
    };
    let status = stub.stream_audio(request).await.map(|_| ()).unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange);

    let request = proto::GetArtworkRequest {
        song_id: vec![0; 32].into(),
        pixels: None,
    };
    let status = stub.get_artwork(request).await.map(|_| ()).unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
}

/// Sends bytes, and waits until the other side closes the connection.
async fn is_dropped_after(backend: &Backend, what: &str, bytes: &[u8]) {
    let mut stream = TcpStream::connect(backend.address).await.unwrap();
    // It may be closed before all is sent.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer));
    assert!(ended.await.is_ok(), "{what}: still open");
}

#[tokio::test]
async fn garbage_costs_its_sender_the_connection_and_others_nothing() {
    let server = ServerConfig {
        preface_deadline: Duration::from_millis(300),
        keep_alive_interval: Duration::from_millis(300),
        keep_alive_timeout: Duration::from_millis(300),
        ..ServerConfig::default()
    };
    let backend = Backend::of(Arc::new(Odd::default()), server).await;
    let mut stub = backend.stub().await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let after_preface = |rest: &[u8]| [preface, rest].concat();
    let mut noise = vec![0; 100_000];
    blake3::Hasher::new().finalize_xof().fill(&mut noise);
    for (what, bytes) in [
        ("noise", noise.clone()),
        ("noise after the preface", after_preface(&noise)),
        (
            "another protocol",
            b"GET / HTTP/1.1\r\nhost: a\r\n\r\n".to_vec(),
        ),
        ("silence", Vec::new()),
        ("half a preface", preface[..9].to_vec()),
        ("a preface and silence", preface.to_vec()),
        ("a frame of 16 MiB", after_preface(&[0xff; 9])),
    ] {
        let begun = Instant::now();
        is_dropped_after(&backend, what, &bytes).await;
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "{what}: {:?}",
            begun.elapsed()
        );
    }
    stub.list_servers(proto::ListServersRequest {})
        .await
        .unwrap();
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_their_turn() {
    let server = ServerConfig {
        connections_max: 1,
        ..ServerConfig::default()
    };
    let backend = Backend::of(Arc::new(Odd::default()), server).await;
    let mut first = backend.stub().await;
    first
        .list_servers(proto::ListServersRequest {})
        .await
        .unwrap();
    let mut second = backend.stub().await;
    let waiting = second.list_servers(proto::ListServersRequest {});
    let mut waiting = std::pin::pin!(waiting);
    let early = tokio::time::timeout(Duration::from_millis(200), &mut waiting).await;
    assert!(early.is_err(), "it was not to be served yet");
    drop(first);
    waiting.await.unwrap();
}
