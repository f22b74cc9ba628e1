//! Machines that are gone for good: they count until the operator gives them up, for however long that takes.

use std::fs;

use kadenza_integration_tests::{
    fixtures::AudioFile,
    processes::{Cluster, wait_until},
};
use tempfile::TempDir;

#[test]
fn a_lone_survivor_takes_uploads_once_the_others_are_forgotten() {
    let mut cluster = Cluster::start(3, 3);
    let folder = TempDir::new().unwrap();
    let paths = ["Before", "After"].map(|title| {
        let path = folder.path().join(format!("{title}.wav"));
        fs::write(&path, AudioFile::named(title, "A", "B").bytes()).unwrap();
        path.to_str().unwrap().to_owned()
    });
    assert_eq!(cluster.nodes[0].ask(&["upload", &paths[0]]).status, 0);
    cluster.wait_until_complete(1);
    let others = [1, 2].map(|node: usize| cluster.nodes[node].rpc().to_string());

    // Whoever is up is told to leave instead.
    let up = cluster.nodes[0].ask(&["forget", &others[0], "--yes"]);
    assert_eq!(up.status, 1, "{up:?}");
    assert!(up.stderr.contains("kadenza leave"), "{up:?}");

    cluster.kill(&[1, 2]);
    let alone = cluster.nodes[0].ask(&["upload", &paths[1]]);
    assert_eq!(alone.status, 1, "{alone:?}");
    // A restart does not make it the whole network either.
    cluster.nodes[0].kill();
    cluster.nodes[0].restart();
    let alone = cluster.nodes[0].ask(&["upload", &paths[1]]);
    assert_eq!(alone.status, 1, "{alone:?}");
    let unsure = cluster.nodes[0].ask(&["forget", &others[0]]);
    assert_eq!(unsure.status, 2, "{unsure:?}");
    for other in &others {
        wait_until("it is seen that the node is down", || {
            let forgotten = cluster.nodes[0].ask(&["forget", other, "--yes"]);
            (forgotten.status == 0).then_some(())
        });
    }
    let unknown = cluster.nodes[0].ask(&["forget", &others[0], "--yes"]);
    assert_eq!(unknown.status, 1, "{unknown:?}");
    wait_until("the survivor takes uploads", || {
        let taken = cluster.nodes[0].ask(&["upload", &paths[1]]);
        (taken.status == 0).then_some(())
    });
    for word in ["before", "after"] {
        let found = cluster.nodes[0].ask(&["search", word]);
        assert_eq!(found.lines().count(), 1, "{found:?}");
    }

    // One that comes back after all is a member again, and gets what it missed.
    cluster.nodes[1].restart();
    cluster.wait_until_complete(2);
    let found = cluster.nodes[1].ask(&["search", "after"]);
    assert_eq!(found.lines().count(), 1, "{found:?}");
}
