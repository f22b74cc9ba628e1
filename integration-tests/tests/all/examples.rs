//! The three uses that must stay easy are short programs, and they work.

use std::{fs, process::Command};

use kadenza_integration_tests::processes::example;

/// The output of an example.
fn printed(name: &str) -> String {
    let output = Command::new(example(name)).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_library_is_embedded_in_under_thirty_lines() {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/embed.rs");
    let lines = fs::read_to_string(source).unwrap().lines().count();
    assert!(lines < 30, "{lines} lines");
    let printed = printed("embed");
    assert!(printed.starts_with("Megtört Álom: "), "{printed}");
    assert!(!printed.contains(" 0 bytes"), "{printed}");
}

#[test]
fn answers_stay_the_same_without_the_distributed_layer() {
    let printed = printed("swap");
    let (off, on) = printed.split_once("distributed layer on\n").unwrap();
    let off = off.strip_prefix("distributed layer off\n").unwrap();
    assert_eq!(off, on);
    assert_eq!(on.lines().count(), 3, "{on}");
}

#[test]
fn a_song_goes_on_when_its_servers_die() {
    let printed = printed("failover");
    assert_eq!(printed.matches("a server died").count(), 2, "{printed}");
    assert!(printed.ends_with("bytes, all right\n"), "{printed}");
}
