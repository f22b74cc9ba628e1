//! Whom a guard takes for a member.

use kadenza_trust::{ClusterKey, Revocation};

use super::*;
use crate::{identity::key_in, trust::orders::sign};

/// The guard of a new node of the cluster.
fn guard(data: &Path, cluster: &ClusterKey) -> Arc<Guard> {
    sign(data, cluster).unwrap();
    Arc::new(Guard::open(data, key_in(data).unwrap()).unwrap())
}

fn writer(guard: &Guard) -> WriterId {
    WriterId::from_bytes(*guard.key.public().as_bytes())
}

#[test]
fn members_are_vouched_for_until_they_are_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = ClusterKey::from_secret(&[7; 32]);
    let [one, other] = ["one", "other"].map(|name| {
        let data = folder.path().join(name);
        std::fs::create_dir(&data).unwrap();
        guard(&data, &cluster)
    });
    assert!(one.vouches(writer(&one)));
    // Whoever was not met may be one of the names that a hostile member invents.
    assert!(!one.vouches(writer(&other)));
    let introduction = Door(Arc::clone(&other)).introduction();
    Door(Arc::clone(&one))
        .admit(&other.key.id(), &introduction)
        .unwrap();
    assert!(one.vouches(writer(&other)));
    let revocation = Revocation {
        cluster: cluster.cluster(),
        node: other.key.id(),
        spared: Vec::new(),
    };
    one.learn(vec![revocation.sign(&cluster)]).unwrap();
    assert!(!one.vouches(writer(&other)));
}
