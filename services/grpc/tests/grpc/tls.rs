//! gRPC over TLS: what passes, and what a client, a stranger or a file does wrong.

use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bytes::Bytes;
use kadenza_contract::{Error, MusicService, MusicServiceExt, SongId, Stated};
use kadenza_grpc::{Client, ClientConfig, ServerConfig};
use kadenza_tls::{Certificate, Roots, client::TlsStream};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::support::{Backend, Odd, PATIENCE};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Files of an authority and of a backend that it vouches for.
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

    /// Writes a new certificate with a new key; gives it.
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

    async fn backend(&self, config: ServerConfig) -> Backend {
        let config = config.with_tls(&self.certificate().await).unwrap();
        Backend::of(Arc::new(Odd::default()), config).await
    }

    /// Shakes hands and speaks these protocols, the preferred first.
    async fn shaken(
        &self,
        backend: &Backend,
        protocols: &[&[u8]],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let caller = self.roots().caller(protocols).unwrap();
        let stream = TcpStream::connect(backend.address).await.unwrap();
        caller.connect("localhost", stream).await
    }

    /// The certificate that a backend presents now.
    async fn presented(&self, backend: &Backend) -> Vec<u8> {
        let stream = self.shaken(backend, &[b"h2"]).await.unwrap();
        let (_, session) = stream.get_ref();
        session.peer_certificates().unwrap()[0].to_vec()
    }
}

fn client_of(address: SocketAddr, host: &str, roots: Option<Roots>) -> Client {
    let config = ClientConfig {
        roots,
        // Two processors and many tests at once.
        connect_timeout: Duration::from_secs(10),
        ..ClientConfig::default()
    };
    Client::new(host, address.port(), config).unwrap()
}

/// Asks, and gives how it is told that the backend cannot be spoken to.
async fn refused(client: &Client) -> String {
    match client.servers().await {
        Err(error @ Error::Unreachable { .. }) => error.chain(),
        other => panic!("{client:?}: {other:?}"),
    }
}

#[tokio::test]
async fn whoever_is_on_the_way_to_a_backend_hears_nothing() {
    let files = Files::new();
    let backend = files.backend(ServerConfig::default()).await;
    let way = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = way.local_addr().unwrap();
    type Heard = Arc<Mutex<Vec<u8>>>;
    let said: Arc<Mutex<Vec<Heard>>> = Arc::default();
    let recording = Arc::clone(&said);
    tokio::spawn(async move {
        while let Ok((near, _)) = way.accept().await {
            let far = TcpStream::connect(backend.address).await.unwrap();
            let (from_near, to_near) = near.into_split();
            let (from_far, to_far) = far.into_split();
            for (mut from, mut to) in [(from_near, to_far), (from_far, to_near)] {
                let heard: Heard = Arc::default();
                recording.lock().unwrap().push(Arc::clone(&heard));
                tokio::spawn(async move {
                    let mut piece = [0; 4096];
                    while let Ok(length @ 1..) = from.read(&mut piece).await {
                        heard.lock().unwrap().extend_from_slice(&piece[..length]);
                        to.write_all(&piece[..length]).await.unwrap();
                    }
                });
            }
        }
    });
    let client = client_of(address, "localhost", Some(files.roots()));
    assert_eq!(client.servers().await.unwrap(), ["http://somewhere:1"]);
    let secret = b"in the clear ".repeat(9_999);
    let upload = client.upload_bytes(Bytes::from(secret), Stated::default());
    upload.await.unwrap();

    let said = said.lock().unwrap();
    assert!(said.len() >= 4, "{}", said.len());
    for heard in &*said {
        let heard = heard.lock().unwrap();
        for words in [&PREFACE[..14], b"in the clear", b"somewhere", b"kadenza.v1"] {
            assert!(!heard.windows(words.len()).any(|heard| heard == words));
        }
        // Records of TLS alone, whole ones (RFC 8446, section 5.1).
        let mut rest = &heard[..];
        while let [kind, 3, _, high, low, after @ ..] = rest {
            assert!((20..=23).contains(kind), "{kind}");
            let length = usize::from(*high) << 8 | usize::from(*low);
            rest = after.get(length..).unwrap_or_default();
        }
        assert!(rest.is_empty(), "{rest:?}");
    }
}

