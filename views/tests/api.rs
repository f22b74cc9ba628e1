//! The JSON of the interface: songs, lists, uploads, problems.

mod support;

use std::sync::{Arc, atomic::Ordering};

use axum::{
    Router,
    body::Body,
    http::{Method, Request, Response},
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use kadenza_services::{Format, Partial, Tags};
use kadenza_views::{Readiness, ViewsConfig, router};
use serde_json::json;
use support::{Memory, bytes, get, header, noise, problem, recording, send, until, views, within};
use tower::ServiceExt;

async fn post(
    router: &Router,
    target: &str,
    headers: &[(&str, &str)],
    body: Body,
) -> Response<Body> {
    let mut request = Request::post(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(body).expect("a request");
    router.clone().oneshot(request).await.unwrap()
}

#[tokio::test]
async fn a_song_has_every_field_and_lists_several_recordings() {
    let memory = Arc::new(Memory::default());
    let router = views(&memory);
    let audio = noise(100);
    let tags = Tags::new("Blå", "Øl", "")
        .unwrap()
        .with_track(Some(3))
        .with_year(Some(1999));
    let lossy = recording(tags.clone(), &audio);
    let song = memory.add_recording(lossy.clone(), audio);
    let target = format!("/api/v1/songs/{}", song.id());
    let response = get(&router, &target, &[]).await;
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "content-type"), "application/json");
    let one = json!({
        "title": "Blå", "artist": "Øl", "artists": ["Øl"], "album": "", "track": 3, "disc": null,
        "year": 1999, "genre": null, "genres": [], "albumArtist": null, "albumArtists": [],
        "compilation": false, "durationMs": 180_000, "size": 100, "contentType": "audio/mpeg",
        "contentHash": lossy.content.to_string(), "format": "mp3", "bitRate": 192,
        "hasArtwork": true, "addedAt": "2026-11-22T10:00:00.123Z", "reader": 0,
    });
    let mut expected = one.clone();
    expected["id"] = song.id().to_string().into();
    let listed = support::json(get(&router, "/api/v1/songs", &[]).await).await;
    assert_eq!(listed["items"], json!([expected]));
    expected["recordings"] = json!([one]);
    assert_eq!(support::json(response).await, expected);

    let better = noise(200);
    let best = kadenza_services::Recording {
        format: Format::Flac,
        ..recording(tags, &better)
    };
    memory.add_recording(best, better);
    let song = support::json(get(&router, &target, &[]).await).await;
    assert_eq!(song["format"], "flac");
    assert_eq!(song["contentType"], "audio/flac");
    assert_eq!(song["recordings"][0]["format"], "flac");
    assert_eq!(song["recordings"][1], one);
}

#[tokio::test]
async fn searching_follows_pages_to_the_end() {
    let memory = Arc::new(Memory::default());
    let router = views(&memory);
    for n in 0..45 {
        memory.add(&format!("Song {n:02}"), "Alpha & Ω", "", noise(n));
    }
    memory.add("Other", "Beta", "", noise(3));
    for (query, expected) in [
        ("", 46),
        ("q=", 46),
        ("q=%20", 46),
        ("q=song", 45),
        ("artist=alpha+%26+%CF%89", 45),
        ("q=song&artist=Beta", 0),
        ("genre=jazz&album=", 46),
        ("genre=", 0),
    ] {
        for limit in ["", "&limit=7", "&limit=500"] {
            let (mut titles, mut cursor) = (Vec::new(), String::new());
            loop {
                let target = format!("/api/v1/songs?{query}{limit}{cursor}");
                let page = support::json(get(&router, &target, &[]).await).await;
                let items = page["items"].as_array().unwrap();
                titles.extend(
                    items
                        .iter()
                        .map(|song| song["title"].as_str().unwrap().to_owned()),
                );
                match page["next"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break,
                }
            }
            assert_eq!(titles.len(), expected, "{query}{limit}");
            titles.dedup();
            assert_eq!(titles.len(), expected, "{query}{limit}");
        }
    }
}

