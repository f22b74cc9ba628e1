//! Deadlines, cancellation, back-pressure, bounds, and the end of a backend.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};
use kadenza_contract::{
    AudioRequest, Error, MusicService, MusicServiceExt, NewSong, Query, Stated,
};
use kadenza_grpc::{ClientConfig, ServerConfig};
use tokio::net::TcpListener;

use crate::support::{Backend, Odd, client_of, odd, the_song, until};

const SHORT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn a_question_ends_at_the_deadline_on_both_sides() {
    let client = ClientConfig {
        deadline: SHORT,
        ..ClientConfig::default()
    };
    let (odd, _backend, client) = odd(ServerConfig::default(), client).await;
    let answered = client.song(&the_song().id()).await;
    assert!(
        matches!(answered, Err(Error::Timeout { waited }) if waited >= SHORT),
        "{answered:?}"
    );
    until("the service is no longer asked", || odd.held() == 0).await;
}

#[tokio::test]
async fn a_backend_has_a_deadline_of_its_own() {
    let server = ServerConfig {
        deadline: SHORT,
        ..ServerConfig::default()
    };
    let (odd, backend, client) = odd(server, ClientConfig::default()).await;
    let answered = client.song(&the_song().id()).await;
    assert!(
        matches!(answered, Err(Error::Timeout { .. })),
        "{answered:?}"
    );
    assert_eq!(odd.held(), 0);

    let id = Bytes::copy_from_slice(the_song().id().as_bytes());
    let request = kadenza_grpc::proto::GetSongRequest {
        id,
        with_copies: false,
    };
    let status = backend.stub().await.get_song(request).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::DeadlineExceeded);
}

#[tokio::test]
async fn a_question_that_is_given_up_is_given_up_on_the_other_side() {
    let (odd, _backend, client) = odd(ServerConfig::default(), ClientConfig::default()).await;
    let asking = tokio::spawn({
        let client = client.clone();
        async move { client.song(&the_song().id()).await }
    });
    until("the service is asked", || odd.held() == 1).await;
    asking.abort();
    until("the service is no longer asked", || odd.held() == 0).await;
}

#[tokio::test]
async fn errors_keep_their_meaning() {
    let (_odd, _backend, client) = odd(ServerConfig::default(), ClientConfig::default()).await;
    let busy = client.search(&Query::all()).await;
    assert!(matches!(busy, Err(Error::Busy)), "{busy:?}");
    let late = client.status().await;
    let waited = Duration::from_millis(7);
    assert!(
        matches!(late, Err(Error::Timeout { waited: told }) if told == waited),
        "{late:?}"
    );
    assert_eq!(client.servers().await.unwrap(), ["http://somewhere:1"]);
}

#[tokio::test]
async fn a_listener_who_pauses_or_goes_pauses_or_ends_the_service() {
    let (odd, _backend, client) = odd(ServerConfig::default(), ClientConfig::default()).await;
    let request = AudioRequest::whole(the_song().id());
    let mut audio = client.audio(&request).await.unwrap().unwrap();
    assert_eq!(audio.stream.next().await.unwrap().unwrap().len(), 64 * 1024);
    // It comes to rest once the windows are full.
    let mut before = 0;
    loop {
        tokio::time::sleep(SHORT).await;
        if odd.pieces() == before {
            break;
        }
        before = odd.pieces();
    }
    assert!(before * 64 * 1024 < 4 << 20, "{before} pieces on their way");
    // Others hear in the meantime, however many pause.
    let mut paused = Vec::new();
    for _ in 0..200 {
        let mut audio = client.audio(&request).await.unwrap().unwrap();
        audio.stream.next().await.unwrap().unwrap();
        paused.push(audio);
    }
    for _ in 0..10 {
        audio.stream.next().await.unwrap().unwrap();
    }
    assert!(matches!(
        client.search(&Query::all()).await,
        Err(Error::Busy)
    ));
    drop((audio, paused));
    until("nobody feeds a stream", || odd.held() == 0).await;
}

#[tokio::test]
async fn a_listener_who_takes_nothing_is_given_up() {
    let server = ServerConfig {
        listener_idle_deadline: SHORT,
        ..ServerConfig::default()
    };
    let (odd, _backend, client) = odd(server, ClientConfig::default()).await;
    let request = AudioRequest::whole(the_song().id());
    let mut audio = client.audio(&request).await.unwrap().unwrap();
    until("the service feeds no stream", || odd.held() == 0).await;
    let mut last = None;
    while let Some(piece) = audio.stream.next().await {
        last = Some(piece);
    }
    assert!(matches!(last, Some(Err(_))), "the end was silent");
}

#[tokio::test]
async fn a_song_that_breaks_off_is_never_taken_for_a_whole_one() {
    let (odd, _backend, client) = odd(ServerConfig::default(), ClientConfig::default()).await;
    let whole = Bytes::from(vec![1; 600_000]);
    client
        .upload_bytes(whole.clone(), Stated::default())
        .await
        .unwrap();
    assert_eq!(odd.uploads(), [Ok(600_000)]);

    // The caller's stream breaks.
    let broken = Error::Body {
        cause: "the disk".into(),
    };
    let pieces = [Ok(whole.clone()), Err(broken)];
    let song = NewSong {
        stated: Stated::default(),
        audio: stream::iter(pieces).boxed(),
    };
    let answered = client.upload(song).await;
    assert!(matches!(answered, Err(Error::Body { .. })), "{answered:?}");
    until("the broken upload is over", || odd.held() == 0).await;

    // The caller gives the call up.
    let endless = stream::iter([Ok(whole)]).chain(stream::pending()).boxed();
    let song = NewSong {
        stated: Stated::default(),
        audio: endless,
    };
    let uploading = tokio::spawn(async move { client.upload(song).await });
    until("an upload is under way", || odd.held() == 1).await;
    uploading.abort();
    until("it is over", || odd.held() == 0).await;
    assert_eq!(odd.uploads().iter().filter(|end| end.is_ok()).count(), 1);
}

