//! Nodes of a cluster, and those that are none.

use std::{path::Path, sync::mpsc::RecvTimeoutError, time::Duration};

use kadenza_distributed::{
    Beginning, Node, NodeConfig, StartError,
    trust::{self, ClusterKey, LetIn, Trust, TrustError},
};
use kadenza_library::{Library, LibraryConfig};
use kadenza_rpc::{NodeKey, PeerId};
use tempfile::TempDir;

use crate::common::eventually;

async fn start(data: &Path, beginning: Beginning, trust: Trust) -> Result<Node, StartError> {
    let library = Library::open(data, LibraryConfig::default()).await;
    let config = NodeConfig {
        beginning,
        trust,
        ..NodeConfig::new(data)
    };
    Node::start(library.unwrap(), config).await
}

fn through(node: &Node) -> Beginning {
    Beginning::through([node.rpc_address().to_string()])
}

/// The first node of a cluster.
async fn founder(data: &Path) -> Node {
    start(data, Beginning::Bootstrap, Trust::Record)
        .await
        .unwrap()
}

/// A member that enters the network through a node.
async fn member(data: &Path, by: &Node) -> Node {
    start(data, through(by), Trust::Record).await.unwrap()
}

/// A new member that the node of a directory invites.
async fn invited(data: &Path, inviter: &Path, may_invite: bool, by: &Node) -> Node {
    let invitation = trust::invite(inviter, may_invite).unwrap();
    trust::join(data, &invitation, "").await.unwrap();
    member(data, by).await
}

/// Waits until a file of a node tells of another node.
async fn tells_of(file: &Path, id: &str) {
    eventually(async || match std::fs::read_to_string(file) {
        Ok(kept) if kept.contains(id) => Ok(()),
        _ => Err(format!("{} does not tell of {id}", file.display())),
    })
    .await;
}

