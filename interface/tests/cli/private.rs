//! What must not leave this machine does not, and what a server keeps is for its user alone.

use std::{
    fs::{self, Permissions},
    os::unix::{
        fs::{MetadataExt, PermissionsExt, symlink},
        net::UnixListener,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::support::{Server, documents, song, standalone};

const KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n";

/// How many bytes of uploads the server has received.
fn received(server: &Server) -> u64 {
    let (_, metrics) = server.request("GET", "/metrics");
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("kadenza_http_upload_bytes_total "));
    line.expect("the server counts").parse().expect("a number")
}

fn pipe(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
}

#[test]
fn an_upload_sends_nothing_from_outside_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let server = standalone(&folder.path().join("data"));
    let (secret, music) = (folder.path().join("secret"), folder.path().join("music"));
    fs::create_dir_all(music.join("album")).unwrap();
    fs::create_dir(&secret).unwrap();
    fs::write(secret.join("key"), KEY).unwrap();
    let elsewhere = song("Elsewhere", "A", "B");
    fs::write(secret.join("elsewhere.wav"), &elsewhere).unwrap();
    let audio = song("Here", "A", "B");
    fs::write(music.join("album/a.wav"), &audio).unwrap();

    symlink("../../secret/key", music.join("album/01.mp3")).unwrap();
    symlink("../../secret/elsewhere.wav", music.join("album/02.wav")).unwrap();
    symlink(&secret, music.join("album/03")).unwrap();
    symlink("..", music.join("album/circle")).unwrap();
    fs::write(music.join("04.mp3"), KEY).unwrap();
    fs::write(music.join("05.mp3"), format!("\0\0\0\0{KEY}")).unwrap();
    let der = [
        b"\x30\x82\x04\xa4\x02\x01\0",
        &[0xff, 0xfb, 0x90, 0x64, 1][..],
    ]
    .concat();
    fs::write(music.join("06.aac"), der).unwrap();
    fs::write(music.join("07.flac"), "%PDF-1.7\n").unwrap();
    pipe(&music.join("08.mp3"));
    let _socket = UnixListener::bind(music.join("09.mp3")).unwrap();
    symlink("/dev/zero", music.join("10.mp3")).unwrap();

    let ended = server.ask(&["upload", "--json", music.to_str().unwrap()]);
    assert_eq!(ended.status, 1, "{ended:?}");
    let all = documents(&ended.stdout);
    for document in &all {
        let path = document["path"].as_str().unwrap();
        let outcome = if path.ends_with("a.wav") {
            "added"
        } else {
            "refused"
        };
        assert_eq!(document["outcome"], outcome, "{document}");
        assert!(outcome == "added" || document["reason"].as_str().unwrap().len() > 20);
    }
    assert_eq!(all.len(), 11, "{ended:?}");
    assert_eq!(received(&server), audio.len() as u64);

    // What is named may be a link, and is no secret either.
    let link = music.join("album/02.wav");
    let named = server.ask(&["upload", link.to_str().unwrap()]);
    assert_eq!(named.status, 0, "{named:?}");
    for name in ["album/01.mp3", "09.mp3", "10.mp3"] {
        let named = server.ask(&["upload", music.join(name).to_str().unwrap()]);
        assert_eq!(named.status, 1, "{name}: {named:?}");
    }
    assert_eq!(received(&server), (audio.len() + elsewhere.len()) as u64);
}

#[test]
fn a_pipe_that_brings_no_audio_is_not_sent() {
    let folder = tempfile::tempdir().unwrap();
    let server = standalone(&folder.path().join("data"));
    let path = folder.path().join("pipe.mp3");
    pipe(&path);
    let writing = std::thread::spawn({
        let path = path.clone();
        move || fs::write(path, KEY)
    });
    let ended = server.ask(&["upload", path.to_str().unwrap()]);
    writing.join().unwrap().unwrap();
    assert_eq!(ended.status, 1);
    assert!(ended.stdout.starts_with("refused\t"), "{ended:?}");
    assert_eq!(received(&server), 0);
}

/// All that is in a directory, and itself.
fn all_in(path: &Path) -> Vec<PathBuf> {
    let mut all = vec![path.to_owned()];
    if path.is_dir() {
        let entries = fs::read_dir(path).unwrap();
        all.extend(entries.flat_map(|entry| all_in(&entry.unwrap().path())));
    }
    all
}

/// A server that is started under a lax umask.
fn lax(data: &Path, flags: &[&str], log: &Path) -> Server {
    let mut command = Command::new("sh");
    command.args(["-c", "umask 000; exec \"$@\" 2>\"$LOG\"", "sh"]);
    command.args([env!("CARGO_BIN_EXE_kadenza"), "serve", "--data"]);
    command
        .arg(data)
        .args(["--http", "127.0.0.1:0"])
        .args(flags);
    // As everything here, without the variables of whoever runs the tests, but with a path to `sh`.
    command.env_clear().env("LOG", log).stdin(Stdio::null());
    command.env("KADENZA_NO_SIGN_IN", "true");
    Server::spawn(command)
}

fn is_for_the_owner_alone(data: &Path, has: &[&str]) {
    let all = all_in(data);
    for name in has {
        assert!(
            all.iter().any(|path| path.ends_with(name)),
            "{name}: {all:?}"
        );
    }
    for path in all {
        let meta = fs::metadata(&path).unwrap();
        let right = if meta.is_dir() { 0o700 } else { 0o600 };
        let mode = meta.mode() & 0o777;
        assert_eq!(mode, right, "{} has {mode:o}", path.display());
    }
}

fn songs_are_for_the_owner_alone(flags: &[&str], has: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let (data, log) = (folder.path().join("data"), folder.path().join("log"));
    let file = folder.path().join("a.wav");
    fs::write(&file, song("One", "A", "B")).unwrap();
    let server = lax(&data, flags, &log);
    let uploaded = server.ask(&["upload", file.to_str().unwrap()]);
    assert_eq!(uploaded.status, 0, "{uploaded:?}");
    is_for_the_owner_alone(&data, has);
    server.end();
    is_for_the_owner_alone(&data, has);

    // What an older program left is tightened, and that is said once.
    for path in all_in(&data) {
        let mode = if path.is_dir() { 0o755 } else { 0o644 };
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }
    for is_told in [true, false] {
        lax(&data, flags, &log).end();
        is_for_the_owner_alone(&data, has);
        let told = fs::read_to_string(&log).unwrap();
        assert_eq!(told.contains("others could read"), is_told, "{told}");
    }
}

#[test]
fn what_a_library_keeps_is_for_its_owner_alone() {
    songs_are_for_the_owner_alone(&["--standalone"], &["library.db", "audio", "incoming"]);
}

#[cfg(feature = "distributed")]
#[test]
fn what_a_node_keeps_is_for_its_owner_alone() {
    let flags = ["--rpc", "127.0.0.1:0", "--bootstrap", "--replication", "1"];
    songs_are_for_the_owner_alone(&flags, &["node.key", "library.db", "audio"]);
}
