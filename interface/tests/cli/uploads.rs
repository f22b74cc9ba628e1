//! Uploading: what is taken, and the summary of what is not.

use std::{fs, io::Write, process::Stdio};

use futures_util::stream;
use kadenza_contract::{
    AudioStream, NewSong, READER_OF_ALL_ARTISTS, Recording, Song, SongId, Stated, Tags,
};
use kadenza_services::library::{Library, LibraryConfig, Receipt};

use crate::support::{command, documents, id3, run, song, standalone, wav};

#[test]
fn a_folder_is_taken_and_each_refusal_has_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let server = standalone(&folder.path().join("data"));
    let music = folder.path().join("music");
    fs::create_dir_all(music.join("deep/er")).unwrap();
    fs::write(music.join("a.wav"), song("One", "Artist", "Album")).unwrap();
    fs::write(music.join("deep/er/b.WAV"), song("Two", "Artist", "Album")).unwrap();
    fs::write(music.join("empty.wav"), "").unwrap();
    fs::write(music.join("noise.mp3"), "this is no music at all").unwrap();
    fs::write(music.join("old.WMA"), [0x30, 0x26, 0xb2, 0x75, 0x8e]).unwrap();
    fs::write(music.join("notes.txt"), "not audio by its name").unwrap();
    let music = music.to_str().unwrap();

    let ended = server.ask(&["upload", music]);
    assert_eq!(ended.status, 1, "{ended:?}");
    let sum = ended.stdout.lines().last().unwrap();
    assert_eq!(sum, "2 added, 0 already there, 3 refused, 0 failed");
    let reason = |name: &str| {
        let line = ended
            .stdout
            .lines()
            .find(|line| line.contains(name))
            .expect("a line a file");
        assert!(line.starts_with("refused\t"), "{line}");
        line.split('\t').nth(2).unwrap().to_owned()
    };
    assert!(reason("empty.wav").contains("empty"));
    assert!(reason("noise.mp3").contains("audio"));
    // What looks like audio is named, whether or not it is taken.
    assert!(reason("old.WMA").contains("audio"));
    assert!(!ended.stdout.contains("notes.txt"));

    let again = server.ask(&["upload", "--json", music]);
    assert_eq!(again.status, 1);
    let documents = documents(&again.stdout);
    assert_eq!(documents.len(), 5);
    for document in &documents {
        let path = document["path"].as_str().unwrap();
        if path.contains("empty") {
            assert_eq!(
                (&document["outcome"], &document["code"]),
                (&"refused".into(), &"not-audio".into())
            );
        } else if !path.contains("noise") && !path.contains("old") {
            assert_eq!(document["outcome"], "already there");
            assert_eq!(document["song"]["artist"], "Artist");
        }
    }
}

#[test]
fn several_artists_are_stated_one_after_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let server = standalone(&folder.path().join("data"));
    let file = folder.path().join("a.wav");
    fs::write(&file, song("Together", "Somebody", "")).unwrap();
    let file = file.to_str().unwrap();
    let upload = [
        "upload", "--json", file, "--artist", "A, B", "--artist", "C",
    ];
    let ended = server.ask(&upload);
    assert_eq!(ended.status, 0, "{ended:?}");
    let sent = &documents(&ended.stdout)[0]["song"];
    assert_eq!(sent["artist"], "A, B, C");
    assert_eq!(sent["artists"], serde_json::json!(["A, B", "C"]));
    let again = documents(&server.ask(&upload).stdout);
    assert_eq!(again[0]["outcome"], "already there");
    let (_, listed) = server.request("GET", "/api/v1/artists");
    for name in ["\"A, B\"", "\"C\""] {
        assert!(listed.contains(name), "{name}: {listed}");
    }
}

/// How many bytes of uploads the server has received.
fn received(server: &crate::support::Server) -> u64 {
    let (_, metrics) = server.request("GET", "/metrics");
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("kadenza_http_upload_bytes_total "))
        .expect("the server counts");
    line.parse().expect("a number")
}

