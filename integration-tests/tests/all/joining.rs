//! Machines that find their network: by themselves in the local network, by a file; and those that must not.

use std::fs;

use kadenza_contract::Status;
use kadenza_integration_tests::{
    fixtures::AudioFile,
    processes::{self, Server, invited, wait_until},
};
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
    let early = serve(&directory, "early", &["--mdns", "--open"]);
    let refused = early.ask(&["upload", "Cargo.toml"]);
    assert_eq!(refused.status, 1, "{refused:?}");
    let first = serve(&directory, "first", &["--mdns", "--open", "--bootstrap"]);
    counts(&first, 2);
    counts(&early, 2);
    let late = serve(&directory, "late", &["--mdns", "--open"]);
    counts(&late, 3);
}

#[test]
fn a_file_of_addresses_is_read_again_while_a_node_waits() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("nodes");
    fs::write(&file, "# nobody yet\n").unwrap();
    let flag = ["--open", "--join-file", file.to_str().unwrap()];
    let waiting = serve(&directory, "waiting", &flag);
    let first = serve(&directory, "first", &["--open", "--bootstrap"]);
    fs::write(&file, format!("{} # the first\n", first.rpc())).unwrap();
    counts(&waiting, 2);
    counts(&first, 2);
}

/// A cluster of two, of which the first has invited the other.
fn two_members(directory: &TempDir, names: [&str; 2]) -> [Server; 2] {
    let first = serve(directory, names[0], &["--bootstrap"]);
    let flags = invited(&directory.path().join(names[0]));
    let second = serve(directory, names[1], &flags.each_ref().map(String::as_str));
    counts(&first, 2);
    counts(&second, 2);
    [first, second]
}

/// It waits for a network that is not its own.
fn is_alone(server: &Server) {
    let refused = server.ask(&["upload", "Cargo.toml"]);
    assert_eq!(refused.status, 1, "{refused:?}");
    counts(server, 1);
}

#[test]
fn nodes_of_other_clusters_and_open_ones_do_not_mix() {
    let directory = TempDir::new().unwrap();
    let [first, second] = two_members(&directory, ["first", "second"]);
    let rpc = first.rpc().to_string();
    let stranger = serve(&directory, "stranger", &["--open", "--join", &rpc]);
    let open = serve(&directory, "open", &["--bootstrap", "--open"]);
    let open_rpc = open.rpc().to_string();
    let another = serve(&directory, "another", &["--open", "--join", &open_rpc]);
    // A member of another cluster, which would rather be of this one.
    let elsewhere = serve(&directory, "elsewhere", &["--bootstrap"]);
    let flags = invited(&directory.path().join("elsewhere"));
    let flags = flags.each_ref().map(String::as_str);
    let lost = serve(
        &directory,
        "lost",
        &[&flags[..], &["--join", &rpc]].concat(),
    );
    counts(&lost, 2);
    for member in [&first, &second, &open, &another, &elsewhere] {
        counts(member, 2);
    }
    is_alone(&stranger);
    // Nor does one come in without a record, whatever it knows.
    let data = directory.path().join("uninvited");
    let serve = ["serve", "--data", data.to_str().unwrap(), "--join", &rpc];
    let refused = processes::run(&serve);
    assert_eq!(refused.status, 2, "{refused:?}");
    assert!(refused.stderr.contains("--invite"), "{refused:?}");
}

#[test]
fn an_invitation_is_good_for_one_machine() {
    let directory = TempDir::new().unwrap();
    let first = serve(&directory, "first", &["--bootstrap"]);
    let flags = invited(&directory.path().join("first"));
    let flags = flags.each_ref().map(String::as_str);
    let mut second = serve(&directory, "second", &flags);
    counts(&first, 2);
    let try_with = |name: &str, flags: &[&str]| {
        let data = directory.path().join(name);
        let serve = ["serve", "--data", data.to_str().unwrap()];
        let free = ["--http", "127.0.0.1:0", "--rpc", "127.0.0.1:0"];
        processes::run(&[&serve[..], &free, flags].concat())
    };
    let again = try_with("third", &flags);
    assert_eq!(again.status, 1, "{again:?}");
    assert!(again.stderr.contains("has been used"), "{again:?}");
    // The flag may stay where the machine is started again and again.
    second.kill();
    second.restart();
    counts(&second, 2);
    // Nothing that is no invitation is one, and none is told what was in the file.
    let file = directory.path().join("key");
    fs::write(&file, "-----BEGIN hunter2-----").unwrap();
    let wrong = try_with("fourth", &["--invite", file.to_str().unwrap()]);
    assert_eq!(wrong.status, 2, "{wrong:?}");
    assert!(wrong.stderr.contains("no invitation"), "{wrong:?}");
    assert!(!wrong.stderr.contains("hunter2"), "{wrong:?}");
}

#[test]
fn who_is_revoked_while_connected_is_out_at_once_and_for_good() {
    let directory = TempDir::new().unwrap();
    let [first, mut second] = two_members(&directory, ["first", "second"]);
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    // The second lets a third in, which stays.
    let flags = invited(&directory.path().join("second"));
    let mut third = serve(&directory, "third", &flags.each_ref().map(String::as_str));
    counts(&first, 3);
    let song = path("song.wav");
    fs::write(&song, AudioFile::named("Kept", "A", "B").bytes()).unwrap();
    assert_eq!(second.ask(&["upload", &song]).status, 0);
    let id = {
        let status: Status =
            serde_json::from_str(&second.ask(&["status", "--json"]).stdout).unwrap();
        let rpc = second.rpc().to_string();
        status
            .nodes
            .iter()
            .find(|one| one.rpc == rpc)
            .unwrap()
            .id
            .clone()
    };
    // Nobody but the key of the cluster says so.
    let refused = processes::run(&["revoke", &id, "--data", &path("third")]);
    assert_eq!(refused.status, 1, "{refused:?}");
    assert!(refused.stderr.contains("--cluster-key"), "{refused:?}");
    wait_until("the first has met the third", || {
        let seen = fs::read_to_string(path("first/cluster/seen.json")).ok()?;
        // Two records of the second, and three of the third.
        (seen.matches("signature").count() == 5).then_some(())
    });
    let nobody = processes::run(&["revoke", "nobody", "--data", &path("first")]);
    assert_eq!(nobody.status, 1, "{nobody:?}");
    assert!(nobody.stderr.contains("64 digits"), "{nobody:?}");
    let revoked = processes::run(&["revoke", &id[..12], "--data", &path("first")]);
    assert_eq!(revoked.status, 0, "{revoked:?}");
    counts(&first, 2);
    counts(&third, 2);
    // It is alone, says so, and hears of nothing any more.
    wait_until("it has no majority", || {
        let refused = second.ask(&["upload", &song]);
        (refused.status == 1).then_some(())
    });
    let other = path("other.wav");
    fs::write(&other, AudioFile::named("Afterwards", "A", "B").bytes()).unwrap();
    wait_until("the others take uploads", || {
        (third.ask(&["upload", &other]).status == 0).then_some(())
    });
    second.kill();
    second.restart();
    third.kill();
    third.restart();
    counts(&third, 2);
    let found = third.ask(&["search", "kept"]);
    assert_eq!(found.lines().count(), 1, "{found:?}");
    assert!(
        !second
            .ask(&["search", "afterwards"])
            .stdout
            .contains("Afterwards")
    );
}

#[test]
fn an_open_network_is_for_this_machine_alone() {
    let directory = TempDir::new().unwrap();
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
