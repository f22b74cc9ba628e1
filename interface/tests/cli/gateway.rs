//! Accounts through a gateway and a player: the servers behind them say who may do what.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    people::{ask, get, post, serve},
    support::{PATIENCE, Server, command, song, standalone},
};

const PASSWORD: &str = "correct horse";

/// Something in front of a server, with all that it logs in a file.
fn in_front(of: &Server, kind: &str, more: &[&str], log: &Path) -> Server {
    let url = format!("http://{}", of.http());
    let at = [kind, "--server", &url, "--http", "127.0.0.1:0"];
    let mut command = command(&[&at, more].concat());
    command.env("KADENZA_LOG", "trace");
    command.stderr(fs::File::create(log).unwrap());
    Server::spawn(command)
}

/// Sends a request with these further lines in its head; the head of the answer and its body.
fn raw(server: &Server, method: &str, path: &str, lines: &str, body: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(server.http()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n{lines}\r\n"
    );
    stream.write_all((head + body).as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    let body = answer.split_off(end + 4);
    (String::from_utf8(answer).unwrap().to_lowercase(), body)
}

fn sign_in(server: &Server, name: &str) -> String {
    let body = json!({ "name": name, "password": PASSWORD, "kind": "command-line" });
    let (status, body) = post(server, "/api/v1/sign-in", "", &body);
    assert_eq!(status, 200, "{body}");
    body["secret"].as_str().unwrap().to_owned()
}

/// Makes the first administrator and a listener, and gives their tokens.
fn two_people(server: &Server, code: &str) -> (String, String) {
    let ada = json!({ "code": code, "name": "ada", "password": PASSWORD });
    assert_eq!(post(server, "/api/v1/first-admin", "", &ada).0, 201);
    let ada = sign_in(server, "ada");
    let bob = json!({ "name": "bob", "password": PASSWORD, "role": "listen" });
    assert_eq!(post(server, "/api/v1/users", &ada, &bob).0, 201);
    (ada, sign_in(server, "bob"))
}

fn me(server: &Server, token: &str) -> (u16, Value) {
    ask(server, "GET", "/api/v1/me", token, "text/plain", b"")
}

#[test]
fn a_gateway_lets_in_whom_its_servers_know() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let server = serve(&data);
    let code = fs::read_to_string(data.join("first-admin-code")).unwrap();
    let (log, cached_log) = (folder.path().join("log"), folder.path().join("cached"));
    let gateway = in_front(&server, "gateway", &[], &log);
    let cached = in_front(&server, "gateway", &["--cache", "embedded"], &cached_log);
    assert_eq!(me(&gateway, "").1["needsFirstAdmin"], true);
    // All of it through the gateway.
    let (ada, bob) = two_people(&gateway, &code);
    assert_eq!(me(&cached, &bob).1["user"]["role"], "listen");

    let audio = song("Title", "Artist", "");
    let upload = |at: &Server, token: &str, audio: &[u8]| {
        ask(at, "POST", "/api/v1/songs", token, "audio/wav", audio)
    };
    for at in [&server, &gateway, &cached] {
        for (path, token, status) in [
            ("/api/v1/songs", "", 401),
            ("/api/v1/songs", "kadenza_no", 401),
            ("/api/v1/songs", &bob, 200),
            ("/api/v1/status", &bob, 403),
            ("/api/v1/status", &ada, 200),
            ("/metrics", &bob, 403),
            ("/health", "", 200),
        ] {
            assert_eq!(get(at, path, token), status, "{path}");
        }
        assert_eq!(upload(at, "", &audio).0, 401);
        let (status, told) = upload(at, &bob, &audio);
        assert_eq!(
            (status, told["type"].as_str()),
            (403, Some("urn:kadenza:error:forbidden"))
        );
    }
    let (status, added) = upload(&gateway, &ada, &audio);
    assert_eq!(status, 201, "{added}");
    let second = song("Second", "Artist", "");
    assert_eq!(upload(&cached, &ada, &second).0, 201);
    let path = format!("/api/v1/songs/{}/audio", added["id"].as_str().unwrap());
    for at in [&gateway, &cached] {
        let (_, found) = ask(at, "GET", "/api/v1/songs?q=second", &bob, "text/plain", b"");
        assert_eq!(found["items"][0]["title"], "Second");
        let (head, heard) = raw(
            at,
            "GET",
            &path,
            &format!("authorization: Bearer {bob}\r\n"),
            "",
        );
        assert!(head.starts_with("http/1.1 200") && heard == audio, "{head}");
        // What is remembered is not for everybody.
        assert_eq!(get(at, "/api/v1/songs?q=second", ""), 401);
    }

    let wrong = json!({ "name": "ada", "password": "guess guess" });
    let statuses: Vec<u16> = (0..6)
        .map(|_| post(&gateway, "/api/v1/sign-in", "", &wrong).0)
        .collect();
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429]);
    let body = wrong.to_string();
    let (head, _) = raw(
        &gateway,
        "POST",
        "/api/v1/sign-in",
        "content-type: application/json\r\n",
        &body,
    );
    assert!(head.contains("retry-after: "), "{head}");

    // Revoked at the server, it is good for nothing at a gateway some seconds later.
    assert_eq!(post(&server, "/api/v1/sign-out", &bob, &json!({})).0, 204);
    let begun = Instant::now();
    while get(&cached, "/api/v1/songs?q=second", &bob) != 401 {
        assert!(
            begun.elapsed() < Duration::from_secs(6),
            "{:?}",
            begun.elapsed()
        );
        thread::sleep(Duration::from_millis(100));
    }
    // What the gateway itself revokes, at once.
    assert_eq!(get(&gateway, "/api/v1/songs", &ada), 200);
    assert_eq!(post(&gateway, "/api/v1/sign-out", &ada, &json!({})).0, 204);
    assert_eq!(get(&gateway, "/api/v1/songs", &ada), 401);

    // Nobody is let in where no server says who it is.
    server.end();
    let (status, told) = me(&gateway, &sign_in_text(&ada));
    assert_eq!(
        (status, told["type"].as_str()),
        (503, Some("urn:kadenza:error:unreachable"))
    );
    assert_eq!(get(&cached, "/api/v1/songs?q=second", &ada), 503);
    assert_eq!(get(&cached, "/health", ""), 200);
    gateway.end();
    cached.end();
    for log in [log, cached_log] {
        let log = fs::read_to_string(log).unwrap();
        assert!(log.lines().count() > 20, "{log}");
        for secret in [&ada, &bob, PASSWORD, "guess guess", code.as_str()] {
            assert!(!log.contains(secret));
        }
    }
}