#[test]
fn only_what_is_missing_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let server = standalone(&folder.path().join("data"));
    let music = folder.path().join("music");
    fs::create_dir(&music).unwrap();
    let mut bytes = 0;
    let mut add = |name: &str, file: Vec<u8>| {
        bytes = file.len() as u64;
        fs::write(music.join(name), file).unwrap();
        bytes
    };
    let first: u64 = (0..12)
        .map(|n| add(&format!("{n}.wav"), song(&format!("Song {n}"), "A", "B")))
        .sum();
    let upload = |more: &[&str]| {
        let ended = server.ask(&[&["upload", music.to_str().unwrap()][..], more].concat());
        let sum = ended.stdout.lines().last().unwrap().to_owned();
        (sum, received(&server))
    };
    let sum = |added, there, refused| {
        format!("{added} added, {there} already there, {refused} refused, 0 failed")
    };
    assert_eq!(upload(&[]), (sum(12, 0, 0), first));

    let more = add("new.wav", song("New", "A", "B"));
    add("noise.wav", b"this is no music".to_vec());
    // What begins as audio is sent, and again each time: the server decides whether it is any.
    let odd = add("broken.wav", song("Broken", "A", "B")[..16].to_vec());
    add("copy.wav", song("Song 3", "A", "B"));
    assert_eq!(upload(&[]), (sum(1, 13, 2), first + more + odd));
    assert_eq!(upload(&[]), (sum(0, 14, 2), first + more + 2 * odd));

    // Other stated names make other songs of the same files.
    let (told, before) = (received(&server), upload(&["--album", "C"]));
    assert_eq!(before.0, sum(13, 1, 2));
    assert!(before.1 > told);
}

/// Puts a file into a library as a program of before described it: by the first of its artists.
async fn fill_as_before(data: &std::path::Path, file: Vec<u8>) -> SongId {
    let scratch = tempfile::tempdir().unwrap();
    let source = Library::open(scratch.path(), LibraryConfig::default());
    let (source, library) = (
        source.await.unwrap(),
        Library::open(data, LibraryConfig::default()).await.unwrap(),
    );
    let audio: AudioStream = Box::pin(stream::iter([Ok(file.into())]));
    let staged = source.stage(NewSong {
        stated: Stated::default(),
        audio,
    });
    let staged = staged.await.unwrap();
    let read = staged.song().best().clone();
    let tags = Tags::new(read.tags.title(), read.tags.artists().first(), "").unwrap();
    let old = Song::new(Recording {
        tags,
        reader: READER_OF_ALL_ARTISTS - 1,
        ..read
    });
    let id = old.id();
    let chunks = (**staged.chunks()).clone();
    let last = chunks.len();
    let Receipt::Receiving(receiving) = library.receive(old, chunks).await.unwrap() else {
        panic!("it is there already")
    };
    for index in 0..last {
        let bytes = staged.read_chunk(index).await.unwrap();
        receiving.write_chunk(index, bytes).await.unwrap();
    }
    receiving.commit().await.unwrap();
    drop((receiving, staged));
    library.close().await;
    source.close().await;
    id
}

/// Libraries of before know a song of several artists by the first of them.
#[test]
fn a_song_that_is_known_by_its_first_artist_is_not_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let file = id3(&[("TIT2", "Duet"), ("TPE1", "Main\0Guest")]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let id = runtime.block_on(fill_as_before(&data, file.clone()));
    drop(runtime);
    let server = standalone(&data);
    let [path, other] = ["duet.wav", "other.wav"].map(|name| folder.path().join(name));
    fs::write(&path, file).unwrap();
    let again = server.ask(&["upload", "--json", path.to_str().unwrap()]);
    let told = &documents(&again.stdout)[0];
    assert_eq!(told["outcome"], "already there", "{told}");
    assert_eq!(told["song"]["id"], id.to_string());
    assert_eq!(received(&server), 0);
    // Whoever sings with somebody else sings another song.
    let another = id3(&[("TIT2", "Duet"), ("TPE1", "Main\0Another")]);
    fs::write(&other, another).unwrap();
    let added = server.ask(&["upload", "--json", other.to_str().unwrap()]);
    let told = &documents(&added.stdout)[0];
    assert_eq!(told["outcome"], "added", "{told}");
    assert_ne!(told["song"]["id"], id.to_string());
}

