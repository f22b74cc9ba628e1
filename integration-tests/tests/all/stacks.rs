//! The suite over every stack of real layers. A behaviour that holds for one holds for all.

use std::sync::{Arc, atomic::Ordering};

use kadenza_contract::{MusicService, Query};
use kadenza_integration_tests::{
    conformance::{self, Ground, Promise, Stack, key},
    data,
    memory::{InMemory, Memory},
    stacks::{
        AsCaller, Asking, Door, LibraryOnObjects, Nodes, OnPostgres, OneLibrary, OverCache,
        OverDyingNodes, OverFailingServers, OverGrpc, OverGrpcs, OverHttp, OverHttpsForPeople,
        Spread,
    },
};
use kadenza_services::cache::Policy;

use crate::caches::embedded;

async fn every_promise_is_kept_by(stack: &dyn Stack) {
    let report = conformance::check(stack).await;
    eprintln!("{stack:?}: {report}");
    report.expect_whole();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_library_alone() {
    every_promise_is_kept_by(&OneLibrary).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_library_with_its_audio_in_an_object_store() {
    every_promise_is_kept_by(&LibraryOnObjects).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn views_and_middleware_over_the_library() {
    every_promise_is_kept_by(&OverHttp(OneLibrary)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_to_the_library() {
    every_promise_is_kept_by(&OverHttp(OverHttp(OneLibrary))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_layer_hands_on_who_asks() {
    let over_a_cache = OverCache {
        below: Asking(InMemory),
        stores: || [(); 2].map(|()| embedded("one", 10_000, Policy::default())),
    };
    every_promise_is_kept_by(&AsCaller(over_a_cache)).await;

    let door: Arc<dyn MusicService> = Arc::new(Door::before(Arc::new(Memory::default())));
    let several = Spread::over(vec![Arc::clone(&door), door]);
    let theirs = several.for_caller(&key()).unwrap();
    for _ in 0..4 {
        assert!(theirs.search(&Query::all()).await.is_ok());
        assert!(several.search(&Query::all()).await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_library_on_postgres() {
    let Some(stack) = OnPostgres::new(1) else {
        return;
    };
    every_promise_is_kept_by(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_libraries_in_one_database() {
    let Some(stack) = OnPostgres::new(2) else {
        return;
    };
    every_promise_is_kept_by(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn views_and_middleware_over_two_libraries_in_one_database() {
    let Some(stack) = OnPostgres::new(2) else {
        return;
    };
    every_promise_is_kept_by(&OverHttp(stack)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn views_with_tls_and_people_over_three_nodes() {
    every_promise_is_kept_by(&OverHttpsForPeople(Nodes(3))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_over_the_library() {
    every_promise_is_kept_by(&OverGrpc(OneLibrary)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_with_tls_over_the_library() {
    every_promise_is_kept_by(&OverGrpcs(OneLibrary)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn views_and_middleware_over_grpc_over_the_library() {
    every_promise_is_kept_by(&OverHttp(OverGrpc(OneLibrary))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_over_a_library_on_postgres() {
    let Some(stack) = OnPostgres::new(1) else {
        return;
    };
    every_promise_is_kept_by(&OverGrpc(stack)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_node() {
    every_promise_is_kept_by(&Nodes(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_nodes() {
    every_promise_is_kept_by(&Nodes(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn views_and_middleware_over_five_nodes() {
    every_promise_is_kept_by(&OverHttp(Nodes(5))).await;
}

/// A library of which parts can be taken away shows what each layer alone makes of a partial list.
#[tokio::test(flavor = "multi_thread")]
async fn every_layer_passes_on_that_a_list_is_partial() {
    let mut promises = conformance::promises();
    promises.retain(|promise| {
        [
            "a_whole_list_is_not_called_partial",
            "a_list_that_may_lack_something_says_so",
        ]
        .contains(&promise.name)
    });
    assert_eq!(promises.len(), 2);
    let cache = OverCache {
        below: InMemory,
        stores: || [(); 2].map(|()| embedded("one", 10_000, Policy::default())),
    };
    let layers: [&dyn Stack; 4] = [
        &OverHttp(InMemory),
        &OverHttp(OverHttp(InMemory)),
        &OverGrpc(InMemory),
        &cache,
    ];
    for stack in layers {
        let report = conformance::check_some(stack, &promises).await;
        assert!(report.is_whole(), "{stack:?}: {report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn middleware_over_servers_that_fail_in_turns() {
    let promises = promises_that_survive_lost_answers();
    let report = conformance::check_some(&OverFailingServers(OneLibrary), &promises).await;
    eprintln!("servers that fail in turns: {report}");
    report.expect_whole();
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_are_killed_in_turns() {
    let stack = OverDyingNodes::default();
    let mut promises = promises_that_survive_lost_answers();
    // A new cluster for each promise would see nobody die; and the program's limit for uploads is
    // beyond what a test sends.
    let limit = "a_song_above_the_limit_is_refused_and_leaves_nothing";
    promises.retain(|promise| promise.is_shared() && promise.name != limit);
    let report = conformance::check_some(&stack, &promises).await;
    let deaths = stack.deaths.load(Ordering::Relaxed);
    eprintln!("nodes that are killed in turns, {deaths} deaths: {report}");
    report.expect_whole();
    assert!(deaths > 3);
}

fn promises_that_survive_lost_answers() -> Vec<Promise> {
    // Where the answer to an upload is lost, nobody can tell whether a song was there before or is
    // there by that upload; middleware then says that it was added.
    let lost = "a_repeated_upload_is_already_there_and_changes_nothing";
    let promises = conformance::promises();
    assert!(promises.iter().any(|promise| promise.name == lost));
    promises
        .into_iter()
        .filter(|promise| promise.name != lost)
        .collect()
}

/// Every hostile text of others, or one of so many, may be a name and may be searched for.
async fn hostile_texts_are_texts_to(stack: &dyn Stack, step: usize) {
    let Some(data) = data::directory("hostile texts") else {
        return;
    };
    let texts = data::hostile_texts(&data).unwrap();
    assert!(texts.len() > 1000, "{} texts", texts.len());
    let texts: Vec<String> = texts.into_iter().step_by(step).collect();
    let running = stack.start().await.unwrap();
    let names = Ground::shared("hostile names", running.service());
    let named = conformance::any_text_may_be_a_name_of(&names, &texts).await;
    let searched = Ground::shared("hostile searches", running.service());
    let found = conformance::any_text_may_be_searched_for_of(&searched, &texts).await;
    drop((names, searched));
    running.stop().await;
    for verdict in [named, found] {
        verdict.unwrap_or_else(|broken| panic!("{stack:?}: {broken}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_texts_through_views_and_middleware() {
    hostile_texts_are_texts_to(&OverHttp(OneLibrary), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_texts_on_postgres() {
    if let Some(stack) = OnPostgres::new(2) {
        hostile_texts_are_texts_to(&stack, 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_texts_through_grpc() {
    hostile_texts_are_texts_to(&OverGrpc(OneLibrary), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_texts_in_a_cluster() {
    hostile_texts_are_texts_to(&Nodes(3), 4).await;
}

/// Every search that went wrong once finds its song.
async fn search_cases_are_hits_on(stack: &dyn Stack) {
    let Some(data) = data::directory("searches that went wrong once") else {
        return;
    };
    let cases = data::search_cases(&data).unwrap();
    assert!(cases.len() >= 26, "{} cases", cases.len());
    let running = stack.start().await.unwrap();
    let ground = Ground::shared("search cases", running.service());
    let verdict = conformance::names_are_found_as_typed_of(&ground, &cases).await;
    drop(ground);
    running.stop().await;
    verdict.unwrap_or_else(|broken| panic!("{stack:?}: {broken}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn search_cases_are_hits_in_the_library() {
    search_cases_are_hits_on(&OneLibrary).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn search_cases_are_hits_on_postgres() {
    if let Some(stack) = OnPostgres::new(1) {
        search_cases_are_hits_on(&stack).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn search_cases_are_hits_on_three_nodes() {
    search_cases_are_hits_on(&Nodes(3)).await;
}
