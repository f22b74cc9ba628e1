//! Nodes among others, and the demo.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use crate::support::{PATIENCE, Server, documents, run, song};

/// A node in a directory of this name, which another one invites or which begins a network.
fn node(folder: &Path, name: &str, inviting: Option<&str>) -> Server {
    let data = folder.join(name);
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
    let token = folder.join("invitation");
    match inviting {
        Some(inviting) => {
            let given = run(&["invite", "--data", folder.join(inviting).to_str().unwrap()]);
            assert_eq!(given.status, 0, "{given:?}");
            fs::write(&token, given.stdout).unwrap();
            args.extend(["--invite", token.to_str().unwrap()]);
        }
        None => args.push("--bootstrap"),
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
    let first = node(folder.path(), "1", None);
    let file = folder.path().join("a.wav");
    fs::write(&file, song("Handed On", "Artist", "")).unwrap();
    assert_eq!(first.ask(&["upload", file.to_str().unwrap()]).status, 0);
    let second = node(folder.path(), "2", Some("1"));
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
        "--bootstrap",
    ]);
    assert_eq!((ended.status, ended.stdout.as_str()), (1, ""));
    let line = ended.stderr.lines().last().unwrap();
    assert!(line.contains(&address) && line.contains("--rpc"), "{line}");
}

/// A node without a network was once a network of its own, and acknowledged what nobody else had.
#[test]
fn a_network_begins_only_where_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let serve = |more: &[&str]| {
        let data = data.to_str().unwrap();
        let http = ["--http", "127.0.0.1:0", "--rpc", "127.0.0.1:0"];
        run(&[&["serve", "--data", data][..], &http, more].concat())
    };
    for more in [&[][..], &["--bootstrap", "--join", "127.0.0.1:1"]] {
        let ended = serve(more);
        assert_eq!((ended.status, ended.stdout.as_str()), (2, ""), "{ended:?}");
        let other = match more.is_empty() {
            true => "--invite",
            false => "--join",
        };
        for flag in ["--bootstrap", other] {
            assert!(ended.stderr.contains(flag), "{ended:?}");
        }
    }
    let begun = node(folder.path(), "data", None);
    let file = folder.path().join("a.wav");
    fs::write(&file, song("Begun", "Artist", "")).unwrap();
    assert_eq!(begun.ask(&["upload", file.to_str().unwrap()]).status, 0);
    begun.end();
    // It belongs to a network now: saying so again changes nothing.
    let again = node(folder.path(), "data", None);
    let found = again.ask(&["search", "begun"]);
    assert_eq!(found.stdout.lines().count(), 1, "{found:?}");
}

/// A node that waits for its network is there, and says that it is of no use yet.
#[test]
fn a_node_that_has_met_nobody_takes_and_denies_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let reserved = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let first = reserved.local_addr().unwrap().to_string();
    drop(reserved);
    let start = |name: &str, more: &[&str]| {
        let data = folder.path().join(name);
        let data = data.to_str().unwrap();
        let serve = ["serve", "--open", "--data", data, "--http", "127.0.0.1:0"];
        Server::start(&[&serve[..], more].concat())
    };
    // Two of them know each other, and make no network for that.
    let mut waiting: Vec<Server> = Vec::new();
    for n in 0..3 {
        let known = waiting.first().and_then(Server::rpc).map(str::to_owned);
        let join = [Some(first.clone()), known].into_iter().flatten();
        let join = Vec::from_iter(join).join(",");
        let more = ["--rpc", "127.0.0.1:0", "--join", &join];
        waiting.push(start(&n.to_string(), &more));
    }
    let file = folder.path().join("a.wav");
    fs::write(&file, song("Too early", "Artist", "")).unwrap();
    let file = file.to_str().unwrap();
    for node in &waiting {
        let (head, health) = node.request("GET", "/health");
        assert!(head.starts_with("HTTP/1.1 503"), "{head}");
        assert!(health.contains("has met no other node"), "{health}");
        let unknown = format!("/api/v1/songs/{}", "7".repeat(64));
        for path in [unknown.as_str(), "/api/v1/songs", "/api/v1/songs?q=early"] {
            let (head, body) = node.request("GET", path);
            assert!(head.starts_with("HTTP/1.1 503"), "{path}: {head} {body}");
        }
        let refused = node.ask(&["upload", file]);
        assert_eq!(refused.status, 1, "{refused:?}");
        assert!(
            refused.stdout.contains("0 added, 0 already there"),
            "{refused:?}"
        );
    }
    let begun = start("first", &["--rpc", &first, "--bootstrap"]);
    for node in &waiting {
        wait_until("it is ready", || {
            node.request("GET", "/health").0.starts_with("HTTP/1.1 200")
        });
    }
    wait_until("the upload is taken", || {
        waiting[0].ask(&["upload", file]).status == 0
    });
    wait_until("the song is found", || {
        begun.ask(&["search", "early"]).stdout.lines().count() == 1
    });
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
