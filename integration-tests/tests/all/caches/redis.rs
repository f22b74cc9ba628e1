//! Redis servers that die.

use std::{sync::Arc, time::Duration};

use kadenza_contract::SongId;
use kadenza_integration_tests::servers::{self, Redis};
use kadenza_services::cache::{self, Cached, Guarded, Partitioned, Patience, SlotMap, Store};

use super::{hits, library, over};

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
    let cached = over(Arc::new(answers), library);
    hits(&cached, &ids).await;
    assert_eq!(hits(&cached, &ids).await, ids.len());
    servers[2].kill();
    let map = SlotMap::over(3);
    let of_the_dead = |id: &&SongId| map.node_of(format!("kadenza:song:{id}").as_bytes()) == 2;
    let lost = ids.iter().filter(of_the_dead).count();
    assert_eq!(hits(&cached, &ids).await, ids.len() - lost);
    servers[2].restart().unwrap();
    all_hit_within(Duration::from_secs(20), &cached, &ids).await;
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
    let cached = over(Arc::clone(&answers) as Arc<dyn Store>, library);
    all_hit_within(Duration::from_secs(20), &cached, &ids).await;
    let all = &answers.counts().await[0];
    assert!(all.is_up && all.bytes > 0, "{all:?}");
    // The epoch is there as well.
    assert!((60..70).contains(&all.entries), "{all:?}");
    victim.kill();
    hits(&cached, &ids).await;
    all_hit_within(Duration::from_secs(60), &cached, &ids).await;
}

/// Asks again and again, until everything comes from the cache.
pub(super) async fn all_hit_within(patience: Duration, cached: &Cached, ids: &[SongId]) {
    let deadline = tokio::time::Instant::now() + patience;
    while hits(cached, ids).await < ids.len() {
        assert!(tokio::time::Instant::now() < deadline, "not all is cached");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
