//! kill -9 in the middle of things.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use kadenza_contract::{MusicService, MusicServiceExt, Query, SongId, Stated};
use kadenza_integration_tests::{
    fixtures::{AudioFile, Kind},
    http,
    processes::{Cluster, PATIENCE, Server},
};
use kadenza_middleware::{Client, ClientConfig};
use parking_lot::Mutex;

/// How many nodes are killed while songs are uploaded, one after the other.
const KILLS: usize = 6;
/// How many questions are asked at once: a listener or two on each of the nodes.
const ASKED_AT_ONCE: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn every_upload_acknowledged_while_nodes_are_killed_is_there() {
    let mut cluster = Cluster::start(5, 3);
    let urls: Vec<String> = cluster.nodes.iter().map(Server::url).collect();
    let client = Client::new(&urls, ClientConfig::default()).unwrap();

    let others: Vec<Client> = cluster.nodes.iter().map(Server::client).collect();

    let begun = Instant::now();
    let denials = Arc::new(Mutex::new(Vec::new()));
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let tried = Arc::new(AtomicUsize::new(0));
    let enough = Arc::new(AtomicBool::new(false));
    let uploading: Vec<_> = (0..4)
        .map(|_| {
            let (client, acknowledged) = (client.clone(), Arc::clone(&acknowledged));
            let (others, denials) = (others.clone(), Arc::clone(&denials));
            let (tried, enough) = (Arc::clone(&tried), Arc::clone(&enough));
            tokio::spawn(async move {
                while !enough.load(Ordering::Relaxed) {
                    let n = tried.fetch_add(1, Ordering::Relaxed);
                    let file = file(n);
                    // An error is an answer too: only what is acknowledged must be there.
                    if let Ok(upload) = client.upload_bytes(file.bytes(), Stated::default()).await {
                        let id = upload.song.id();
                        acknowledged.lock().push((n, id));
                        for (at, other) in others.iter().enumerate() {
                            if let Ok(None) = other.song(&id).await {
                                denials.lock().push(format!(
                                    "{:?}: node {at} denies upload {n}",
                                    begun.elapsed()
                                ));
                            }
                        }
                    }
                }
            })
        })
        .collect();

    for kill in 0..KILLS {
        // Not before uploads went through since the last one was back.
        let before = acknowledged.lock().len();
        let since = Instant::now();
        while acknowledged.lock().len() < before + 8 {
            assert!(
                since.elapsed() < PATIENCE,
                "no upload goes through any more"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let victim = &mut cluster.nodes[kill % 5];
        eprintln!("{:?}: node {} is killed", begun.elapsed(), kill % 5);
        victim.kill();
        // Some uploads meet a cluster that lacks the node.
        tokio::time::sleep(Duration::from_millis(150 * (kill as u64 % 3))).await;
        victim.restart();
        eprintln!("{:?}: it is back", begun.elapsed());
    }
    enough.store(true, Ordering::Relaxed);
    for task in uploading {
        task.await.unwrap();
    }

    let acknowledged = std::mem::take(&mut *acknowledged.lock());
    let tried = tried.load(Ordering::Relaxed);
    eprintln!(
        "{} of {tried} uploads were acknowledged",
        acknowledged.len()
    );
    assert!(acknowledged.len() >= 8 * KILLS);
    // From then on every node knows the acknowledged songs, or does not answer.
    let denials = std::mem::take(&mut *denials.lock());
    assert!(denials.is_empty(), "{denials:#?}");
    // At once, a node that has just come back may fail to answer, but not answer wrongly.
    let back = cluster.nodes[(KILLS - 1) % 5].client();
    stream::iter(&acknowledged)
        .for_each_concurrent(ASKED_AT_ONCE, |(n, id)| is_not_denied(&back, *n, id))
        .await;
    // Soon, every node has every answer.
    cluster.wait_until_all_copies_are_there();
    let clients: Vec<Client> = cluster.nodes.iter().map(Server::client).collect();
    stream::iter(&acknowledged)
        .for_each_concurrent(ASKED_AT_ONCE, |(n, id)| is_there(&clients[n % 5], *n, id))
        .await;
    // An upload that was not acknowledged is there whole or not at all.
    for n in 0..tried {
        let file = file(n);
        let id = SongId::of(&file.title, &file.artist, &file.album);
        let heard = clients[n % 5].audio_bytes(&id).await.unwrap();
        assert!(
            heard.is_none() || heard == Some(file.bytes()),
            "upload {n} is half there"
        );
    }
}

fn file(n: usize) -> AudioFile {
    AudioFile {
        kind: Kind::ALL[n % 4],
        audio_bytes: 20_000 + n % 7 * 60_000,
        ..AudioFile::named(&format!("Number {n}"), "The Acknowledged", "Under Fire")
    }
}

/// The upload must be heard, or the question not answered: "no such song" is a lie.
async fn is_not_denied(client: &Client, n: usize, id: &SongId) {
    match client.audio_bytes(id).await {
        Ok(Some(heard)) => assert!(heard == file(n).bytes(), "upload {n} sounds otherwise"),
        Ok(None) => panic!("the acknowledged upload {n} is denied"),
        Err(_) => {}
    }
}

async fn is_there(client: &Client, n: usize, id: &SongId) {
    let file = file(n);
    let heard = client.audio_bytes(id).await;
    let heard = heard.unwrap_or_else(|error| panic!("upload {n}: {}", error.chain()));
    assert!(heard.is_some(), "the acknowledged upload {n} is denied");
    assert!(heard == Some(file.bytes()), "upload {n} sounds otherwise");
    let hits = client
        .search(&Query::words(&file.title).unwrap())
        .await
        .unwrap();
    assert!(
        hits.items.iter().any(|song| song.id() == *id),
        "upload {n} is not found"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_node_denies_a_song_while_one_dies_and_comes_back() {
    let mut cluster = Cluster::start(5, 3);
    let songs = 24;
    let client = cluster.nodes[0].client();
    for n in 0..songs {
        client
            .upload_bytes(file(n).bytes(), Stated::default())
            .await
            .unwrap();
    }
    cluster.wait_until_complete(songs as u64);
    for victim in 0..5 {
        cluster.nodes[victim].kill();
        nobody_denies(
            &mut cluster,
            songs,
            &format!("after node {victim} was killed"),
        )
        .await;
        cluster.nodes[victim].restart();
        nobody_denies(
            &mut cluster,
            songs,
            &format!("after node {victim} came back"),
        )
        .await;
        cluster.wait_until_complete(songs as u64);
    }
}

/// The first node of a network joins nobody, and so knows the others only by what it has written
/// down of them. That used to be done once a second: killed before, it came back as a majority of
/// itself, and denied what the others had taken meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_node_does_not_come_back_as_its_own_majority() {
    let mut cluster = Cluster::start(4, 3);
    cluster.nodes[0].kill();
    let client = cluster.nodes[1].client();
    for n in 0..8 {
        client
            .upload_bytes(file(n).bytes(), Stated::default())
            .await
            .unwrap();
    }
    cluster.nodes[0].restart();
    nobody_denies(&mut cluster, 8, "after the first node came back").await;
}

/// Every node that runs gives all songs, or fails to answer.
async fn nobody_denies(cluster: &mut Cluster, songs: usize, when: &str) {
    for node in cluster.survivors() {
        let client = node.client();
        if let Ok(hits) = client
            .search_all(&Query::words("acknowledged").unwrap())
            .await
        {
            let given = hits.len();
            assert_eq!(given, songs, "{when}, {} gives {given} songs", node.url());
        }
        for n in 0..songs {
            let id = SongId::of(&file(n).title, &file(n).artist, &file(n).album);
            if let Ok(song) = client.song(&id).await {
                assert!(song.is_some(), "{when}, {} denies song {n}", node.url());
            }
            is_not_denied(&client, n, &id).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_song_through_a_gateway_survives_the_death_of_its_server() {
    let mut cluster = Cluster::start(3, 3);
    let mut args = vec!["gateway".to_owned(), "--http".into(), "127.0.0.1:0".into()];
    for node in &cluster.nodes {
        args.extend(["--server".into(), node.url()]);
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let gateway = Server::start(&args);

    // Far more than the buffers of all sockets on the way hold.
    let file = AudioFile {
        audio_bytes: 64 << 20,
        ..AudioFile::named("Through Fire", "The Unbroken", "")
    };
    let whole = file.bytes();
    let client = gateway.client();
    let song = client
        .upload_bytes(whole.clone(), Stated::default())
        .await
        .unwrap()
        .song;
    cluster.wait_until_complete(1);

    let url = format!("{}/api/v1/songs/{}/audio", gateway.url(), song.id());
    let answer = http::get(&url).await.unwrap();
    assert_eq!(answer.status(), 200);
    let mut stream = answer.bytes_stream();
    let mut heard = Vec::with_capacity(whole.len());
    // Twice: the last one of three must do for the rest.
    for part in 1..=2 {
        while heard.len() < part * (whole.len() / 4) {
            heard.extend_from_slice(&stream.next().await.unwrap().unwrap());
        }
        let feeder = feeder(&mut cluster).await;
        eprintln!(
            "killing {feeder}, which feeds the song, after {} bytes",
            heard.len()
        );
        cluster
            .nodes
            .iter_mut()
            .find(|node| node.url() == feeder)
            .unwrap()
            .kill();
    }
    while let Some(piece) = stream.next().await {
        heard.extend_from_slice(&piece.expect("the listener hears of nothing"));
    }
    assert!(heard == whole, "the song is not what was uploaded");
}

/// The server that has bytes of an answer that nobody takes yet: the listener pauses, and so the
/// sockets on the way fill up.
async fn feeder(cluster: &mut Cluster) -> String {
    let begun = tokio::time::Instant::now();
    loop {
        let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap();
        for node in cluster.survivors() {
            // sl, local address, remote address, state (01: established), tx_queue:rx_queue, …
            let local = format!(":{:04X}", node.http().port());
            let fills = sockets.lines().any(|line| {
                let fields: Vec<&str> = line.split_whitespace().collect();
                let [_, at, _, "01", queues, ..] = fields[..] else {
                    return false;
                };
                at.ends_with(&local) && !queues.starts_with("00000000:")
            });
            if fills {
                return node.url();
            }
        }
        assert!(begun.elapsed() < PATIENCE, "no server feeds the song");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
