//! Searching and listening: what stdout and files hold.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    process::Stdio,
};

use crate::support::{Server, command, documents, song, standalone, wav};

/// Uploads files and gives the ids in the order of the files.
fn upload(server: &Server, files: &[Vec<u8>]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    files
        .iter()
        .map(|file| {
            let path = folder.path().join("song.wav");
            fs::write(&path, file).unwrap();
            let ended = server.ask(&["upload", path.to_str().unwrap()]);
            assert_eq!(ended.status, 0, "{ended:?}");
            ended.stdout.split('\t').nth(1).unwrap().to_owned()
        })
        .collect()
}

#[test]
fn a_song_is_a_line_whatever_its_tags_hold() {
    let folder = tempfile::tempdir().unwrap();
    let server = standalone(folder.path());
    let hostile = "hostile \u{1b}]0;owned\u{7}\u{9b}2J\ta\r\nb \u{202e}evil\u{2028}";
    let ids = upload(
        &server,
        &[song(hostile, "\u{85}\u{1b}[31mred", "<b>album</b>")],
    );
    let ended = server.ask(&["search", "hostile"]);
    assert_eq!(ended.status, 0);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 1, "{:?}", ended.stdout);
    let fields: Vec<&str> = lines[0].split('\t').collect();
    assert_eq!(fields.len(), 5, "{fields:?}");
    assert_eq!(
        (fields[0], fields[3], fields[4]),
        (ids[0].as_str(), "<b>album</b>", "0:01")
    );
    assert!(
        !lines[0].replace('\t', "").contains(char::is_control),
        "{:?}",
        lines[0]
    );
    assert!(!lines[0].contains(['\u{202e}', '\u{2028}']));
}

#[test]
fn search_prints_as_many_songs_as_asked_for_in_http_shape() {
    let folder = tempfile::tempdir().unwrap();
    let server = standalone(folder.path());
    let songs: Vec<Vec<u8>> = (0..5)
        .map(|n| song(&format!("Word {n}"), "Artist", "Album"))
        .collect();
    upload(&server, &songs);
    for (limit, found) in [("3", 3), ("5", 5), ("1000", 5)] {
        let ended = server.ask(&["search", "--json", "--limit", limit, "word"]);
        let documents = documents(&ended.stdout);
        assert_eq!(documents.len(), found);
        let (_, body) = server.request(
            "GET",
            &format!("/api/v1/songs/{}", documents[0]["id"].as_str().unwrap()),
        );
        let told: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(documents[0], told);
    }
    let none = server.ask(&["search", "nothing-like-it"]);
    assert_eq!((none.status, none.stdout.as_str()), (0, ""));
}

#[test]
fn audio_is_heard_as_it_was_uploaded() {
    let folder = tempfile::tempdir().unwrap();
    let server = standalone(&folder.path().join("data"));
    let file = song("Title", "Artist", "Album");
    let id = &upload(&server, std::slice::from_ref(&file))[0];
    let url = format!("http://{}", server.http());
    let output = command(&["listen", id, "--server", &url]).output().unwrap();
    assert_eq!((output.status.code(), &output.stdout), (Some(0), &file));
    let path = folder.path().join("song.wav");
    let ended = server.ask(&["listen", id, "--json", "--output", path.to_str().unwrap()]);
    assert_eq!(ended.status, 0, "{ended:?}");
    assert_eq!(documents(&ended.stdout)[0]["size"], file.len());
    assert_eq!(fs::read(&path).unwrap(), file);

    let missing = server.ask(&[
        "listen",
        &"0".repeat(64),
        "--output",
        path.to_str().unwrap(),
    ]);
    assert_eq!(missing.status, 1);
    assert!(
        missing.stderr.starts_with("kadenza: there is no song"),
        "{}",
        missing.stderr
    );
    assert_eq!(
        fs::read(&path).unwrap(),
        file,
        "the file that was there is untouched"
    );
}

#[test]
fn a_wav_can_be_listened_to_from_the_middle() {
    let folder = tempfile::tempdir().unwrap();
    let server = standalone(folder.path());
    let file = wav(&[(b"INAM", "Long")], 5, 20);
    let id = &upload(&server, std::slice::from_ref(&file))[0];
    let url = format!("http://{}", server.http());
    let from = |seconds| {
        command(&["listen", id, "--from", seconds, "--server", &url])
            .output()
            .unwrap()
    };
    let cut = from("1.5");
    assert_eq!(cut.status.code(), Some(0));
    assert_eq!(&cut.stdout[..4], b"RIFF");
    let rest = 16000 / 2;
    assert_eq!(cut.stdout.len(), 44 + rest);
    assert_eq!(&cut.stdout[44..], &file[file.len() - rest..]);
    let late = from("2");
    assert_eq!((late.status.code(), late.stdout.len()), (Some(1), 0));
}

#[test]
fn a_reader_who_has_heard_enough_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let server = standalone(folder.path());
    // More than a pipe holds, so that writing meets the closed end.
    let id = &upload(&server, &[wav(&[(b"INAM", "Long")], 5, 1000)])[0];
    let url = format!("http://{}", server.http());
    let mut listen = command(&["listen", id, "--server", &url]);
    let mut listen = listen
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut some = [0; 100];
    listen.stdout.take().unwrap().read_exact(&mut some).unwrap();
    let ended = listen.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), ended.stderr), (Some(0), Vec::new()));
}

#[test]
fn status_is_for_people_and_for_programs() {
    let folder = tempfile::tempdir().unwrap();
    let server = standalone(folder.path());
    upload(&server, &[song("Title", "", "")]);
    let told = server.ask(&["status"]);
    let first = BufReader::new(told.stdout.as_bytes())
        .lines()
        .next()
        .unwrap()
        .unwrap();
    assert_eq!(first, "songs   1");
    let documents = documents(&server.ask(&["status", "--json"]).stdout);
    assert_eq!((documents.len(), &documents[0]["songs"]), (1, &1.into()));
    assert!(documents[0]["nodes"].is_array());
}
