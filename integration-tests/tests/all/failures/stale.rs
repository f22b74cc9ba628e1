//! Machines that missed something: they deny nothing that others acknowledged meanwhile, and take nothing alone.

use std::collections::BTreeMap;

use kadenza_contract::{Error, MusicService, MusicServiceExt, Query, Result, SongId, Stated};
use kadenza_integration_tests::{
    fixtures::AudioFile,
    processes::{Cluster, Server, wait_until_async},
};
use kadenza_middleware::{Client, ClientConfig};

/// The titles of the songs, one word each.
const WORDS: [&str; 8] = [
    "Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Ginkgo", "Hazel",
];

fn file(title: &str) -> AudioFile {
    AudioFile {
        audio_bytes: 60_000,
        ..AudioFile::named(title, "The Absent", "Away")
    }
}

/// Asks a node once; what it says is its own word.
fn once(node: &Server) -> Client {
    let mut once = ClientConfig::default();
    once.attempts_max = 1;
    Client::new([node.url()], once).unwrap()
}

/// Uploads all songs through a node, each as soon as it is taken.
async fn upload_all(node: &Server) -> BTreeMap<SongId, &'static str> {
    let client = node.client();
    let mut songs = BTreeMap::new();
    for word in WORDS {
        let taken = wait_until_async("an upload is taken", async || {
            let bytes = file(word).bytes();
            client.upload_bytes(bytes, Stated::default()).await.ok()
        });
        songs.insert(taken.await.song.id(), word);
    }
    songs
}

/// Whether all songs are found. None may ever be denied.
async fn finds_all(client: &Client, songs: &BTreeMap<SongId, &str>) -> bool {
    let mut found_all = true;
    for (id, word) in songs {
        let song = client.song(id).await;
        assert!(!matches!(song, Ok(None)), "{word} is denied");
        let hits = client.search(&Query::words(word).unwrap()).await;
        let hits: Result<usize> = hits.map(|page| page.items.len());
        assert!(!matches!(hits, Ok(0)), "{word} is not found");
        found_all &= song.is_ok() && hits.is_ok();
    }
    found_all
}

async fn takes_nothing(client: &Client) {
    let file = file("Larch").bytes();
    let taken = client.upload_bytes(file, Stated::default()).await;
    assert!(matches!(taken, Err(Error::TooFew { .. })), "{taken:?}");
}

/// Two machines were away while songs came; then the power fails, and these two are up first.
#[tokio::test(flavor = "multi_thread")]
async fn machines_that_were_away_deny_nothing_when_they_are_up_first() {
    let mut cluster = Cluster::start(5, 3);
    cluster.kill(&[3, 4]);
    let songs = upload_all(&cluster.nodes[0]).await;
    cluster.kill(&[0, 1, 2]);
    for node in [3, 4] {
        cluster.nodes[node].restart();
    }
    for node in [3, 4] {
        let client = once(&cluster.nodes[node]);
        finds_all(&client, &songs).await;
        takes_nothing(&client).await;
    }
    // With a third one they are a majority, and know what it knows.
    cluster.nodes[0].restart();
    for node in [3, 0, 4] {
        let client = once(&cluster.nodes[node]);
        wait_until_async("all songs are found", async || {
            finds_all(&client, &songs).await.then_some(())
        })
        .await;
    }
}

/// A machine stands still while songs come, and goes on as if nothing had happened.
#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_stood_still_denies_nothing() {
    let cluster = Cluster::start(5, 3);
    cluster.nodes[4].freeze();
    let songs = upload_all(&cluster.nodes[0]).await;
    cluster.nodes[4].thaw();
    let client = once(&cluster.nodes[4]);
    wait_until_async("all songs are found", async || {
        finds_all(&client, &songs).await.then_some(())
    })
    .await;
}

/// Two of five are left, the others stand still: what they have is found and heard, and nothing is denied or taken.
#[tokio::test(flavor = "multi_thread")]
async fn a_minority_denies_nothing_and_takes_nothing() {
    let cluster = Cluster::start(5, 3);
    let songs = upload_all(&cluster.nodes[0]).await;
    for node in [0, 1, 2] {
        cluster.nodes[node].freeze();
    }
    let nowhere = SongId::of("nowhere", "nobody", "");
    for node in [3, 4] {
        let client = once(&cluster.nodes[node]);
        finds_all(&client, &songs).await;
        // For some seconds it still knows that nothing can have come elsewhere.
        wait_until_async("nothing is denied any more", async || {
            client.song(&nowhere).await.is_err().then_some(())
        })
        .await;
        takes_nothing(&client).await;
    }
    for node in [0, 1, 2] {
        cluster.nodes[node].thaw();
    }
    for node in &cluster.nodes {
        let client = once(node);
        wait_until_async("all songs are found", async || {
            finds_all(&client, &songs).await.then_some(())
        })
        .await;
    }
}
