//! On whose behalf requests are sent, and to whom a credential is shown.

mod common;

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use common::{Fault, Music, Request, Server, audio, client_with, eventually};
use futures_util::{StreamExt, TryStreamExt, stream};
use kadenza_contract::{
    ArtworkRequest, AudioRequest, Browse, Credential, Error, GroupKind, MusicService,
    MusicServiceExt, NewSong, Query, Stated,
};

const TOKEN: &str = "kadenza_0123456789";

fn credential(text: &str) -> Credential {
    Credential::new(text).unwrap()
}

fn shown(request: &Request) -> &str {
    request.header("authorization").unwrap_or_default()
}

fn upload(title: &str) -> NewSong {
    NewSong {
        stated: Stated {
            title: Some(title.into()),
            ..Stated::default()
        },
        audio: stream::iter([Ok(Bytes::from_static(b"audio"))]).boxed(),
    }
}

/// Every call there is.
async fn ask_everything(service: &dyn MusicService, music: &Music) {
    let id = music.add("song", audio(1000)).unwrap();
    service.song(&id).await.unwrap().unwrap();
    service.search(&Query::all()).await.unwrap();
    let audio = service.audio(&AudioRequest::whole(id)).await;
    let _: Vec<Bytes> = audio.unwrap().unwrap().stream.try_collect().await.unwrap();
    service.upload(upload("another")).await.unwrap();
    service.status().await.unwrap();
    // What this server does not have is asked for all the same.
    assert_eq!(service.lyrics(&id).await.unwrap(), None);
    assert_eq!(service.copies(&id).await.unwrap(), None);
    let cover = ArtworkRequest {
        song: id,
        size: None,
    };
    assert_eq!(service.artwork(&cover).await.unwrap(), None);
    let _ = service.browse(&Browse::all(GroupKind::Album)).await;
}

#[tokio::test]
async fn every_request_shows_who_asks() {
    let music = Music::new();
    let server = Server::start(&music).await;
    let client = client_with(&[&server], |config| {
        config.credential = Some(credential(TOKEN));
        config.learn_every = Some(std::time::Duration::from_secs(60));
    });
    ask_everything(&client, &music).await;
    client.leave().await.unwrap();
    let _ = client.forget("0".repeat(64)).await;
    client.servers().await.unwrap();
    eventually("it was asked for the servers that it knows", || async {
        let seen = server.seen_all();
        seen.iter().any(|request| request.path == "/api/v1/servers")
    })
    .await;
    let seen = server.seen_all();
    let paths: BTreeSet<&str> = seen
        .iter()
        .map(|request| request.path.rsplit('/').next().unwrap())
        .collect();
    for path in [
        "songs", "audio", "lyrics", "copies", "artwork", "albums", "status", "servers", "leave",
        "forget",
    ] {
        assert!(paths.contains(path), "{path} is not among {paths:?}");
    }
    for request in &seen {
        let right = match request.is_health() {
            true => String::new(),
            false => format!("Bearer {TOKEN}"),
        };
        assert_eq!(shown(request), right, "{request:?}");
    }
}

#[tokio::test]
async fn nobody_is_asked_for_in_anothers_name() {
    let music = Music::new();
    let server = Server::start(&music).await;
    let nobody = client_with(&[&server], |_| {});
    let ada = nobody.for_caller(&credential("ada")).unwrap();
    let bob = ada.for_caller(&credential("bob")).unwrap();
    for (service, right) in [
        (&nobody as &dyn MusicService, ""),
        (&*ada, "Bearer ada"),
        (&*bob, "Bearer bob"),
        (&*ada, "Bearer ada"),
        (&nobody, ""),
    ] {
        service.search(&Query::all()).await.unwrap();
        assert_eq!(shown(server.seen().last().unwrap()), right);
    }
}

