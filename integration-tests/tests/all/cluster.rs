//! A cluster of processes: what was acknowledged survives kill -9, is found and is heard, bit for bit.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use futures_util::future::join_all;
use kadenza_contract::{LIMIT_MAX, Limit, MusicService, MusicServiceExt, Query, SongId};
use kadenza_integration_tests::{
    data,
    fixtures::{AudioFile, Kind},
    http,
    processes::{Cluster, Server},
};
use serde_json::Value;
use tempfile::TempDir;

/// Songs by their ids, and which files they may sound like: several where several were uploaded as
/// the same song at the same time.
pub(crate) type Songs = BTreeMap<SongId, Song>;

/// A song that was uploaded.
#[derive(Debug, Clone)]
pub(crate) struct Song {
    pub(crate) title: String,
    files: Vec<PathBuf>,
}

/// Writes fixtures of every kind, up to several mebibytes large, into a folder.
pub(crate) fn write_fixtures(folder: &Path) {
    for n in 0..12 {
        let file = AudioFile {
            kind: Kind::ALL[n % 4],
            audio_bytes: [3000, 70_000, 300_000, 600_000, 2_500_000][n % 5],
            ..AudioFile::named(
                &format!("Etude {n} in C"),
                ["Árpád", "The Würst"][n % 2],
                "Studies",
            )
        };
        fs::write(folder.join(format!("{n}.audio")), file.bytes()).unwrap();
    }
}

/// Uploads files by the command line. Gives what was taken, and the reasons for what was not.
pub(crate) fn upload(server: &Server, paths: &[PathBuf]) -> (Songs, BTreeMap<PathBuf, String>) {
    upload_with(server, paths, &[])
}

fn upload_with(
    server: &Server,
    paths: &[PathBuf],
    flags: &[&str],
) -> (Songs, BTreeMap<PathBuf, String>) {
    let mut args = [&["upload", "--json"], flags].concat();
    args.extend(paths.iter().map(|path| path.to_str().unwrap()));
    let ended = server.ask(&args);
    let (mut songs, mut refused) = (Songs::new(), BTreeMap::new());
    for line in ended.lines() {
        let document: Value = serde_json::from_str(line).unwrap();
        let path = PathBuf::from(document["path"].as_str().unwrap());
        if let Some(reason) = document["reason"].as_str() {
            refused.insert(path, reason.to_owned());
            continue;
        }
        let song = &document["song"];
        let id: SongId = song["id"].as_str().unwrap().parse().unwrap();
        let title = song["title"].as_str().unwrap().to_owned();
        let files = Vec::new();
        songs
            .entry(id)
            .or_insert(Song { title, files })
            .files
            .push(path);
    }
    assert_eq!(ended.status, i32::from(!refused.is_empty()), "{ended:?}");
    (songs, refused)
}

/// Every song must be found by its title, and sound as it was uploaded, at this server alone.
pub(crate) async fn all_are_there(server: &Server, songs: &Songs) {
    let client = server.client();
    let checks = songs.iter().map(|(id, song)| {
        let client = client.clone();
        async move {
            // Where machines are dead the list may be partial; the song is on it all the same.
            let query = Query {
                limit: Limit::new(LIMIT_MAX).unwrap(),
                ..Query::words(&song.title).unwrap()
            };
            let hits = client.search(&query).await;
            let hits = hits.unwrap_or_else(|error| panic!("{song:?}: {}", error.chain()));
            let hits = hits.items;
            assert!(
                hits.iter().any(|hit| hit.id() == *id),
                "{song:?} is not found"
            );
            let heard = client.audio_bytes(id).await;
            let heard = heard.unwrap_or_else(|error| panic!("{song:?}: {}", error.chain()));
            let heard = heard.unwrap_or_else(|| panic!("{song:?} has no audio"));
            let same = |file: &PathBuf| fs::read(file).unwrap() == heard;
            assert!(song.files.iter().any(same), "{song:?} sounds otherwise");
        }
    });
    join_all(checks).await;
}

/// The files directly in a folder, by name.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.is_file()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending != "tsv"));
    files.sort();
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn any_two_of_five_nodes_may_be_killed_at_once() {
    let mut cluster = Cluster::start(5, 3);
    let folder = TempDir::new().unwrap();
    write_fixtures(folder.path());
    let first = &cluster.nodes[0];
    let (mut songs, refused) = upload(first, &files_in(folder.path()));
    assert!(refused.is_empty(), "{refused:?}");
    assert_eq!(songs.len(), 12);

    if let Some(data) = data::directory("real music in a cluster") {
        songs.append(&mut real_music(first, &data.join("audio")));
    }

    let count = songs.len() as u64;
    cluster.wait_until_complete(count);
    for pair in [[0, 1], [2, 4], [1, 3]] {
        cluster.kill(&pair);
        for survivor in cluster.survivors() {
            all_are_there(survivor, &songs).await;
        }
        for node in pair {
            cluster.nodes[node].restart();
        }
        cluster.wait_until_complete(count);
    }
    for node in &cluster.nodes {
        all_are_there(node, &songs).await;
    }
}

