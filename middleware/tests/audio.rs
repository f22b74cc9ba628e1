//! Songs across the death of servers.

mod common;

use std::{sync::Arc, time::Duration};

use common::{Fault, Music, Request, Server, audio, client, client_with};
use futures_util::{StreamExt, TryStreamExt};
use kadenza_contract::{
    Audio, AudioRequest, ByteRange, ContentHash, Error, MusicService, MusicServiceExt, Result,
    SongId,
};
use kadenza_middleware::Client;
use proptest::prelude::*;
use tokio::time::Instant;

const S: Duration = Duration::from_secs(1);

fn for_audio(request: &Request) -> bool {
    request.is_audio()
}

fn part(song: SongId, start: u64, end: Option<u64>) -> AudioRequest {
    AudioRequest {
        range: ByteRange { start, end },
        ..AudioRequest::whole(song)
    }
}

async fn heard(audio: Audio) -> Result<Vec<u8>> {
    let pieces: Vec<_> = audio.stream.try_collect().await?;
    Ok(pieces.concat())
}

async fn hear(client: &Client, request: &AudioRequest) -> Result<Vec<u8>> {
    heard(client.audio(request).await?.expect("the song is there")).await
}

/// Each server breaks off its first answer; whichever is asked first, the other one goes on.
fn break_off_once(servers: &[&Server], fault: &Fault) {
    let fault = Arc::new(parking_lot::Mutex::new(Some(fault.clone())));
    for server in servers {
        let fault = Arc::clone(&fault);
        server.on(move |request| match request.is_audio() {
            true => fault.lock().take().unwrap_or_default(),
            false => Fault::None,
        });
    }
}

#[tokio::test]
async fn all_of_a_song_and_any_part_of_it_is_heard() {
    let (music, bytes) = (Music::new(), audio(1000));
    let id = music.add("song", bytes.clone()).unwrap();
    let server = Server::start(&music).await;
    let client = client(&[&server]);
    let whole = client
        .audio(&AudioRequest::whole(id))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(whole.range, 0..1000);
    assert_eq!(whole.recording.content, ContentHash::of(&bytes));
    assert_eq!(heard(whole).await.unwrap(), bytes);
    for (start, end, heard) in [
        (0, Some(1), &bytes[..1]),
        (1, None, &bytes[1..]),
        (999, None, &bytes[999..]),
        (10, Some(5000), &bytes[10..]),
        (400, Some(500), &bytes[400..500]),
    ] {
        assert_eq!(hear(&client, &part(id, start, end)).await.unwrap(), heard);
    }
    for (start, end) in [(1000, None), (2000, Some(3000)), (5, Some(5)), (5, Some(4))] {
        let error = client.audio(&part(id, start, end)).await.unwrap_err();
        assert!(
            matches!(error, Error::Range { .. }),
            "{start} {end:?} {error:?}"
        );
    }
    let nothing = SongId::of("nothing", "", "");
    assert!(
        client
            .audio(&AudioRequest::whole(nothing))
            .await
            .unwrap()
            .is_none()
    );
    let other = AudioRequest {
        recording: Some(ContentHash::of(b"other")),
        ..AudioRequest::whole(id)
    };
    assert!(client.audio(&other).await.unwrap().is_none());
}

#[tokio::test]
async fn a_seek_in_a_song_costs_one_request() {
    let music = Music::new();
    let id = music.add("song", audio(1000)).unwrap();
    let server = Server::start(&music).await;
    let client = client(&[&server]);
    for start in 0..10 {
        hear(&client, &part(id, start, None)).await.unwrap();
    }
    assert_eq!(server.seen().len(), 11, "ten parts, and once the song");
}

