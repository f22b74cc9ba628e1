//! One node of three is down and one is full: an upload has no majority, and says so each time that it is
//! repeated. The copy that the first attempt left once passed for the song being safe.

use std::fs;

use kadenza_integration_tests::{
    fixtures::AudioFile,
    processes::{Cluster, run, wait_until},
};
use tempfile::TempDir;

#[test]
fn an_upload_that_only_one_node_can_keep_is_refused_each_time() {
    let mut cluster = Cluster::start(3, 3);
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("song.wav");
    let file = AudioFile::named("Safe or not", "Somebody", "Somewhere");
    fs::write(&path, file.bytes()).unwrap();
    let path = path.to_str().unwrap();

    cluster.kill(&[1, 2]);
    cluster.nodes[1].set("--disk-reserve", "1000000TiB");
    cluster.nodes[1].restart();
    let full = cluster.nodes[1].rpc().to_string();
    for attempt in 0..3 {
        let ended = cluster.nodes[0].ask(&["upload", path]);
        assert_eq!(ended.status, 1, "{attempt}: {ended:?}");
        assert!(
            ended.stdout.contains("0 added, 0 already there"),
            "{attempt}: {ended:?}"
        );
        assert!(ended.stdout.contains(&full), "{attempt}: {ended:?}");
    }
    // The machine that was down completes it, and then it outlives the one that took it.
    cluster.nodes[2].restart();
    wait_until("the upload is taken", || {
        let ended = cluster.nodes[0].ask(&["upload", path]);
        (ended.status == 0).then_some(())
    });
    let again = cluster.nodes[0].ask(&["upload", path]);
    assert!(again.stdout.contains("1 already there"), "{again:?}");
    cluster.kill(&[0]);
    let survivor = cluster.nodes[2].url();
    let heard = folder.path().join("heard.wav");
    let id = wait_until("the song is found", || {
        let found = run(&["search", "safe", "--server", &survivor]);
        found.stdout.split_whitespace().next().map(str::to_owned)
    });
    let listen = ["listen", &id, "--output", heard.to_str().unwrap()];
    let ended = run(&[&listen[..], &["--server", &survivor]].concat());
    assert_eq!(ended.status, 0, "{ended:?}");
    assert!(fs::read(heard).unwrap() == file.bytes());
}
