//! Passwords in addresses are said by no message, and may be read from files.

use std::{fs, path::Path};

use crate::support::{Ended, command, run};

const SERVE: [&str; 4] = ["serve", "--standalone", "--data", "/nonexistent/data"];

/// Each is wrong in its own way, with the password `hunter2` in it.
const MISTYPED: [(&str, &str); 14] = [
    ("--library", "postgrse://me:hunter2@host/music"),
    ("--library", "postgres:/me:hunter2@host/music"),
    ("--library", "host=db password=hunter2"),
    ("--library", "grpc://me:hunter2@host:port"),
    ("--library", "grpc://me@host:hunter2"),
    ("--library", "postgres://me:hunter2@host:port/music"),
    ("--audio", "s3://KEY:hunter2@bucket"),
    ("--audio", "s3://KEY:hunter2/bucket"),
    ("--audio", "S3://KEY:hunter2@bucket/prefix"),
    ("--cache", "redis:://:hunter2@host"),
    ("--cache", "redis://:hunter2@host:port"),
    ("--cache", "redis+sentinel://:hunter2@host:1"),
    ("--cache", "redis+cluster://:hunter2@"),
    ("--cache", "hunter2@host"),
];

fn keeps_the_secret(ended: &Ended, what: &str) {
    assert_ne!(ended.status, 0, "{what}: {ended:?}");
    assert!(ended.stderr.len() > 20, "{what}: {}", ended.stderr);
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert!(!said.contains("hunter"), "{what}: {said}");
}

#[test]
fn no_refusal_repeats_a_password() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kadenza.toml");
    for (flag, value) in MISTYPED {
        let flags = [&SERVE[..], &[flag, value]].concat();
        keeps_the_secret(&run(&flags), value);
        let joined = format!("{flag}={value}");
        keeps_the_secret(&run(&[&SERVE[..], &[&joined]].concat()), &joined);

        let mut by_variable = command(&SERVE);
        let name = flag.trim_start_matches('-');
        by_variable.env(format!("KADENZA_{}", name.to_uppercase()), value);
        keeps_the_secret(&by_variable.output().unwrap().into(), value);

        let mut by_file = command(&SERVE);
        fs::write(&file, format!("[serve]\n{name} = '{value}'")).unwrap();
        by_file.arg("--config").arg(&file);
        keeps_the_secret(&by_file.output().unwrap().into(), value);

        let mut from_file = command(&SERVE);
        fs::write(&file, value).unwrap();
        from_file.arg(format!("{flag}-file")).arg(&file);
        keeps_the_secret(&from_file.output().unwrap().into(), value);
    }
    let url = "postgres://me:hunter2@host/music";
    for words in [
        &["serve", url][..],
        &["serve", "--libary", url],
        &["serve", "--libary=postgres://me:hunter2@host/music"],
        &[url],
        &["serve", "--library", url],
        &["status", "--server", "http://me:hunter2@host"],
        &["serve", "--http", "me:hunter2@host:1"],
        &["serve", "--data", "/x", "--join", "me:hunter2@host"],
        &[
            "serve",
            "--cache",
            "redis://:hunter2@a",
            "redis://:hunter2@b",
            "--cache-nodes",
            "2",
        ],
    ] {
        keeps_the_secret(&run(words), &words.join(" "));
    }
}

#[test]
fn what_fails_later_repeats_no_password_either() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut serve = command(&[
        "serve",
        "--standalone",
        "--log",
        "trace",
        "--http",
        "127.0.0.1:0",
    ]);
    serve.arg("--data").arg(data);
    // Port 1 is reserved and not served on machines that build software.
    serve.args([
        "--library",
        "postgres://me:hunter2@127.0.0.1:1/music?passwd=hunter3",
    ]);
    let ended: Ended = serve.output().unwrap().into();
    keeps_the_secret(&ended, "a database out of reach");
    assert!(
        ended.stderr.contains("a parameter passwd"),
        "{}",
        ended.stderr
    );
}

fn refused_by_file(flag: &str, file: &Path, more: &[&str]) -> String {
    let mut serve = command(&SERVE);
    serve.arg(flag).arg(file).args(more);
    let ended: Ended = serve.output().unwrap().into();
    assert_eq!(ended.status, 2, "{ended:?}");
    ended.stderr
}

#[test]
fn an_address_is_read_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    // Refused for what the address means: it was read.
    fs::write(
        &file,
        "redis://:hunter2@127.0.0.1:1\n redis://127.0.0.1:2 \n",
    )
    .unwrap();
    let layout = ["--cache-layout", "central"];
    let told = refused_by_file("--cache-file", &file, &layout);
    assert!(told.contains("one node, not 2"), "{told}");
    fs::write(&file, "grpc://127.0.0.1:1\n").unwrap();
    let told = refused_by_file("--library-file", &file, &[]);
    assert!(told.contains("--data"), "{told}");
    let told = refused_by_file("--library-file", &file, &["--library", "embedded"]);
    assert!(told.contains("cannot be used with"), "{told}");
    let told = refused_by_file("--audio-file", &folder.path().join("none"), &[]);
    assert!(told.contains("cannot read it"), "{told}");
    fs::write(&file, " \n").unwrap();
    for flag in ["--cache-file", "--library-file", "--audio-file"] {
        let told = refused_by_file(flag, &file, &[]);
        assert!(told.contains("what stands in it is wrong"), "{told}");
    }

    // What is given for this run goes before what a file of settings reads from a file.
    let settings = folder.path().join("kadenza.toml");
    fs::write(&file, "grpc://127.0.0.1:1\n").unwrap();
    fs::write(&settings, format!("library-file = {file:?}")).unwrap();
    let serve = |more: &[&str]| {
        let mut serve = command(&["serve", "--standalone", "--http", "127.0.0.1:0"]);
        serve.arg("--config").arg(&settings).args(more);
        let ended: Ended = serve.output().unwrap().into();
        ended.stderr
    };
    let told = serve(&["--data", "/proc/nonexistent"]);
    assert!(told.contains("is for a library in this process"), "{told}");
    let told = serve(&["--data", "/proc/nonexistent", "--library", "embedded"]);
    assert!(told.contains("making the data directory"), "{told}");
}
