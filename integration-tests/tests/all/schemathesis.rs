//! A server answers as its OpenAPI document says: Schemathesis (from PyPI) makes requests out of the
//! document, right ones and wrong ones, and checks every answer against it.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use kadenza_integration_tests::{fixtures::AudioFile, processes::Server};
use tempfile::TempDir;

/// How many requests are made for each operation and phase. With it, a run takes half a minute.
const EXAMPLES_MAX: &str = "60";
/// The check that is off: requests that fit the document are still refused where it cannot say more. A
/// cursor is opaque, the body of an upload must be audio, and a condition may name other audio.
const CHECKS_OFF: &str = "positive_data_acceptance";
/// The check that is off for lists: an empty limit counts as absent, which the schema of a number
/// cannot say.
const SETTINGS: &str = r#"
[[operations]]
include-path-regex = "^/api/v1/(songs|artists|albums|genres)$"
checks.negative_data_rejection.enabled = false
"#;

/// The program: the one that `KADENZA_SCHEMATHESIS` names, else the one of the virtual environment that
/// `make test` makes, else one in the path. Without it the test is skipped, and says so; with
/// `KADENZA_REQUIRE=1` it fails.
fn program() -> Option<PathBuf> {
    let named = std::env::var_os("KADENZA_SCHEMATHESIS").map(PathBuf::from);
    let installed =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/schemathesis/bin/schemathesis");
    let programs = named.into_iter().chain([
        installed,
        PathBuf::from("schemathesis"),
        PathBuf::from("st"),
    ]);
    for program in programs {
        // Another program of the same short name does not know this word.
        let asked = Command::new(&program).args(["run", "--help"]).output();
        if asked.is_ok_and(|asked| asked.status.success()) {
            return Some(program);
        }
    }
    let required = std::env::var_os("KADENZA_REQUIRE").is_some();
    assert!(!required, "install schemathesis: pip install schemathesis");
    eprintln!("skipped: the server and its document (pip install schemathesis)");
    None
}

#[test]
fn a_server_answers_as_its_document_says() {
    let Some(program) = program() else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&[
        "serve",
        "--standalone",
        "--data",
        data.to_str().unwrap(),
        "--http",
        "127.0.0.1:0",
    ]);
    let music = folder.path().join("music");
    std::fs::create_dir(&music).unwrap();
    for n in 0..5 {
        let file = AudioFile::named(&format!("Song {n}"), "Artist", "Album");
        std::fs::write(music.join(format!("{n}.wav")), file.bytes()).unwrap();
    }
    let uploaded = server.ask(&["upload", music.to_str().unwrap()]);
    assert_eq!(uploaded.status, 0, "{}", uploaded.stderr);
    std::fs::write(folder.path().join("schemathesis.toml"), SETTINGS).unwrap();
    let document = format!("{}/api/v1/openapi.json", server.url());
    let output = Command::new(program)
        .args([
            "run",
            &document,
            "--seed",
            "1",
            "--max-examples",
            EXAMPLES_MAX,
        ])
        .args(["--exclude-checks", CHECKS_OFF])
        .args(["--request-timeout", "20", "--generation-database", "none"])
        .args([
            "--suppress-health-check",
            "all",
            "--warnings",
            "off",
            "--no-color",
        ])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
