//! Redis servers that die.

use std::{sync::Arc, time::Duration};

use kadenza_integration_tests::servers::{self, Redis};
use kadenza_services::{
    MusicService, SongId,
    cache::{self, Cached, CachedConfig, Guarded, Partitioned, Patience, Policy, SlotMap, Store},
    notes::CacheOutcome,
};

use super::{embedded, library, outcome_of};

pub(super) fn on(server: &Redis) -> Arc<dyn Store> {
    let node = cache::Redis::new(&server.url()).unwrap();
    Arc::new(Guarded::new(Arc::new(node), Patience::default()))
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_killed_and_back_costs_hits_and_no_answer() {
    let Some(servers) = [(); 3]
        .map(|()| servers::redis(&[]))
        .into_iter()
        .collect::<Option<Vec<Redis>>>()
    else {
        return;
    };
    let (_directory, library, ids) = library(90).await;
    let answers = Partitioned::over(servers.iter().map(on).collect()).unwrap();
    let covers = embedded("covers", 10, Policy::default());
    let cached = Cached::new(library, Arc::new(answers), covers, CachedConfig::default());
    let round = async || {
        let mut hits = 0;
        for id in &ids {
            let (song, outcome) = outcome_of(cached.song(id)).await;
            assert_eq!(song.unwrap().unwrap().id(), *id);
            hits += usize::from(outcome == Some(CacheOutcome::Hit));
        }
        hits
    };
    round().await;
    assert_eq!(round().await, ids.len());
    servers[2].kill();
    let map = SlotMap::over(3);
    let of_the_dead = |id: &&SongId| map.node_of(format!("kadenza:song:{id}").as_bytes()) == 2;
    let lost = ids.iter().filter(of_the_dead).count();
    assert_eq!(round().await, ids.len() - lost);
    servers[2].restart().unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while round().await < ids.len() {
        assert!(
            tokio::time::Instant::now() < deadline,
            "it is not used again"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_cluster_goes_on_without_a_primary() {
    let Some(servers) = servers::redis_cluster(3) else {
        return;
    };
    goes_on_without(&servers.url(), &servers.primaries[1]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_sentinels_choose_another_primary() {
    let Some(servers) = servers::redis_sentinel() else {
        return;
    };
    goes_on_without(&servers.url(), &servers.primary).await;
}

/// Every answer comes, and some time after the death of one server everything is cached again.
async fn goes_on_without(url: &str, victim: &Redis) {
    let (_directory, library, ids) = library(60).await;
    let node = Arc::new(cache::Redis::new(url).unwrap());
    let answers = Arc::new(Guarded::new(node, Patience::default()));
    let covers = embedded("covers", 10, Policy::default());
    let cached = Cached::new(
        library,
        Arc::clone(&answers) as Arc<dyn Store>,
        covers,
        CachedConfig::default(),
    );
    let round = async || {
        let mut hits = 0;
        for id in &ids {
            let (song, outcome) = outcome_of(cached.song(id)).await;
            assert_eq!(song.unwrap().unwrap().id(), *id);
            hits += usize::from(outcome == Some(CacheOutcome::Hit));
        }
        hits
    };
    let all_hit_within = async |patience: Duration| {
        let deadline = tokio::time::Instant::now() + patience;
        while round().await < ids.len() {
            assert!(tokio::time::Instant::now() < deadline, "not all is cached");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    all_hit_within(Duration::from_secs(20)).await;
    let all = &answers.counts().await[0];
    assert!(all.is_up && all.bytes > 0, "{all:?}");
    // The epoch is there as well.
    assert!((60..70).contains(&all.entries), "{all:?}");
    victim.kill();
    round().await;
    all_hit_within(Duration::from_secs(60)).await;
}
