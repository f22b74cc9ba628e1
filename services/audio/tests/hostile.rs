//! Tags that become a hundred times as large in a parser, read in this process. A program of its own, since it looks
//! at the memory of the whole process.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use kadenza_audio::{Intake, IntakeConfig};
use kadenza_contract::{NewSong, Stated};

const MIB: usize = 1 << 20;
/// The most memory that one file may cost in a debug build: far more than it should, and far less than it did.
const MEMORY_BYTES_MAX: u64 = 400 << 20;

/// Some frames of silence, as MPEG Layer III has them.
fn silence() -> Vec<u8> {
    let mut frame = vec![0xff, 0xfb, 0x90, 0];
    frame.resize(417, 0);
    frame.repeat(40)
}

fn id3(fields: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let seven_bits = |number: usize| [21, 14, 7, 0].map(|shift| (number >> shift) as u8 & 0x7f);
    let mut body = Vec::new();
    for (name, content) in fields {
        body.extend(*name);
        body.extend(seven_bits(content.len()));
        body.extend([0, 0]);
        body.extend(content);
    }
    [
        &b"ID3\x04\0\0"[..],
        &seven_bits(body.len()),
        &body,
        &silence(),
    ]
    .concat()
}

/// Twenty fields of nearly a mebibyte each, full of values.
fn values_in_id3(encoding: &[u8], value: &[u8]) -> Vec<u8> {
    let full = [encoding, &value.repeat(MIB / value.len() - 8)].concat();
    let names = [b"TPE1", b"TPE2", b"TCON", b"TCOM"].into_iter().cycle();
    let fields = names.take(20).map(|name| (name, full.clone()));
    let title = [(b"TIT2", b"\x03Hostile".to_vec())];
    id3(&title.into_iter().chain(fields).collect::<Vec<_>>())
}

/// Vorbis comments in FLAC, with the number of them that is stated.
fn values_in_flac(stated: u32, comments: &[u8]) -> Vec<u8> {
    let block = [&[0; 4], &stated.to_le_bytes()[..], comments].concat();
    let info = [
        &[
            0x10, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0x0a, 0xc4, 0x42, 0xf0, 0, 0, 0xac, 0x44,
        ][..],
        &[0; 16],
    ]
    .concat();
    let head = (0x8400_0000 | block.len() as u32).to_be_bytes();
    [&b"fLaC\0\0\0\x22"[..], &info, &head, &block].concat()
}

/// An APEv2 tag behind silence.
fn values_in_ape(value: &[u8]) -> Vec<u8> {
    let item = [
        &(value.len() as u32).to_le_bytes()[..],
        &[0; 4],
        b"Artist\0",
        value,
    ]
    .concat();
    let foot = [
        &b"APETAGEX"[..],
        &2000u32.to_le_bytes(),
        &(item.len() as u32 + 32).to_le_bytes(),
        &1u32.to_le_bytes(),
        &[0; 12],
    ];
    [&silence()[..], &item, &foot.concat()].concat()
}

async fn take(scratch: &Path, file: Vec<u8>) -> String {
    let intake = Intake::open(scratch, IntakeConfig::default())
        .await
        .unwrap();
    let stated = Stated {
        path: Some("Its Path.mp3".to_owned()),
        ..Stated::default()
    };
    let audio = stream::iter([Ok(Bytes::from(file))]).boxed();
    let taken = intake.take(NewSong { stated, audio }).await.unwrap();
    taken.song().recordings()[0].tags.title().to_owned()
}

fn memory_max() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let most = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = most.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// Each cost up to 2.3 GB once.
#[tokio::test(flavor = "multi_thread")]
async fn tags_full_of_values_cost_no_more_than_others() {
    let scratch = tempfile::tempdir().unwrap();
    let comments = b"\x03\0\0\0A=b".repeat(2_000_000);
    let files = [
        ("Hostile", values_in_id3(b"\x03", b"a\0")),
        ("Hostile", values_in_id3(b"\x03", b"\0")),
        ("Hostile", values_in_id3(b"\x01\xff\xfe", b"a\0\0\0")),
        ("Its Path", values_in_flac(2_000_000, &comments)),
        ("Its Path", values_in_flac(3_500_000, &comments)),
        ("Its Path", values_in_ape(&b"a\0".repeat(8 * MIB))),
    ];
    for (title, file) in files {
        assert_eq!(take(scratch.path(), file).await, title);
    }
    if let Some(most) = memory_max() {
        assert!(most < MEMORY_BYTES_MAX, "{most} bytes");
    }
}