/// A file that names no artist of its album takes the one that the others in its folder name.
#[test]
fn a_folder_tells_the_artist_of_an_album_and_cue_sheets() {
    let folder = tempfile::tempdir().unwrap();
    let server = standalone(&folder.path().join("data"));
    let music = folder.path().join("music");
    fs::create_dir(&music).unwrap();
    for n in 0..5 {
        let of_album = if n == 2 { "" } else { "The Project" };
        let (title, artist) = (format!("Theme {n}"), format!("Somebody {n}"));
        let frames = [
            ("TIT2", &title[..]),
            ("TPE1", &artist),
            ("TALB", "All"),
            ("TPE2", of_album),
        ];
        fs::write(music.join(format!("{n}.wav")), id3(&frames)).unwrap();
    }
    let upload = |more: &[&str]| {
        let ended = server.ask(&[&["upload", music.to_str().unwrap()][..], more].concat());
        assert_eq!(ended.status, 0, "{ended:?}");
        ended.stdout
    };
    let albums = || {
        let (_, listed) = server.request("GET", "/api/v1/albums");
        let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
        let items = listed["items"].as_array().unwrap().clone();
        let told = items.iter().map(|album| {
            let artist = album["artist"].as_str().unwrap_or_default();
            format!("{} by {artist}", album["name"].as_str().unwrap())
        });
        told.collect::<Vec<_>>()
    };
    upload(&[]);
    assert_eq!(albums(), ["All by The Project"]);
    // Each file for itself, where that is wished; and what is stated goes before all.
    upload(&["--album", "Alone", "--tags-only"]);
    assert_eq!(
        albums(),
        [
            "All by The Project",
            "Alone by Somebody 2",
            "Alone by The Project"
        ]
    );
    upload(&["--album", "Stated", "--album-artist", "Them"]);
    assert_eq!(albums().last().unwrap(), "Stated by Them");

    fs::write(music.join("whole.wav"), song("Whole", "A", "B")).unwrap();
    let sheet = "FILE \"whole.wav\" WAVE\n TRACK 01 AUDIO\n TRACK 02 AUDIO\n";
    fs::write(music.join("whole.cue"), sheet).unwrap();
    let told = upload(&[]);
    let line = told.lines().find(|line| line.starts_with("cue sheet\t"));
    let line = line.unwrap_or_else(|| panic!("{told}"));
    assert!(
        line.contains("whole.wav holds 2 songs in one file"),
        "{line}"
    );
    assert!(told.contains("1 added, 5 already there"), "{told}");
}

/// Other audio under the names of a known song was once dropped, with exit status 0.
#[test]
fn other_audio_of_a_known_song_is_sent_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let server = standalone(&folder.path().join("data"));
    let files = [1, 2].map(|seed| {
        let tags = [(b"INAM", "Interlude"), (b"IART", "A"), (b"IPRD", "B")];
        let path = folder.path().join(format!("{seed}.wav"));
        fs::write(&path, wav(&tags, seed, 4000)).unwrap();
        path.to_str().unwrap().to_owned()
    });
    let upload = |file: &str| server.ask(&["upload", file]).stdout;
    assert!(upload(&files[0]).ends_with("1 added, 0 already there, 0 refused, 0 failed\n"));
    let second = upload(&files[1]);
    let sum = "0 added, 1 added as another recording, 0 already there, 0 refused, 0 failed\n";
    assert!(second.ends_with(sum), "{second}");
    assert!(
        second.starts_with("added as another recording\t"),
        "{second}"
    );
    for file in &files {
        let again = upload(file);
        assert!(again.starts_with("already there\t"), "{again}");
    }
}

