//! One node of three is dead and one is frozen: what the third one has is found and heard at once.
//!
//! A frozen process keeps its connections and answers nothing, so each call to it once ran into its
//! deadline: a search took 11 to 15 s, and failed though the node that was asked had the answer.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use kadenza_contract::{
    AudioRequest, Browse, ByteRange, Error, GroupKind, MusicService, MusicServiceExt, Query, Song,
    SongId,
};
use kadenza_integration_tests::{
    fixtures::AudioFile,
    processes::{Cluster, Server, run},
};
use kadenza_middleware::{Client, ClientConfig};

/// The longest that all questions of a test together may take: a bound that only a call that runs
/// into its deadlines again and again exceeds.
const ALL_QUESTIONS: Duration = Duration::from_secs(300);
/// How often all is asked. With a deadline of some seconds each, they would take minutes.
const ROUNDS: usize = 8;
/// What a node says when it does not wait for another one any more.
const TOLD: &str = "is not waited for";

fn file(title: &str) -> AudioFile {
    AudioFile {
        audio_bytes: 900_000,
        ..AudioFile::named(title, "The Frozen", "Winter")
    }
}

async fn songs_on_all(cluster: &mut Cluster) -> BTreeMap<SongId, AudioFile> {
    let client = cluster.nodes[0].client();
    let mut songs = BTreeMap::new();
    for title in ["Ice", "Snow", "Hail"] {
        let file = file(title);
        let taken = client.upload_bytes(file.bytes(), Default::default()).await;
        songs.insert(taken.unwrap().song.id(), file);
    }
    cluster.wait_until_complete(songs.len() as u64);
    songs
}

/// Asks everything that can be answered with a yes.
async fn asks_everything(client: &Client, songs: &BTreeMap<SongId, AudioFile>) {
    for (id, file) in songs {
        let song: Song = client.song(id).await.unwrap().unwrap();
        let query = Query::words(song.tags().title()).unwrap();
        let hits = client.search(&query).await.unwrap().items;
        assert_eq!(hits.len(), 1, "{hits:?}");
        let heard = client.audio_bytes(id).await.unwrap();
        assert!(
            heard == Some(file.bytes()),
            "{} sounds otherwise",
            song.tags().title()
        );
    }
    let all = client.search(&Query::all()).await.unwrap().items;
    assert_eq!(all.len(), songs.len());
    let artists = client.browse(&Browse::all(GroupKind::Artist)).await;
    assert_eq!(artists.unwrap().items.len(), 1);
}

