//! Files made to cost memory, and the processes that read them: what a server tells and takes of it.

use std::{fs, path::Path};

use kadenza_contract::{MusicServiceExt, Stated};
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

/// Silence with a tag of twenty fields, each full of values: 20 MB that were 2.3 GB in a parser once.
fn full_of_values() -> Vec<u8> {
    let seven_bits = |number: usize| [21, 14, 7, 0].map(|shift| (number >> shift) as u8 & 0x7f);
    let field = |name: &[u8], content: &[u8]| -> Vec<u8> {
        [name, &seven_bits(content.len()), &[0, 0], content].concat()
    };
    let full = [&b"\x03"[..], &b"a\0".repeat(500_000)].concat();
    let mut body = field(b"TIT2", b"\x03Hostile");
    for name in [b"TPE1", b"TPE2", b"TCON", b"TCOM"].iter().cycle().take(20) {
        body.extend(field(*name, &full));
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
    let server = standalone(data.path());
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
