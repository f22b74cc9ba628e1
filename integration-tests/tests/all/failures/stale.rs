//! Machines that missed something: they deny nothing that others acknowledged meanwhile, and take nothing alone.

use std::collections::BTreeMap;

use kadenza_contract::{
    Browse, Entry, Error, GroupKind, MusicService, MusicServiceExt, Page, Query, SongId, Stated,
};
use kadenza_integration_tests::{
    fixtures::AudioFile,
    processes::{Cluster, Server, wait_until_async},
};
use kadenza_middleware::{Client, ClientConfig};
use serde_json::Value;

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
        let is_found = hits.as_ref().is_ok_and(|page| !page.items.is_empty());
        let denies = |page: &Page<Entry>| page.items.is_empty() && page.partial.is_none();
        assert!(!hits.is_ok_and(|page| denies(&page)), "{word} is not found");
        found_all &= song.is_ok() && is_found;
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

/// One of five was away when the last song came, and is the only one that is up. It gave four of five hits, and they
/// looked like all.
#[tokio::test(flavor = "multi_thread")]
async fn a_lone_stale_machine_says_who_is_missing() {
    let mut cluster = Cluster::start(5, 5);
    let known = &WORDS[..4];
    for word in known {
        let taken = cluster.nodes[4].client();
        let taken = taken.upload_bytes(file(word).bytes(), Stated::default());
        taken.await.unwrap();
    }
    cluster.wait_until_complete(4);
    cluster.nodes[4].kill();
    wait_until_async("an upload is taken", async || {
        let taken = cluster.nodes[0].client();
        let taken = taken.upload_bytes(file(WORDS[4]).bytes(), Stated::default());
        taken.await.ok()
    })
    .await;
    let mut others: Vec<String> = cluster.nodes[..4]
        .iter()
        .map(|node| node.rpc().to_string())
        .collect();
    others.sort();
    cluster.kill(&[0, 1, 2, 3]);
    cluster.nodes[4].restart();

    let stale = &cluster.nodes[4];
    let client = once(stale);
    let missing = |page: &Page<Entry>| {
        let mut missing = page.partial.as_ref().unwrap().missing().to_vec();
        missing.sort();
        missing
    };
    for (query, hits) in [
        (Query::words("absent").unwrap(), 4),
        (Query::words(WORDS[4]).unwrap(), 0),
        (Query::all(), 4),
    ] {
        let page = client.search(&query).await.unwrap();
        assert_eq!(page.items.len(), hits, "{query:?}");
        assert_eq!(missing(&page), others, "{query:?}");
    }
    let artists = client.browse(&Browse::all(GroupKind::Artist)).await;
    assert!(artists.unwrap().partial.is_some());
    let unknown = client
        .song(&SongId::of(WORDS[4], "The Absent", "Away"))
        .await;
    assert!(matches!(unknown, Err(Error::TooFew { .. })), "{unknown:?}");
    takes_nothing(&client).await;

    // The command line gives what there is, and says on the side that it may not be all.
    let told = stale.ask(&["search", "absent"]);
    assert_eq!((told.status, told.lines().count()), (0, 4), "{told:?}");
    for other in &others {
        assert!(told.stderr.contains(other), "{told:?}");
    }
    let told = stale.ask(&["search", "absent", "--json"]);
    let last: Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
    assert_eq!(told.lines().count(), 5, "{told:?}");
    assert_eq!(last["partial"]["missing"].as_array().unwrap().len(), 4);

    // Whoever knows another server that has everything gets everything, whichever is asked first.
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_str().unwrap();
    let args = [
        "serve",
        "--standalone",
        "--data",
        data,
        "--http",
        "127.0.0.1:0",
    ];
    let whole = Server::start(&args);
    for word in &WORDS[..5] {
        let taken = whole.client();
        let taken = taken.upload_bytes(file(word).bytes(), Stated::default());
        taken.await.unwrap();
    }
    let mut config = ClientConfig::default();
    config.learn_every = None;
    let both = Client::new([stale.url(), whole.url()], config).unwrap();
    for _ in 0..8 {
        let page = both.search(&Query::words("absent").unwrap()).await.unwrap();
        assert_eq!((page.items.len(), page.partial), (5, None));
    }
}
