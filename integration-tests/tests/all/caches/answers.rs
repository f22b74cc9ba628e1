//! Which answers are remembered, and the cost of a failing node.

use std::{sync::Arc, time::Duration};

use kadenza_contract::{MusicService, MusicServiceExt, Query, SongId, Stated};
use kadenza_integration_tests::{
    conformance::{Machines, Stack as _},
    fixtures::AudioFile,
    memory::InMemory,
};
use kadenza_notes::CacheOutcome;
use kadenza_services::cache::{
    Cached, CachedConfig, Guarded, Partitioned, Patience, Policy, Replicated, SlotMap, Store,
};

use super::{
    embedded, hits, library, outcome_of, over,
    stores::{Mortal, Mute},
};

const HASTY: Patience = Patience {
    call: Duration::from_millis(20),
    rest: Duration::from_secs(60),
};

#[tokio::test(flavor = "multi_thread")]
async fn the_second_answer_comes_from_the_cache_until_an_upload() {
    let (_directory, library, ids) = library(3).await;
    let store = || embedded("one", 1000, Policy::default());
    let cached = Cached::new(library, store(), store(), CachedConfig::default());
    let query = Query::words("song").unwrap();
    for expected in [CacheOutcome::Miss, CacheOutcome::Hit] {
        let (page, outcome) = outcome_of(cached.search(&query)).await;
        assert_eq!(page.unwrap().items.len(), 3);
        assert_eq!(outcome, Some(expected));
        let (song, outcome) = outcome_of(cached.song(&ids[0])).await;
        assert_eq!(song.unwrap().unwrap().id(), ids[0]);
        assert_eq!(outcome, Some(expected));
    }
    let file = AudioFile::named("Another Song", "Artist", "Album");
    let upload = cached.upload_bytes(file.bytes(), Stated::default());
    upload.await.unwrap();
    let (page, outcome) = outcome_of(cached.search(&query)).await;
    assert_eq!(page.unwrap().items.len(), 4);
    assert_eq!(outcome, Some(CacheOutcome::Miss));
    let (_, outcome) = outcome_of(cached.song(&ids[0])).await;
    assert_eq!(outcome, Some(CacheOutcome::Hit), "songs stay");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_cache_remembers_a_partial_list() {
    let mut running = InMemory.start().await.unwrap();
    let store = || embedded("one", 1000, Policy::default());
    let config = CachedConfig::default();
    let cached = Cached::new(running.service(), store(), store(), config);
    for n in 0..4 {
        let file = AudioFile::named(&format!("Song {n}"), "Artist", "Album");
        let upload = cached.upload_bytes(file.bytes(), Stated::default());
        upload.await.unwrap();
    }
    let query = Query::words("song").unwrap();
    running.reach(Machines::TooFew).await.unwrap();
    for _ in 0..2 {
        let (page, outcome) = outcome_of(cached.search(&query)).await;
        let page = page.unwrap();
        assert!(page.items.len() < 4 && page.partial.is_some());
        assert_eq!(outcome, Some(CacheOutcome::Unkept));
    }
    running.reach(Machines::All).await.unwrap();
    let (page, outcome) = outcome_of(cached.search(&query)).await;
    let page = page.unwrap();
    assert_eq!((page.items.len(), page.partial), (4, None));
    assert_eq!(outcome, Some(CacheOutcome::Miss));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_dies_costs_its_share_of_hits_and_no_answer() {
    let (_directory, library, ids) = library(60).await;
    let nodes = ["a", "b", "c"].map(Mortal::new);
    let guarded = nodes.iter().map(|node| -> Arc<dyn Store> {
        Arc::new(Guarded::new(Arc::clone(node) as Arc<dyn Store>, HASTY))
    });
    let answers = Arc::new(Partitioned::over(guarded.collect()).unwrap());
    let cached = over(answers, library);
    assert_eq!(hits(&cached, &ids).await, 0);
    assert_eq!(hits(&cached, &ids).await, ids.len());
    *nodes[1].dead.lock() = true;
    let map = SlotMap::over(3);
    let of_the_dead = |id: &&SongId| map.node_of(format!("kadenza:song:{id}").as_bytes()) == 1;
    let lost = ids.iter().filter(of_the_dead).count();
    assert!(lost > 5);
    // The share of the dead node is lost, and nothing else.
    assert_eq!(hits(&cached, &ids).await, ids.len() - lost);
    assert_eq!(hits(&cached, &ids).await, ids.len() - lost);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_takes_over_when_the_primary_dies_and_hits_go_on() {
    let (_directory, library, ids) = library(30).await;
    let nodes = ["a", "b", "c"].map(Mortal::new);
    let stores = nodes.iter().map(|node| Arc::clone(node) as Arc<dyn Store>);
    let answers = Arc::new(Replicated::over(stores.collect(), HASTY).unwrap());
    let cached = over(Arc::clone(&answers) as Arc<dyn Store>, library);
    assert_eq!(hits(&cached, &ids[..20]).await, 0);
    assert_eq!(&*answers.primary(), "a");
    *nodes[0].dead.lock() = true;
    // Every read is answered by one of the others.
    assert_eq!(hits(&cached, &ids[..20]).await, 20);
    assert_eq!(hits(&cached, &ids[20..]).await, 0);
    assert_eq!(hits(&cached, &ids[20..]).await, 10);
    assert_ne!(&*answers.primary(), "a");
}

#[tokio::test]
async fn no_store_is_given_or_gives_a_value_that_is_too_large() {
    let (_directory, library, ids) = library(1).await;
    let store = embedded("one", 1000, Policy::default());
    let cached = |value_bytes_max| {
        let config = CachedConfig {
            value_bytes_max,
            ..CachedConfig::default()
        };
        let covers = embedded("covers", 10, Policy::default());
        Cached::new(Arc::clone(&library), Arc::clone(&store), covers, config)
    };
    let (strict, usual) = (cached(64), cached(1 << 20));
    for (cached, expected) in [
        (&strict, CacheOutcome::Unkept),
        (&strict, CacheOutcome::Unkept),
        (&usual, CacheOutcome::Miss),
        (&usual, CacheOutcome::Hit),
        (&strict, CacheOutcome::Unkept),
    ] {
        let (song, outcome) = outcome_of(cached.song(&ids[0])).await;
        assert_eq!(song.unwrap().unwrap().id(), ids[0]);
        assert_eq!(outcome, Some(expected));
    }
}

#[tokio::test]
async fn a_node_that_does_not_say_how_it_is_holds_nobody_up() {
    let (_directory, library, _) = library(1).await;
    let mute = Arc::new(Guarded::new(Arc::new(Mute), Patience::default()));
    let cached = over(mute, library);
    let status = tokio::time::timeout(Duration::from_secs(5), cached.status());
    let cache = status.await.expect("it comes in time").unwrap().cache;
    let nodes: Vec<_> = cache.iter().map(|node| (&*node.node, node.is_up)).collect();
    assert_eq!(nodes, [("mute", false), ("covers", true)]);
    assert_eq!(cache[0].failures, 1);
}
