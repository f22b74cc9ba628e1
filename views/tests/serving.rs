//! The server under clients that are slow, broken or hostile, over real sockets.

mod support;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use axum::http::Request;
use http_body_util::{BodyExt, Full};
use kadenza_views::{ServerConfig, ViewsConfig, router};
use support::*;
use tokio::{io::AsyncReadExt, net::TcpStream};

/// Deadlines that a test can wait for. None is long enough to end a test that waits for another.
const SHORT: Duration = Duration::from_millis(200);

fn running(memory: &Arc<Memory>, config: ServerConfig) -> Running {
    Running::start(views(memory), config)
}

fn memory() -> Arc<Memory> {
    Arc::new(Memory::default())
}

#[tokio::test]
async fn a_half_sent_head_is_closed_at_its_deadline() {
    let config = ServerConfig {
        header_deadline: SHORT,
        ..ServerConfig::default()
    };
    let server = running(&memory(), config);
    for begun in [
        &b""[..],
        b"GET /health HTT",
        b"GET /health HTTP/1.1\r\nHost:",
        b"PRI * HTTP/2.0\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut stream = server.connect().await;
        write(&mut stream, begun).await;
        read_to_end(&mut stream).await;
    }
    // Bytes that trickle in do not help.
    let stream = server.connect().await;
    let (mut reader, mut writer) = stream.into_split();
    let trickle = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        for byte in b"GET / HTTP/1.1\r\nX: "
            .iter()
            .chain(std::iter::repeat(&b'x'))
        {
            if writer.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(SHORT / 10).await;
        }
    });
    let mut rest = Vec::new();
    drop(within(reader.read_to_end(&mut rest)).await);
    within(trickle).await.unwrap();
    server.assert_serves().await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_at_its_own_deadline() {
    let config = ServerConfig {
        idle_deadline: SHORT,
        ..ServerConfig::default()
    };
    let server = running(&memory(), config);
    let mut stream = server.connect().await;
    for _ in 0..3 {
        write(
            &mut stream,
            b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
        )
        .await;
        read_until(&mut stream, "\"status\":\"ok\"").await;
    }
    read_to_end(&mut stream).await;
    server.assert_serves().await;
}

#[tokio::test]
async fn garbage_costs_only_its_connection() {
    let server = running(&memory(), ServerConfig::default());
    let mut random = noise(100_000).to_vec();
    random.extend_from_slice(b"\r\n\r\n");
    let mut many_headers = b"GET /health HTTP/1.1\r\n".to_vec();
    for n in 0..1000 {
        many_headers.extend_from_slice(format!("X-{n}: y\r\n").as_bytes());
    }
    many_headers.extend_from_slice(b"\r\n");
    let long_line = [
        b"GET /health HTTP/1.1\r\nX: ",
        &b"x".repeat(1 << 20)[..],
        b"\r\n\r\n",
    ]
    .concat();
    let long_target = [b"GET /", &b"x".repeat(1 << 20)[..], b" HTTP/1.1\r\n\r\n"].concat();
    let h2_garbage = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &random[..]].concat();
    for garbage in [
        random,
        many_headers,
        long_line,
        long_target,
        h2_garbage,
        b"\0\0\0\0\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(20),
        b"GET /health HTTP/9.9\r\n\r\n".to_vec(),
        b"POST /api/v1/songs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 18446744073709551616\r\n\r\n".to_vec(),
        b"POST /api/v1/songs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n".to_vec(),
        b"POST /api/v1/songs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n".to_vec(),
    ] {
        let mut stream = server.connect().await;
        // The server may close before it has read all of it.
        drop(within(tokio::io::AsyncWriteExt::write_all(&mut stream, &garbage)).await);
        let answer = read_to_end(&mut stream).await;
        assert!(!answer.contains("200 OK"), "{answer}");
        server.assert_serves().await;
    }
}

