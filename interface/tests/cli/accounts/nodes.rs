//! People who sign in at a cluster, and at a gateway before it.

use std::{fs, path::Path, time::Instant};

use super::round::{PASSWORD, refusal, told};
use crate::support::{Ended, PATIENCE, Server, run, song};

/// A node of this name, which another one invites or which begins a network. People sign in at it.
fn node(folder: &Path, name: &str, inviting: Option<&str>) -> Server {
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let free = ["--http", "127.0.0.1:0", "--rpc", "127.0.0.1:0"];
    let mut args = [&["serve", "--data"][..], &[&path(name)], &free]
        .concat()
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>();
    match inviting {
        Some(inviting) => {
            let given = run(&["invite", "--data", &path(inviting), "--may-invite"]);
            assert_eq!(given.status, 0, "{given:?}");
            fs::write(path("invitation"), given.stdout).unwrap();
            args.extend(["--invite".to_owned(), path("invitation")]);
        }
        None => args.push("--bootstrap".to_owned()),
    }
    Server::asking(&args.iter().map(String::as_str).collect::<Vec<_>>())
}

fn url(server: &Server) -> String {
    format!("http://{}", server.http())
}

/// Asks until it is done: the machines may not agree yet on who belongs to the network.
fn until_done(mut ask: impl FnMut() -> Ended) -> Ended {
    let begun = Instant::now();
    loop {
        let ended = ask();
        if ended.status == 0 {
            return ended;
        }
        assert!(begun.elapsed() < PATIENCE, "{ended:?}");
    }
}

#[test]
fn people_sign_in_at_any_node_and_go_on_when_it_dies() {
    let folder = tempfile::tempdir().unwrap();
    let homes = tempfile::tempdir().unwrap();
    let home = |who: &str| {
        let home = homes.path().join(who);
        fs::create_dir_all(&home).unwrap();
        home
    };
    let first = node(folder.path(), "one", None);
    let other = node(folder.path(), "two", Some("one"));
    let third = node(folder.path(), "three", Some("one"));
    // One machine alone has a code, the one that began.
    let code = |name: &str| folder.path().join(name).join("first-admin-code");
    assert!(code("one").exists() && !code("two").exists() && !code("three").exists());

    // Made at one, signed in at another, used at the third.
    let code = code("one").to_str().unwrap().to_owned();
    let ada = |args: &[&str]| told(&home("ada"), args, &[PASSWORD]);
    let made = [
        "login",
        "ada",
        "--first-admin",
        "--code-file",
        &code,
        "--password-stdin",
    ];
    let made = ada(&[&made[..], &["--server", &url(&first)]].concat());
    assert_eq!(made.status, 0, "{made:?}");
    for server in [&other, &third] {
        let args = ["login", "ada", "--password-stdin", "--server", &url(server)];
        assert_eq!(until_done(|| ada(&args)).status, 0);
    }
    let add = [
        "users",
        "add",
        "bob",
        "--role",
        "listen",
        "--password-stdin",
    ];
    let added = ada(&[&add[..], &["--server", &url(&other)]].concat());
    assert_eq!(added.status, 0, "{added:?}");
    let file = folder.path().join("song.wav");
    fs::write(&file, song("Some Title", "Someone", "")).unwrap();
    let upload = ["upload", file.to_str().unwrap(), "--server", &url(&third)];
    until_done(|| ada(&upload));

    // A gateway knows nobody itself: it asks on behalf of whoever asks it.
    let servers = [&first, &other, &third].map(url).join(",");
    let gateway = Server::asking(&["gateway", "--server", &servers, "--http", "127.0.0.1:0"]);
    let bob = |args: &[&str]| {
        let server = url(&gateway);
        let args = [args, &["--server", &server]].concat();
        told(&home("bob"), &args, &[PASSWORD])
    };
    let stranger = bob(&["search", "some"]);
    assert!(refusal(&stranger).contains("sign in first"), "{stranger:?}");
    let signed_in = bob(&["login", "bob", "--password-stdin"]);
    assert_eq!(signed_in.status, 0, "{signed_in:?}");
    let found = until_done(|| bob(&["search", "some"]));
    assert!(found.stdout.contains("Some Title"), "{found:?}");
    let id = found.stdout.split('\t').next().unwrap().to_owned();
    let other_file = folder.path().join("other.wav");
    fs::write(&other_file, song("Another Title", "Someone", "")).unwrap();
    let refused = bob(&["upload", other_file.to_str().unwrap()]);
    assert!(
        refusal(&refused).contains("this needs the role upload"),
        "{refused:?}"
    );

    // The node where all of it began dies.
    drop(first);
    let heard = folder.path().join("heard.wav");
    until_done(|| bob(&["listen", &id, "--output", heard.to_str().unwrap()]));
    assert_eq!(fs::read(&heard).unwrap(), fs::read(&file).unwrap());
    let again = until_done(|| bob(&["login", "bob", "--password-stdin"]));
    assert_eq!(again.status, 0);
    // Whoever is disabled at one is out at all.
    let disable = ["users", "set", "bob", "--disable", "--server", &url(&other)];
    until_done(|| ada(&disable));
    let begun = Instant::now();
    while bob(&["search", "some"]).status == 0 {
        assert!(begun.elapsed() < PATIENCE);
    }
    let stranger = bob(&["search", "some"]);
    assert!(refusal(&stranger).contains("sign in first"), "{stranger:?}");
}
