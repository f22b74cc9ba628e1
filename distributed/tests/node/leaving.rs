//! Nodes that leave in order.

use kadenza_contract::{Error, MusicService};

use crate::common::{Cluster, audio_of, finds_and_plays, upload};

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_leaves_hands_its_share_on_first() {
    let mut cluster = Cluster::of(5).await;
    let mut songs = Vec::new();
    for number in 0..6 {
        let title = format!("Heritage{number}");
        songs.push((
            upload(&cluster.nodes[0], &title).await.unwrap().song,
            audio_of(&title),
        ));
    }
    cluster.all_copies_there(6).await;
    // Three leave, one after the other, faster than repair would need to notice.
    for _ in 0..3 {
        cluster.nodes.remove(0).leave().await.unwrap();
    }
    for node in &cluster.nodes {
        for (song, audio) in &songs {
            finds_and_plays(node, song, audio).await.unwrap();
        }
    }
    let status = cluster.nodes[0].status().await.unwrap();
    assert_eq!(
        status.nodes.len(),
        2,
        "those who left are no longer counted: {status:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_node_cannot_leave() {
    let cluster = Cluster::of(1).await;
    let refused = cluster.nodes[0].leave().await.unwrap_err();
    assert!(matches!(refused, Error::TooFew { .. }), "{refused:?}");
}