/// One that waits for a network has met none, however often it tries.
async fn is_left_out(node: &Node) {
    assert!(!node.settled(Duration::from_millis(300)).await);
    assert!(node.is_waiting());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_of_another_cluster_is_left_out() {
    let data = TempDir::new().unwrap();
    let key = |number| Trust::ClusterKey(ClusterKey::from_secret(&[number; 32]));
    let path = |name: &str| data.path().join(name);
    let one = start(&path("one"), Beginning::Bootstrap, key(1))
        .await
        .unwrap();
    let other = start(&path("other"), through(&one), key(2)).await.unwrap();
    let open = start(&path("open"), through(&one), Trust::Open)
        .await
        .unwrap();
    let member = start(&path("member"), through(&one), key(1)).await.unwrap();
    assert!(member.settled(Duration::from_secs(60)).await);
    is_left_out(&other).await;
    is_left_out(&open).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_a_record_does_not_start() {
    let data = TempDir::new().unwrap();
    let first = data.path().join("first");
    let first = start(&first, Beginning::Bootstrap, Trust::Record)
        .await
        .unwrap();
    let other = data.path().join("other");
    let refused = start(&other, through(&first), Trust::Record).await;
    assert!(
        matches!(refused, Err(StartError::Trust(TrustError::NoRecord { .. }))),
        "{refused:?}"
    );
    // A record that was changed is none.
    let chain = data.path().join("first/cluster/chain.json");
    let changed = std::fs::read_to_string(&chain).unwrap();
    let changed = changed.replace("mayInvite", "mayInvent");
    first.shutdown().await;
    drop(first);
    std::fs::write(&chain, changed).unwrap();
    let first = data.path().join("first");
    let refused = start(&first, Beginning::Remember, Trust::Record).await;
    assert!(
        matches!(refused, Err(StartError::Trust(TrustError::NotValid { .. }))),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn revocations_reach_those_that_were_away() {
    let data = TempDir::new().unwrap();
    let path = |name: &str| data.path().join(name);
    let first = founder(&path("first")).await;
    let join = async |name: &str| invited(&path(name), &path("first"), true, &first).await;
    let stolen = join("stolen").await;
    let away = join("away").await;
    let id = stolen.id().to_string();
    away.shutdown().await;
    drop(away);
    // It is told to a node that is up, by its name in digits; the directory of another has no key.
    let refused = trust::revoke(&path("stolen"), &id, LetIn::Stay, None).unwrap_err();
    assert!(
        matches!(refused, TrustError::NoClusterKey { .. }),
        "{refused}"
    );
    trust::revoke(&path("first"), &id, LetIn::Stay, None).unwrap();
    let known = |name: &str| path(name).join("cluster/revocations.json");
    tells_of(&known("first"), &id).await;
    assert!(
        !std::fs::read_to_string(known("away"))
            .unwrap_or_default()
            .contains(&id)
    );
    let away = start(&path("away"), Beginning::Remember, Trust::Record)
        .await
        .unwrap();
    eventually(async || match std::fs::read_to_string(known("away")) {
        Ok(kept) if kept.contains(&id) => Ok(()),
        _ => Err("not heard of".to_owned()),
    })
    .await;
    assert!(away.settled(Duration::from_secs(60)).await);
    // Nor is it invited again.
    let invitation = trust::invite(&path("first"), false).unwrap();
    std::fs::remove_dir_all(path("stolen/cluster")).unwrap();
    let refused = trust::join(&path("stolen"), &invitation, "").await;
    assert!(
        matches!(refused, Err(TrustError::Refused { .. })),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_worth_nothing_elsewhere_or_later() {
    let data = TempDir::new().unwrap();
    let path = |name: &str| data.path().join(name);
    let first = founder(&path("first")).await;
    let invitation = trust::invite(&path("first"), false).unwrap();
    // Whoever lives at the address now is another node.
    let mut elsewhere = invitation.clone();
    let other = start(&path("other"), Beginning::Bootstrap, Trust::Record)
        .await
        .unwrap();
    elsewhere.address = other.rpc_address().to_string();
    let refused = trust::join(&path("new"), &elsewhere, "").await;
    assert!(
        matches!(refused, Err(TrustError::Unreachable { .. })),
        "{refused:?}"
    );
    // One that was taken back, or is over.
    for entry in std::fs::read_dir(path("first/cluster")).unwrap() {
        let file = entry.unwrap().path();
        if file.to_str().unwrap().contains("invitation-") {
            let given = std::fs::read_to_string(&file).unwrap();
            let mut given: serde_json::Value = serde_json::from_str(&given).unwrap();
            given["until"] = 1.into();
            std::fs::write(&file, given.to_string()).unwrap();
        }
    }
    let refused = trust::join(&path("new"), &invitation, "").await;
    assert!(
        matches!(refused, Err(TrustError::Refused { .. })),
        "{refused:?}"
    );
    // A new one lets in whoever may invite nobody.
    let invitation = trust::invite(&path("first"), false).unwrap();
    trust::join(&path("new"), &invitation, "").await.unwrap();
    let new = start(&path("new"), through(&first), Trust::Record)
        .await
        .unwrap();
    assert!(new.settled(Duration::from_secs(60)).await);
    let refused = trust::invite(&path("new"), false).unwrap_err();
    assert!(matches!(refused, TrustError::MayNotInvite), "{refused}");
    // A directory of one cluster is not taken over by another.
    let invitation = trust::invite(&path("other"), false).unwrap();
    let refused = trust::join(&path("new"), &invitation, "").await;
    assert!(
        matches!(refused, Err(TrustError::BelongsToAnother { .. })),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_applicants_keep_no_revocation_from_spreading() {
    let data = TempDir::new().unwrap();
    let path = |name: &str| data.path().join(name);
    let first = founder(&path("first")).await;
    let join = async |name: &str| invited(&path(name), &path("first"), false, &first).await;
    let nodes = [join("second").await, join("third").await];
    let stolen = join("stolen").await;
    for node in nodes.iter().chain([&stolen]) {
        assert!(node.settled(Duration::from_secs(60)).await);
    }
    // Strangers who take all places of applicants everywhere and say nothing, again and again until the end.
    let (came, mut all_came) = tokio::sync::mpsc::channel(64);
    let mut waiting = Vec::new();
    for node in [&first, &nodes[0], &nodes[1]] {
        for number in 0..16 {
            let (end, until_end) = std::sync::mpsc::sync_channel::<()>(1);
            waiting.push(end);
            let (to, id) = (
                node.rpc_address(),
                PeerId::from_bytes(*node.id().as_bytes()),
            );
            let (came, runtime) = (came.clone(), tokio::runtime::Handle::current());
            tokio::task::spawn_blocking(move || {
                let key = NodeKey::from_secret(&[number; 32]);
                let mut is_over = false;
                while !is_over {
                    let said = |_binding| {
                        let _told = came.try_send(());
                        let ended = until_end.recv_timeout(Duration::from_secs(3));
                        is_over = ended == Err(RecvTimeoutError::Disconnected);
                        Vec::new()
                    };
                    let asked = kadenza_rpc::apply(&key, to, id, Duration::from_secs(9), said);
                    drop(runtime.block_on(asked));
                }
            });
        }
    }
    for _ in &waiting {
        all_came.recv().await.unwrap();
    }
    let id = stolen.id().to_string();
    trust::revoke(&path("first"), &id, LetIn::Stay, None).unwrap();
    for name in ["first", "second", "third"] {
        tells_of(&path(name).join("cluster/revocations.json"), &id).await;
    }
    drop(waiting);
}

#[tokio::test(flavor = "multi_thread")]
async fn those_that_a_thief_let_in_go_with_it_where_that_is_said() {
    let data = TempDir::new().unwrap();
    let path = |name: &str| data.path().join(name);
    let first = founder(&path("first")).await;
    let join = async |inviter: &str, name: &str| {
        let node = invited(&path(name), &path(inviter), true, &first).await;
        assert!(node.settled(Duration::from_secs(60)).await);
        node
    };
    let stolen = join("first", "stolen").await;
    let brought = join("stolen", "brought").await;
    let other = join("first", "other").await;
    let brought_id = brought.id().to_string();
    tells_of(&path("first/cluster/seen.json"), &brought_id).await;
    let id = stolen.id().to_string();
    brought.shutdown().await;
    drop(brought);
    let revoked = trust::revoke(&path("first"), &id, LetIn::Leave, None).unwrap();
    assert_eq!(revoked.spared, 0);
    tells_of(&path("first/cluster/revocations.json"), &id).await;
    stolen.shutdown().await;
    drop(stolen);
    is_left_out(&member(&path("brought"), &first).await).await;
    // Who was let in by others stays.
    other.shutdown().await;
    drop(other);
    let other = member(&path("other"), &first).await;
    assert!(other.settled(Duration::from_secs(60)).await);
}