#[tokio::test]
async fn a_backend_proves_its_name_to_those_who_trust_its_authority() {
    let files = Files::new();
    let backend = files.backend(ServerConfig::default()).await;
    for (roots, host) in [
        (Files::new().roots(), "localhost"),
        (Roots::default(), "localhost"),
        (files.roots(), "127.0.0.1"),
    ] {
        let told = refused(&client_of(backend.address, host, Some(roots))).await;
        assert!(told.contains("grpcs://"), "{told}");
        assert!(told.contains("certificate"), "{told}");
    }
    let client = client_of(backend.address, "localhost", Some(files.roots()));
    client.servers().await.unwrap();
}

#[tokio::test]
async fn plain_grpc_on_the_port_is_told_what_is_wrong() {
    let files = Files::new();
    let backend = files.backend(ServerConfig::default()).await;
    let told = refused(&client_of(backend.address, "localhost", None)).await;
    assert!(told.contains("ask again by grpcs"), "{told}");
    // An upload sends much before it hears the answer.
    let client = client_of(backend.address, "localhost", None);
    let audio = Bytes::from(vec![7; 5 << 20]);
    let uploaded = client.upload_bytes(audio, Stated::default()).await;
    assert!(
        matches!(
            uploaded,
            Err(Error::Unreachable { .. } | Error::Timeout { .. })
        ),
        "{uploaded:?}"
    );

    for words in [PREFACE, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", b"\0"] {
        let mut stream = TcpStream::connect(backend.address).await.unwrap();
        stream.write_all(words).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        tokio::time::timeout(PATIENCE, read).await.unwrap().unwrap();
        assert!(answer.ends_with(b"ask again by grpcs."), "{answer:?}");
    }
    // The other way round: the backend does not speak TLS.
    let plain = Backend::of(Arc::new(Odd::default()), ServerConfig::default()).await;
    refused(&client_of(plain.address, "localhost", Some(files.roots()))).await;
}

#[tokio::test]
async fn tls_without_http_2_is_not_spoken() {
    let files = Files::new();
    let backend = files.backend(ServerConfig::default()).await;
    let refused_by_it = files.shaken(&backend, &[b"http/1.1"]).await;
    assert!(refused_by_it.is_err(), "{refused_by_it:?}");
    for words in [&b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"[..], b"PRI * HTTP/1"] {
        let mut stream = files.shaken(&backend, &[]).await.unwrap();
        stream.write_all(words).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(answer.is_empty(), "{answer:?}");
    }

    // Something that is no backend, though it has the name.
    let other = ServerConfig {
        door: Some(files.certificate().await.door(&[]).unwrap()),
        ..ServerConfig::default()
    };
    let other = Backend::of(Arc::new(Odd::default()), other).await;
    let told = refused(&client_of(other.address, "localhost", Some(files.roots()))).await;
    assert!(told.contains("no HTTP/2"), "{told}");
}

#[tokio::test]
async fn a_backend_presents_a_new_certificate_without_a_restart() {
    let files = Files::new();
    let backend = files.backend(ServerConfig::default()).await;
    let client = client_of(backend.address, "localhost", Some(files.roots()));
    client.servers().await.unwrap();
    let new = files.renew();
    assert!(files.presented(&backend).await != new);
    let begun = Instant::now();
    while files.presented(&backend).await != new {
        assert!(begun.elapsed() < PATIENCE, "the new one is never used");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // Who is connected stays so.
    client.servers().await.unwrap();
    assert!(matches!(
        client.song(&SongId::of("a", "b", "c")).await,
        Err(Error::Timeout { .. })
    ));
}

#[tokio::test]
async fn silent_handshakes_give_their_places_up() {
    let files = Files::new();
    let config = ServerConfig {
        preface_deadline: Duration::from_millis(500),
        connections_max: 3,
        ..ServerConfig::default()
    };
    let backend = files.backend(config).await;
    let begun = Instant::now();
    let mut halting = TcpStream::connect(backend.address).await.unwrap();
    halting.write_all(&[22, 3, 1, 2]).await.unwrap();
    let silent = TcpStream::connect(backend.address).await.unwrap();
    // With its hands shaken, and nothing to say.
    let shaken = files.shaken(&backend, &[b"h2"]).await.unwrap();
    let client = client_of(backend.address, "localhost", Some(files.roots()));
    client.servers().await.unwrap();
    assert!(
        begun.elapsed() >= Duration::from_millis(450),
        "served beyond the bound"
    );
    drop((halting, silent, shaken));
}
