//! Servers: how they start, answer and end.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    time::Duration,
};

use rustix::process::Signal;

use crate::support::{PATIENCE, Server, documents, run, song, standalone};

#[test]
fn a_missing_library_is_made_and_kept_for_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("not/there/yet");
    let file = folder.path().join("a.wav");
    fs::write(&file, song("Kept", "Artist", "")).unwrap();
    let server = standalone(&data);
    assert_eq!(server.rpc(), None);
    assert_eq!(server.ask(&["upload", file.to_str().unwrap()]).status, 0);
    server.end();
    let server = standalone(&data);
    assert_eq!(server.ask(&["search", "kept"]).stdout.lines().count(), 1);
}

#[test]
fn a_server_prints_where_it_is_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = standalone(folder.path());
    assert_eq!(server.ready, format!("ready http={}", server.http()));
    server.request("GET", "/no/such/thing");
    server.signal(Signal::TERM);
    server.ended_within(Duration::from_secs(10));
    assert_eq!(server.lines.recv_timeout(PATIENCE).ok(), None);
}

#[test]
fn a_port_that_is_taken_is_told_with_the_flag_to_choose_another() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let data = folder.path().to_str().unwrap();
    for args in [
        &["serve", "--standalone", "--data", data, "--http", &address][..],
        &[
            "gateway",
            "--server",
            "http://127.0.0.1:1",
            "--http",
            &address,
        ],
        &["player", "--http", &address],
    ] {
        let ended = run(args);
        assert_eq!(ended.status, 1, "{ended:?}");
        let line = ended.stderr.lines().last().unwrap();
        assert!(
            line.starts_with("kadenza: ") && line.contains(&address) && line.contains("--http"),
            "{line}"
        );
    }
}

#[test]
fn a_library_that_another_process_has_open_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let _first = standalone(folder.path());
    let data = folder.path().to_str().unwrap();
    let ended = run(&[
        "serve",
        "--standalone",
        "--data",
        data,
        "--http",
        "127.0.0.1:0",
    ]);
    assert_eq!((ended.status, ended.stdout.as_str()), (1, ""));
    assert!(ended.stderr.contains("another"), "{}", ended.stderr);
}

#[test]
fn a_signal_ends_a_server_in_time_whoever_is_connected() {
    for signal in [Signal::TERM, Signal::INT] {
        let folder = tempfile::tempdir().unwrap();
        let mut server = standalone(folder.path());
        let mut idle = TcpStream::connect(server.http()).unwrap();
        idle.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .unwrap();
        let mut some = [0; 64];
        assert!(idle.read(&mut some).unwrap() > 0);
        let mut half = TcpStream::connect(server.http()).unwrap();
        half.write_all(
            b"POST /api/v1/songs HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\nhalf",
        )
        .unwrap();
        server.signal(signal);
        let status = server.ended_within(Duration::from_secs(10));
        assert_eq!(status.code(), Some(0), "{signal:?}");
    }
}

#[test]
fn a_library_alone_has_no_share_to_hand_on() {
    let folder = tempfile::tempdir().unwrap();
    let server = standalone(folder.path());
    let ended = server.ask(&["leave"]);
    assert_eq!(ended.status, 1);
    assert!(ended.stderr.contains("not a node"), "{}", ended.stderr);
    let (head, body) = server.request("POST", "/api/v1/leave");
    assert!(head.starts_with("HTTP/1.1 409"), "{head}");
    assert!(body.contains("urn:kadenza:error:"), "{body}");
    assert!(
        server
            .request("GET", "/health")
            .0
            .starts_with("HTTP/1.1 200")
    );
}

#[test]
fn a_gateway_and_a_player_answer_as_the_server_behind_them() {
    let folder = tempfile::tempdir().unwrap();
    let server = standalone(&folder.path().join("data"));
    let file = folder.path().join("a.wav");
    fs::write(&file, song("Behind", "Artist", "")).unwrap();
    let url = format!("http://{}", server.http());
    let gateway = Server::start(&["gateway", "--server", &url, "--http", "127.0.0.1:0"]);
    assert_eq!(gateway.ask(&["upload", file.to_str().unwrap()]).status, 0);
    let player = Server::start(&["player", "--server", &url, "--http", "127.0.0.1:0"]);
    let found = [&server, &gateway, &player]
        .map(|front| documents(&front.ask(&["search", "--json", "behind"]).stdout));
    assert_eq!(found[0].len(), 1);
    assert!(found.iter().all(|one| *one == found[0]), "{found:?}");
    player.end();
    gateway.end();
}

#[test]
fn the_page_comes_with_a_policy_that_lets_nothing_foreign_in() {
    let player = Server::start(&[
        "player",
        "--server",
        "http://127.0.0.1:1",
        "--http",
        "127.0.0.1:0",
    ]);
    let (head, page) = player.request("GET", "/");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let head = head.to_lowercase();
    for header in [
        "content-security-policy: default-src 'none'; script-src 'self'",
        "x-content-type-options: nosniff",
        "cross-origin-resource-policy: same-origin",
        "content-type: text/html",
    ] {
        assert!(head.contains(header), "{header} in {head}");
    }
    for id in [
        "player",
        "search",
        "results",
        "seek",
        "upload-files",
        "now-title",
        "now-artist",
        "play",
    ] {
        assert!(page.contains(&format!("id=\"{id}\"")), "{id}");
    }
    // No server behind it: the page is there all the same, and the interface says what is wrong.
    let (head, body) = player.request("GET", "/api/v1/songs");
    assert!(head.starts_with("HTTP/1.1 503"), "{head}");
    assert!(body.contains("urn:kadenza:error:unreachable"), "{body}");
}

/// What a server says to a request under this name.
fn asked_as(server: &Server, line: &str, host: &str) -> String {
    let mut stream = TcpStream::connect(server.http()).unwrap();
    let head = format!(
        "{line} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn every_server_answers_only_under_its_names() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let behind = ["--server", "http://127.0.0.1:1"];
    for command in [
        [&["serve", "--standalone", "--data", data][..], &[]],
        [&["gateway"], &behind],
        [&["player"], &behind],
    ] {
        let named = [
            "--http",
            "localhost:0",
            "--public-url",
            "https://music.example,http://b.example:1",
        ];
        let server = Server::start(&[&command.concat()[..], &named].concat());
        for line in [
            "GET /",
            "GET /api/v1/songs",
            "POST /api/v1/leave",
            "POST /api/v1/songs",
        ] {
            let refused = asked_as(&server, line, "evil.example");
            assert!(
                refused.starts_with("HTTP/1.1 421"),
                "{command:?} {line}: {refused}"
            );
        }
        for host in ["127.0.0.1:9", "localhost", "music.example", "B.example:2"] {
            let told = asked_as(&server, "GET /nowhere", host);
            assert!(
                told.starts_with("HTTP/1.1 404"),
                "{command:?} {host}: {told}"
            );
        }
        server.end();
    }
}
