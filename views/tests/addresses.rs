//! What one address may take from others, and how it is told.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    num::NonZeroU32,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use axum::http::{Method, Request};
use futures_util::future::join_all;
use kadenza_views::{Rate, RateBounds, Server, ServerConfig, ViewsConfig, router};
use support::*;
use tokio::net::TcpStream;

const SONG: &str = "/api/v1/songs/0000000000000000000000000000000000000000000000000000000000000000";

/// A server whose clients all come through a proxy, which says for whom it asks.
fn behind_a_proxy(memory: &Arc<Memory>, views: ViewsConfig) -> Running {
    let config = ServerConfig {
        proxies: vec!["127.0.0.1".parse().unwrap()],
        ..ServerConfig::default()
    };
    Running::start(router(Arc::clone(memory) as _, views), config)
}

/// Asks for somebody; gives the whole answer.
async fn asked(server: &Running, method: Method, path: &str, forwarded: &str) -> String {
    let mut stream = server.connect().await;
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{forwarded}Content-Length: 0\r\nConnection: close\r\n\r\n"
    );
    write(&mut stream, request.as_bytes()).await;
    read_to_end(&mut stream).await
}

fn is_refused(answer: &str) -> bool {
    if !answer.starts_with("HTTP/1.1 429 ") {
        return false;
    }
    let lower = answer.to_ascii_lowercase();
    assert!(lower.contains("\r\nretry-after: 1\r\n"), "{answer}");
    assert!(lower.contains("application/problem+json"), "{answer}");
    assert!(lower.contains("urn:kadenza:error:busy"), "{answer}");
    true
}

