//! Questions over servers that are down, slow, failing, lying or gone mad.

mod common;

use std::time::Duration;

use common::{Fault, Music, Request, Server, client, client_with, eventually};
use kadenza_contract::{ArtworkRequest, Browse, Error, GroupKind, MusicService, Query, SongId};
use tokio::time::Instant;

const S: Duration = Duration::from_secs(1);

fn any(_: &Request) -> bool {
    true
}

#[tokio::test]
async fn a_dead_server_costs_no_answer_and_is_out_at_once() {
    let music = Music::new();
    let id = music.add("song", "audio").unwrap();
    let (a, b) = (Server::start(&music).await, Server::start(&music).await);
    let client = client(&[&a, &b]);
    a.kill();
    eventually("the dead one stands last", || async {
        assert_eq!(client.song(&id).await.unwrap().unwrap().id(), id);
        client.servers().await.unwrap() == [b.url.clone(), a.url.clone()]
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_comes_back_is_probed_and_asked_again() {
    let music = Music::new();
    let id = music.add("song", "audio").unwrap();
    let (a, b) = (Server::start(&music).await, Server::start(&music).await);
    let client = client(&[&a, &b]);
    a.kill();
    eventually("the dead one is found out", || async {
        client.song(&id).await.unwrap();
        client.servers().await.unwrap() == [b.url.clone(), a.url.clone()]
    })
    .await;
    a.revive().await;
    let asked = || a.seen().len();
    let before = asked();
    eventually("the server is asked again", || async {
        client.song(&id).await.unwrap();
        asked() > before
    })
    .await;
    assert_eq!(a.probes(), 1, "one probe is enough to bring it back");
}

#[tokio::test(start_paused = true)]
async fn the_last_server_is_still_asked_though_it_is_out() {
    let music = Music::new();
    let id = music.add("song", "audio").unwrap();
    let a = Server::start(&music).await;
    let client = client(&[&a]);
    a.kill();
    let error = client.song(&id).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    a.revive().await;
    // At once, before any probe could be due.
    assert!(client.song(&id).await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn transient_failures_are_tried_on_the_next_server() {
    for fault in [
        Fault::Problem(503, "too-few", ""),
        Fault::Problem(503, "busy", "Retry-After: 1\r\n"),
        Fault::Problem(500, "storage", ""),
        Fault::Problem(504, "timeout", ""),
        Fault::Problem(502, "protocol", ""),
        Fault::Problem(500, "a-word-of-the-future", ""),
        Fault::Close,
        Fault::Hang,
        Fault::CutAfter(10),
        Fault::StallAfter(10),
        Fault::Raw(
            "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 15\r\n\r\n<html>oops</html>".into(),
        ),
        Fault::Raw("HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\n<p>no</p>".into()),
        Fault::Raw("HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n<html>hi</html>".into()),
        Fault::Raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}".into()),
        Fault::Raw(
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
                .into(),
        ),
        Fault::Raw("SSH-2.0-OpenSSH_9.9\r\n".into()),
        Fault::Raw("\0\0\0\0\0\0".into()),
        Fault::Raw(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{}",
            "[".repeat(99999)
        )),
        Fault::Raw(format!("HTTP/1.1 200 OK\r\n\r\n{}", "[".repeat(2 << 20))),
    ] {
        let music = Music::new();
        let id = music.add("song", "audio").unwrap();
        let (a, b) = (Server::start(&music).await, Server::start(&music).await);
        a.always(any, fault.clone());
        let client = client(&[&a, &b]);
        // Which one is asked first is a matter of chance.
        eventually("the faulty server is asked", || async {
            let found = client.song(&id).await;
            assert!(
                matches!(&found, Ok(Some(song)) if song.id() == id),
                "{fault:?} {found:?}"
            );
            !a.seen().is_empty()
        })
        .await;
    }
}

#[tokio::test]
async fn nonsense_from_the_only_server_is_a_protocol_error() {
    for raw in [
        "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n<html>hi</html>".to_owned(),
        "HTTP/1.1 500 Oops\r\nContent-Length: 15\r\n\r\n<html>hi</html>".to_owned(),
        format!("HTTP/1.1 200 OK\r\n\r\n{}", "[".repeat(2 << 20)),
    ] {
        let server = Server::start(&Music::new()).await;
        server.always(any, Fault::Raw(raw));
        let client = client_with(&[&server], |config| config.attempts_max = 1);
        let error = client.song(&SongId::of("a", "", "")).await.unwrap_err();
        assert!(matches!(error, Error::Protocol { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn no_such_song_is_believed_at_once() {
    let music = Music::new();
    let (a, b) = (Server::start(&music).await, Server::start(&music).await);
    let client = client(&[&a, &b]);
    let id = SongId::of("nothing", "", "");
    assert!(client.song(&id).await.unwrap().is_none());
    let cover = ArtworkRequest {
        song: id,
        size: Some(64),
    };
    assert!(client.artwork(&cover).await.unwrap().is_none());
    assert_eq!(a.seen().len() + b.seen().len(), 2);
}

#[tokio::test]
async fn a_refusal_is_final_and_keeps_its_meaning() {
    for (status, code) in [
        (400, "invalid"),
        (415, "not-audio"),
        (422, "no-title"),
        (413, "too-large"),
    ] {
        let (a, b) = (
            Server::start(&Music::new()).await,
            Server::start(&Music::new()).await,
        );
        for server in [&a, &b] {
            server.always(any, Fault::Problem(status, code, ""));
        }
        let client = client(&[&a, &b]);
        let error = client.search(&Query::all()).await.unwrap_err();
        let as_told = match code {
            "invalid" => matches!(error, Error::Invalid { .. }),
            "not-audio" => matches!(error, Error::NotAudio { .. }),
            "no-title" => matches!(error, Error::NoTitle),
            _ => matches!(error, Error::TooLarge { limit: 3 }),
        };
        assert!(as_told, "{code}: {error:?}");
        assert_eq!(a.seen().len() + b.seen().len(), 1, "{code} was asked once");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reason_is_told_rather_than_that_a_server_is_down() {
    let (a, b) = (
        Server::start(&Music::new()).await,
        Server::start(&Music::new()).await,
    );
    a.always(any, Fault::Problem(503, "too-few", ""));
    b.kill();
    let error = client(&[&a, &b]).search(&Query::all()).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::TooFew {
                reached: 1,
                needed: 3,
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_busy_server_is_asked_again_after_the_time_it_names() {
    let music = Music::new();
    let id = music.add("song", "audio").unwrap();
    let server = Server::start(&music).await;
    server.once(any, Fault::Problem(503, "busy", "Retry-After: 3\r\n"));
    let client = client(&[&server]);
    let began = Instant::now();
    assert!(client.song(&id).await.unwrap().is_some());
    assert!(
        (S * 3..S * 4).contains(&began.elapsed()),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_rest_beyond_the_deadline_is_not_waited_for() {
    let server = Server::start(&Music::new()).await;
    server.always(any, Fault::Problem(503, "busy", "Retry-After: 3600\r\n"));
    let began = Instant::now();
    let error = client(&[&server]).search(&Query::all()).await.unwrap_err();
    assert!(matches!(error, Error::Busy), "{error:?}");
    assert!(began.elapsed() < S);
}

#[tokio::test(start_paused = true)]
async fn a_hanging_service_is_a_timeout_at_the_deadline() {
    let (a, b) = (
        Server::start(&Music::new()).await,
        Server::start(&Music::new()).await,
    );
    for server in [&a, &b] {
        server.always(any, Fault::Hang);
    }
    let client = client_with(&[&a, &b], |config| config.deadline = S * 8);
    let began = Instant::now();
    let error = client.search(&Query::all()).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    assert!(
        (S * 7..S * 9).contains(&began.elapsed()),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn repeats_are_bounded_by_the_budget() {
    let (a, b) = (
        Server::start(&Music::new()).await,
        Server::start(&Music::new()).await,
    );
    for server in [&a, &b] {
        server.always(any, Fault::Problem(500, "storage", ""));
    }
    let client = client(&[&a, &b]);
    let began = Instant::now();
    let questions = 200;
    for _ in 0..questions {
        client.search(&Query::all()).await.unwrap_err();
    }
    let asked = a.seen().len() + b.seen().len();
    let bound = 30.0 + 0.2 * f64::from(questions) + 2.0 * began.elapsed().as_secs_f64();
    let repeats = asked as f64 - f64::from(questions);
    assert!(
        repeats <= bound,
        "{repeats} repeats of {questions}, bound {bound}"
    );
    assert!(repeats > 30.0, "they were repeated at all: {repeats}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_server_is_hedged_by_a_second_one() {
    let music = Music::new();
    let id = music.add("song", "audio").unwrap();
    let (a, b) = (Server::start(&music).await, Server::start(&music).await);
    let client = client_with(&[&a, &b], |config| config.hedge = true);
    for server in [&a, &b] {
        server.always(any, Fault::Hang);
    }
    // Whichever is asked first hangs; the second one answers.
    let (first_a, first_b) = (a.seen().len(), b.seen().len());
    let asking = tokio::spawn({
        let client = client.clone();
        async move { client.song(&id).await }
    });
    eventually("one is asked", || async {
        a.seen().len() + b.seen().len() > first_a + first_b
    })
    .await;
    for server in [&a, &b] {
        server.on(|_| Fault::None);
    }
    let began = Instant::now();
    assert!(asking.await.unwrap().unwrap().is_some());
    assert!(began.elapsed() < S, "{:?}", began.elapsed());
    assert_eq!((a.seen().len(), b.seen().len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_answers_in_its_usual_time_is_not_hedged() {
    let music = Music::new();
    let id = music.add("song", "audio").unwrap();
    let (a, b) = (Server::start(&music).await, Server::start(&music).await);
    for server in [&a, &b] {
        server.always(any, Fault::Delay(S / 5));
    }
    let client = client_with(&[&a, &b], |config| config.hedge = true);
    for _ in 0..20 {
        client.song(&id).await.unwrap();
    }
    assert_eq!(a.seen().len() + b.seen().len(), 20);
}

#[tokio::test]
async fn questions_are_asked_as_the_interface_defines_them() {
    let music = Music::new();
    music.add("song", "audio").unwrap();
    let server = Server::start(&music).await;
    let client = client(&[&server]);
    let query = Query {
        artist: Some("AC/DC & friends".into()),
        sort: kadenza_contract::Sort::Newest,
        ..Query::words("söng ?").unwrap()
    };
    assert_eq!(client.search(&query).await.unwrap().items.len(), 1);
    let seen = server.seen();
    assert_eq!(seen[0].path, "/api/v1/songs");
    assert_eq!(seen[0].param("q"), Some("söng ?"));
    assert_eq!(seen[0].param("artist"), Some("AC/DC & friends"));
    assert_eq!(seen[0].param("sort"), Some("newest"));
    assert_eq!(seen[0].param("limit"), Some("20"));
    assert_eq!(seen[0].param("album"), None);

    // This server knows no albums: an error, not an empty page.
    assert!(client.browse(&Browse::all(GroupKind::Album)).await.is_err());
    assert_eq!(server.seen()[1].path, "/api/v1/albums");

    assert_eq!(client.status().await.unwrap().songs, 1);
    client.leave().await.unwrap();
    assert!(
        server
            .seen()
            .iter()
            .any(|r| r.method == "POST" && r.path == "/api/v1/leave")
    );
}

#[tokio::test]
async fn a_text_without_words_fits_no_song_though_no_text_fits_all() {
    let music = Music::new();
    music.add("song", "audio").unwrap();
    let server = Server::start(&music).await;
    let client = client(&[&server]);
    for text in ["", "  ", "\u{200b}"] {
        let page = client.search(&Query::words(text).unwrap()).await.unwrap();
        assert!(page.items.is_empty() && page.next.is_none(), "{text:?}");
    }
    assert_eq!(client.search(&Query::all()).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn a_text_too_long_for_a_url_is_the_askers_fault() {
    let server = Server::start(&Music::new()).await;
    let query = Query {
        artist: Some("a".repeat(100_000)),
        ..Query::all()
    };
    let error = client(&[&server]).search(&query).await.unwrap_err();
    assert!(matches!(error, Error::Invalid { .. }), "{error:?}");
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn leaving_is_asked_of_the_first_server_alone_and_once() {
    let (a, b) = (
        Server::start(&Music::new()).await,
        Server::start(&Music::new()).await,
    );
    a.always(any, Fault::Problem(503, "busy", ""));
    let error = client(&[&a, &b]).leave().await.unwrap_err();
    assert!(matches!(error, Error::Busy));
    assert_eq!((a.seen().len(), b.seen().len()), (1, 0));
}

#[tokio::test]
async fn a_song_that_is_not_the_one_asked_for_is_refused() {
    let music = Music::new();
    let id = music.add("song", "audio").unwrap();
    let (other, _) = music.find(&id.to_string()).unwrap();
    let body = common::song_json(&other).to_string();
    let server = Server::start(&music).await;
    server.always(
        any,
        Fault::Raw(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )),
    );
    let error = client(&[&server])
        .song(&SongId::of("another", "", ""))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Protocol { .. }), "{error:?}");
}

#[tokio::test]
async fn a_server_cannot_send_its_askers_elsewhere() {
    let music = Music::new();
    let id = music.add("song", "audio").unwrap();
    let (a, b) = (Server::start(&music).await, Server::start(&music).await);
    let elsewhere = format!("{}/api/v1/songs/{id}", b.url);
    a.always(
        any,
        Fault::Raw(format!(
            "HTTP/1.1 307 Over There\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n"
        )),
    );
    let client = client_with(&[&a], |config| config.attempts_max = 1);
    let error = client.song(&id).await.unwrap_err();
    assert!(matches!(error, Error::Protocol { .. }), "{error:?}");
    assert!(b.seen().is_empty());
}

#[tokio::test]
async fn an_answer_larger_than_any_song_is_not_read() {
    let music = Music::new();
    let id = music.add("song", "audio").unwrap();
    let (song, _) = music.find(&id.to_string()).unwrap();
    let body = format!("{}{}", " ".repeat(9 << 20), common::song_json(&song));
    for length in [format!("Content-Length: {}\r\n", body.len()), String::new()] {
        let server = Server::start(&music).await;
        server.always(
            any,
            Fault::Raw(format!("HTTP/1.1 200 OK\r\n{length}\r\n{body}")),
        );
        let client = client_with(&[&server], |config| config.attempts_max = 1);
        let error = client.song(&id).await.unwrap_err();
        assert!(matches!(error, Error::Protocol { .. }), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn servers_are_learned_and_garbage_is_not() {
    let music = Music::new();
    let id = music.add("song", "audio").unwrap();
    let (a, b) = (Server::start(&music).await, Server::start(&music).await);
    let dead = Server::start(&music).await;
    dead.kill();
    a.list(vec![
        "garbage".into(),
        "http://0.0.0.0:1".into(),
        "https://127.0.0.1:2".into(),
        "http://127.0.0.1:0".into(),
        dead.url.clone(),
        a.url.clone(),
        b.url.clone(),
    ]);
    let client = client_with(&[&a], |config| config.learn_every = Some(S * 60));
    client.song(&id).await.unwrap();
    eventually("it was learned", || async {
        client.servers().await.unwrap().len() == 2
    })
    .await;
    let mut known = client.servers().await.unwrap();
    known.sort();
    let mut expected = vec![a.url.clone(), b.url.clone()];
    expected.sort();
    assert_eq!(known, expected);
    a.kill();
    assert!(
        client.song(&id).await.unwrap().is_some(),
        "the learned one answers"
    );
}

#[tokio::test(start_paused = true)]
async fn learning_can_be_switched_off() {
    let music = Music::new();
    let (a, b) = (Server::start(&music).await, Server::start(&music).await);
    a.list(vec![b.url.clone()]);
    let client = client(&[&a]);
    for _ in 0..5 {
        client.search(&Query::all()).await.unwrap();
        tokio::time::sleep(S * 100).await;
    }
    assert_eq!(client.servers().await.unwrap(), [a.url.as_str()]);
}

#[test]
fn a_client_without_a_usable_server_is_refused() {
    use kadenza_middleware::{Client, ClientConfig};
    for servers in [vec![], vec!["host:1"], vec!["http://good:1", "ftp://files"]] {
        let error = Client::new(servers, ClientConfig::default()).unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }));
    }
}
