//! Accounts: a server that asks people to sign in.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::Path,
};

use serde_json::{Value, json};

use crate::support::{PATIENCE, Server, run, song};

pub(crate) fn serve(data: &Path) -> Server {
    let data = data.to_str().unwrap();
    let at = ["--http", "127.0.0.1:0"];
    Server::asking(&[&["serve", "--standalone", "--data", data], &at[..]].concat())
}

/// The status, and the body if there is one.
pub(crate) fn ask(
    server: &Server,
    method: &str,
    path: &str,
    token: &str,
    kind: &str,
    body: &[u8],
) -> (u16, Value) {
    let mut stream = TcpStream::connect(server.http()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\ncontent-type: {kind}\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or_default())
}

pub(crate) fn post(server: &Server, path: &str, token: &str, body: &Value) -> (u16, Value) {
    ask(
        server,
        "POST",
        path,
        token,
        "application/json",
        body.to_string().as_bytes(),
    )
}

pub(crate) fn get(server: &Server, path: &str, token: &str) -> u16 {
    ask(server, "GET", path, token, "text/plain", b"").0
}

#[test]
fn people_sign_in_at_a_server_that_asks_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path());
    assert_eq!(get(&server, "/health", ""), 200);
    assert_eq!(get(&server, "/api/v1/songs", ""), 401);
    assert_eq!(server.ask(&["search", "x"]).status, 1);
    let path = folder.path().join("first-admin-code");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let code = fs::read_to_string(&path).unwrap();
    let admin = |code: &str| json!({ "code": code, "name": "Ada", "password": "correct horse" });
    assert_eq!(post(&server, "/api/v1/first-admin", "", &admin("0")).0, 401);
    assert_eq!(
        post(&server, "/api/v1/first-admin", "", &admin(&code)).0,
        201
    );
    assert_eq!(
        post(&server, "/api/v1/first-admin", "", &admin(&code)).0,
        401
    );
    assert!(!path.exists());

    let sign_in = |server: &Server, name: &str| {
        let body = json!({ "name": name, "password": "correct horse", "kind": "command-line" });
        let (status, body) = post(server, "/api/v1/sign-in", "", &body);
        assert_eq!(status, 200, "{body}");
        body["secret"].as_str().unwrap().to_owned()
    };
    let ada = sign_in(&server, "ada");
    let bob = json!({ "name": "bob", "password": "correct horse", "role": "listen" });
    assert_eq!(post(&server, "/api/v1/users", &ada, &bob).0, 201);
    let bob = sign_in(&server, "bob");
    let audio = song("Title", "Artist", "");
    let upload = |token: &str| ask(&server, "POST", "/api/v1/songs", token, "audio/wav", &audio).0;
    assert_eq!((upload(""), upload(&bob), upload(&ada)), (401, 403, 201));
    assert_eq!(
        (
            get(&server, "/api/v1/songs", &bob),
            get(&server, "/metrics", &bob)
        ),
        (200, 403)
    );
    let leave = |token: &str| post(&server, "/api/v1/leave", token, &json!({})).0;
    assert_eq!((leave(""), leave(&bob), leave(&ada)), (401, 403, 409));
    server.end();

    // All of it is there after a restart, and no new code.
    let server = serve(folder.path());
    assert_eq!(get(&server, "/api/v1/songs", &bob), 200);
    assert!(!path.exists());
    sign_in(&server, "ADA");
}

#[test]
fn the_audit_log_tells_who_did_what_and_whether_it_was_changed() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let server = serve(folder.path());
    let code = fs::read_to_string(folder.path().join("first-admin-code")).unwrap();
    let admin = json!({ "code": code, "name": "Ada", "password": "correct horse" });
    assert_eq!(post(&server, "/api/v1/first-admin", "", &admin).0, 201);
    let attempt = |name: &str, password: &str| {
        let body = json!({ "name": name, "password": password, "kind": "command-line" });
        post(&server, "/api/v1/sign-in", "", &body)
    };
    assert_eq!(attempt("ada", "a wrong one").0, 401);
    // A password in the place of a name is told to nobody.
    assert_eq!(attempt("battery staple", "x").0, 401);
    let (_, signed_in) = attempt("ada", "correct horse");
    let secret = signed_in["secret"].as_str().unwrap();
    let audio = song("Title", "Artist", "");
    assert_eq!(
        ask(
            &server,
            "POST",
            "/api/v1/songs",
            secret,
            "audio/wav",
            &audio
        )
        .0,
        201
    );
    server.end();

    let told = run(&["audit", "--data", data]);
    assert_eq!(told.status, 0, "{told:?}");
    let events: Vec<&str> = told
        .stdout
        .lines()
        .filter_map(|line| line.split("  ").nth(1))
        .collect();
    assert_eq!(
        events,
        [
            "first-admin-made",
            "sign-in-failed",
            "sign-in-failed",
            "signed-in",
            "uploaded"
        ]
    );
    assert!(told.stdout.contains("uploaded  outcome added"), "{told:?}");
    assert!(told.stdout.contains("who Ada"), "{told:?}");
    for hidden in ["battery", "correct horse", secret, code.trim()] {
        assert!(!told.stdout.contains(hidden), "{hidden}: {told:?}");
    }
    let path = folder.path().join("audit.log");
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let whole = fs::read_to_string(&path).unwrap();
    fs::write(&path, whole.replacen("sign-in-failed", "signed-in", 1)).unwrap();
    let told = run(&["audit", "--data", data]);
    assert_eq!(told.status, 1, "{told:?}");
    assert!(told.stderr.contains("audit.log:3"), "{told:?}");
}

#[test]
fn nobody_signs_in_where_that_is_said() {
    for flag in ["--no-sign-in", "--open"] {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().to_str().unwrap();
        let at = ["--http", "127.0.0.1:0", flag];
        let server =
            Server::asking(&[&["serve", "--standalone", "--data", data], &at[..]].concat());
        assert_eq!(get(&server, "/api/v1/songs", ""), 200);
        assert!(!folder.path().join("first-admin-code").exists());
    }
}