#[tokio::test]
async fn a_body_that_stalls_or_trickles_is_refused_in_time() {
    let config = ServerConfig {
        body_deadline: SHORT,
        ..ServerConfig::default()
    };
    let server = running(&memory(), config);
    let head =
        b"POST /api/v1/songs?title=x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nabc";
    let mut stream = server.connect().await;
    write(&mut stream, head).await;
    let answer = read_to_end(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("urn:kadenza:error:body"), "{answer}");

    let mut stream = server.connect().await;
    write(&mut stream, head).await;
    let (mut reader, mut writer) = stream.into_split();
    let trickle = tokio::spawn(async move {
        while tokio::io::AsyncWriteExt::write_all(&mut writer, b"x")
            .await
            .is_ok()
        {
            tokio::time::sleep(SHORT / 10).await;
        }
    });
    let mut answer = vec![0; 12];
    within(reader.read_exact(&mut answer)).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 408");
    drop(reader);
    within(trickle).await.unwrap();
}

#[tokio::test]
async fn a_slow_honest_upload_outlives_the_deadline() {
    let config = ServerConfig {
        body_deadline: SHORT * 2,
        ..ServerConfig::default()
    };
    let memory = memory();
    let server = running(&memory, config);
    let mut stream = server.connect().await;
    write(
        &mut stream,
        b"POST /api/v1/songs?title=x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
    )
    .await;
    for _ in 0..15 {
        let chunk = [b"10000\r\n", &noise(65_536)[..], b"\r\n"].concat();
        write(&mut stream, &chunk).await;
        tokio::time::sleep(SHORT / 2).await;
    }
    // A service that takes its time does not use up the client's.
    memory.pieces.forget_permits(usize::MAX);
    write(&mut stream, b"0\r\n\r\n").await;
    tokio::time::sleep(SHORT * 3).await;
    memory.pieces.add_permits(1000);
    let answer = read_until(&mut stream, "\"size\":983040").await;
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}

#[tokio::test]
async fn an_upload_whose_client_goes_away_is_given_up() {
    let memory = memory();
    memory.pieces.forget_permits(usize::MAX);
    memory.pieces.add_permits(1);
    let server = running(&memory, ServerConfig::default());
    let mut stream = server.connect().await;
    write(
        &mut stream,
        b"POST /api/v1/songs?title=x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc",
    )
    .await;
    // The service has all of it, and is busy keeping it.
    until(|| memory.pieces_taken.load(Ordering::SeqCst) == 1).await;
    drop(stream);
    until(|| memory.uploads_given_up.load(Ordering::SeqCst) == 1).await;
}

#[tokio::test]
async fn an_upload_that_breaks_off_adds_nothing() {
    let memory = memory();
    let server = running(&memory, ServerConfig::default());
    let mut stream = server.connect().await;
    write(
        &mut stream,
        b"POST /api/v1/songs?title=x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\n\r\nabc",
    )
    .await;
    until(|| memory.pieces_taken.load(Ordering::SeqCst) == 1).await;
    drop(stream);
    until(|| memory.uploads_ended.load(Ordering::SeqCst) == 1).await;
    let found = get(&views(&memory), "/api/v1/songs?q=x", &[]).await;
    assert_eq!(support::json(found).await["items"], serde_json::json!([]));
}

