//! Audio that is damaged on some of the nodes: nobody hears it, and it is brought again.

use std::{
    fs,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use futures_util::TryStreamExt;
use kadenza_contract::{
    AudioRequest, ByteRange, ContentHash, Error, MusicService, MusicServiceExt, Outcome, Song,
};
use kadenza_distributed::Node;

use crate::common::{Cluster, eventually, stated, wav};

/// Four chunks.
fn audio() -> Bytes {
    wav(5, 400_000)
}

fn file(directory: &Path) -> PathBuf {
    let name = ContentHash::of(&audio()).to_string();
    let (folder, rest) = name.split_at(2);
    directory.join("audio").join(folder).join(rest)
}

type Damage = (&'static str, fn(&Path));

const WAYS: [Damage; 4] = [
    ("flipped", |path| {
        let mut bytes = fs::read(path).unwrap();
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        fs::write(path, bytes).unwrap();
    }),
    ("cut", |path| {
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_len(300_000).unwrap();
    }),
    ("deleted", |path| fs::remove_file(path).unwrap()),
    ("a directory", |path| {
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
    }),
];

async fn three_nodes_with_a_song() -> (Cluster, Song) {
    let cluster = Cluster::of(3).await;
    let upload = cluster.nodes[0].upload_bytes(audio(), stated("Song")).await;
    cluster.all_copies_there(1).await;
    (cluster, upload.unwrap().song)
}

async fn hears_all_of_it(node: &Node, song: &Song, what: &str) {
    let whole = node.audio_bytes(&song.id()).await;
    assert_eq!(whole.unwrap().unwrap(), audio(), "{what}");
    let range = 250_000..750_000;
    let request = AudioRequest {
        range: ByteRange::from(range.clone()),
        recording: Some(ContentHash::of(&audio())),
        ..AudioRequest::whole(song.id())
    };
    let part = node.audio(&request).await.unwrap().unwrap();
    let part: Vec<Bytes> = part.stream.try_collect().await.unwrap();
    let range = range.start as usize..range.end as usize;
    assert_eq!(part.concat(), audio()[range], "{what}");
}

/// What is read from the audio is read from good copies, too.
#[tokio::test(flavor = "multi_thread")]
async fn lyrics_are_asked_of_others_where_the_copy_is_damaged() {
    for (what, damage) in WAYS {
        let (cluster, song) = three_nodes_with_a_song().await;
        damage(&file(&cluster.directory(1)));
        let lyrics = cluster.nodes[1].lyrics(&song.id()).await;
        assert_eq!(lyrics.unwrap(), None, "{what}");
    }
}

async fn is_whole_again(directory: &Path, what: &str) {
    eventually(|| async {
        let now = fs::read(file(directory)).map_err(|error| error.to_string())?;
        let is_whole = now == audio();
        is_whole
            .then_some(())
            .ok_or_else(|| format!("{what}: other bytes"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_on_the_node_that_is_asked_is_not_heard_and_is_healed() {
    for (what, damage) in WAYS {
        let (cluster, song) = three_nodes_with_a_song().await;
        let directory = cluster.directory(1);
        damage(&file(&directory));
        hears_all_of_it(&cluster.nodes[1], &song, what).await;
        if what == "a directory" {
            fs::remove_dir(file(&directory)).unwrap();
        }
        is_whole_again(&directory, what).await;
        cluster.all_copies_there(1).await;
        hears_all_of_it(&cluster.nodes[1], &song, what).await;
    }
}

/// The last good copy is that of a node that nobody asked.
#[tokio::test(flavor = "multi_thread")]
async fn two_of_three_copies_may_be_damaged() {
    for (what, damage) in WAYS {
        let (mut cluster, song) = three_nodes_with_a_song().await;
        let damaged = [cluster.directory(0), cluster.directory(2)];
        for directory in &damaged {
            damage(&file(directory));
        }
        for node in &cluster.nodes {
            hears_all_of_it(node, &song, what).await;
        }
        if what == "a directory" {
            for directory in &damaged {
                fs::remove_dir(file(directory)).unwrap();
            }
        }
        for directory in &damaged {
            is_whole_again(directory, what).await;
        }
        cluster.all_copies_there(1).await;
        // The machine with the copy that was good all the time dies.
        cluster.kill(1).await;
        for node in &cluster.nodes {
            hears_all_of_it(node, &song, what).await;
        }
    }
}

/// With newcomers, some copies are only surplus: nobody brings those again, and they must not stay damaged
/// for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_copy_that_nobody_needs_is_dropped() {
    let (mut cluster, song) = three_nodes_with_a_song().await;
    let holders = |cluster: &Cluster| {
        let nodes = 0..cluster.nodes.len();
        nodes
            .filter(|node| file(&cluster.directory(*node)).exists())
            .collect::<Vec<_>>()
    };
    while holders(&cluster).len() == 3 {
        assert!(
            cluster.nodes.len() < 12,
            "no newcomer is closer to the song"
        );
        cluster.add().await;
        cluster.all_copies_there(1).await;
    }
    // Which of them is surplus follows from ids that nobody chose, so each is damaged.
    for node in holders(&cluster) {
        let (what, damage) = WAYS[0];
        damage(&file(&cluster.directory(node)));
        hears_all_of_it(&cluster.nodes[node], &song, what).await;
        eventually(|| async {
            let status = cluster.nodes[node].status().await;
            let status = status.map_err(|error| error.chain())?;
            let storages = status.nodes.iter().map(|one| one.storage.as_ref());
            let damaged: u64 = storages.flatten().map(|storage| storage.damaged).sum();
            (damaged == 0)
                .then_some(())
                .ok_or_else(|| format!("{status:?}"))
        })
        .await;
    }
    cluster.all_copies_there(1).await;
    assert_eq!(holders(&cluster).len(), 3, "what was surplus is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_copy_is_no_copy_for_an_upload_or_a_status() {
    let (mut cluster, song) = three_nodes_with_a_song().await;
    let content = ContentHash::of(&audio());
    // Nobody can bring it again.
    let directory = cluster.directory(0);
    let dead = [cluster.nodes[1].id(), cluster.nodes[2].id()];
    for _ in 0..2 {
        cluster.kill(1).await;
    }
    fs::remove_file(file(&directory)).unwrap();
    let node = &cluster.nodes[0];
    assert!(node.audio_bytes(&song.id()).await.is_err());
    let copies = node.copies(&song.id()).await;
    assert!(matches!(copies, Err(Error::TooFew { .. })), "{copies:?}");
    let status = node.status().await.unwrap();
    let storage = status.nodes[0].storage.clone().unwrap();
    assert_eq!(storage.damaged, 1, "{status:?}");
    assert_eq!(status.replication.unwrap().complete, 0, "{status:?}");

    // It is remembered over a restart.
    cluster.kill(0).await;
    cluster.restart(0).await;
    // A new machine takes the place of those that are gone.
    for node in dead {
        cluster.nodes[0].forget(&node).await.unwrap();
    }
    fs::remove_dir_all(cluster.directory(1)).unwrap();
    cluster.add().await;
    eventually(|| async {
        let copies = cluster.nodes[0].copies(&song.id()).await;
        let copies = copies.map_err(|error| error.chain())?.ok_or("no song")?;
        assert_eq!(copies.recordings[0].copies, 0);
        assert!(!copies.is_durable(&content));
        Ok(())
    })
    .await;
    eventually(|| async {
        let again = cluster.nodes[0].upload_bytes(audio(), stated("Song")).await;
        let again = again.map_err(|error| error.chain())?;
        assert_ne!(again.outcome, Outcome::AlreadyThere);
        Ok(())
    })
    .await;
    cluster.all_copies_there(1).await;
    for node in &cluster.nodes {
        hears_all_of_it(node, &song, "uploaded again").await;
    }
}
