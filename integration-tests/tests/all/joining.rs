//! Machines that find their network: by themselves in the local network, by a file; and those that must not.

use std::fs;

use kadenza_contract::Status;
use kadenza_integration_tests::processes::{self, Server, wait_until};
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

#[test]
fn open_nodes_and_proven_ones_do_not_mix() {
    let directory = TempDir::new().unwrap();
    let proven = serve(&directory, "proven", &["--bootstrap"]);
    let open = serve(&directory, "open", &["--bootstrap", "--open"]);
    let join = |name, flags: &[&str], first: &Server| {
        let first = first.rpc().to_string();
        serve(&directory, name, &[flags, &["--join", &first]].concat())
    };
    // Each waits for a network that is not its own.
    let stranger = join("stranger", &["--open"], &proven);
    let lost = join("lost", &[], &open);
    // Those that came later and belong there are members, and they alone.
    let second = join("second", &[], &proven);
    let another = join("another", &["--open"], &open);
    for member in [&proven, &second, &open, &another] {
        counts(member, 2);
    }
    for alone in [&stranger, &lost] {
        let refused = alone.ask(&["upload", "Cargo.toml"]);
        assert_eq!(refused.status, 1, "{refused:?}");
        counts(alone, 1);
    }
    // What the open ones say to each other is for this machine alone.
    let data = directory.path().join("everybody");
    let wide = [
        "serve",
        "--bootstrap",
        "--open",
        "--data",
        data.to_str().unwrap(),
    ];
    for (http, rpc, named) in [
        ("0.0.0.0:0", "127.0.0.1:0", "--http"),
        ("127.0.0.1:0", "0.0.0.0:0", "--rpc"),
    ] {
        let addresses = ["--http", http, "--rpc", rpc, "--advertise", "127.0.0.1:0"];
        let refused = processes::run(&[&wide[..], &addresses].concat());
        assert_eq!(refused.status, 2, "{refused:?}");
        assert!(refused.stderr.contains(named), "{refused:?}");
    }
}
