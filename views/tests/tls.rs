//! HTTPS: the same answers over TLS, and what a client or a file does wrong.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use axum::http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use kadenza_tls::{Certificate, Roots, client::TlsStream};
use kadenza_views::{Server, ServerConfig, ViewsConfig, router};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use support::*;
use tempfile::TempDir;
use tokio::{io::AsyncReadExt, net::TcpStream, time::Instant};

/// Files of an authority and of a server that it vouches for.
struct Files {
    dir: TempDir,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Files {
    fn new() -> Files {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let files = Files {
            dir: tempfile::tempdir().unwrap(),
            authority,
        };
        fs::write(files.path("ca.pem"), files.authority.pem()).unwrap();
        files.renew();
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a new certificate with a new key; gives the former.
    fn renew(&self) -> Vec<u8> {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.authority).unwrap();
        fs::write(self.path("cert.pem"), certificate.pem()).unwrap();
        fs::write(self.path("key.pem"), key.serialize_pem()).unwrap();
        certificate.der().to_vec()
    }

    async fn certificate(&self) -> Certificate {
        let opened = Certificate::open(self.path("cert.pem"), self.path("key.pem"));
        opened.await.unwrap()
    }

    fn roots(&self) -> Roots {
        Roots::default().and(&self.path("ca.pem")).unwrap()
    }

    async fn server(&self, config: ServerConfig) -> Running {
        let memory = Arc::new(Memory::default());
        let server = Server::bind("127.0.0.1:0".parse().unwrap(), config).unwrap();
        let server = server.with_tls(&self.certificate().await).unwrap();
        Running::of(server, router(memory, ViewsConfig::default()))
    }

    async fn connect(&self, server: &Running, protocols: &[&[u8]]) -> TlsStream<TcpStream> {
        let caller = self.roots().caller(protocols).unwrap();
        let shaken = caller.connect("localhost", server.connect().await);
        within(shaken).await.unwrap()
    }

    /// The certificate that a server presents now.
    async fn presented(&self, server: &Running) -> Vec<u8> {
        let stream = self.connect(server, &[]).await;
        let (_, session) = stream.get_ref();
        session.peer_certificates().unwrap()[0].to_vec()
    }
}

#[tokio::test]
async fn http_1_and_2_are_chosen_by_alpn() {
    let files = Files::new();
    let server = files.server(ServerConfig::default()).await;
    let stream = files.connect(&server, &[b"h2", b"http/1.1"]).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let io = TokioIo::new(stream);
    let (mut client, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
        .await
        .unwrap();
    tokio::spawn(connection);
    let request = Request::get("https://localhost/api/v1/songs");
    let request = request.body(Full::<bytes::Bytes>::default()).unwrap();
    let answer = within(client.send_request(request)).await.unwrap();
    assert_eq!(answer.status(), 200);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert!(body.starts_with(b"{"), "{body:?}");

    let mut stream = files.connect(&server, &[b"http/1.1"]).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let request = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut stream, request)
        .await
        .unwrap();
    let mut answer = String::new();
    within(stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}

#[tokio::test]
async fn a_server_proves_its_name_to_those_who_trust_its_authority() {
    let files = Files::new();
    let server = files.server(ServerConfig::default()).await;
    for (roots, host) in [
        (Files::new().roots(), "localhost"),
        (Roots::default(), "localhost"),
        (files.roots(), "other.example"),
        (files.roots(), "127.0.0.1"),
    ] {
        let caller = roots.caller(&[]).unwrap();
        let refused = within(caller.connect(host, server.connect().await)).await;
        assert!(refused.is_err(), "{host} {roots:?}");
    }
    files.connect(&server, &[]).await;
}

#[tokio::test]
async fn a_new_certificate_is_used_and_a_bad_one_is_not() {
    let files = Files::new();
    let server = files.server(ServerConfig::default()).await;
    let old = files.presented(&server).await;

    fs::write(files.path("cert.pem"), "nothing of use").unwrap();
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(files.presented(&server).await == old);

    // A certificate whose key is not there yet is of no use either.
    let new = {
        let key = fs::read(files.path("key.pem")).unwrap();
        files.renew();
        fs::write(files.path("key.pem"), key).unwrap();
        tokio::time::sleep(Duration::from_secs(4)).await;
        assert!(files.presented(&server).await == old);
        files.renew()
    };
    let begun = Instant::now();
    while files.presented(&server).await != new {
        assert!(begun.elapsed() < PATIENCE, "the new one is never used");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn plain_http_on_the_port_is_told_what_is_wrong() {
    let files = Files::new();
    let server = files.server(ServerConfig::default()).await;
    for request in [
        &b"GET /api/v1/songs HTTP/1.1\r\nHost: localhost\r\n\r\n"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x00\x00",
    ] {
        let mut stream = server.connect().await;
        write(&mut stream, request).await;
        let answer = read_to_end(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(answer.ends_with("ask again by https://\n"), "{answer}");
    }
    // What only looks like a handshake is closed.
    let mut stream = server.connect().await;
    write(&mut stream, &[22, 3, 3, 0xff, 0xff, 1, 2, 3]).await;
    let mut rest = Vec::new();
    let _ = within(stream.read_to_end(&mut rest)).await;
    assert!(!rest.starts_with(b"HTTP"), "{rest:?}");
    files.connect(&server, &[]).await;
}

#[tokio::test]
async fn slow_handshakes_have_a_deadline_and_a_place() {
    let files = Files::new();
    let config = ServerConfig {
        header_deadline: Duration::from_millis(500),
        connections_max: 2,
        ..ServerConfig::default()
    };
    let server = files.server(config).await;
    let begun = Instant::now();
    let mut silent = server.connect().await;
    let mut halting = server.connect().await;
    write(&mut halting, &[22, 3, 1, 2]).await;
    // Both places are taken until the deadline.
    files.connect(&server, &[]).await;
    assert!(
        begun.elapsed() >= Duration::from_millis(450),
        "served beyond the cap"
    );
    for stream in [&mut silent, &mut halting] {
        let mut rest = Vec::new();
        let _ = within(stream.read_to_end(&mut rest)).await;
        assert!(rest.is_empty(), "{rest:?}");
    }
}
