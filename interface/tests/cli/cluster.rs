//! Nodes among others, and the demo.

use std::{
    fs,
    time::{Duration, Instant},
};

use crate::support::{PATIENCE, Server, documents, run, song};

fn node(data: &std::path::Path, join: Option<&Server>) -> Server {
    let data = data.to_str().unwrap();
    let mut args = vec![
        "serve",
        "--data",
        data,
        "--http",
        "127.0.0.1:0",
        "--rpc",
        "127.0.0.1:0",
    ];
    let rpc = join.map(|node| node.rpc().expect("a node").to_owned());
    if let Some(rpc) = &rpc {
        args.extend(["--join", rpc]);
    }
    Server::start(&args)
}

fn wait_until(what: &str, mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < PATIENCE, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_node_that_is_told_to_leave_hands_its_songs_on_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let first = node(&folder.path().join("1"), None);
    let file = folder.path().join("a.wav");
    fs::write(&file, song("Handed On", "Artist", "")).unwrap();
    assert_eq!(first.ask(&["upload", file.to_str().unwrap()]).status, 0);
    let second = node(&folder.path().join("2"), Some(&first));
    wait_until("both know each other", || {
        let status = documents(&first.ask(&["status", "--json"]).stdout);
        status[0]["nodes"].as_array().unwrap().len() == 2
    });
    let mut first = first;
    let left = first.ask(&["leave"]);
    assert_eq!(left.status, 0, "{left:?}");
    assert_eq!(first.ended_within(Duration::from_secs(10)).code(), Some(0));
    let found = documents(&second.ask(&["search", "--json", "handed"]).stdout);
    assert_eq!(found.len(), 1);
    let copy = folder.path().join("copy.wav");
    let id = found[0]["id"].as_str().unwrap();
    let heard = second.ask(&["listen", id, "--output", copy.to_str().unwrap()]);
    assert_eq!(heard.status, 0, "{heard:?}");
    assert_eq!(fs::read(copy).unwrap(), fs::read(file).unwrap());
    second.end();
}

#[test]
fn a_taken_port_for_nodes_is_told_with_the_flag_to_change() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let data = folder.path().to_str().unwrap();
    let ended = run(&[
        "serve",
        "--data",
        data,
        "--http",
        "127.0.0.1:0",
        "--rpc",
        &address,
    ]);
    assert_eq!((ended.status, ended.stdout.as_str()), (1, ""));
    let line = ended.stderr.lines().last().unwrap();
    assert!(line.contains(&address) && line.contains("--rpc"), "{line}");
}

#[test]
fn the_demo_keeps_its_songs_for_the_next_time() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("demo");
    let start = || {
        Server::start(&[
            "demo",
            "--dir",
            data.to_str().unwrap(),
            "--http",
            "127.0.0.1:0",
        ])
    };
    let demo = start();
    let said: Vec<String> = (0..5)
        .map(|_| demo.lines.recv_timeout(PATIENCE).unwrap())
        .collect();
    assert!(
        said[0].starts_with(&format!("player  http://{}/", demo.http())),
        "{said:?}"
    );
    assert!(
        said[1].contains(&*data.canonicalize().unwrap().to_string_lossy()),
        "{said:?}"
    );
    let file = folder.path().join("a.wav");
    fs::write(&file, song("Demonstrated", "Artist", "")).unwrap();
    let uploaded = demo.ask(&["upload", file.to_str().unwrap()]);
    assert_eq!(uploaded.status, 0, "{uploaded:?}");
    assert!(demo.request("GET", "/").0.starts_with("HTTP/1.1 200"));
    let nodes = documents(&demo.ask(&["status", "--json"]).stdout)[0]["nodes"]
        .as_array()
        .unwrap()
        .len();
    assert_eq!(nodes, 3);
    demo.end();

    // The usual port of its first node is taken now, by this test or somebody else.
    let _taken = std::net::TcpListener::bind("127.0.0.1:4533");
    let demo = start();
    wait_until("the songs are there again", || {
        demo.ask(&["search", "demonstrated"]).stdout.lines().count() == 1
    });
    demo.end();
}