#[tokio::test]
async fn an_address_that_asks_too_often_is_told_when_to_ask_again() {
    let one = NonZeroU32::MIN;
    let rate = Rate {
        at_once: NonZeroU32::new(3).unwrap(),
        per_second: one,
    };
    let views = ViewsConfig {
        rates: RateBounds {
            covers: rate,
            status: rate,
            uploads: rate,
        },
        ..ViewsConfig::default()
    };
    let memory = Arc::new(Memory::default());
    let server = behind_a_proxy(&memory, views);
    let cover = format!("{SONG}/artwork");
    for (method, path) in [
        (Method::GET, cover.as_str()),
        (Method::GET, "/api/v1/status"),
        (Method::POST, "/api/v1/songs?title=a"),
    ] {
        let ask = |forwarded: &'static str| asked(&server, method.clone(), path, forwarded);
        for _ in 0..3 {
            let answer = ask("X-Forwarded-For: 203.0.113.7\r\n").await;
            assert!(!is_refused(&answer), "{path}: {answer}");
        }
        for same in [
            "X-Forwarded-For: 203.0.113.7\r\n",
            // What it writes itself hides nothing.
            "X-Forwarded-For: 198.51.100.9, 203.0.113.7\r\n",
            "X-Forwarded-For: 198.51.100.9\r\nX-Forwarded-For: 203.0.113.7\r\n",
        ] {
            let answer = ask(same).await;
            assert!(is_refused(&answer), "{path}: {answer}");
        }
        for other in ["X-Forwarded-For: 203.0.113.8\r\n", ""] {
            let answer = ask(other).await;
            assert!(!is_refused(&answer), "{path}: {answer}");
        }
        // A second later one more is right.
        tokio::time::sleep(Duration::from_millis(1100)).await;
        let answer = ask("X-Forwarded-For: 203.0.113.7\r\n").await;
        assert!(!is_refused(&answer), "{path}: {answer}");
    }
    for _ in 0..20 {
        let path = "/api/v1/songs";
        let forwarded = "X-Forwarded-For: 203.0.113.7\r\n";
        let answer = asked(&server, Method::GET, path, forwarded).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
}

#[tokio::test]
async fn a_household_never_meets_the_bounds() {
    let memory = Arc::new(Memory::default());
    let server = behind_a_proxy(&memory, ViewsConfig::default());
    let mut client = http2(&server).await;
    for n in 0..1500 {
        let request = Request::get(format!("http://localhost{SONG}/artwork"))
            .header("x-forwarded-for", "203.0.113.7")
            .body(http_body_util::Full::default())
            .unwrap();
        let answer = within(client.send_request(request)).await.unwrap();
        assert_eq!(answer.status(), 404, "{n}");
    }
}

#[tokio::test]
async fn the_status_is_asked_for_once_in_two_seconds() {
    let memory = Arc::new(Memory::default());
    let router = views(&memory);
    let asked = || memory.statuses.load(Ordering::SeqCst);
    let status = || get(&router, "/api/v1/status", &[]);
    for answer in join_all((0..100).map(|_| status())).await {
        assert_eq!(json(answer).await["songs"], 0);
    }
    assert_eq!(asked(), 1);
    // What this server adds is in it at once.
    let added = Request::post("/api/v1/songs?title=a").body(axum::body::Body::from("audio"));
    let added = tower::ServiceExt::oneshot(router.clone(), added.unwrap()).await;
    assert_eq!(added.unwrap().status(), 201);
    assert_eq!(json(status().await).await["songs"], 1);
    assert_eq!(asked(), 2);
    // What others add is in it later.
    memory.add("b", "", "", noise(10));
    assert_eq!(json(status().await).await["songs"], 1);
    tokio::time::sleep(Duration::from_millis(2100)).await;
    assert_eq!(json(status().await).await["songs"], 2);
    assert_eq!(asked(), 3);
}

#[tokio::test]
async fn a_status_that_fails_fails_all_who_wait_once() {
    let memory = Arc::new(Memory::default());
    *memory.fault.lock() = Fault::Hang;
    let router = views(&memory);
    let status = || get(&router, "/api/v1/status", &[]);
    // Somebody who gives up keeps nobody waiting.
    let given_up = tokio::time::timeout(Duration::from_millis(100), status());
    assert!(given_up.await.is_err());
    for answer in join_all((0..50).map(|_| status())).await {
        problem(answer, 503, "busy").await;
    }
    assert_eq!(memory.statuses.load(Ordering::SeqCst), 2);
    *memory.fault.lock() = Fault::None;
    assert_eq!(status().await.status(), 200);
}

/// Begins an upload of 4 MiB and sends half of it.
async fn half_an_upload(server: &Running, title: &str, from: &str) -> TcpStream {
    let mut stream = server.connect().await;
    let head = format!(
        "POST /api/v1/songs?title={title} HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {from}\r\nContent-Length: {}\r\n\r\n",
        4 << 20
    );
    write(&mut stream, head.as_bytes()).await;
    // The server may not take all of it.
    let mut rest = &noise(2 << 20)[..];
    while let Ok(Ok(sent)) = tokio::time::timeout(
        Duration::from_millis(300),
        tokio::io::AsyncWriteExt::write(&mut stream, rest),
    )
    .await
    {
        rest = &rest[sent..];
        if rest.is_empty() {
            break;
        }
    }
    stream
}

#[tokio::test]
async fn slow_uploads_of_one_address_leave_turns_to_others() {
    let memory = Arc::new(Memory::default());
    let config = ViewsConfig {
        uploads_of_one_max: 2,
        ..ViewsConfig::default()
    };
    let server = behind_a_proxy(&memory, config);
    let first = half_an_upload(&server, "a", "203.0.113.7").await;
    let _second = half_an_upload(&server, "b", "203.0.113.7").await;
    let half = 2 << 20;
    received(&server, |bytes| bytes == 2 * half).await;
    let _third = half_an_upload(&server, "c", "203.0.113.7").await;
    let _of_another = half_an_upload(&server, "d", "203.0.113.8").await;
    // Of the third no more than its first MiB was taken, and what came with the end of that.
    received(&server, |bytes| bytes > 3 * half).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    received(&server, |bytes| bytes < 4 * half).await;
    drop(first);
    received(&server, |bytes| bytes == 4 * half).await;
}

/// Waits until so many bytes of uploads were taken.
async fn received(server: &Running, is_right: impl Fn(u64) -> bool) {
    within(async {
        loop {
            let text = asked(server, Method::GET, "/metrics", "").await;
            let mut lines = text.lines();
            let line = lines.find_map(|line| line.strip_prefix("kadenza_http_upload_bytes_total "));
            if is_right(line.unwrap().parse().unwrap()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// An address of this machine that is not loopback.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    // Nothing is sent: this only finds the way.
    socket.connect("192.0.2.1:9").ok()?;
    let own = socket.local_addr().ok()?.ip();
    (!own.is_loopback() && !own.is_unspecified()).then_some(own)
}

#[tokio::test]
async fn an_address_has_some_connections_and_loopback_has_all() {
    let Some(own) = own_address() else {
        eprintln!("skipped: this machine has no address but loopback");
        return;
    };
    let config = ServerConfig {
        connections_of_one_max: 2,
        connections_max: 10,
        ..ServerConfig::default()
    };
    let server = Server::bind("0.0.0.0:0".parse().unwrap(), config).unwrap();
    let server = Running::of(server, views(&Arc::new(Memory::default())));
    let there = SocketAddr::new(own, server.address.port());
    let connect = || async { TcpStream::connect(there).await.unwrap() };
    let health = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let (mut first, mut second) = (connect().await, connect().await);
    for stream in [&mut first, &mut second] {
        write(stream, health).await;
        read_until(stream, "\r\n\r\n").await;
    }
    let mut third = connect().await;
    assert_eq!(read_to_end(&mut third).await, "");
    // Those of others, here of loopback, are served meanwhile, however many they are.
    let on_loopback = SocketAddr::new("127.0.0.1".parse().unwrap(), there.port());
    let mut others = Vec::new();
    for _ in 0..5 {
        let mut stream = TcpStream::connect(on_loopback).await.unwrap();
        write(&mut stream, health).await;
        read_until(&mut stream, "\r\n\r\n").await;
        others.push(stream);
    }
    drop(first);
    within(async {
        loop {
            let mut again = connect().await;
            tokio::io::AsyncWriteExt::write_all(&mut again, health)
                .await
                .ok();
            let mut answer = [0; 12];
            let read = tokio::io::AsyncReadExt::read(&mut again, &mut answer).await;
            if matches!(read, Ok(1..)) {
                break;
            }
        }
    })
    .await;
}
