//! Strangers on the ports: what they send costs them the connection, and the node nothing.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use kadenza_contract::{MusicServiceExt, Stated};
use kadenza_integration_tests::{
    fixtures::{AudioFile, noise},
    processes::{Cluster, PATIENCE},
};

/// How much a node may grow by strangers, in bytes. A guess, far below the lengths they promise.
const GROWTH_MAX: u64 = 128 << 20;

/// Sends something to a port, and waits until the other side closes the connection.
fn is_dropped_after(address: SocketAddr, what: &str, bytes: &[u8]) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // It may be closed before all is sent.
    let _ = stream.write_all(bytes);
    let begun = Instant::now();
    let mut answer = [0; 4096];
    loop {
        match stream.read(&mut answer) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return,
            Err(error) => panic!("{what}: still open after {:?}: {error}", begun.elapsed()),
        }
    }
}

/// A frame's two lengths.
fn lengths(json: u32, attachment: u32) -> Vec<u8> {
    [json.to_be_bytes(), attachment.to_be_bytes()].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_on_a_port_costs_only_the_connection_of_its_sender() {
    let cluster = Cluster::start(2, 2);
    let node = &cluster.nodes[0];
    let before = node.memory();
    let file = AudioFile::named("Untouched", "A", "B");
    let client = node.client();
    let song = client
        .upload_bytes(file.bytes(), Stated::default())
        .await
        .unwrap()
        .song;

    let framed = |json: &[u8], attachment: &[u8]| {
        let mut frame = lengths(json.len() as u32, attachment.len() as u32);
        frame.extend_from_slice(json);
        frame.extend_from_slice(attachment);
        frame
    };
    let rpc: Vec<(String, Vec<u8>)> = [
        (
            "an HTTP request",
            b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(),
        ),
        ("a huge envelope", lengths(u32::MAX, 0)),
        ("a huge attachment", lengths(2, u32::MAX)),
        ("an empty envelope", lengths(0, 0)),
        ("no JSON", framed(b"not json", b"")),
        ("JSON of nothing", framed(b"{}", b"")),
        ("deep JSON", framed(&[b'['; 60_000], b"")),
        ("no text", framed(&[0xff; 100], b"")),
        ("an attachment to nothing", framed(b"{}", &[7; 1000])),
    ]
    .map(|(what, bytes)| (what.to_owned(), bytes))
    .into_iter()
    .chain((0..20).map(|seed| (format!("noise {seed}"), noise(seed, 100_000))))
    .collect();
    for (what, bytes) in &rpc {
        is_dropped_after(node.rpc(), what, bytes);
    }

    let http: Vec<(String, Vec<u8>)> = [
        ("a frame", framed(b"{}", b"")),
        ("a line without end", vec![b'a'; 1 << 20]),
        ("no version", b"GET /\r\n\r\n".to_vec()),
        ("a bad length", b"POST /api/v1/songs HTTP/1.1\r\nhost: localhost\r\ncontent-length: x\r\n\r\n".to_vec()),
        (
            "two lengths",
            b"POST /api/v1/songs HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n".to_vec(),
        ),
        (
            "a bad chunk",
            b"POST /api/v1/songs HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".to_vec(),
        ),
        ("half of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff".to_vec()),
    ]
    .map(|(what, bytes)| (what.to_owned(), bytes))
    .into_iter()
    .chain((0..20).map(|seed| (format!("noise {seed}"), noise(seed, 100_000))))
    .collect();
    for (what, bytes) in &http {
        is_dropped_after(node.http(), what, bytes);
    }

    // Half a frame or a request, and then silence: dropped as well, by a deadline.
    let slow: Vec<_> = [
        (node.rpc(), "half a length", vec![0, 0]),
        (
            node.rpc(),
            "half an envelope",
            [lengths(50, 0), b"{\"a\":".to_vec()].concat(),
        ),
        (
            node.rpc(),
            "half an attachment",
            [lengths(2, 1 << 20), b"{}".to_vec()].concat(),
        ),
        (
            node.http(),
            "half a request",
            b"GET /api/v1/songs HT".to_vec(),
        ),
        (
            node.http(),
            "half a head",
            b"GET / HTTP/1.1\r\nhost: localhost\r\n".to_vec(),
        ),
        (node.http(), "nothing", Vec::new()),
        (
            node.http(),
            "half a body",
            b"POST /api/v1/songs HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\nRIFF"
                .to_vec(),
        ),
    ]
    .into_iter()
    .map(|(address, what, bytes)| {
        std::thread::spawn(move || is_dropped_after(address, what, &bytes))
    })
    .collect();

    // Meanwhile many that do nothing but be there.
    let idle: Vec<TcpStream> = [node.rpc(), node.http()]
        .iter()
        .flat_map(|address| (0..100).map(move |_| TcpStream::connect(address).unwrap()))
        .collect();
    for node in &cluster.nodes {
        let begun = Instant::now();
        let heard = node.client().audio_bytes(&song.id()).await.unwrap();
        assert!(heard == Some(file.bytes()));
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "strangers slow the node down"
        );
    }
    drop(idle);
    for slow in slow {
        slow.join().unwrap();
    }

    let grown = node.memory().saturating_sub(before);
    eprintln!("{grown} bytes of memory more after all the garbage");
    assert!(grown < GROWTH_MAX, "the node grew by {grown} bytes");
    let again = AudioFile::named("Still well", "A", "B");
    let upload = node
        .client()
        .upload_bytes(again.bytes(), Stated::default())
        .await
        .unwrap();
    let other = cluster.nodes[1].client();
    assert!(other.audio_bytes(&upload.song.id()).await.unwrap() == Some(again.bytes()));
}