#[tokio::test]
async fn an_upload_that_is_too_large_is_refused_before_it_is_sent() {
    let memory = memory();
    let config = ViewsConfig {
        upload_bytes_max: 1 << 20,
        ..ViewsConfig::default()
    };
    let server = Running::start(
        router(Arc::clone(&memory) as _, config),
        ServerConfig::default(),
    );
    let mut stream = server.connect().await;
    write(&mut stream, b"POST /api/v1/songs?title=x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000000\r\nExpect: 100-continue\r\n\r\n").await;
    let answer = read_until(&mut stream, "too-large").await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");

    // A client that sends all the same still reads the answer, and no reset.
    let mut stream = server.connect().await;
    write(
        &mut stream,
        b"POST /api/v1/songs?title=x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8000000\r\n\r\n",
    )
    .await;
    write(&mut stream, &noise(8_000_000)).await;
    let answer = read_to_end(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");

    let mut stream = server.connect().await;
    write(&mut stream, b"POST /api/v1/songs?title=x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n").await;
    read_until(&mut stream, "100 Continue\r\n\r\n").await;
    write(&mut stream, b"abc").await;
    let answer = read_until(&mut stream, "\"size\":3").await;
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}

#[tokio::test]
async fn a_listener_that_reads_nothing_is_dropped() {
    let config = ServerConfig {
        write_deadline: SHORT,
        ..ServerConfig::default()
    };
    let memory = memory();
    // More than the socket buffers of both sides can hold.
    let song = memory.add("x", "", "", noise(64 << 20));
    let server = running(&memory, config);
    let mut stream = server.connect().await;
    let request = format!(
        "GET /api/v1/songs/{}/audio HTTP/1.1\r\nHost: localhost\r\n\r\n",
        song.id()
    );
    write(&mut stream, request.as_bytes()).await;
    within(async {
        loop {
            // Sending into a connection that the server dropped fails after a moment.
            let sent = tokio::io::AsyncWriteExt::write_all(&mut stream, b"GET").await;
            if sent.is_err() {
                return;
            }
            tokio::time::sleep(SHORT / 4).await;
        }
    })
    .await;
}

#[tokio::test]
async fn connections_beyond_the_cap_wait_for_their_turn() {
    let config = ServerConfig {
        connections_max: 2,
        ..ServerConfig::default()
    };
    let server = running(&memory(), config);
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = server.connect().await;
        write(
            &mut stream,
            b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
        )
        .await;
        read_until(&mut stream, "\"status\":\"ok\"").await;
        held.push(stream);
    }
    let mut third = server.connect().await;
    write(
        &mut third,
        b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    )
    .await;
    let mut byte = [0; 1];
    let early = tokio::time::timeout(SHORT, third.read(&mut byte)).await;
    assert!(early.is_err(), "served beyond the cap");
    drop(held.pop());
    read_until(&mut third, "\"status\":\"ok\"").await;
}

#[tokio::test]
async fn stopping_ends_what_is_under_way_and_closes_what_is_idle() {
    let memory = memory();
    let mut server = running(&memory, ServerConfig::default());
    let mut silent = server.connect().await;
    let mut half = server.connect().await;
    write(&mut half, b"GET /hea").await;
    let mut idle = server.connect().await;
    write(
        &mut idle,
        b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    )
    .await;
    read_until(&mut idle, "\"status\":\"ok\"").await;
    let mut busy = server.connect().await;
    write(
        &mut busy,
        b"POST /api/v1/songs?title=x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\n\r\nabc",
    )
    .await;
    until(|| memory.pieces_taken.load(Ordering::SeqCst) == 1).await;
    server.tell_to_stop();
    for stream in [&mut silent, &mut half, &mut idle] {
        assert_eq!(read_to_end(stream).await, "");
    }
    assert!(TcpStream::connect(server.address).await.is_err());
    write(&mut busy, b"def").await;
    let answer = read_to_end(&mut busy).await;
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert_eq!(server.stopped().await, 0);
}

#[tokio::test]
async fn stopping_waits_no_longer_than_its_grace() {
    let config = ServerConfig {
        grace: SHORT,
        ..ServerConfig::default()
    };
    let memory = memory();
    let server = running(&memory, config);
    let mut busy = server.connect().await;
    write(
        &mut busy,
        b"POST /api/v1/songs?title=x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\n\r\nabc",
    )
    .await;
    until(|| memory.pieces_taken.load(Ordering::SeqCst) == 1).await;
    assert_eq!(server.stopped().await, 1);
    until(|| memory.uploads_given_up.load(Ordering::SeqCst) == 1).await;
}

#[tokio::test]
async fn a_panic_costs_only_its_connection() {
    let memory = memory();
    let song = memory.add("x", "", "", noise(10));
    let server = running(&memory, ServerConfig::default());
    *memory.fault.lock() = Fault::Panic;
    let request = format!(
        "GET /api/v1/songs/{}/audio HTTP/1.1\r\nHost: localhost\r\n\r\n",
        song.id()
    );
    for _ in 0..3 {
        let mut stream = server.connect().await;
        write(&mut stream, request.as_bytes()).await;
        assert_eq!(read_to_end(&mut stream).await, "");
        server.assert_serves().await;
    }
}

