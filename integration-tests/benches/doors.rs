//! What it costs to come in: sign-ins in a second, and the memory of a connection, in the clear and with TLS.
//!
//! `cargo bench -p kadenza-integration-tests --bench doors`. The server is `kadenza serve --standalone`, a process of its
//! own, so that its memory is not that of its clients. Passwords are slow on purpose; requests with a token are their
//! baseline.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]
#![allow(clippy::unwrap_used, reason = "a bench may fail")]

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use kadenza_integration_tests::processes::{NO_SIGN_IN, Server};
use kadenza_tls::Roots;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};

const SERVE: [&str; 4] = ["serve", "--standalone", "--http", "127.0.0.1:0"];
/// Fewer than a server has at once.
const CONNECTIONS: usize = 500;
const CLIENTS: [usize; 3] = [1, 2, 8];
const LENGTH: Duration = Duration::from_secs(5);

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

fn main() {
    let scratch = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        sign_ins(&scratch.path().join("people")).await;
        memory(scratch.path()).await;
    });
}

/// Passwords and tokens in a second.
async fn sign_ins(data: &Path) {
    let flags = ["--data", data.to_str().unwrap()];
    let asking = [(NO_SIGN_IN, "false".to_owned())];
    let server = Server::start_with(&[&SERVE[..], &flags].concat(), &asking);
    let code = fs::read_to_string(data.join("first-admin-code")).unwrap();
    let http = reqwest::Client::new();
    let url = |path: &str| format!("{}/api/v1/{path}", server.url());
    let admin = json!({ "code": code.trim(), "name": "ada", "password": "correct horse" });
    let made = http
        .post(url("first-admin"))
        .json(&admin)
        .send()
        .await
        .unwrap();
    assert!(made.status().is_success());
    let attempt = json!({ "name": "ada", "password": "correct horse", "kind": "session" });
    let token = json!({ "name": "ada", "password": "correct horse", "kind": "command-line" });
    let token: Value = http
        .post(url("sign-in"))
        .json(&token)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let token = Arc::new(token["secret"].as_str().unwrap().to_owned());
    println!(
        "\n{:<10} {:>14} {:>22}",
        "clients", "sign-ins/s", "requests with token/s"
    );
    for clients in CLIENTS {
        let sign_in = || http.post(url("sign-in")).json(&attempt);
        let passwords = rate(clients, sign_in).await;
        let tokens = rate(clients, || http.get(url("songs")).bearer_auth(&token)).await;
        println!("{clients:<10} {passwords:>14.1} {tokens:>22.0}");
    }
}

/// How many requests of so many clients are answered in a second.
async fn rate(clients: usize, request: impl Fn() -> reqwest::RequestBuilder) -> f64 {
    let begun = Instant::now();
    let client = || async {
        let mut answered = 0;
        while begun.elapsed() < LENGTH {
            let answer = request().send().await.unwrap();
            assert!(answer.status().is_success(), "{answer:?}");
            answer.bytes().await.unwrap();
            answered += 1;
        }
        answered
    };
    let all = futures_util::future::join_all((0..clients).map(|_| client())).await;
    f64::from(all.into_iter().sum::<i32>()) / begun.elapsed().as_secs_f64()
}

/// Memory of idle connections that have asked once.
async fn memory(scratch: &Path) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (scratch.join("cert.pem"), scratch.join("key.pem"));
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    println!(
        "\n{:<10} {:>24} {:>24}",
        "", "KB a connection", "connections/s made"
    );
    for is_encrypted in [false, true] {
        let data = scratch.join(is_encrypted.to_string());
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        let mut flags = vec!["--data".to_owned(), path(&data)];
        if is_encrypted {
            flags.extend(["--tls-cert".to_owned(), path(&certificate)]);
            flags.extend(["--tls-key".to_owned(), path(&key)]);
        }
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let server = Server::start(&[&SERVE[..], &flags].concat());
        let caller = Roots::default()
            .and(&certificate)
            .unwrap()
            .caller(&[b"http/1.1"])
            .unwrap();
        let connect = || async {
            let stream = TcpStream::connect(server.http()).await.unwrap();
            let mut stream: Box<dyn Stream> = match is_encrypted {
                true => Box::new(caller.connect("localhost", stream).await.unwrap()),
                false => Box::new(stream),
            };
            stream
                .write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
                .await
                .unwrap();
            let mut answer = [0; 2048];
            assert!(stream.read(&mut answer).await.unwrap() > 0);
            stream
        };
        let warm = connect().await;
        let before = server.memory() as f64;
        let begun = Instant::now();
        let mut open = Vec::new();
        for _ in 0..CONNECTIONS {
            open.push(connect().await);
        }
        let made = CONNECTIONS as f64 / begun.elapsed().as_secs_f64();
        let each = (server.memory() as f64 - before) / CONNECTIONS as f64 / 1000.0;
        let what = if is_encrypted { "TLS" } else { "plain" };
        println!("{what:<10} {each:>24.1} {made:>24.0}");
        drop((warm, open));
    }
}
