//! Audio and covers over HTTP: ranges, conditions, headers, broken streams.

mod support;

use std::sync::{Arc, atomic::Ordering};

use axum::{Router, http::Method};
use bytes::Bytes;
use kadenza_services::{Format, Song, Tags};
use support::*;

const SIZE: usize = 10_000;

fn library() -> (Arc<Memory>, Router, Song, Bytes) {
    let memory = Arc::new(Memory::default());
    let audio = noise(SIZE);
    let song = memory.add("Für Elise", "Ludwig", "", audio.clone());
    let router = views(&memory);
    (memory, router, song, audio)
}

fn audio_of(song: &Song) -> String {
    format!("/api/v1/songs/{}/audio", song.id())
}

#[tokio::test]
async fn whole_audio_says_what_it_is() {
    let (_, router, song, audio) = library();
    let response = get(&router, &audio_of(&song), &[]).await;
    assert_eq!(response.status(), 200);
    let etag = format!("\"{}\"", song.best().content);
    for (name, value) in [
        ("content-type", "audio/mpeg"),
        ("content-length", "10000"),
        ("etag", etag.as_str()),
        ("last-modified", "Sun, 22 Nov 2026 10:00:00 GMT"),
        ("accept-ranges", "bytes"),
        ("cache-control", "private, no-cache"),
        ("x-content-type-options", "nosniff"),
        (
            "content-disposition",
            "inline; filename*=UTF-8''Ludwig%20-%20F%C3%BCr%20Elise.mp3",
        ),
    ] {
        assert_eq!(header(&response, name), value);
    }
    let timing = header(&response, "server-timing");
    assert!(timing.starts_with("total;dur=") && timing.contains(", service;dur="));
    assert_eq!(bytes(response).await, audio);
}

#[tokio::test]
async fn a_range_is_exactly_its_bytes() {
    let (_, router, song, audio) = library();
    for (range, start, end) in [
        ("bytes=0-0", 0, 1),
        ("bytes=0-", 0, SIZE),
        ("bytes=9999-", 9999, SIZE),
        ("bytes=123-4567", 123, 4568),
        ("bytes=-7", SIZE - 7, SIZE),
        ("bytes=-99999", 0, SIZE),
        ("bytes=5000-99999", 5000, SIZE),
        ("bytes=20000-,10-19", 10, 20),
        ("bytes=10-19,15-29,30-39", 10, 40),
    ] {
        let response = get(&router, &audio_of(&song), &[("range", range)]).await;
        assert_eq!(response.status(), 206, "{range}");
        let content_range = format!("bytes {start}-{}/{SIZE}", end - 1);
        assert_eq!(header(&response, "content-range"), content_range);
        assert_eq!(
            header(&response, "content-length"),
            (end - start).to_string()
        );
        assert_eq!(bytes(response).await, audio.slice(start..end), "{range}");
    }
}