#[tokio::test]
async fn every_order_is_known_and_others_are_refused() {
    let memory = Arc::new(Memory::default());
    let router = views(&memory);
    for sort in ["relevance", "title", "artist", "album", "newest", "year"] {
        let response = get(&router, &format!("/api/v1/songs?sort={sort}"), &[]).await;
        assert_eq!(response.status(), 200, "{sort}");
    }
    for query in [
        "sort=random",
        "sort=",
        "sort=Title",
        "limit=0",
        "limit=501",
        "limit=-1",
        "limit=x",
        "limit=99999999999999999999",
        "cursor=x",
        "cursor=00",
        "q=a&q=b",
    ] {
        let response = get(&router, &format!("/api/v1/songs?{query}"), &[]).await;
        problem(response, 400, "invalid").await;
    }
    for list in ["artists", "albums", "genres"] {
        for query in ["limit=0", "cursor=zz"] {
            let response = get(&router, &format!("/api/v1/{list}?{query}"), &[]).await;
            problem(response, 400, "invalid").await;
        }
    }
}

#[tokio::test]
async fn an_empty_cursor_or_limit_counts_as_absent() {
    let router = views(&Arc::new(Memory::default()));
    for list in ["songs", "artists", "albums", "genres"] {
        let path = format!("/api/v1/{list}");
        let plain = support::json(get(&router, &path, &[]).await).await;
        for query in ["cursor=", "limit=", "cursor=&limit="] {
            let response = get(&router, &format!("{path}?{query}"), &[]).await;
            assert_eq!(response.status(), 200, "{path}?{query}");
            assert_eq!(support::json(response).await, plain, "{path}?{query}");
        }
    }
}

#[tokio::test]
async fn groups_have_counts_and_a_song_for_the_cover() {
    let memory = Arc::new(Memory::default());
    let router = views(&memory);
    let song = memory.add("One", "Artist", "Album", noise(1));
    memory.add("Two", "Other", "", noise(2));
    let albums = support::json(get(&router, "/api/v1/albums", &[]).await).await;
    let expected = json!({ "items": [{
        "name": "Album", "artist": "Artist", "songs": 1, "durationMs": 180_000, "year": null,
        "song": song.id().to_string(),
    }], "next": null });
    assert_eq!(albums, expected);
    let artists = support::json(get(&router, "/api/v1/artists?limit=1", &[]).await).await;
    assert_eq!(artists["items"][0]["name"], "Artist");
    assert!(artists["items"][0].get("artist").is_none());
    let next = artists["next"].as_str().unwrap();
    let rest = get(
        &router,
        &format!("/api/v1/artists?limit=1&cursor={next}"),
        &[],
    )
    .await;
    let rest = support::json(rest).await;
    assert_eq!(
        (&rest["items"][0]["name"], &rest["next"]),
        (&json!("Other"), &json!(null))
    );
    let genres = get(&router, "/api/v1/genres?artist=other", &[]).await;
    assert_eq!(support::json(genres).await["items"][0]["songs"], 1);
}

#[tokio::test]
async fn an_upload_is_created_once_and_found_at_its_location() {
    let memory = Arc::new(Memory::default());
    let router = views(&memory);
    let target = "/api/v1/songs?title=Caf%C3%A9+%26&artist=A%2BB&album=";
    let audio = noise(5000);
    let pieces: Vec<_> = audio
        .chunks(700)
        .map(Bytes::copy_from_slice)
        .map(Ok::<_, std::io::Error>)
        .collect();
    let response = post(
        &router,
        target,
        &[],
        Body::from_stream(stream::iter(pieces)),
    )
    .await;
    assert_eq!(response.status(), 201);
    let location = header(&response, "location").to_owned();
    let song = support::json(response).await;
    assert_eq!(
        (&song["title"], &song["artist"]),
        (&json!("Café &"), &json!("A+B"))
    );
    assert_eq!(
        location,
        format!("/api/v1/songs/{}", song["id"].as_str().unwrap())
    );
    assert_eq!(
        support::json(get(&router, &location, &[]).await).await,
        song
    );
    let heard = get(&router, &format!("{location}/audio"), &[]).await;
    assert_eq!(bytes(heard).await, audio);
    let again = post(&router, target, &[], Body::from(audio)).await;
    assert_eq!(again.status(), 200);
    assert_eq!(support::json(again).await, song);
}

