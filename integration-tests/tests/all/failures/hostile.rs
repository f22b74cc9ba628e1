//! Files made to cost memory, and the processes that read them: what a server tells and takes of it.

use std::{
    cell::Cell,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use kadenza_contract::{ArtworkRequest, Error, MusicService, MusicServiceExt, Stated};
use kadenza_integration_tests::{
    fixtures::AudioFile,
    processes::{Server, wait_until},
};
use tempfile::TempDir;

/// The most memory of a server or a reader in a debug build, which has a hundred megabytes of its own.
const MEMORY_BYTES_MAX: u64 = 400 << 20;

fn standalone(data: &Path) -> Server {
    let data = data.to_str().unwrap();
    Server::start(&[
        "serve",
        "--standalone",
        "--data",
        data,
        "--http",
        "127.0.0.1:0",
    ])
}

/// Silence with these fields.
fn tagged(fields: &[(&[u8], Vec<u8>)]) -> Vec<u8> {
    let seven_bits = |number: usize| [21, 14, 7, 0].map(|shift| (number >> shift) as u8 & 0x7f);
    let mut body = Vec::new();
    for (name, content) in fields {
        body.extend([*name, &seven_bits(content.len()), &[0, 0], content].concat());
    }
    let mut frame = vec![0xff, 0xfb, 0x90, 0];
    frame.resize(417, 0);
    [
        &b"ID3\x04\0\0"[..],
        &seven_bits(body.len()),
        &body,
        &frame.repeat(40),
    ]
    .concat()
}

/// A tag of twenty fields, each full of values: 20 MB that were 2.3 GB in a parser once.
fn full_of_values() -> Vec<u8> {
    let full = [&b"\x03"[..], &b"a\0".repeat(500_000)].concat();
    let names: [&[u8]; 4] = [b"TPE1", b"TPE2", b"TCON", b"TCOM"];
    let title = [(&b"TIT2"[..], b"\x03Hostile".to_vec())];
    let fields = names.into_iter().cycle().take(20);
    let fields = fields.map(|name| (name, full.clone()));
    tagged(&title.into_iter().chain(fields).collect::<Vec<_>>())
}

/// The beginnings of pictures that are much larger than their files.
fn promised_pictures(edge: u16) -> [Vec<u8>; 4] {
    let [little, big] = [edge.to_le_bytes(), edge.to_be_bytes()];
    let wide = u32::from(edge).to_le_bytes();
    let bmp = [
        &b"BM"[..],
        &[0; 8],
        b"\x36\0\0\0\x28\0\0\0",
        &wide,
        &wide,
        b"\x01\0\x18\0",
        &[0; 24],
    ];
    // One frame, as large as the picture.
    let gif = [
        &b"GIF89a"[..],
        &little,
        &little,
        b"\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0",
        &little,
        &little,
        b"\0\x02\x02\x44\x01\0;",
    ];
    // Each component as large as the picture, in scans of their own.
    let jpeg = [
        &b"\xff\xd8\xff\xc2\0\x11\x08"[..],
        &big,
        &big,
        b"\x03\x01\x11\0\x02\x11\0\x03\x11\0",
        b"\xff\xda\0\x08\x01\x01\0\0\0\0",
        &[0; 64],
    ];
    // Its sizes are written in 14 bits each, less one.
    let sizes = (u32::from(edge) - 1) | (u32::from(edge) - 1) << 14;
    let webp = [
        &b"RIFF\x4c\0\0\0WEBPVP8L\x40\0\0\0\x2f"[..],
        &sizes.to_le_bytes(),
        &[0; 59],
    ];
    [bmp.concat(), gif.concat(), jpeg.concat(), webp.concat()]
}

/// Matroska, whose tags are read as a whole, with more of them than a reader has memory for.
fn full_of_tags() -> Vec<u8> {
    let element = |id: &[u8], content: &[u8]| -> Vec<u8> {
        let size = (content.len() as u64 | 1 << 56).to_be_bytes();
        [id, &size, content].concat()
    };
    let named = [element(b"\x45\xa3", b"A"), element(b"\x44\x87", b"b")].concat();
    let tag = element(b"\x67\xc8", &named);
    let tags = element(
        b"\x12\x54\xc3\x67",
        &element(b"\x73\x73", &tag.repeat(1_500_000)),
    );
    let head = element(b"\x1a\x45\xdf\xa3", &element(b"\x42\x82", b"webm"));
    [head, element(b"\x18\x53\x80\x67", &tags)].concat()
}

fn readers(server: &Server) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{}/task", server.id())).unwrap();
    let children =
        tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("children")).ok());
    let children: String = children.collect();
    children.split_whitespace().map(str::to_owned).collect()
}