#[tokio::test]
async fn an_upload_that_stalls_is_refused() {
    let server = ServerConfig {
        upload_idle_deadline: SHORT,
        ..ServerConfig::default()
    };
    let (odd, _backend, client) = odd(server, ClientConfig::default()).await;
    let pieces = stream::iter([Ok(Bytes::from_static(b"beginning"))]).chain(stream::pending());
    let song = NewSong {
        stated: Stated::default(),
        audio: pieces.boxed(),
    };
    let answered = client.upload(song).await;
    assert!(matches!(answered, Err(Error::Body { .. })), "{answered:?}");
    assert_eq!(odd.held(), 0);
}

#[tokio::test]
async fn more_calls_than_are_allowed_are_refused_and_not_queued() {
    let server = ServerConfig {
        calls_max: 2,
        ..ServerConfig::default()
    };
    let (odd, _backend, client) = odd(server, ClientConfig::default()).await;
    let request = AudioRequest::whole(the_song().id());
    let first = client.audio(&request).await.unwrap().unwrap();
    let second = client.audio(&request).await.unwrap().unwrap();
    let third = client.audio(&request).await;
    assert!(matches!(third, Err(Error::Busy)), "{third:?}");
    drop((first, second));
    until("the places are free again", || odd.held() == 0).await;
    assert!(client.audio(&request).await.unwrap().is_some());
}

#[tokio::test]
async fn an_absent_backend_is_told_quickly_and_used_again_later() {
    let (_odd, backend, client) = odd(ServerConfig::default(), ClientConfig::default()).await;
    client.servers().await.unwrap();
    let address = backend.address;
    assert_eq!(backend.end().await, 0);

    let begun = Instant::now();
    let asked = (0..50).map(|_| client.servers());
    for answered in futures_util::future::join_all(asked).await {
        assert!(
            matches!(answered, Err(Error::Unreachable { .. })),
            "{answered:?}"
        );
    }
    let uploaded = client
        .upload_bytes(Bytes::from_static(b"a"), Stated::default())
        .await;
    assert!(matches!(uploaded, Err(Error::Unreachable { .. })));
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );

    let listener = TcpListener::bind(address).await.unwrap();
    let back = Arc::new(Odd::default());
    let _backend = Backend::at(listener, back, ServerConfig::default());
    client.servers().await.unwrap();
}

#[tokio::test]
async fn a_call_after_an_idle_connection_ended_opens_a_new_one() {
    let (_odd, backend, client) = odd(ServerConfig::default(), ClientConfig::default()).await;
    client.servers().await.unwrap();
    let address = backend.address;
    backend.end().await;
    let listener = TcpListener::bind(address).await.unwrap();
    let back = Arc::new(Odd::default());
    let _backend = Backend::at(listener, Arc::clone(&back) as _, ServerConfig::default());
    // The first upload on the lost connection, which took nothing of it.
    client
        .upload_bytes(Bytes::from_static(b"a"), Stated::default())
        .await
        .unwrap();
    assert_eq!(back.uploads(), [Ok(1)]);
}

#[tokio::test]
async fn an_end_lets_calls_under_way_finish_and_cuts_what_does_not() {
    let server = ServerConfig {
        grace: SHORT,
        ..ServerConfig::default()
    };
    let (odd, backend, client) = odd(server, ClientConfig::default()).await;
    let request = AudioRequest::whole(the_song().id());
    let mut audio = client.audio(&request).await.unwrap().unwrap();
    audio.stream.next().await.unwrap().unwrap();
    let begun = Instant::now();
    let ending = backend.end();
    let mut ending = std::pin::pin!(ending);
    // It is not over before its grace, in which the listener still hears.
    assert!((&mut ending).now_or_never().is_none());
    audio.stream.next().await.unwrap().unwrap();
    assert_eq!(ending.await, 1);
    assert!(begun.elapsed() >= SHORT);
    assert_eq!(
        odd.held(),
        0,
        "the service is let go before the end is told"
    );
    let mut last = None;
    while let Some(piece) = audio.stream.next().await {
        last = Some(piece);
    }
    assert!(matches!(last, Some(Err(_))), "the end was silent");
}

#[tokio::test]
async fn a_place_that_is_none_is_refused() {
    let client = kadenza_grpc::Client::new("a b", 1, ClientConfig::default());
    assert!(matches!(client, Err(Error::Invalid { .. })));
    let nowhere = client_of(([127, 0, 0, 1], 1).into(), ClientConfig::default());
    let answered = nowhere.servers().await.unwrap_err().chain();
    assert!(answered.contains("grpc://127.0.0.1:1"), "{answered}");
    assert!(answered.to_lowercase().contains("refused"), "{answered}");
}