#[tokio::test(start_paused = true)]
async fn a_server_may_die_at_any_byte_and_the_song_goes_on_exactly() {
    let (music, bytes) = (Music::new(), audio(40));
    let id = music.add("song", bytes.clone()).unwrap();
    let (a, b) = (Server::start(&music).await, Server::start(&music).await);
    for at in 0..40 {
        for (start, end) in [(0, None), (7, None), (3, Some(31))] {
            // A client of its own, so that each case begins with two servers in good health.
            let client = client(&[&a, &b]);
            break_off_once(&[&a, &b], &Fault::CutAfter(at));
            let end_at = end.map_or(40, |end: u64| usize::try_from(end).unwrap());
            let expected = &bytes[usize::try_from(start).unwrap()..end_at];
            let heard = hear(&client, &part(id, start, end)).await.unwrap();
            assert_eq!(heard, expected, "cut at {at} of {start}..{end_at}");
        }
    }
    let resumed: Vec<Request> = [a.seen(), b.seen()].concat();
    let resumed: Vec<_> = resumed
        .iter()
        .filter(|r| r.header("if-range").is_some())
        .collect();
    assert!(resumed.len() > 100);
    let tag = format!("\"{}\"", ContentHash::of(&bytes));
    for request in resumed {
        assert_eq!(request.header("if-range"), Some(tag.as_str()));
        assert_eq!(request.param("recording"), Some(tag.trim_matches('"')));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Several deaths, two ways to die, three servers, any part of the song.
    #[test]
    fn what_is_heard_is_what_was_uploaded_whatever_dies(
        deaths in proptest::collection::vec((any::<bool>(), 0usize..60_000), 0..5),
        start in 0u64..50_000, length in proptest::option::of(1u64..50_000),
    ) {
        let bytes = audio(50_000);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let music = Music::new();
            let id = music.add("song", bytes.clone()).unwrap();
            let servers = [Server::start(&music).await, Server::start(&music).await, Server::start(&music).await];
            let deaths = Arc::new(parking_lot::Mutex::new(deaths));
            for server in &servers {
                let deaths = Arc::clone(&deaths);
                server.on(move |request| match deaths.lock().pop().filter(|_| request.is_audio()) {
                    Some((true, at)) => Fault::CutAfter(at),
                    Some((false, at)) => Fault::StallAfter(at),
                    None => Fault::None,
                });
            }
            let client = client(&servers.each_ref());
            let end = length.map(|length| start + length);
            let expected = &bytes[start as usize..end.map_or(50_000, |end| end.min(50_000) as usize)];
            let heard = hear(&client, &part(id, start, end)).await.unwrap();
            assert!(heard == expected, "{} bytes instead of {}", heard.len(), expected.len());
        });
    }
}

#[tokio::test]
async fn a_listener_hears_no_error_when_the_server_is_killed() {
    let (music, bytes) = (Music::new(), audio(8 << 20));
    let id = music.add("song", bytes.clone()).unwrap();
    let servers = [
        Server::start(&music).await,
        Server::start(&music).await,
        Server::start(&music).await,
    ];
    let client = client(&servers.each_ref());
    let audio = client
        .audio(&AudioRequest::whole(id))
        .await
        .unwrap()
        .unwrap();
    let mut stream = audio.stream;
    let mut heard = Vec::new();
    let mut killed = 0;
    while let Some(piece) = stream.next().await {
        heard.extend_from_slice(&piece.unwrap());
        // Two of three die, each while it feeds the song.
        if heard.len() > (killed + 1) * (2 << 20) && killed < 2 {
            let feeding = servers
                .iter()
                .max_by_key(|server| last_fed(server))
                .unwrap();
            feeding.kill();
            feeding.on(|_| Fault::Close);
            killed += 1;
        }
    }
    assert_eq!(killed, 2);
    assert!(heard == bytes);
}