fn memory_max(process: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = most.and_then(|most| most.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn files_made_to_cost_memory_cost_a_server_little() {
    let data = TempDir::new().unwrap();
    let server = standalone(&data.path().join("data"));
    let client = server.client();
    let song = client
        .upload_bytes(full_of_values().into(), Stated::default())
        .await
        .unwrap()
        .song;
    assert_eq!(song.tags().title(), "Hostile");
    let refused = client
        .upload_bytes(full_of_tags().into(), Stated::default())
        .await;
    assert!(refused.is_err(), "{refused:?}");
    let file = AudioFile::named("Honest", "A", "B");
    let honest = client.upload_bytes(file.bytes(), Stated::default()).await;
    assert_eq!(honest.unwrap().song.tags().title(), "Honest");
    for process in readers(&server)
        .into_iter()
        .chain([server.id().to_string()])
    {
        let most = memory_max(&process);
        assert!(most < MEMORY_BYTES_MAX, "{most} bytes");
    }
    assert_eq!(server.told(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn covers_made_to_cost_memory_cost_a_server_little() {
    let data = TempDir::new().unwrap();
    let server = standalone(&data.path().join("data"));
    let client = server.client();
    let mut songs = Vec::new();
    for edge in [3000, 4300, 7000, 12_000] {
        for (n, picture) in promised_pictures(edge).into_iter().enumerate() {
            let title = format!("\x03Picture {n} of {edge}").into_bytes();
            let picture = [&b"\0image/x\0\x03\0"[..], &picture].concat();
            let file = tagged(&[(b"TIT2", title), (b"APIC", picture)]);
            let upload = client.upload_bytes(file.into(), Stated::default()).await;
            songs.push(upload.unwrap().song.id());
        }
    }
    let covers = songs.iter().flat_map(|song| {
        [64, 128, 300, 600].map(|size| {
            let (client, song) = (client.clone(), *song);
            let request = ArtworkRequest {
                song,
                size: Some(size),
            };
            async move { client.artwork(&request).await }
        })
    });
    let honest = async {
        let mut longest = Duration::ZERO;
        for n in 0..10 {
            let file = AudioFile::named(&format!("Honest {n}"), "A", "B");
            let begun = Instant::now();
            let upload = client.upload_bytes(file.bytes(), Stated::default()).await;
            upload.unwrap();
            longest = longest.max(begun.elapsed());
        }
        longest
    };
    let most = Cell::new(0);
    let looking = async {
        loop {
            for process in readers(&server) {
                most.set(most.get().max(memory_max(&process)));
            }
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    };
    let covers = futures_util::future::join_all(covers);
    let (covers, longest) = tokio::select! {
        done = async { tokio::join!(covers, honest) } => done,
        () = looking => unreachable!("it looks for ever"),
    };
    // What the client cannot have now, it may ask for again.
    for cover in covers {
        assert!(matches!(cover, Ok(_) | Err(Error::Busy)), "{cover:?}");
    }
    assert!(longest < Duration::from_secs(2), "{longest:?}");
    for most in [most.get(), memory_max(&server.id().to_string())] {
        assert!(most < MEMORY_BYTES_MAX, "{most} bytes");
    }
    assert_eq!(server.told(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_limit_themselves_and_end_with_their_server() {
    let data = TempDir::new().unwrap();
    let mut server = standalone(data.path());
    let file = AudioFile::named("Honest", "A", "B");
    let client = server.client();
    client
        .upload_bytes(file.bytes(), Stated::default())
        .await
        .unwrap();
    let readers = readers(&server);
    assert!(!readers.is_empty());
    for reader in &readers {
        let limits = fs::read_to_string(format!("/proc/{reader}/limits")).unwrap();
        let limit = |name: &str| {
            let line = limits.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap().split_whitespace().next().unwrap().to_owned()
        };
        assert_ne!(limit("Max address space"), "unlimited");
        assert_ne!(limit("Max cpu time"), "unlimited");
        assert_eq!(limit("Max open files"), "3");
        assert_eq!(limit("Max core file size"), "0");
        assert_eq!(limit("Max file size"), "0");
        assert_eq!(limit("Max processes"), "0");
        let variables = fs::read(format!("/proc/{reader}/environ")).unwrap();
        assert!(variables.is_empty());
    }
    server.kill();
    wait_until("the readers end", || {
        let is_up = |reader: &String| fs::exists(format!("/proc/{reader}/fd/0")).unwrap_or(false);
        (!readers.iter().any(is_up)).then_some(())
    });
}