/// Uploads real files: the tagged are taken, the untagged refused with a reason that helps, and
/// taken once they are given a title.
fn real_music(server: &Server, folder: &Path) -> Songs {
    let (mut songs, refused) = upload(server, &files_in(folder));
    assert!(refused.is_empty(), "{refused:?}");
    // 01 and 09 are the same song.
    assert_eq!(songs.len(), 16);

    let untagged = files_in(&folder.join("untagged"));
    let (taken, refused) = upload_with(server, &untagged, &["--tags-only"]);
    assert!(taken.is_empty(), "{taken:?}");
    assert_eq!(refused.len(), 2);
    for (path, reason) in refused {
        assert!(
            reason.contains("--title"),
            "{reason:?} does not say what helps"
        );
        let name = path.to_str().unwrap();
        let ended = server.ask(&[
            "upload", "--json", "--title", "Nameless", "--artist", name, name,
        ]);
        assert_eq!(ended.status, 0, "{ended:?}");
        let document: Value = serde_json::from_str(&ended.stdout).unwrap();
        let id: SongId = document["song"]["id"].as_str().unwrap().parse().unwrap();
        let (title, files) = ("Nameless".to_owned(), vec![path.clone()]);
        songs.insert(id, Song { title, files });
    }
    songs
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_answer_alike_with_and_without_the_distributed_layer() {
    let (data, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let alone = [
        "serve",
        "--standalone",
        "--data",
        data.path().to_str().unwrap(),
    ];
    let alone = Server::start(&[&alone[..], &["--http", "127.0.0.1:0"]].concat());
    let cluster = Cluster::start(3, 3);
    write_fixtures(folder.path());
    fs::write(folder.path().join("noise.audio"), [7; 5000]).unwrap();

    let files = files_in(folder.path());
    let paths: Vec<&str> = files.iter().map(|path| path.to_str().unwrap()).collect();
    let mut answers = Vec::new();
    for server in [&alone, &cluster.nodes[0]] {
        let mut told = Vec::new();
        // Twice: everything is there already the second time.
        for _ in 0..2 {
            let ended = server.ask(&[&["upload"][..], &paths].concat());
            // Several files are under way at once, and told of in the order in which they are done.
            let mut lines: Vec<String> = ended.lines().map(str::to_owned).collect();
            lines.sort();
            told.push((ended.status, lines));
        }
        answers.push(told);
    }
    assert_eq!(answers[0], answers[1]);

    for words in [
        "etude",
        "in c",
        "arpad",
        "wurst studies",
        "ETUDE 1",
        "s",
        "nothing",
    ] {
        for flags in [&[][..], &["--limit", "3"]] {
            let args = [&["search", words][..], flags].concat();
            let [one, many] = [&alone, &cluster.nodes[1]].map(|server| server.ask(&args));
            assert_eq!(
                (one.status, &one.stdout),
                (many.status, &many.stdout),
                "{args:?}"
            );
        }
    }
    let listed = alone.ask(&["search", "etude"]);
    let ids: Vec<&str> = listed
        .lines()
        .map(|line| line.split('\t').next().unwrap())
        .collect();
    assert_eq!(ids.len(), 12);
    for id in ids {
        let files = ["alone", "cluster"].map(|name| folder.path().join(name));
        for (server, file) in [&alone, &cluster.nodes[2]].into_iter().zip(&files) {
            let ended = server.ask(&["listen", id, "--output", file.to_str().unwrap()]);
            assert_eq!(ended.status, 0, "{ended:?}");
        }
        assert!(
            fs::read(&files[0]).unwrap() == fs::read(&files[1]).unwrap(),
            "{id}"
        );
    }
    let unknown = "ab".repeat(32);
    let [one, many] = [&alone, &cluster.nodes[2]].map(|server| server.ask(&["listen", &unknown]));
    assert_eq!((one.status, &one.stderr), (many.status, &many.stderr));
    assert_eq!(one.status, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_leaves_hands_its_share_on_and_stops() {
    let mut cluster = Cluster::start(4, 2);
    let folder = TempDir::new().unwrap();
    write_fixtures(folder.path());
    let (songs, _) = upload(&cluster.nodes[0], &files_in(folder.path()));
    cluster.wait_until_complete(songs.len() as u64);
    // One after the other: with two copies, whatever is not handed on is gone by the second.
    for leaving in [0, 2] {
        let ended = cluster.nodes[leaving].ask(&["leave"]);
        assert_eq!(ended.status, 0, "{ended:?}");
        let status = cluster.nodes[leaving].ended_within(std::time::Duration::from_secs(15));
        assert!(status.success(), "{status}");
        for stays in cluster.survivors() {
            all_are_there(stays, &songs).await;
        }
    }
    cluster.wait_until_complete(songs.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_told_to_end_does_so_in_order_during_a_song() {
    let mut cluster = Cluster::start(2, 2);
    let file = AudioFile {
        audio_bytes: 16 << 20,
        ..AudioFile::named("Endless", "Nobody", "")
    };
    let client = cluster.nodes[0].client();
    let song = client
        .upload_bytes(file.bytes(), Default::default())
        .await
        .unwrap()
        .song;
    let url = format!(
        "{}/api/v1/songs/{}/audio",
        cluster.nodes[0].url(),
        song.id()
    );
    // Listeners who take nothing must not hold the server.
    let mut listeners = Vec::new();
    for _ in 0..5 {
        listeners.push(http::get(&url).await.unwrap());
    }
    let status = cluster.nodes[0].terminate();
    assert!(status.success(), "{status}");
    drop(listeners);
    let heard = cluster.nodes[1]
        .client()
        .audio_bytes(&song.id())
        .await
        .unwrap();
    assert!(heard == Some(file.bytes()));
}
