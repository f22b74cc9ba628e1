//! Real Redis servers that are killed and come back, and nodes that come and go.

use std::{sync::Arc, time::Duration};

use kadenza_integration_tests::servers::{self, Redis};
use kadenza_services::cache::{self, Guarded, Partitioned, Patience, Replicated, Store};
use tokio::time::Instant;

use super::{hits, library, over};

/// How long a thing that comes about within a second may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// The same for one call; a server that is dead says so at once.
const PATIENT: Patience = Patience {
    call: Duration::from_secs(5),
    rest: Duration::from_millis(200),
};

fn three() -> Option<Vec<Redis>> {
    (0..3).map(|_| servers::redis(&[])).collect()
}

fn entries(server: &Redis) -> usize {
    let told = server.ask("DBSIZE").unwrap();
    told.trim().trim_start_matches(':').parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_redis_primary_returns_as_a_replica_and_is_filled() {
    let Some(servers) = three() else {
        return;
    };
    // Not a multiple of the nodes, so that each song is read from each of them.
    let (_directory, library, ids) = library(31).await;
    let nodes = servers.iter().map(|server| {
        let node = cache::Redis::new(&server.url()).unwrap();
        Arc::new(node) as Arc<dyn Store>
    });
    let store = Arc::new(Replicated::over(nodes.collect(), PATIENT).unwrap());
    let cached = over(Arc::clone(&store) as Arc<dyn Store>, library);
    let (before, new) = ids.split_at(25);
    let begun = Instant::now();
    while hits(&cached, before).await < before.len() {
        assert!(begun.elapsed() < PATIENCE, "the cache is not used");
    }
    let old = store.primary();
    servers[0].kill();
    // Reads go on, and the first write finds another primary.
    assert_eq!(hits(&cached, before).await, before.len());
    assert_eq!(hits(&cached, new).await, 0);
    let begun = Instant::now();
    while hits(&cached, new).await < new.len() {
        assert!(begun.elapsed() < PATIENCE, "nothing new is remembered");
    }
    let heir = store.primary();
    assert_ne!(old, heir);

    servers[0].restart().unwrap();
    let begun = Instant::now();
    while entries(&servers[0]) < ids.len() {
        assert!(begun.elapsed() < PATIENCE, "it is not filled");
        // A node that lacks a song costs no hit.
        assert_eq!(hits(&cached, &ids).await, ids.len());
    }
    assert_eq!(store.primary(), heir);
}

#[tokio::test(flavor = "multi_thread")]
async fn cache_nodes_are_added_and_removed_while_the_server_runs() {
    let Some(servers) = three() else {
        return;
    };
    let (_directory, library, ids) = library(60).await;
    let node = |server: &Redis| -> Arc<dyn Store> {
        let node = cache::Redis::new(&server.url()).unwrap();
        Arc::new(Guarded::new(Arc::new(node), PATIENT))
    };
    let store = Arc::new(Partitioned::over(servers[..2].iter().map(node).collect()).unwrap());
    let cached = over(Arc::clone(&store) as Arc<dyn Store>, library);
    let filled = async || {
        let begun = Instant::now();
        while hits(&cached, &ids).await < ids.len() {
            assert!(begun.elapsed() < PATIENCE, "the cache is not used");
        }
    };
    filled().await;
    assert!(store.add(node(&servers[2])));
    assert!(!store.add(node(&servers[2])), "it is there already");
    let kept = hits(&cached, &ids).await;
    assert!((30..ids.len()).contains(&kept), "a third moved: {kept}");
    filled().await;
    assert!(entries(&servers[2]) >= 10);
    store.remove(&servers[2].url()).unwrap();
    // The node that had these slots before may get them back: it still has their entries.
    assert!(hits(&cached, &ids).await >= kept);
    filled().await;
}