/// The byte from which a server was last asked for audio, one more; nothing if it was not.
fn last_fed(server: &Server) -> u64 {
    let seen = server.seen();
    let Some(request) = seen.iter().rfind(|request| request.is_audio()) else {
        return 0;
    };
    let range = request.header("range").unwrap_or("bytes=0-");
    let first = range.strip_prefix("bytes=").and_then(|r| r.split_once('-'));
    1 + first.map_or(0, |(first, _)| first.parse().unwrap_or(0))
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_left_within_the_stall_timeout() {
    let (music, bytes) = (Music::new(), audio(1000));
    let id = music.add("song", bytes.clone()).unwrap();
    let (a, b) = (Server::start(&music).await, Server::start(&music).await);
    let client = client(&[&a, &b]);
    break_off_once(&[&a, &b], &Fault::StallAfter(500));
    let began = Instant::now();
    assert_eq!(
        hear(&client, &AudioRequest::whole(id)).await.unwrap(),
        bytes
    );
    assert!(
        (S * 2..S * 3).contains(&began.elapsed()),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_listener_who_pauses_for_long_is_not_a_silent_server() {
    let (music, bytes) = (Music::new(), audio(1000));
    let id = music.add("song", bytes.clone()).unwrap();
    let server = Server::start(&music).await;
    server.once(for_audio, Fault::PauseAfter(500, S * 1800));
    let client = client(&[&server]);
    let audio = client.audio(&AudioRequest::whole(id)).await.unwrap();
    let mut stream = audio.unwrap().stream;
    let mut heard = stream.next().await.unwrap().unwrap().to_vec();
    assert_eq!(heard.len(), 500);
    tokio::time::sleep(S * 3600).await;
    while let Some(piece) = stream.next().await {
        heard.extend_from_slice(&piece.unwrap());
    }
    assert_eq!(heard, bytes);
    let seen = server.seen();
    let asked = seen.iter().filter(|request| request.is_audio()).count();
    assert_eq!(asked, 1, "the song was not asked for again");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_cuts_off_a_listener_who_paused_is_not_out() {
    let (music, bytes) = (Music::new(), audio(1000));
    let id = music.add("song", bytes.clone()).unwrap();
    let (a, b) = (Server::start(&music).await, Server::start(&music).await);
    break_off_once(&[&a, &b], &Fault::CutAfter(500));
    let client = client(&[&a, &b]);
    let audio = client.audio(&AudioRequest::whole(id)).await.unwrap();
    let mut stream = audio.unwrap().stream;
    let mut heard = stream.next().await.unwrap().unwrap().to_vec();
    tokio::time::sleep(S * 3600).await;
    while let Some(piece) = stream.next().await {
        heard.extend_from_slice(&piece.unwrap());
    }
    assert_eq!(heard, bytes);
    tokio::time::sleep(S * 60).await;
    client.song(&id).await.unwrap();
    assert_eq!(a.probes() + b.probes(), 0, "none had to be probed");
}

#[tokio::test]
async fn a_slow_listener_slows_the_server() {
    let (music, size) = (Music::new(), 64 << 20);
    let id = music.add("song", vec![7; size]).unwrap();
    let server = Server::start(&music).await;
    let client = client(&[&server]);
    let audio = client.audio(&AudioRequest::whole(id)).await.unwrap();
    let mut stream = audio.unwrap().stream;
    let mut heard = stream.next().await.unwrap().unwrap().len();
    // Nobody reads on: what the server can send has an end.
    let (mut sent, mut same) = (0, 0);
    common::eventually("the server stands still", || {
        same = if server.sent() == sent { same + 1 } else { 0 };
        sent = server.sent();
        std::future::ready(same > 20)
    })
    .await;
    assert!(
        sent < size / 2,
        "{sent} bytes were sent ahead of the listener"
    );
    while let Some(piece) = stream.next().await {
        heard += piece.unwrap().len();
    }
    assert_eq!(heard, size);
}

#[tokio::test(start_paused = true)]
async fn a_server_with_other_audio_is_never_gone_on_with() {
    let (music, bytes) = (Music::new(), audio(1000));
    let id = music.add("song", bytes.clone()).unwrap();
    for lie in [
        Fault::OtherTag,
        Fault::OtherAudio(audio(2000).into()),
        Fault::WholeInstead,
        Fault::Raw("HTTP/1.1 206 Partial\r\nContent-Length: 3\r\n\r\nabc".into()),
        Fault::Raw("HTTP/1.1 204 No Content\r\n\r\n".into()),
        Fault::Problem(404, "not-found", ""),
        Fault::Problem(416, "range", ""),
        Fault::Problem(400, "invalid", ""),
        Fault::Hang,
    ] {
        let (honest, liar) = (Server::start(&music).await, Server::start(&music).await);
        liar.always(
            |request| request.is_audio() && request.header("if-range").is_some(),
            lie.clone(),
        );
        let mut cut = true;
        honest.on(
            move |request| match request.is_audio() && std::mem::take(&mut cut) {
                true => Fault::CutAfter(500),
                false => Fault::None,
            },
        );
        // The honest one alone first, so that it is the one to break off.
        let client = client_with(&[&honest], |config| config.learn_every = Some(S * 60));
        honest.list(vec![liar.url.clone()]);
        let audio = client
            .audio(&AudioRequest::whole(id))
            .await
            .unwrap()
            .unwrap();
        common::eventually("the liar is known", || async {
            client.servers().await.unwrap().len() == 2
        })
        .await;
        assert_eq!(heard(audio).await.unwrap(), bytes, "{lie:?}");
        assert!(!liar.seen().is_empty(), "the liar was asked: {lie:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn more_audio_than_was_asked_for_is_not_passed_on() {
    let (music, bytes) = (Music::new(), audio(1000));
    let id = music.add("song", bytes.clone()).unwrap();
    let server = Server::start(&music).await;
    // Without a length, the body ends with the connection: here, ten bytes late.
    let tag = ContentHash::of(&bytes);
    let head = format!(
        "HTTP/1.1 206 Partial\r\nETag: \"{tag}\"\r\nContent-Range: bytes 0-99/1000\r\n\r\n"
    );
    let long = Fault::Raw(head + &"x".repeat(110));
    server.always(for_audio, long);
    let client = client(&[&server]);
    let audio = client.audio(&part(id, 0, Some(100))).await.unwrap();
    let mut stream = audio.unwrap().stream;
    let (mut heard, mut error) = (0, None);
    while let Some(piece) = stream.next().await {
        match piece {
            Ok(piece) => heard += piece.len(),
            Err(told) => error = Some(told),
        }
    }
    assert!(heard <= 100, "{heard} bytes of 100");
    assert!(matches!(error, Some(Error::Protocol { .. })), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn audio_that_was_not_asked_for_is_refused_from_the_start() {
    let (music, bytes) = (Music::new(), audio(1000));
    let id = music.add("song", bytes.clone()).unwrap();
    let tag = ContentHash::of(&bytes);
    let short = format!("HTTP/1.1 200 OK\r\nETag: \"{tag}\"\r\nContent-Length: 3\r\n\r\nabc");
    for lie in [
        Fault::OtherTag,
        Fault::OtherAudio(audio(2000).into()),
        Fault::Raw(short),
    ] {
        let server = Server::start(&music).await;
        server.always(for_audio, lie);
        let error = client(&[&server])
            .audio(&AudioRequest::whole(id))
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Protocol { .. }), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_song_that_no_server_can_finish_ends_in_an_error() {
    let (music, bytes) = (Music::new(), audio(1000));
    let id = music.add("song", bytes.clone()).unwrap();
    let (a, b) = (Server::start(&music).await, Server::start(&music).await);
    for server in [&a, &b] {
        server.always(for_audio, Fault::CutAfter(1));
    }
    let client = client(&[&a, &b]);
    let mut stream = client
        .audio(&AudioRequest::whole(id))
        .await
        .unwrap()
        .unwrap()
        .stream;
    let mut heard = Vec::new();
    let error = loop {
        match stream.next().await.expect("an error comes before the end") {
            Ok(piece) => heard.extend_from_slice(&piece),
            Err(error) => break error,
        }
    };
    assert!(error.is_transient(), "{error:?}");
    assert!(stream.next().await.is_none(), "the error is the last item");
    assert!(
        bytes.starts_with(&heard) && heard.len() < 20,
        "{} bytes",
        heard.len()
    );
    let asked = [a.seen(), b.seen()]
        .concat()
        .iter()
        .filter(|r| r.is_audio())
        .count();
    assert!(asked <= 13, "{asked} requests without progress");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_restarted_goes_on_with_its_own_song() {
    let (music, bytes) = (Music::new(), audio(1000));
    let id = music.add("song", bytes.clone()).unwrap();
    let server = Server::start(&music).await;
    server.once(for_audio, Fault::CutAfter(500));
    let client = client(&[&server]);
    let audio = client.audio(&AudioRequest::whole(id)).await.unwrap();
    let rest = tokio::spawn(heard(audio.unwrap()));
    server.kill();
    tokio::time::sleep(S * 2).await;
    server.revive().await;
    assert_eq!(rest.await.unwrap().unwrap(), bytes);
}

#[tokio::test]
async fn a_connection_serves_one_question_after_another() {
    let music = Music::new();
    let id = music.add("song", audio(100_000)).unwrap();
    let server = Server::start(&music).await;
    let client = client(&[&server]);
    for _ in 0..20 {
        client.audio_bytes(&id).await.unwrap().unwrap();
        client.song(&id).await.unwrap();
    }
    assert!(
        server.connections() <= 2,
        "{} connections",
        server.connections()
    );
}
