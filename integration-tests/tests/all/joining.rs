//! Machines that find their network by themselves: announced in the local network, or named in a file.

use std::fs;

use kadenza_contract::Status;
use kadenza_integration_tests::processes::{Server, wait_until};
use tempfile::TempDir;

fn serve(directory: &TempDir, name: &str, flags: &[&str]) -> Server {
    let data = directory.path().join(name);
    let own = ["serve", "--data", data.to_str().unwrap()];
    let free = ["--http", "127.0.0.1:0", "--rpc", "127.0.0.1:0"];
    Server::start(&[&own[..], &free, flags].concat())
}

/// Waits until so many nodes are counted by one of them.
fn counts(server: &Server, nodes: usize) {
    wait_until("the nodes know each other", || {
        let ended = server.ask(&["status", "--json"]);
        let status: Option<Status> = serde_json::from_str(&ended.stdout).ok();
        status.filter(|status| status.nodes.len() == nodes)
    });
}

#[test]
fn nodes_find_each_other_in_the_local_network() {
    let directory = TempDir::new().unwrap();
    // Whoever comes first waits.
    let early = serve(&directory, "early", &["--mdns"]);
    let refused = early.ask(&["upload", "Cargo.toml"]);
    assert_eq!(refused.status, 1, "{refused:?}");
    let first = serve(&directory, "first", &["--mdns", "--bootstrap"]);
    counts(&first, 2);
    counts(&early, 2);
    let late = serve(&directory, "late", &["--mdns"]);
    counts(&late, 3);
}

#[test]
fn a_file_of_addresses_is_read_again_while_a_node_waits() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("nodes");
    fs::write(&file, "# nobody yet\n").unwrap();
    let flag = ["--join-file", file.to_str().unwrap()];
    let waiting = serve(&directory, "waiting", &flag);
    let first = serve(&directory, "first", &["--bootstrap"]);
    fs::write(&file, format!("{} # the first\n", first.rpc())).unwrap();
    counts(&waiting, 2);
    counts(&first, 2);
}
