//! Servers that are frozen: they keep their connections and answer nothing.

mod common;

use std::time::Duration;

use common::{Fault, Music, Request, Server, audio, client, client_with};
use kadenza_contract::{MusicService, MusicServiceExt, Outcome, Query, Stated};
use tokio::time::Instant;

const S: Duration = Duration::from_secs(1);

fn any(_: &Request) -> bool {
    true
}

/// Questions that reached a server beside those for its health.
fn asked(server: &Server) -> usize {
    let seen = server.seen();
    seen.iter().filter(|request| !request.is_health()).count()
}

#[tokio::test(start_paused = true)]
async fn a_frozen_server_costs_questions_less_than_a_second_once() {
    let music = Music::new();
    music.add("song", "audio").unwrap();
    let servers = [
        Server::start(&music).await,
        Server::start(&music).await,
        Server::start(&music).await,
    ];
    let [a, b, c] = &servers;
    a.always(any, Fault::Hang);
    b.always(any, Fault::Hang);
    let client = client_with(&[a, b, c], |config| config.hedge = true);
    let mut waited = Duration::ZERO;
    for _ in 0..30 {
        let began = Instant::now();
        assert_eq!(client.search(&Query::all()).await.unwrap().items.len(), 1);
        waited += began.elapsed();
        // As long as it takes to forget that a server was slow; not that it was silent.
        tokio::time::sleep(S * 60).await;
    }
    // Each of the two is asked while nothing is known of it, and not again before a probe.
    assert!(asked(a) + asked(b) <= 3, "{} {}", asked(a), asked(b));
    assert!(waited < S * 2, "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_song_goes_on_elsewhere_when_its_server_freezes() {
    let (music, bytes) = (Music::new(), audio(1000));
    let id = music.add("song", bytes.clone()).unwrap();
    let (a, b) = (Server::start(&music).await, Server::start(&music).await);
    // Whichever feeds the song freezes; the other one is well.
    let frozen = std::sync::Arc::new(parking_lot::Mutex::new(None::<usize>));
    for (number, server) in [&a, &b].into_iter().enumerate() {
        let frozen = std::sync::Arc::clone(&frozen);
        server.on(move |request| {
            let mut frozen = frozen.lock();
            match *frozen {
                Some(which) if which == number => Fault::Hang,
                None if request.is_audio() => {
                    *frozen = Some(number);
                    Fault::StallAfter(500)
                }
                _ => Fault::None,
            }
        });
    }
    let client = client_with(&[&a, &b], |config| config.stall_timeout = S * 60);
    let began = Instant::now();
    let heard = client.audio_bytes(&id).await.unwrap();
    assert_eq!(heard.unwrap(), bytes);
    assert!(began.elapsed() < S * 2, "{:?}", began.elapsed());
}

#[tokio::test]
async fn an_upload_goes_on_elsewhere_when_its_server_freezes() {
    for (what, bytes) in [("small", audio(1000)), ("large", audio(20 << 20))] {
        let music = Music::new();
        let (a, b) = (Server::start(&music).await, Server::start(&music).await);
        a.always(any, Fault::Hang);
        let client = client(&[&a, &b]);
        for number in 0..4 {
            let stated = Stated {
                title: Some(format!("{what} {number}")),
                ..Stated::default()
            };
            let sent = client.upload_bytes(bytes.clone().into(), stated).await;
            assert_eq!(sent.unwrap().outcome, Outcome::Added, "{what}");
        }
        // With the deadlines of an upload alone it would be waited for again and again.
        assert!(asked(&a) <= 2, "{what}: {}", asked(&a));
    }
}

/// The only server is waited for: it may be slow, and there is no other one.
#[tokio::test(start_paused = true)]
async fn a_server_without_others_is_waited_for() {
    let music = Music::new();
    music.add("song", "audio").unwrap();
    let server = Server::start(&music).await;
    server.always(any, Fault::Delay(S * 4));
    let client = client(&[&server]);
    assert_eq!(client.search(&Query::all()).await.unwrap().items.len(), 1);
    assert_eq!(asked(&server), 1);
}

/// A slow server that lives is waited for too.
#[tokio::test(start_paused = true)]
async fn a_slow_server_that_tells_its_health_is_waited_for() {
    let music = Music::new();
    music.add("song", "audio").unwrap();
    let (a, b) = (Server::start(&music).await, Server::start(&music).await);
    for server in [&a, &b] {
        server.on(|request| match request.is_health() {
            true => Fault::None,
            false => Fault::Delay(S * 4),
        });
    }
    let client = client(&[&a, &b]);
    assert_eq!(client.search(&Query::all()).await.unwrap().items.len(), 1);
    assert_eq!(asked(&a) + asked(&b), 1);
}

/// Where nobody answers, this machine is starved: whoever is asked first is waited for.
#[tokio::test(start_paused = true)]
async fn servers_that_are_all_slow_are_waited_for() {
    let music = Music::new();
    music.add("song", "audio").unwrap();
    let (a, b) = (Server::start(&music).await, Server::start(&music).await);
    for server in [&a, &b] {
        server.always(any, Fault::Delay(S * 4));
    }
    let client = client(&[&a, &b]);
    assert_eq!(client.search(&Query::all()).await.unwrap().items.len(), 1);
    assert_eq!(asked(&a) + asked(&b), 1);
}
