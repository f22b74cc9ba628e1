//! Nodes without room: who lacks what and why is told, and an upload that is refused names them.

use std::time::Duration;

use kadenza_contract::{Error, MusicService, Outcome, Song};
use kadenza_distributed::NodeConfig;
use kadenza_library::LibraryConfig;

use crate::common::{Cluster, audio_of, eventually, finds_and_plays, upload};

/// More than any disk has free.
fn full() -> LibraryConfig {
    LibraryConfig {
        disk_reserve_bytes: u64::MAX / 2,
        ..LibraryConfig::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_node_is_told_with_what_it_lacks() {
    let mut cluster = Cluster::of(2).await;
    let number = cluster.add_over(full()).await;
    let full = cluster.nodes[number].rpc_address().to_string();
    for title in ["One", "Two"] {
        upload(&cluster.nodes[0], title).await.unwrap();
    }
    for node in &cluster.nodes {
        eventually(|| async {
            let status = node.status().await.map_err(|error| error.chain())?;
            let copies = status.replication.ok_or("no copies")?;
            let one = status.nodes.iter().find(|node| node.rpc == full);
            let one = one.ok_or("the node is not listed")?;
            let storage = one.storage.as_ref().ok_or("no storage")?;
            let others = status.nodes.iter().filter(|node| node.rpc != full);
            let well = one.lacks == 2
                && storage.is_full
                && storage.free == Some(0)
                && (copies.complete, copies.incomplete) == (0, 2)
                // There is no end in sight for what has no room.
                && copies.missing_bytes == 0
                && others.map(|node| node.lacks).sum::<u64>() == 0;
            well.then_some(()).ok_or_else(|| format!("{status:?}"))
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_upload_names_the_machines_without_room() {
    let mut cluster = Cluster::of(1).await;
    let mut machines = Vec::new();
    for _ in 0..2 {
        let number = cluster.add_over(full()).await;
        machines.push(cluster.nodes[number].rpc_address().to_string());
    }
    let refused = upload(&cluster.nodes[0], "Song").await.unwrap_err();
    assert!(matches!(refused, Error::Full { .. }), "{refused:?}");
    for machine in &machines {
        assert!(refused.to_string().contains(machine), "{refused}");
    }

    // One without room names itself: a client that asks several must know which it was.
    let refused = upload(&cluster.nodes[1], "Song").await.unwrap_err();
    assert!(matches!(refused, Error::Full { .. }), "{refused:?}");
    assert!(refused.to_string().contains(&machines[0]), "{refused}");

    // One of them dies: now it is also too few machines, and both are named.
    cluster.kill(2).await;
    eventually(|| async {
        let refused = upload(&cluster.nodes[0], "Song").await.unwrap_err();
        let named = machines.iter().all(|one| refused.to_string().contains(one));
        named.then_some(()).ok_or_else(|| refused.to_string())
    })
    .await;
}

/// Of these songs, each is found and played by each node.
async fn all_play_everywhere(cluster: &Cluster, songs: &[Song]) {
    for node in &cluster.nodes {
        for song in songs {
            let audio = audio_of(song.tags().title());
            eventually(|| finds_and_plays(node, song, &audio)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn others_stand_in_for_full_nodes_until_there_is_room() {
    let keep_no_surplus = |config: &mut NodeConfig| config.surplus_kept = Duration::ZERO;
    let mut cluster = Cluster::with(keep_no_surplus, 3).await;
    for _ in 0..2 {
        cluster.add_over(full()).await;
    }
    let mut songs = Vec::new();
    for number in 0..24 {
        let upload = upload(&cluster.nodes[number % 3], &format!("Song {number}")).await;
        songs.push(upload.unwrap().song);
    }
    all_play_everywhere(&cluster, &songs).await;
    let again = upload(&cluster.nodes[1], "Song 0").await.unwrap();
    assert_eq!(again.outcome, Outcome::AlreadyThere);
    let status = cluster.nodes[0].status().await.unwrap();
    let copies = status.replication.unwrap();
    assert!(
        copies.complete < 24,
        "what full nodes lack is told: {copies:?}"
    );

    // A stand-in is a copy like any: one machine may die.
    cluster.kill(0).await;
    all_play_everywhere(&cluster, &songs).await;
    cluster.restart(0).await;

    // There is room again: what belongs on these nodes is handed back, and kept nowhere else.
    cluster.kill(3).await;
    cluster.kill(2).await;
    cluster.restart(3).await;
    cluster.restart(4).await;
    cluster.all_copies_there(24).await;
    eventually(|| async {
        let copies: u64 = cluster.copies().await.iter().sum();
        let well = copies == 24 * 3;
        well.then_some(()).ok_or_else(|| format!("{copies} copies"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repair_finds_stand_ins_for_full_nodes() {
    let repair_soon = |config: &mut NodeConfig| config.repair_after = Duration::from_millis(500);
    let mut cluster = Cluster::with(repair_soon, 4).await;
    cluster.add_over(full()).await;
    let mut songs = Vec::new();
    for number in 0..12 {
        let upload = upload(&cluster.nodes[number % 4], &format!("Song {number}")).await;
        songs.push(upload.unwrap().song);
    }
    cluster.kill(3).await;
    // The node without room is responsible for more now: the three others must have everything.
    eventually(|| async {
        let copies = cluster.copies().await;
        let well = copies == [12, 12, 12, 0];
        well.then_some(()).ok_or_else(|| format!("{copies:?}"))
    })
    .await;
    all_play_everywhere(&cluster, &songs).await;
}