#[tokio::test]
async fn an_upload_is_refused_with_its_reason() {
    let memory = Arc::new(Memory::default());
    let router = views(&memory);
    let songs = "/api/v1/songs";
    let untitled = post(&router, songs, &[], Body::from("audio")).await;
    let document = problem(untitled, 422, "no-title").await;
    assert!(
        document["detail"].as_str().unwrap().contains("?title="),
        "{document}"
    );
    let text = post(&router, songs, &[], Body::from("not audio at all")).await;
    problem(text, 415, "not-audio").await;
    let empty = post(&router, songs, &[], Body::empty()).await;
    problem(empty, 415, "not-audio").await;
    let form = [("content-type", "Multipart/form-data; boundary=x")];
    let document = problem(
        post(&router, songs, &form, Body::from("audio")).await,
        415,
        "not-audio",
    )
    .await;
    assert!(
        document["detail"]
            .as_str()
            .unwrap()
            .contains("--data-binary"),
        "{document}"
    );
    let packed = [("content-encoding", "gzip")];
    problem(
        post(&router, songs, &packed, Body::from("audio")).await,
        415,
        "not-audio",
    )
    .await;
    let foreign = [("sec-fetch-site", "cross-site")];
    problem(
        post(&router, songs, &foreign, Body::from("audio")).await,
        403,
        "cross-site",
    )
    .await;
    let curl = [("content-type", "application/x-www-form-urlencoded")];
    let taken = post(&router, "/api/v1/songs?title=x", &curl, Body::from("audio")).await;
    assert_eq!(taken.status(), 201);
}

#[tokio::test]
async fn an_upload_that_is_too_large_is_refused_at_its_limit() {
    let memory = Arc::new(Memory::default());
    let config = ViewsConfig {
        upload_bytes_max: 1000,
        ..ViewsConfig::default()
    };
    let router = router(Arc::clone(&memory) as _, config);
    let target = "/api/v1/songs?title=x";
    let declared = post(&router, target, &[], Body::from(noise(1001))).await;
    let document = problem(declared, 413, "too-large").await;
    assert_eq!(document["number"], 1000);
    assert_eq!(memory.pieces_taken.load(Ordering::SeqCst), 0);
    // Without a declared length the stream is endless, and must be cut.
    let endless = stream::repeat_with(|| Ok::<_, std::io::Error>(noise(100)));
    let streamed = within(post(&router, target, &[], Body::from_stream(endless))).await;
    problem(streamed, 413, "too-large").await;
    assert_eq!(memory.pieces_taken.load(Ordering::SeqCst), 10);
    let exact = post(&router, target, &[], Body::from(noise(1000))).await;
    assert_eq!(exact.status(), 201);
}

#[tokio::test]
async fn a_slow_service_slows_the_upload() {
    let memory = Arc::new(Memory::default());
    memory.pieces.forget_permits(usize::MAX);
    let router = views(&memory);
    let given = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = Arc::clone(&given);
    let pieces = stream::iter(0..50).map(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        Ok::<_, std::io::Error>(noise(100))
    });
    let upload = tokio::spawn(async move {
        post(
            &router,
            "/api/v1/songs?title=x",
            &[],
            Body::from_stream(pieces),
        )
        .await
    });
    for taken in 1..=3 {
        memory.pieces.add_permits(1);
        until(|| memory.pieces_taken.load(Ordering::SeqCst) == taken).await;
        assert_eq!(
            given.load(Ordering::SeqCst),
            taken,
            "a piece was taken ahead of the service"
        );
    }
    memory.pieces.add_permits(1000);
    assert_eq!(within(upload).await.unwrap().status(), 201);
}

#[tokio::test]
async fn what_is_not_there_and_what_cannot_be_done_are_problems() {
    let router = views(&Arc::new(Memory::default()));
    problem(get(&router, "/", &[]).await, 404, "not-found").await;
    problem(
        get(&router, "/api/v1/nothing?x", &[]).await,
        404,
        "not-found",
    )
    .await;
    for (method, target, allowed) in [
        (Method::DELETE, "/api/v1/songs", "GET,HEAD,POST"),
        (Method::PUT, "/api/v1/status", "GET,HEAD"),
        (Method::POST, "/health", "GET,HEAD"),
    ] {
        let response = send(&router, method, target, &[]).await;
        assert_eq!(header(&response, "allow"), allowed);
        problem(response, 405, "method-not-allowed").await;
    }
}