/// Asks what only a majority can deny, and an upload that only a majority can take.
async fn is_denied_nothing(client: &Client) {
    let nowhere = SongId::of("nowhere", "nobody", "");
    let answer = client.song(&nowhere).await;
    assert!(matches!(answer, Err(Error::TooFew { .. })), "{answer:?}");
    let answer = client.search(&Query::words("nowhere").unwrap()).await;
    let answer = answer.unwrap();
    assert!(
        answer.items.is_empty() && answer.partial.is_some(),
        "{answer:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_dead_and_one_frozen_of_three_hold_nobody_up() {
    let mut cluster = Cluster::start(3, 3);
    let songs = songs_on_all(&mut cluster).await;
    cluster.kill(&[1]);
    cluster.nodes[2].freeze();

    let client = cluster.nodes[0].client();
    // The client repeats what only a majority can deny; here the node's own answer counts.
    let mut once = ClientConfig::default();
    once.attempts_max = 1;
    let asking_once = Client::new([cluster.nodes[0].url()], once).unwrap();
    let begun = Instant::now();
    for _ in 0..ROUNDS {
        asks_everything(&client, &songs).await;
        is_denied_nothing(&asking_once).await;
    }
    assert!(begun.elapsed() < ALL_QUESTIONS, "{:?}", begun.elapsed());
    let told = cluster.nodes[0].told();
    let frozen = cluster.nodes[2].rpc().to_string();
    let lines = told.lines().filter(|line| line.contains(TOLD));
    let lines: Vec<&str> = lines.filter(|line| line.contains(&frozen)).collect();
    assert_eq!(
        lines.len(),
        1,
        "it is waited for once, and told once: {told}"
    );

    // It goes on: at once it counts again.
    cluster.nodes[2].thaw();
    let nowhere = SongId::of("nowhere", "nobody", "");
    loop {
        match client.song(&nowhere).await {
            Ok(None) => break,
            answer => assert!(begun.elapsed() < 2 * ALL_QUESTIONS, "{answer:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let taken = client
        .upload_bytes(file("Thaw").bytes(), Default::default())
        .await;
    taken.unwrap();
}

/// The same through the middleware, which knows all three servers.
#[tokio::test(flavor = "multi_thread")]
async fn servers_that_are_dead_or_frozen_hold_no_client_up() {
    let mut cluster = Cluster::start(3, 3);
    let songs = songs_on_all(&mut cluster).await;
    let urls: Vec<String> = cluster.nodes.iter().map(Server::url).collect();
    let mut config = ClientConfig::default();
    config.learn_every = None;
    let client = Client::new(&urls, config.clone()).unwrap();
    // It knows all of them, as a player does that has run for a while.
    for _ in 0..5 {
        asks_everything(&client, &songs).await;
    }
    cluster.kill(&[1]);
    cluster.nodes[2].freeze();
    let begun = Instant::now();
    for _ in 0..ROUNDS {
        asks_everything(&client, &songs).await;
    }
    // One that knows nothing yet, each time.
    for _ in 0..ROUNDS {
        let client = Client::new(&urls, config.clone()).unwrap();
        asks_everything(&client, &songs).await;
    }
    let servers: Vec<&str> = urls.iter().flat_map(|url| ["--server", url]).collect();
    let (id, file) = songs.iter().next().unwrap();
    for _ in 0..ROUNDS {
        let found = run(&[&["search", "frozen"], &servers[..]].concat());
        assert_eq!((found.status, found.lines().count()), (0, 3), "{found:?}");
        let output = tempfile::NamedTempFile::new().unwrap();
        let path = output.path().to_str().unwrap();
        let heard = run(&[&["listen", &id.to_string(), "--output", path], &servers[..]].concat());
        assert_eq!(heard.status, 0, "{heard:?}");
        assert!(std::fs::read(path).unwrap() == file.bytes());
    }
    assert!(begun.elapsed() < ALL_QUESTIONS, "{:?}", begun.elapsed());
}

/// A server that freezes in the middle of a song makes no gap and no error.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_may_freeze_in_the_middle_of_a_song() {
    use futures_util::TryStreamExt;

    let cluster = Cluster::start(3, 3);
    let file = AudioFile {
        audio_bytes: 24 << 20,
        ..AudioFile::named("Avalanche", "The Frozen", "Winter")
    };
    let urls: Vec<String> = cluster.nodes.iter().map(Server::url).collect();
    let uploaded = cluster.nodes[0].client();
    let taken = uploaded
        .upload_bytes(file.bytes(), Default::default())
        .await;
    let song = taken.unwrap().song;
    let mut config = ClientConfig::default();
    config.learn_every = None;
    let client = Client::new(&urls, config).unwrap();
    let request = AudioRequest {
        song: song.id(),
        recording: None,
        range: ByteRange::ALL,
    };
    // Whichever of the three feeds the song, most likely it is one of the two that freeze.
    let mut audio = client.audio(&request).await.unwrap().unwrap();
    let first = audio.stream.try_next().await.unwrap().unwrap();
    let mut heard = first.to_vec();
    cluster.nodes[1].freeze();
    cluster.nodes[2].freeze();
    let rest: Vec<bytes::Bytes> = audio.stream.try_collect().await.unwrap();
    for piece in rest {
        heard.extend_from_slice(&piece);
    }
    assert!(heard == file.bytes(), "other bytes were heard");
}