#[tokio::test]
async fn a_song_that_goes_on_elsewhere_is_asked_for_by_its_listener() {
    let (music, bytes) = (Music::new(), audio(200_000));
    let id = music.add("song", bytes.clone()).unwrap();
    let (one, two) = (Server::start(&music).await, Server::start(&music).await);
    let fault = Arc::new(parking_lot::Mutex::new(Some(Fault::CutAfter(50_000))));
    for server in [&one, &two] {
        let fault = Arc::clone(&fault);
        server.on(move |request| match request.is_audio() {
            true => fault.lock().take().unwrap_or_default(),
            false => Fault::None,
        });
    }
    let nobody = client_with(&[&one, &two], |_| {});
    let ada = nobody.for_caller(&credential("ada")).unwrap();
    let opened = ada.audio(&AudioRequest::whole(id)).await.unwrap().unwrap();
    let pieces: Vec<Bytes> = opened.stream.try_collect().await.unwrap();
    assert_eq!(pieces.concat(), bytes);
    let seen: Vec<Request> = [one.seen(), two.seen()].concat();
    let audio = seen.iter().filter(|request| request.is_audio());
    assert_eq!(audio.map(shown).collect::<Vec<_>>(), ["Bearer ada"; 2]);
}

#[tokio::test]
async fn a_song_ends_when_its_listener_may_hear_no_more() {
    let music = Music::new();
    let id = music.add("song", audio(200_000)).unwrap();
    let (one, two) = (Server::start(&music).await, Server::start(&music).await);
    let begun = Arc::new(parking_lot::Mutex::new(false));
    for server in [&one, &two] {
        let begun = Arc::clone(&begun);
        server.on(move |request| match request.is_audio() {
            true if shown(request) != "Bearer bob" => Fault::None,
            true if std::mem::replace(&mut *begun.lock(), true) => {
                Fault::Problem(401, "not-signed-in", "")
            }
            true => Fault::CutAfter(50_000),
            false => Fault::None,
        });
    }
    let nobody = client_with(&[&one, &two], |_| {});
    let bob = nobody.for_caller(&credential("bob")).unwrap();
    let opened = bob.audio(&AudioRequest::whole(id)).await.unwrap().unwrap();
    let heard: Result<Vec<Bytes>, Error> = opened.stream.try_collect().await;
    assert!(matches!(heard, Err(Error::NotSignedIn)), "{heard:?}");
    // Asked once: no other server knows him better.
    let seen: Vec<Request> = [one.seen(), two.seen()].concat();
    let audio = seen.iter().filter(|request| request.is_audio());
    assert_eq!(audio.count(), 2);
}

#[tokio::test]
async fn a_refusal_is_of_the_caller_and_not_of_the_server() {
    let music = Music::new();
    let id = music.add("song", audio(1000)).unwrap();
    let (one, two) = (Server::start(&music).await, Server::start(&music).await);
    let client = client_with(&[&one, &two], |_| {});
    let bob = client.for_caller(&credential("bob")).unwrap();
    for (status, code, headers) in [
        (401, "not-signed-in", "WWW-Authenticate: Bearer\r\n"),
        (403, "forbidden", ""),
        (429, "wait", "Retry-After: 3\r\n"),
    ] {
        let before = one.seen().len() + two.seen().len();
        for server in [&one, &two] {
            server.on(move |request| match shown(request) {
                "Bearer bob" => Fault::Problem(status, code, headers),
                _ => Fault::None,
            });
        }
        for error in [
            bob.song(&id).await.unwrap_err(),
            bob.upload(upload("new")).await.unwrap_err(),
        ] {
            match (status, error) {
                (401, Error::NotSignedIn) | (429, Error::Wait { seconds: 3 }) => {}
                (403, Error::Forbidden { what }) => assert_eq!(what, "told to"),
                (status, error) => panic!("{status} is {error:?}"),
            }
        }
        // Each call went to one of them, and both are there for others.
        assert_eq!(one.seen().len() + two.seen().len(), before + 2);
        for _ in 0..20 {
            client.song(&id).await.unwrap().unwrap();
        }
    }
}

