//! Lists that may lack something: another server may have the whole.

mod common;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use common::{Fault, Music, Request, Server, client};
use kadenza_contract::{Browse, GroupKind, MusicService, Query};
use serde_json::json;

/// Longer than a slow answer is remembered.
const PATIENCE: Duration = Duration::from_secs(120);

/// A partial list of so many songs, which names these machines.
fn partial(music: &Music, songs: usize, missing: &[&str]) -> Fault {
    let songs: Vec<_> = music.all().into_iter().take(songs).collect();
    let body = json!({ "items": songs, "next": null, "partial": { "missing": missing } });
    let body = body.to_string();
    let length = body.len();
    Fault::Raw(format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"
    ))
}

fn three_songs() -> Arc<Music> {
    let music = Music::new();
    for title in ["one", "two", "three"] {
        music.add(title, title).expect("another title");
    }
    music
}

#[tokio::test]
async fn a_whole_list_of_another_server_is_given_instead() {
    let music = three_songs();
    let (a, b) = (Server::start(&music).await, Server::start(&music).await);
    a.always(Request::is_search, partial(&music, 1, &["x:1"]));
    let client = client(&[&a, &b]);
    let begun = Instant::now();
    loop {
        let page = client.search(&Query::all()).await.unwrap();
        assert_eq!((page.items.len(), page.partial), (3, None));
        // It did not fail, and so is asked again and again, however slow it once was.
        if a.seen().len() > 3 {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "the partial one is not asked");
    }
    assert_eq!(a.probes(), 0);
}

#[tokio::test]
async fn of_partial_lists_the_one_that_lacks_least_is_given() {
    let music = three_songs();
    let servers = [
        (1, &["x:1"] as &[&str]),
        (3, &["x:1", "y:1"]),
        (2, &["x:1"]),
    ];
    let mut started = Vec::new();
    for (songs, missing) in servers {
        let server = Server::start(&music).await;
        server.always(|_| true, partial(&music, songs, missing));
        started.push(server);
    }
    let client = client(&started.iter().collect::<Vec<_>>());
    let page = client.search(&Query::all()).await.unwrap();
    assert_eq!(page.items.len(), 2);
    assert_eq!(page.partial.unwrap().missing(), ["x:1"]);
    let asked: Vec<usize> = started.iter().map(|server| server.seen().len()).collect();
    assert_eq!(asked, [1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_partial_list_is_given_where_the_others_fail_or_hang() {
    for fault in [
        Fault::Hang,
        Fault::Close,
        Fault::Problem(503, "too-few", ""),
        Fault::Problem(400, "invalid", ""),
    ] {
        let music = three_songs();
        let (a, b) = (Server::start(&music).await, Server::start(&music).await);
        a.always(Request::is_search, partial(&music, 2, &["x:1"]));
        b.always(|_| true, fault.clone());
        let client = client(&[&a, &b]);
        for _ in 0..8 {
            // A refusal is final where it comes first.
            if let Ok(page) = client.search(&Query::all()).await {
                assert_eq!((page.items.len(), page.partial.is_some()), (2, true));
            } else {
                assert!(matches!(fault, Fault::Problem(400, ..)), "{fault:?}");
            }
        }
        assert!(!a.seen().is_empty());
    }
}

#[tokio::test]
async fn a_single_server_is_asked_once_for_a_partial_list() {
    let music = three_songs();
    let server = Server::start(&music).await;
    server.always(|_| true, partial(&music, 0, &[]));
    let client = client(&[&server]);
    let page = client.search(&Query::all()).await.unwrap();
    assert!(page.items.is_empty() && page.partial.is_some());
    let groups = client.browse(&Browse::all(GroupKind::Album)).await;
    assert!(groups.unwrap().partial.is_some());
    assert_eq!(server.seen().len(), 2);
}
