//! Nodes without room: who lacks what and why is told, and an upload that is refused names them.

use kadenza_contract::{Error, MusicService};
use kadenza_library::LibraryConfig;

use crate::common::{Cluster, eventually, upload};

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