#[tokio::test]
async fn a_credential_goes_to_servers_named_or_told_of_alone() {
    let music = Music::new();
    let id = music.add("song", audio(1000)).unwrap();
    let named = Server::start(&music).await;
    let told = Server::start(&music).await;
    let stranger = Server::start(&music).await;
    named.list(vec![told.url.clone()]);
    // To follow it would show the token to whomever a server names.
    let url = stranger.url.clone();
    named.on(
        move |request| match request.is_audio() || request.is_upload() {
            true => Fault::Raw(format!(
                "HTTP/1.1 307 Elsewhere\r\nLocation: {url}{}\r\nContent-Length: 0\r\n\r\n",
                request.path
            )),
            false => Fault::None,
        },
    );
    let client = client_with(&[&named], |config| {
        config.credential = Some(credential(TOKEN));
        config.learn_every = Some(std::time::Duration::from_secs(60));
    });
    client.song(&id).await.unwrap().unwrap();
    eventually("a server is learned", || async {
        client.servers().await.unwrap().contains(&told.url)
    })
    .await;
    named.kill();
    client.song(&id).await.unwrap().unwrap();
    assert_eq!(
        shown(told.seen().last().unwrap()),
        format!("Bearer {TOKEN}")
    );
    let before = told.seen_all();
    assert!(
        shown(&before[0]).is_empty() && before[0].is_health(),
        "{before:?}"
    );
    named.revive().await;
    told.kill();
    eventually("the one that is named answers again", || async {
        client.song(&id).await.is_ok()
    })
    .await;
    assert!(client.audio(&AudioRequest::whole(id)).await.is_err());
    assert!(client.upload(upload("new")).await.is_err());
    assert!(stranger.seen_all().is_empty(), "{:?}", stranger.seen_all());
}

#[tokio::test]
async fn servers_are_learned_for_who_is_told_of_them() {
    let music = Music::new();
    let (named, told) = (Server::start(&music).await, Server::start(&music).await);
    named.list(vec![told.url.clone()]);
    named.on(|request| match request.path.as_str() {
        "/api/v1/servers" if shown(request) != "Bearer ada" => {
            Fault::Problem(401, "not-signed-in", "")
        }
        _ => Fault::None,
    });
    let client = client_with(&[&named], |config| {
        config.learn_every = Some(std::time::Duration::from_secs(600));
    });
    client.search(&Query::all()).await.unwrap();
    eventually("nobody was told", || async {
        let seen = named.seen_all();
        seen.iter().any(|request| request.path == "/api/v1/servers")
    })
    .await;
    let ada = client.for_caller(&credential("ada")).unwrap();
    eventually("somebody is told soon after", || async {
        ada.search(&Query::all()).await.unwrap();
        client.servers().await.unwrap().contains(&told.url)
    })
    .await;
}

#[tokio::test]
async fn nothing_that_is_shown_holds_a_credential() {
    let music = Music::new();
    let server = Server::start(&music).await;
    let client = client_with(&[&server], |config| {
        config.credential = Some(credential(TOKEN));
        config.attempts_max = 1;
    });
    let theirs = client.for_caller(&credential(TOKEN)).unwrap();
    let id = music.add("song", audio(1000)).unwrap();
    let mut told = format!("{client:?} {theirs:?} {:?}", client.accounts());
    for fault in [
        Fault::Close,
        Fault::Problem(401, "not-signed-in", ""),
        Fault::Problem(403, "forbidden", ""),
        Fault::Problem(500, "storage", ""),
        Fault::Raw("nonsense\r\n\r\n".to_owned()),
    ] {
        server.always(|_| true, fault);
        let error = theirs.song(&id).await.unwrap_err();
        told += &format!("{error:?} {}", error.chain());
        let error = client.upload(upload("new")).await.unwrap_err();
        told += &format!("{error:?} {}", error.chain());
    }
    assert!(!told.contains(TOKEN), "{told}");
}
