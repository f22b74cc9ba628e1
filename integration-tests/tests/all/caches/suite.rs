//! The suite with a cache in front: of each configuration, and of stores that misbehave.

use std::sync::{Arc, OnceLock, atomic::Ordering};

use kadenza_integration_tests::{
    conformance,
    servers::{self, Redis},
    stacks::{Nodes, OnPostgres, OneLibrary, OverCache, OverDyingNodes, OverGrpc, OverHttp},
};
use kadenza_services::cache::{Partitioned, Patience, Policy, Replicated, Store};

use super::{embedded, redis::on, stores::Mischief};

fn three(policy: Policy) -> Vec<Arc<dyn Store>> {
    ["a", "b", "c"]
        .map(|name| embedded(name, 200, policy))
        .to_vec()
}

async fn every_promise_is_kept_over(stores: fn() -> [Arc<dyn Store>; 2]) {
    let stack = OverCache {
        below: OneLibrary,
        stores,
    };
    let report = conformance::check(&stack).await;
    eprintln!("{stack:?}: {report}");
    report.expect_whole();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_central_cache() {
    every_promise_is_kept_over(|| [(); 2].map(|()| embedded("one", 10_000, Policy::default())))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tiny_cache_that_always_evicts() {
    every_promise_is_kept_over(|| [(); 2].map(|()| embedded("one", 3, Policy::AllkeysLfu))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_that_is_full_and_refuses() {
    every_promise_is_kept_over(|| [(); 2].map(|()| embedded("one", 2, Policy::NoEviction))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partitioned_cache() {
    every_promise_is_kept_over(|| {
        [(); 2].map(|()| -> Arc<dyn Store> {
            Arc::new(Partitioned::over(three(Policy::AllkeysLru)).expect("there are nodes"))
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replicated_cache() {
    every_promise_is_kept_over(|| {
        [(); 2].map(|()| -> Arc<dyn Store> {
            let nodes = three(Policy::VolatileLru);
            let replicated = Replicated::over(nodes, Patience::default());
            Arc::new(replicated.expect("there are nodes"))
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_that_misbehaves_in_every_way() {
    every_promise_is_kept_over(|| {
        [(); 2].map(|()| -> Arc<dyn Store> { Arc::new(Mischief::default()) })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_under_views_and_over_nodes() {
    let stack = OverHttp(OverCache {
        below: Nodes(3),
        stores: || [(); 2].map(|()| embedded("one", 10_000, Policy::default())),
    });
    let report = conformance::check(&stack).await;
    report.expect_whole();
}

/// A gateway with a cache, over a server with another.
#[tokio::test(flavor = "multi_thread")]
async fn a_cache_over_views_over_a_cache() {
    let stores = || [(); 2].map(|()| embedded("one", 10_000, Policy::default()));
    let below = OverHttp(OverCache {
        below: OneLibrary,
        stores,
    });
    let stack = OverHttp(OverCache { below, stores });
    conformance::check(&stack).await.expect_whole();
}

/// The stack that the cache is for: HTTP, views, cache, gRPC, PostgreSQL.
#[tokio::test(flavor = "multi_thread")]
async fn a_cache_over_grpc_over_a_library_on_postgres() {
    let Some(library) = OnPostgres::new(1) else {
        return;
    };
    let stack = OverHttp(OverCache {
        below: OverGrpc(library),
        stores: || {
            [(); 2].map(|()| -> Arc<dyn Store> {
                let nodes = three(Policy::default());
                Arc::new(Partitioned::over(nodes).expect("there are nodes"))
            })
        },
    });
    conformance::check(&stack).await.expect_whole();
}

/// Answers that are remembered while a node dies must be as true as new ones.
#[tokio::test(flavor = "multi_thread")]
async fn a_cache_over_nodes_that_are_killed_in_turns() {
    let below = OverDyingNodes::default();
    let deaths = Arc::clone(&below.deaths);
    let stores = || [(); 2].map(|()| embedded("one", 10_000, Policy::default()));
    let names = [
        "an_acknowledged_upload_is_known_to_every_question",
        "an_unknown_song_is_none",
        "every_word_must_be_found",
        "many_uploads_at_once_all_arrive",
        "no_song_is_ever_half_visible",
        "pages_in_a_row_give_every_song_once",
        "questions_of_all_kinds_at_once_are_answered",
        "songs_added_meanwhile_do_not_disturb_the_pages",
    ];
    let mut promises = conformance::promises();
    promises.retain(|promise| names.contains(&promise.name));
    assert_eq!(promises.len(), names.len());
    let report = conformance::check_some(&OverCache { below, stores }, &promises).await;
    let deaths = deaths.load(Ordering::Relaxed);
    eprintln!("a cache over nodes that are killed in turns, {deaths} deaths: {report}");
    report.expect_whole();
    assert!(deaths > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_on_redis() {
    static SERVER: OnceLock<Redis> = OnceLock::new();
    let Some(server) = servers::redis(&["--maxmemory", "8mb", "--maxmemory-policy", "allkeys-lfu"])
    else {
        return;
    };
    SERVER.get_or_init(|| server);
    every_promise_is_kept_over(|| {
        let server = SERVER.get().expect("it was started");
        [(); 2].map(|()| on(server))
    })
    .await;
    let keys = SERVER.get().map(|server| server.ask("DBSIZE").unwrap());
    assert!(keys.is_some_and(|keys| keys.trim() > ":100"), "it was used");
    // Statics are not dropped.
    SERVER.get().expect("it was started").kill();
}
