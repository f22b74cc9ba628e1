//! Pages of other sites: under which names a server answers, and what it takes from whom.

mod support;

use std::sync::Arc;

use axum::{Router, http::Request, routing::post};
use http_body_util::Full;
use kadenza_views::{ServerConfig, Site, ViewsConfig, router};
use support::*;

/// A server that people reach at an address of its own, with a route beside those of the views.
fn running() -> Running {
    let site = Site::default().at("https://music.example".parse().expect("a URL"));
    let beside = Router::new().route("/beside", post(async || "done"));
    let beside = site.guard(beside);
    let config = ViewsConfig {
        site,
        ..ViewsConfig::default()
    };
    let memory = Arc::new(Memory::default());
    Running::start(
        router(memory, config).merge(beside),
        ServerConfig::default(),
    )
}

/// The whole answer to a request of these lines.
async fn answer(server: &Running, lines: &[&str]) -> String {
    let mut stream = server.connect().await;
    let head = format!("{}\r\nConnection: close\r\n\r\n", lines.join("\r\n"));
    write(&mut stream, head.as_bytes()).await;
    read_to_end(&mut stream).await
}

async fn status(server: &Running, lines: &[&str]) -> u16 {
    let answer = answer(server, lines).await;
    let status = answer.split(' ').nth(1);
    status
        .and_then(|status| status.parse().ok())
        .unwrap_or_else(|| panic!("{lines:?}: {answer}"))
}

#[tokio::test]
async fn a_rebound_name_reads_and_changes_nothing() {
    let server = running();
    for request in [
        "GET /api/v1/songs HTTP/1.1",
        "HEAD /api/v1/songs HTTP/1.1",
        "GET /api/v1/status HTTP/1.1",
        "GET /metrics HTTP/1.1",
        "GET /nowhere HTTP/1.1",
        "GET /api/v1/openapi.json HTTP/1.0",
        "POST /api/v1/songs?title=x HTTP/1.1",
        "DELETE /api/v1/songs HTTP/1.1",
        "POST /beside HTTP/1.1",
    ] {
        let evil = [request, "Host: evil.example:4533", "Content-Length: 0"];
        assert_eq!(status(&server, &evil).await, 421, "{request}");
        // For a page at the evil name the browser says that this is its own server.
        let own = [
            &evil[..],
            &[
                "Origin: http://evil.example:4533",
                "Sec-Fetch-Site: same-origin",
            ],
        ];
        assert_eq!(status(&server, &own.concat()).await, 421, "{request}");
    }
    let songs = "GET /api/v1/songs HTTP/1.1";
    for host in [
        "127.0.0.1",
        "LOCALHOST.:1",
        "[::1]:4533",
        "Music.Example.",
        "[fe80::1%eth0]",
    ] {
        let host = format!("Host: {host}");
        assert_eq!(status(&server, &[songs, &host]).await, 200, "{host}");
    }
    let two = [songs, "Host: localhost", "Host: evil.example"];
    assert!([400, 421].contains(&status(&server, &two).await));
    let absolute = "GET http://evil.example/api/v1/songs HTTP/1.1";
    assert_eq!(status(&server, &[absolute, "Host: localhost"]).await, 421);
    let absolute = "GET http://localhost/api/v1/songs HTTP/1.1";
    assert_eq!(
        status(&server, &[absolute, "Host: evil.example"]).await,
        421
    );
    assert_eq!(status(&server, &[absolute, "Host: localhost"]).await, 200);
    assert_eq!(status(&server, &["GET /api/v1/songs HTTP/1.0"]).await, 200);
    let health = ["GET /health HTTP/1.1", "Host: balancer"];
    assert_eq!(status(&server, &health).await, 200);
    let told = answer(&server, &[songs, "Host: evil.example"]).await;
    assert!(told.contains("urn:kadenza:error:misdirected"), "{told}");
    assert!(told.contains("--public-url http://evil.example"), "{told}");

    let mut client = http2(&server).await;
    for (host, right) in [("evil.example", 421), ("localhost:1", 200), ("[::1]", 200)] {
        let request = Request::get(format!("http://{host}/api/v1/songs"));
        let request = request.body(Full::default()).unwrap();
        let answer = within(client.send_request(request)).await.unwrap();
        assert_eq!(answer.status(), right, "{host}");
    }
}

#[tokio::test]
async fn only_own_pages_and_programs_change_something() {
    let server = running();
    let host = "Host: 127.0.0.1:4533";
    for (headers, right) in [
        (&[][..], 200),
        (&["Origin: http://127.0.0.1:4533"], 200),
        (
            &[
                "Origin: http://127.0.0.1:4533",
                "Sec-Fetch-Site: same-origin",
            ],
            200,
        ),
        // Behind a proxy that puts its own name for the server into the request.
        (&["Origin: https://music.example"], 200),
        (
            &[
                "Origin: https://music.example",
                "Sec-Fetch-Site: same-origin",
            ],
            200,
        ),
        (
            &["Origin: http://127.0.0.1:8000", "Sec-Fetch-Site: same-site"],
            403,
        ),
        (&["Origin: http://127.0.0.1:8000"], 403),
        (&["Origin: null"], 403),
        (
            &["Origin: http://evil.example", "Sec-Fetch-Site: cross-site"],
            403,
        ),
        (&["Sec-Fetch-Site: cross-site"], 403),
    ] {
        let beside = ["POST /beside HTTP/1.1", host, "Content-Length: 0"];
        assert_eq!(
            status(&server, &[&beside[..], headers].concat()).await,
            right,
            "{headers:?}"
        );
        let upload = [
            "POST /api/v1/songs?title=x HTTP/1.1",
            host,
            "Content-Length: 0",
        ];
        let uploaded = status(&server, &[&upload[..], headers].concat()).await;
        assert_eq!(uploaded == 403, right == 403, "{headers:?}: {uploaded}");
        // What is only read is kept from others by the browser.
        let read = ["GET /api/v1/songs HTTP/1.1", host];
        assert_eq!(
            status(&server, &[&read[..], headers].concat()).await,
            200,
            "{headers:?}"
        );
    }
}

#[tokio::test]
async fn every_answer_is_closed_to_other_sites() {
    let server = running();
    for (request, host) in [
        ("GET /api/v1/songs HTTP/1.1", "localhost"),
        ("GET /metrics HTTP/1.1", "localhost"),
        ("GET /health HTTP/1.1", "localhost"),
        ("GET /nowhere HTTP/1.1", "localhost"),
        ("GET /api/v1/songs HTTP/1.1", "evil.example"),
        ("PUT /api/v1/songs HTTP/1.1", "localhost"),
        ("POST /beside HTTP/1.1", "localhost"),
        ("POST /beside HTTP/1.1", "evil.example"),
    ] {
        let host = format!("Host: {host}");
        let told = answer(&server, &[request, &host, "Content-Length: 0"])
            .await
            .to_lowercase();
        for header in [
            "cross-origin-resource-policy: same-origin",
            "x-content-type-options: nosniff",
        ] {
            assert_eq!(told.matches(header).count(), 1, "{request} {host}: {told}");
        }
        assert!(!told.contains("access-control-allow"), "{told}");
    }
}