/// A token that no server has been asked for yet, of the same form.
fn sign_in_text(token: &str) -> String {
    format!("{}{}", &token[..token.len() - 4], "0000")
}

#[test]
fn the_cookie_of_a_browser_reaches_the_servers_of_a_player() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let server = serve(&data);
    let code = fs::read_to_string(data.join("first-admin-code")).unwrap();
    let player = in_front(&server, "player", &[], &folder.path().join("log"));
    two_people(&player, &code);
    let json = "content-type: application/json\r\n";
    let who = json!({ "name": "bob", "password": PASSWORD }).to_string();
    let (head, body) = raw(&player, "POST", "/api/v1/sign-in", json, &who);
    assert!(!String::from_utf8(body).unwrap().contains("secret"));
    let cookie = head.split("set-cookie: ").nth(1).unwrap();
    let (cookie, attributes) = cookie.split_once("; ").unwrap();
    let cookie = cookie.replace("__host-", "__Host-");
    assert!(cookie.starts_with("__Host-kadenza"), "{head}");
    assert!(
        attributes.contains("secure; httponly; samesite=strict"),
        "{head}"
    );
    let with = |method: &str, path: &str| {
        raw(&player, method, path, &format!("cookie: {cookie}\r\n"), "").0
    };
    assert!(with("GET", "/api/v1/songs").starts_with("http/1.1 200"));
    assert!(with("POST", "/api/v1/songs").starts_with("http/1.1 403"));
    // The server itself knows the token, which came to it in a header.
    let token = cookie.split_once('=').unwrap().1;
    assert_eq!(get(&server, "/api/v1/songs", token), 200);
    assert!(with("POST", "/api/v1/sign-out").starts_with("http/1.1 204"));
    assert!(with("GET", "/api/v1/songs").starts_with("http/1.1 401"));
    assert_eq!(get(&server, "/api/v1/songs", token), 401);
}

#[test]
fn a_gateway_is_open_where_its_servers_are() {
    let folder = tempfile::tempdir().unwrap();
    let open = standalone(&folder.path().join("open"));
    let gateway = in_front(&open, "gateway", &[], &folder.path().join("log"));
    assert_eq!(
        me(&gateway, "").1,
        json!({ "open": true, "needsFirstAdmin": false, "user": null })
    );
    let audio = song("Title", "Artist", "");
    for token in ["", "kadenza_old"] {
        assert_eq!(get(&gateway, "/api/v1/status", token), 200);
    }
    assert_eq!(
        ask(&gateway, "POST", "/api/v1/songs", "", "audio/wav", &audio).0,
        201
    );
    assert_eq!(get(&gateway, "/api/v1/users", ""), 409);
    // It goes on where the server is away, and says what is the matter.
    open.end();
    assert_eq!(get(&gateway, "/api/v1/songs", ""), 503);
}
