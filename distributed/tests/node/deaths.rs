//! Nodes that die, come back, and come new.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use kadenza_contract::{AudioRequest, MusicService, MusicServiceExt};
use kadenza_distributed::NodeConfig;

use crate::common::{Cluster, audio_of, eventually, finds_and_plays, stated, upload, wav};

#[tokio::test(flavor = "multi_thread")]
async fn any_two_of_five_may_die_and_all_songs_are_copied_again() {
    let mut cluster = Cluster::of(5).await;
    let mut songs = Vec::new();
    for number in 0..6 {
        let title = format!("Survivor{number}");
        songs.push((
            upload(&cluster.nodes[1], &title).await.unwrap().song,
            audio_of(&title),
        ));
    }
    cluster.all_copies_there(6).await;
    let (one, other) = (cluster.nodes.remove(3), cluster.nodes.remove(1));
    tokio::join!(one.shutdown(), other.shutdown());
    for node in &cluster.nodes {
        for (song, audio) in &songs {
            finds_and_plays(node, song, audio).await.unwrap();
        }
    }
    cluster.all_copies_there(6).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_song_goes_on_from_those_that_took_over_meanwhile() {
    let soon = |config: &mut NodeConfig| config.repair_after = Duration::from_millis(500);
    let mut cluster = Cluster::with(soon, 5).await;
    let audio = wav(1, 4_000_000);
    let upload = cluster.nodes[0].upload_bytes(audio.clone(), stated("Long"));
    let song = upload.await.unwrap().song;
    cluster.all_copies_there(1).await;
    let copies = cluster.copies().await;
    let listener = copies.iter().position(|songs| *songs == 0).unwrap();
    let request = AudioRequest::whole(song.id());
    let heard = cluster.nodes[listener].audio(&request).await.unwrap();
    let mut stream = heard.unwrap().stream;
    let mut heard = stream.next().await.unwrap().unwrap().to_vec();

    // All that held it when the song began die, one after the other, and others take over.
    let mut holders: Vec<usize> = (0..5).filter(|node| copies[*node] > 0).collect();
    while let Some(holder) = holders.pop() {
        cluster.kill(holder).await;
        if holders.len() != 1 {
            continue;
        }
        cluster.all_copies_there(1).await;
    }
    while let Some(piece) = stream.next().await {
        heard.extend_from_slice(&piece.unwrap());
    }
    assert_eq!(heard, audio);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absent_node_is_replaced_and_a_reboot_moves_nothing() {
    let soon = |config: &mut NodeConfig| config.repair_after = Duration::from_secs(1);
    for (settings, moves) in [(soon as fn(&mut NodeConfig), true), (|_| {}, false)] {
        let mut cluster = Cluster::with(settings, 5).await;
        for number in 0..6 {
            let title = format!("Replaced{number}");
            upload(&cluster.nodes[0], &title).await.unwrap();
        }
        cluster.all_copies_there(6).await;
        let before = cluster.copies().await;
        assert_eq!(before.iter().sum::<u64>(), 18);
        cluster.kill(4).await;
        if moves {
            cluster.all_copies_there(6).await;
            assert!(cluster.copies().await.iter().sum::<u64>() >= 18);
            continue;
        }
        // Uploads go on meanwhile, and for longer than it takes to notice that a node is silent.
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(5) {
            upload(&cluster.nodes[0], "Replaced0").await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(cluster.copies().await, before[..4]);
        cluster.restart(4).await;
        cluster.all_copies_there(6).await;
        assert_eq!(cluster.copies().await, before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_takes_over_its_share() {
    let mut cluster = Cluster::of(3).await;
    for number in 0..12 {
        upload(&cluster.nodes[0], &format!("Early{number}"))
            .await
            .unwrap();
    }
    for _ in 0..3 {
        let newcomer = cluster.add().await;
        cluster.all_copies_there(12).await;
        assert!(
            cluster.nodes[newcomer]
                .settled(Duration::from_secs(30))
                .await
        );
    }
    // With six nodes the three that came first may hold nothing that a newcomer needs: they die. Whoever is left
    // must be told that they do not come back, or would be half of the network in the end.
    for _ in 0..3 {
        let dead = cluster.nodes[0].id();
        cluster.kill(0).await;
        cluster.nodes[0].forget(&dead).await.unwrap();
        cluster.all_copies_there(12).await;
    }
    for number in 0..12 {
        let title = format!("Early{number}");
        eventually(|| async {
            let again = upload(&cluster.nodes[0], &title)
                .await
                .map_err(|error| error.chain())?;
            finds_and_plays(&cluster.nodes[1], &again.song, &audio_of(&title)).await
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_comes_back_finds_the_others_and_is_caught_up() {
    let mut cluster = Cluster::of(3).await;
    let before = upload(&cluster.nodes[0], "Before").await.unwrap().song;
    cluster.all_copies_there(1).await;
    // The first one joined nobody: it can only remember the others.
    cluster.kill(0).await;
    let meanwhile = upload(&cluster.nodes[0], "Meanwhile").await.unwrap().song;
    cluster.restart(0).await;
    cluster.all_copies_there(2).await;
    let back = cluster.nodes.remove(2);
    while let Some(other) = cluster.nodes.pop() {
        other.shutdown().await;
    }
    finds_and_plays(&back, &before, &audio_of("Before"))
        .await
        .unwrap();
    finds_and_plays(&back, &meanwhile, &audio_of("Meanwhile"))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn surplus_copies_are_dropped_and_none_too_many() {
    let mut cluster = Cluster::with(|config| config.surplus_kept = Duration::ZERO, 3).await;
    for number in 0..10 {
        upload(&cluster.nodes[0], &format!("Moving{number}"))
            .await
            .unwrap();
    }
    for _ in 0..4 {
        cluster.add().await;
    }
    cluster.all_copies_there(10).await;
    eventually(|| async {
        let status = cluster.nodes[0]
            .status()
            .await
            .map_err(|error| error.chain())?;
        let copies: u64 = status.nodes.iter().map(|node| node.songs).sum();
        (copies == 30)
            .then_some(())
            .ok_or_else(|| format!("{copies} copies"))
    })
    .await;
    cluster.all_copies_there(10).await;
}