#[tokio::test]
async fn status_servers_and_health_tell_how_it_is() {
    let memory = Arc::new(Memory::default());
    memory.add("a", "", "", noise(7));
    let readiness = Readiness::default();
    let config = ViewsConfig {
        advertised: Some("http://b:2".to_owned()),
        readiness: readiness.clone(),
        ..ViewsConfig::default()
    };
    let router = router(memory, config);
    let status = support::json(get(&router, "/api/v1/status", &[]).await).await;
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        status,
        json!({ "version": version, "songs": 1, "bytes": 7, "nodes": [] })
    );
    let servers = support::json(get(&router, "/api/v1/servers", &[]).await).await;
    assert_eq!(
        servers,
        json!({ "items": ["http://b:2", "http://a:1"], "next": null })
    );
    let health = support::json(get(&router, "/health", &[]).await).await;
    assert_eq!(health["status"], "ok");
    readiness.withdraw("this server waits for the moon");
    let health = get(&router, "/health", &[]).await;
    header(&health, "retry-after");
    let told = problem(health, 503, "not-ready").await;
    assert_eq!(told["detail"], "this server waits for the moon");
    readiness.give();
    assert_eq!(get(&router, "/health", &[]).await.status(), 200);
}

#[tokio::test]
async fn metrics_count_what_was_answered() {
    let memory = Arc::new(Memory::default());
    let song = memory.add("a", "", "", noise(1234));
    let router = views(&memory);
    let audio = get(&router, &format!("/api/v1/songs/{}/audio", song.id()), &[]).await;
    let during = get(&router, "/metrics", &[]).await;
    let during = String::from_utf8(bytes(during).await.to_vec()).unwrap();
    assert!(during.contains("\nkadenza_http_in_flight 2\n"), "{during}");
    drop(bytes(audio).await);
    drop(get(&router, "/api/v1/songs/x", &[]).await);
    drop(post(&router, "/api/v1/songs?title=b", &[], Body::from(noise(55))).await);
    let metrics = get(&router, "/metrics", &[]).await;
    assert!(header(&metrics, "content-type").starts_with("text/plain; version=0.0.4"));
    let text = String::from_utf8(bytes(metrics).await.to_vec()).unwrap();
    for line in [
        "kadenza_http_requests_total{route=\"audio\",status=\"200\"} 1",
        "kadenza_http_requests_total{route=\"song\",status=\"404\"} 1",
        "kadenza_http_requests_total{route=\"upload\",status=\"201\"} 1",
        "kadenza_http_audio_bytes_total 1234",
        "kadenza_http_upload_bytes_total 55",
        "kadenza_http_uploads_total{outcome=\"added\"} 1",
        "kadenza_http_in_flight 1",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
async fn the_description_is_served() {
    let router = views(&Arc::new(Memory::default()));
    let document = support::json(get(&router, "/api/v1/openapi.json", &[]).await).await;
    assert_eq!(document["openapi"], "3.1.0");
    // What is described is routed: none of it is "not found" for want of a path.
    for (path, methods) in document["paths"].as_object().unwrap() {
        // The process around the views serves them, since membership is no call of a service.
        if ["/api/v1/leave", "/api/v1/forget"].contains(&path.as_str()) {
            continue;
        }
        for method in methods.as_object().unwrap().keys() {
            let Ok(method) = method.to_uppercase().parse::<Method>() else {
                continue;
            };
            if method.as_str() == "PARAMETERS" {
                continue;
            }
            let target = path.replace("{id}", &"0".repeat(64));
            let response = send(&router, method, &target, &[]).await;
            let text = bytes(response).await;
            let text = String::from_utf8_lossy(&text).into_owned();
            assert!(
                !text.contains("there is nothing at") && !text.contains("method-not-allowed"),
                "{path}: {text}"
            );
        }
    }
}

#[tokio::test]
async fn a_partial_list_is_told_as_such_and_stored_nowhere() {
    let memory = Arc::new(Memory::default());
    let router = views(&memory);
    memory.add("Found", "Somebody", "Album", noise(100));
    for target in ["songs", "songs?q=found", "artists", "albums", "genres"] {
        let target = format!("/api/v1/{target}");
        *memory.partial.lock() = None;
        let response = get(&router, &target, &[]).await;
        assert_eq!(header(&response, "cache-control"), "no-cache");
        let whole = support::json(response).await;
        assert_eq!(whole.get("partial"), None, "{whole}");

        *memory.partial.lock() = Some(Partial::new(["10.0.0.1:4534".to_owned()]));
        let response = get(&router, &target, &[]).await;
        assert_eq!(response.status(), 200);
        assert_eq!(header(&response, "cache-control"), "no-store");
        let partial = support::json(response).await;
        assert_eq!(partial["partial"], json!({ "missing": ["10.0.0.1:4534"] }));
        assert_eq!(partial["items"], whole["items"]);
    }
}