#[tokio::test]
async fn what_players_ask_for_is_one_call_of_the_service() {
    let (memory, router, song, audio) = library();
    let pinned = format!("{}?recording={}", audio_of(&song), song.best().content);
    for (target, range) in [
        (audio_of(&song), None),
        (audio_of(&song), Some("bytes=0-")),
        (pinned, Some("bytes=0-99999")),
    ] {
        let headers: Vec<_> = range.map(|range| ("range", range)).into_iter().collect();
        let response = get(&router, &target, &headers).await;
        assert_eq!(bytes(response).await, audio);
    }
    assert_eq!(memory.audio_opened.load(Ordering::SeqCst), 3);
    assert_eq!(memory.songs_looked_up.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_range_that_means_nothing_is_ignored() {
    let (_, router, song, audio) = library();
    let swarm: Vec<String> = (0..17).map(|i| format!("{0}-{0}", 2 * i)).collect();
    let swarm = format!("bytes={}", swarm.join(","));
    for range in ["bytes=5-4", "items=0-1", "bytes=x-", swarm.as_str()] {
        let response = get(&router, &audio_of(&song), &[("range", range)]).await;
        assert_eq!(response.status(), 200, "{range}");
        assert!(!response.headers().contains_key("content-range"));
        assert_eq!(bytes(response).await, audio);
    }
}

#[tokio::test]
async fn a_range_behind_the_end_is_refused_with_the_size() {
    let (memory, router, song, _) = library();
    for range in ["bytes=10000-", "bytes=-0", "bytes=10000-10001,20000-"] {
        let response = get(&router, &audio_of(&song), &[("range", range)]).await;
        assert_eq!(header(&response, "content-range"), "bytes */10000");
        let document = problem(response, 416, "range").await;
        assert_eq!(document["number"], 10_000);
    }
    assert_eq!(memory.audio_opened.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn several_ranges_come_as_parts_in_the_order_asked_for() {
    let (_, router, song, audio) = library();
    let wanted = [9000..9100, 0..1, 5000..7500];
    let range = "bytes=9000-9099, 0-0, 5000-7499";
    let response = get(&router, &audio_of(&song), &[("range", range)]).await;
    assert_eq!(response.status(), 206);
    let media_type = header(&response, "content-type").to_owned();
    let boundary = media_type
        .strip_prefix("multipart/byteranges; boundary=")
        .unwrap();
    let length: usize = header(&response, "content-length").parse().unwrap();
    let body = bytes(response).await;
    assert_eq!(body.len(), length);
    let mut expected = Vec::new();
    for range in wanted {
        expected.extend_from_slice(
            format!(
                "\r\n--{boundary}\r\nContent-Type: audio/mpeg\r\nContent-Range: bytes {}-{}/{SIZE}\r\n\r\n",
                range.start,
                range.end - 1
            )
            .as_bytes(),
        );
        expected.extend_from_slice(&audio[range]);
    }
    expected.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    assert_eq!(body, expected);
}

#[tokio::test]
async fn head_tells_all_and_opens_nothing() {
    let (memory, router, song, _) = library();
    let target = audio_of(&song);
    let with_range = send(&router, Method::HEAD, &target, &[("range", "bytes=0-9")]).await;
    assert_eq!(with_range.status(), 200);
    assert_eq!(header(&with_range, "content-length"), "10000");
    assert_eq!(bytes(with_range).await.len(), 0);
    assert_eq!(memory.audio_opened.load(Ordering::SeqCst), 0);
    let head = send(&router, Method::HEAD, &target, &[]).await;
    let full = get(&router, &target, &[]).await;
    for (name, value) in full.headers() {
        if name != "server-timing" {
            assert_eq!(head.headers().get(name), Some(value), "{name}");
        }
    }
}

#[tokio::test]
async fn conditions_are_weighed_before_anything_is_opened() {
    let (memory, router, song, _) = library();
    let etag = format!("\"{}\"", song.best().content);
    let weak = format!("W/{etag}, \"other\"");
    let (before, exact) = (
        "Sun, 22 Nov 2026 09:59:59 GMT",
        "Sun, 22 Nov 2026 10:00:00 GMT",
    );
    for (headers, status) in [
        (vec![("if-none-match", etag.as_str())], 304),
        (vec![("if-none-match", weak.as_str())], 304),
        (vec![("if-none-match", "*")], 304),
        (vec![("if-modified-since", exact)], 304),
        (
            vec![("if-none-match", etag.as_str()), ("range", "bytes=0-1")],
            304,
        ),
        (vec![("if-match", "\"other\"")], 412),
        (vec![("if-match", weak.as_str())], 412),
        (vec![("if-unmodified-since", before)], 412),
    ] {
        for method in [Method::GET, Method::HEAD] {
            let response = send(&router, method.clone(), &audio_of(&song), &headers).await;
            assert_eq!(response.status(), status, "{headers:?}");
            if status == 304 {
                assert_eq!(header(&response, "etag"), etag);
                assert_eq!(header(&response, "cache-control"), "private, no-cache");
                assert!(bytes(response).await.is_empty());
            } else if method == Method::GET {
                problem(response, 412, "precondition-failed").await;
            }
        }
    }
    assert_eq!(memory.audio_opened.load(Ordering::SeqCst), 0);
    for headers in [
        vec![("if-none-match", "\"other\"")],
        vec![("if-none-match", "\"other\""), ("if-modified-since", exact)],
        vec![("if-modified-since", before)],
        vec![("if-match", etag.as_str()), ("if-unmodified-since", before)],
    ] {
        let response = get(&router, &audio_of(&song), &headers).await;
        assert_eq!(response.status(), 200, "{headers:?}");
    }
}

#[tokio::test]
async fn a_range_of_what_the_client_no_longer_has_is_all_of_it() {
    let (_, router, song, _) = library();
    let etag = format!("\"{}\"", song.best().content);
    let weak = format!("W/{etag}");
    for (if_range, status) in [
        (etag.as_str(), 206),
        ("Sun, 22 Nov 2026 10:00:00 GMT", 206),
        (weak.as_str(), 200),
        ("\"other\"", 200),
        ("Sun, 22 Nov 2026 10:00:01 GMT", 200),
    ] {
        let headers = [("range", "bytes=0-9"), ("if-range", if_range)];
        let response = get(&router, &audio_of(&song), &headers).await;
        assert_eq!(response.status(), status, "{if_range}");
    }
}

#[tokio::test]
async fn a_recording_is_pinned_by_its_hash() {
    let (memory, router, song, worse) = library();
    let better = noise(500);
    let tags = Tags::new("Für Elise", "Ludwig", "").unwrap();
    let best = kadenza_services::Recording {
        format: Format::Flac,
        ..recording(tags, &better)
    };
    memory.add_recording(best.clone(), better.clone());
    let target = audio_of(&song);
    let response = get(&router, &target, &[]).await;
    assert_eq!(header(&response, "content-type"), "audio/flac");
    assert_eq!(bytes(response).await, better);
    let pinned = format!("{target}?recording={}", song.best().content);
    let response = get(&router, &pinned, &[("range", "bytes=9990-")]).await;
    assert_eq!(
        header(&response, "cache-control"),
        "private, max-age=31536000, immutable"
    );
    assert_eq!(bytes(response).await, worse.slice(9990..));
    let absent = format!("{target}?recording={}", "0".repeat(64));
    problem(get(&router, &absent, &[]).await, 404, "not-found").await;
    let malformed = format!("{target}?recording=1");
    problem(get(&router, &malformed, &[]).await, 400, "invalid").await;
}

#[tokio::test]
async fn a_song_that_is_not_there_is_not_found() {
    let (_, router, _, _) = library();
    for id in ["0".repeat(64), "nonsense".to_owned(), "%00".to_owned()] {
        for rest in ["", "/audio", "/artwork"] {
            let target = format!("/api/v1/songs/{id}{rest}");
            problem(get(&router, &target, &[]).await, 404, "not-found").await;
        }
    }
}

#[tokio::test]
async fn audio_that_cannot_be_read_at_all_is_a_status() {
    let (memory, router, song, _) = library();
    *memory.fault.lock() = Fault::FirstPiece;
    problem(get(&router, &audio_of(&song), &[]).await, 500, "damaged").await;
}

#[tokio::test]
async fn a_stream_that_breaks_is_never_a_whole_body() {
    let (memory, router, song, _) = library();
    for fault in [Fault::Midway, Fault::Short] {
        *memory.fault.lock() = fault;
        for range in ["bytes=0-", "bytes=0-2999,5000-7999"] {
            let response = get(&router, &audio_of(&song), &[("range", range)]).await;
            assert_eq!(response.status(), 206);
            let body = axum::body::to_bytes(response.into_body(), usize::MAX).await;
            assert!(body.is_err(), "{fault:?} {range}");
        }
    }
}

#[tokio::test]
async fn a_stream_that_gives_too_much_is_cut_at_its_length() {
    let (memory, router, song, audio) = library();
    *memory.fault.lock() = Fault::Long;
    let response = get(&router, &audio_of(&song), &[("range", "bytes=10-4009")]).await;
    assert_eq!(bytes(response).await, audio.slice(10..4010));
}

#[tokio::test]
async fn a_cover_is_tagged_and_locked_up() {
    let (memory, router, song, _) = library();
    let target = format!("/api/v1/songs/{}/artwork?size=300", song.id());
    let response = get(&router, &target, &[]).await;
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "content-type"), "image/png");
    assert_eq!(header(&response, "x-content-type-options"), "nosniff");
    assert_eq!(
        header(&response, "content-security-policy"),
        "default-src 'none'; sandbox"
    );
    let etag = header(&response, "etag").to_owned();
    assert_eq!(bytes(response).await, "picture of Some(300) pixels");
    let again = get(&router, &target, &[("if-none-match", &etag)]).await;
    assert_eq!(again.status(), 304);
    assert!(bytes(again).await.is_empty());
    for size in ["0", "2049", "-1", "big", ""] {
        let target = format!("/api/v1/songs/{}/artwork?size={size}", song.id());
        problem(get(&router, &target, &[]).await, 400, "invalid").await;
    }
    let drawing = memory.add("Drawing", "", "", noise(10));
    let target = format!("/api/v1/songs/{}/artwork", drawing.id());
    let response = get(&router, &target, &[]).await;
    assert_eq!(
        header(&response, "content-type"),
        "application/octet-stream"
    );
}

#[tokio::test]
async fn hostile_titles_make_no_header_of_their_own() {
    let memory = Arc::new(Memory::default());
    let router = views(&memory);
    for title in [
        "a\r\nX-Evil: 1",
        "\"; filename=evil.exe",
        "../../x",
        "\u{202e}3pm",
    ] {
        let song = memory.add(title, title, title, noise(10));
        let response = get(&router, &audio_of(&song), &[]).await;
        assert!(!response.headers().contains_key("x-evil"));
        let disposition = header(&response, "content-disposition");
        let name = disposition
            .strip_prefix("inline; filename*=UTF-8''")
            .unwrap();
        assert!(
            name.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$&+-.^_`|~%".contains(&b))
        );
    }
}