#[test]
fn names_come_from_the_path_unless_that_is_switched_off() {
    let folder = tempfile::tempdir().unwrap();
    let server = standalone(&folder.path().join("data"));
    let album = folder.path().join("Some Artist/An Album");
    fs::create_dir_all(&album).unwrap();
    fs::write(album.join("03 - A Title.wav"), wav(&[], 3, 4000)).unwrap();
    let root = folder.path().join("Some Artist");
    let root = root.to_str().unwrap();
    let refused = server.ask(&["upload", "--tags-only", root]);
    assert_eq!(refused.status, 1);
    assert!(refused.stdout.contains("--title"), "{refused:?}");
    let taken = server.ask(&["upload", root]);
    assert_eq!(taken.status, 0, "{taken:?}");
    assert!(
        taken
            .stdout
            .contains("\ttitle, artist, album from the path\n"),
        "{taken:?}"
    );
    let again = server.ask(&["upload", "--json", root]);
    let documents = documents(&again.stdout);
    let song = &documents[0]["song"];
    assert_eq!(documents[0]["outcome"], "already there");
    for (field, value) in [
        ("title", "A Title"),
        ("artist", "Some Artist"),
        ("album", "An Album"),
    ] {
        assert_eq!(song[field], value);
    }
    assert_eq!(song["track"], 3);
}

#[test]
fn a_pipe_is_sent_whole() {
    let folder = tempfile::tempdir().unwrap();
    let server = standalone(&folder.path().join("data"));
    let pipe = folder.path().join("pipe.wav");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let writing = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::write(pipe, song("Piped", "", ""))
    });
    let ended = server.ask(&["upload", pipe.to_str().unwrap()]);
    assert_eq!(ended.status, 0, "{ended:?}");
    writing.join().unwrap().unwrap();
}

#[test]
fn a_stated_title_makes_an_untitled_file_welcome() {
    let folder = tempfile::tempdir().unwrap();
    let server = standalone(&folder.path().join("data"));
    let file = folder.path().join("untitled.wav");
    fs::write(&file, wav(&[], 0, 3)).unwrap();
    let stated = [
        "--title",
        "The Title",
        "--artist",
        "Somebody",
        "--album",
        "",
    ];
    let ended = server.ask(&[&["upload", file.to_str().unwrap()][..], &stated].concat());
    assert_eq!(ended.status, 0, "{ended:?}");
    assert!(ended.stdout.starts_with("added\t"), "{}", ended.stdout);
    let found = server.ask(&["search", "--json", "title"]);
    let found = &documents(&found.stdout)[0];
    assert_eq!(
        (&found["title"], &found["artist"]),
        (&"The Title".into(), &"Somebody".into())
    );
}

#[test]
fn a_file_may_come_from_stdin() {
    let folder = tempfile::tempdir().unwrap();
    let server = standalone(&folder.path().join("data"));
    let url = format!("http://{}", server.http());
    let mut upload = command(&["upload", "-", "--server", &url]);
    let mut upload = upload
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    upload
        .stdin
        .take()
        .unwrap()
        .write_all(&song("Piped", "", ""))
        .unwrap();
    let ended = upload.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(server.ask(&["search", "piped"]).stdout.lines().count(), 1);
}

#[test]
fn a_file_that_is_not_there_fails_and_the_others_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let server = standalone(&folder.path().join("data"));
    let file = folder.path().join("a.wav");
    fs::write(&file, song("One", "", "")).unwrap();
    let ended = server.ask(&["upload", "/no/such/file.wav", file.to_str().unwrap()]);
    assert_eq!(ended.status, 1);
    assert!(
        ended
            .stdout
            .ends_with("1 added, 0 already there, 0 refused, 1 failed\n"),
        "{ended:?}"
    );
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let nothing = server.ask(&["upload", empty.to_str().unwrap()]);
    assert_eq!(nothing.status, 0);
    assert!(nothing.stderr.contains("no audio files"), "{nothing:?}");
}

#[test]
fn with_no_server_in_reach_the_rest_is_not_tried() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..40 {
        fs::write(
            folder.path().join(format!("{number}.wav")),
            song("One", "", ""),
        )
        .unwrap();
    }
    let ended = run(&[
        "upload",
        folder.path().to_str().unwrap(),
        "--server",
        "http://127.0.0.1:1",
    ]);
    assert_eq!(ended.status, 1);
    assert!(ended.stdout.lines().count() < 20, "{}", ended.stdout);
    assert!(
        ended.stderr.contains("no server can be reached"),
        "{}",
        ended.stderr
    );
}