#[tokio::test]
async fn a_broken_stream_breaks_the_connection() {
    let memory = memory();
    let song = memory.add("x", "", "", noise(5000));
    let server = running(&memory, ServerConfig::default());
    for fault in [Fault::Midway, Fault::Short] {
        *memory.fault.lock() = fault;
        let request = format!(
            "GET /api/v1/songs/{}/audio HTTP/1.1\r\nHost: localhost\r\n\r\n",
            song.id()
        );
        let mut stream = server.connect().await;
        write(&mut stream, request.as_bytes()).await;
        let mut answer = Vec::new();
        drop(within(stream.read_to_end(&mut answer)).await);
        // How much of it was sent before it broke is not promised.
        let body = answer
            .windows(4)
            .position(|w| w == b"\r\n\r\n")
            .map_or(0, |at| answer.len() - at - 4);
        assert!(body < 5000, "{fault:?}: a whole body");
    }
}

#[tokio::test]
async fn http2_with_prior_knowledge_gets_the_same_answers() {
    let memory = memory();
    let audio = noise(3_000_000);
    let song = memory.add("x", "", "", audio.clone());
    let server = running(&memory, ServerConfig::default());
    let mut client = http2(&server).await;
    let target = format!("http://{}/api/v1/songs/{}/audio", server.address, song.id());
    let answers = (0..10).map(|_| {
        let request = Request::get(&target).body(Full::default()).unwrap();
        let answer = client.send_request(request);
        async {
            let answer = answer.await.unwrap();
            assert_eq!(answer.status(), 200);
            answer.into_body().collect().await.unwrap().to_bytes()
        }
    });
    for heard in within(futures_util::future::join_all(answers)).await {
        assert_eq!(heard, audio);
    }
    let upload = Request::post(format!("http://{}/api/v1/songs?title=y", server.address))
        .body(Full::new(audio))
        .unwrap();
    assert_eq!(client.send_request(upload).await.unwrap().status(), 201);
    for fault in [Fault::Midway, Fault::Short, Fault::Panic] {
        *memory.fault.lock() = fault;
        let request = Request::get(&target).body(Full::default()).unwrap();
        let heard = match client.send_request(request).await {
            Ok(answer) => answer.into_body().collect().await.map(drop),
            Err(reset) => Err(reset),
        };
        assert!(heard.is_err(), "{fault:?}");
    }
    let health = Request::get(format!("http://{}/health", server.address))
        .body(Full::default())
        .unwrap();
    assert_eq!(client.send_request(health).await.unwrap().status(), 200);
}

#[tokio::test]
async fn an_http2_listener_that_grants_no_window_is_dropped() {
    let config = ServerConfig {
        write_deadline: SHORT,
        ..ServerConfig::default()
    };
    let memory = memory();
    let song = memory.add("x", "", "", noise(10_000_000));
    let server = running(&memory, config);
    let mut client = http2(&server).await;
    let target = format!("http://{}/api/v1/songs/{}/audio", server.address, song.id());
    let request = Request::get(&target).body(Full::default()).unwrap();
    let answer = client.send_request(request).await.unwrap();
    // The body is held and not read: its window is never opened again.
    within(async {
        while client.ready().await.is_ok() && !client.is_closed() {
            tokio::time::sleep(SHORT / 4).await;
        }
    })
    .await;
    assert!(answer.into_body().collect().await.is_err());
}

#[tokio::test]
async fn stopping_closes_an_idle_http2_connection() {
    let mut server = running(&memory(), ServerConfig::default());
    let mut client = http2(&server).await;
    let health = Request::get(format!("http://{}/health", server.address))
        .body(Full::default())
        .unwrap();
    assert_eq!(client.send_request(health).await.unwrap().status(), 200);
    server.tell_to_stop();
    within(async {
        while !client.is_closed() {
            tokio::time::sleep(SHORT / 20).await;
        }
    })
    .await;
    assert_eq!(server.stopped().await, 0);
}
