//! The suite with a cache in front: of each configuration, and of stores that misbehave.

use std::{
    collections::HashMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use kadenza_integration_tests::{
    conformance,
    fixtures::AudioFile,
    servers::{self, Redis},
    stacks::{Nodes, OnPostgres, OneLibrary, OverCache, OverDyingNodes, OverGrpc, OverHttp},
};
use kadenza_services::{
    CacheNodeStatus, Library, MusicService, MusicServiceExt, Query, SongId, Stated,
    cache::{
        self, Cached, CachedConfig, Capacity, Embedded, Found, Guarded, Partitioned, Patience,
        Policy, Replicated, SlotMap, Store, StoreError,
    },
    library::LibraryConfig,
    notes::{CacheOutcome, Notes},
};
use parking_lot::Mutex;

fn embedded(name: &str, entries: usize, policy: Policy) -> Arc<dyn Store> {
    let bytes = 32 << 20;
    Arc::new(Embedded::new(name, Capacity { bytes, entries }, policy))
}

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

/// What is remembered while a node dies must be as true as what is asked.
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

fn on(server: &Redis) -> Arc<dyn Store> {
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
    let cached = Cached::new(library, answers, covers, CachedConfig::default());
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
    victim.kill();
    round().await;
    all_hit_within(Duration::from_secs(60)).await;
}

/// A store that forgets, fails, mixes values up and gives garbage, in turns.
#[derive(Debug, Default)]
struct Mischief {
    values: Mutex<HashMap<Vec<u8>, Bytes>>,
    turn: AtomicUsize,
}

#[async_trait]
impl Store for Mischief {
    fn node_of(&self, _key: &[u8]) -> Arc<str> {
        "mischief".into()
    }

    async fn get(&self, key: &[u8]) -> Result<Option<Found>, StoreError> {
        let values = self.values.lock();
        let found = |value: Bytes| {
            let node = "mischief".into();
            Ok(Some(Found { value, node }))
        };
        match self.turn.fetch_add(1, Ordering::Relaxed) % 7 {
            0 => Err(StoreError::Failed("out of order".into())),
            1 => found(Bytes::from_static(b"garbage")),
            2 => found(Bytes::new()),
            3 => values
                .values()
                .next()
                .map_or(Ok(None), |value| found(value.clone())),
            4 => values
                .get(key)
                .map_or(Ok(None), |value| found(value.slice(..value.len() / 2))),
            _ => values
                .get(key)
                .map_or(Ok(None), |value| found(value.clone())),
        }
    }

    async fn put(
        &self,
        key: &[u8],
        value: Bytes,
        _ttl: Option<Duration>,
    ) -> Result<(), StoreError> {
        if self.turn.fetch_add(1, Ordering::Relaxed).is_multiple_of(5) {
            return Err(StoreError::Failed("out of order".into()));
        }
        let mut values = self.values.lock();
        // Things that are remembered for good go on being asked for; some of the rest is lost.
        if values.len() > 500 {
            values.clear();
        }
        values.insert(key.to_vec(), value);
        Ok(())
    }

    async fn counts(&self) -> Vec<CacheNodeStatus> {
        Vec::new()
    }
}

/// A node that can be taken away: then it hangs.
#[derive(Debug)]
struct Mortal {
    store: Arc<dyn Store>,
    dead: Mutex<bool>,
}

impl Mortal {
    fn new(name: &str) -> Arc<Mortal> {
        Arc::new(Mortal {
            store: embedded(name, 10_000, Policy::default()),
            dead: Mutex::new(false),
        })
    }

    async fn hang_if_dead(&self) {
        let dead = *self.dead.lock();
        if dead {
            std::future::pending::<()>().await;
        }
    }
}

#[async_trait]
impl Store for Mortal {
    fn node_of(&self, key: &[u8]) -> Arc<str> {
        self.store.node_of(key)
    }

    async fn get(&self, key: &[u8]) -> Result<Option<Found>, StoreError> {
        self.hang_if_dead().await;
        self.store.get(key).await
    }

    async fn put(&self, key: &[u8], value: Bytes, ttl: Option<Duration>) -> Result<(), StoreError> {
        self.hang_if_dead().await;
        self.store.put(key, value, ttl).await
    }

    async fn counts(&self) -> Vec<CacheNodeStatus> {
        self.store.counts().await
    }
}

const HASTY: Patience = Patience {
    call: Duration::from_millis(20),
    rest: Duration::from_secs(60),
};

async fn library(songs: usize) -> (tempfile::TempDir, Arc<dyn MusicService>, Vec<SongId>) {
    let directory = tempfile::TempDir::new().unwrap();
    let config = LibraryConfig {
        disk_reserve_bytes: 0,
        ..LibraryConfig::default()
    };
    let library = Library::open(directory.path(), config).await.unwrap();
    let mut ids = Vec::new();
    for n in 0..songs {
        let file = AudioFile::named(&format!("Song {n}"), "Artist", "Album");
        let upload = library.upload_bytes(file.bytes(), Stated::default());
        ids.push(upload.await.unwrap().song.id());
    }
    (directory, Arc::new(library), ids)
}

async fn outcome_of<T>(call: impl Future<Output = T>) -> (T, Option<CacheOutcome>) {
    let (answer, notes) = Notes::collect(call).await;
    (answer, notes.caches.last().map(|note| note.outcome))
}

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
async fn a_partition_that_dies_costs_its_share_of_hits_and_no_answer() {
    let (_directory, library, ids) = library(60).await;
    let nodes = ["a", "b", "c"].map(Mortal::new);
    let guarded = nodes.iter().map(|node| -> Arc<dyn Store> {
        Arc::new(Guarded::new(Arc::clone(node) as Arc<dyn Store>, HASTY))
    });
    let answers = Arc::new(Partitioned::over(guarded.collect()).unwrap());
    let covers = embedded("covers", 10, Policy::default());
    let cached = Cached::new(library, answers, covers, CachedConfig::default());
    let round = async || {
        let mut hits = 0;
        for id in &ids {
            let (song, outcome) = outcome_of(cached.song(id)).await;
            assert_eq!(song.unwrap().unwrap().id(), *id);
            hits += usize::from(outcome == Some(CacheOutcome::Hit));
        }
        hits
    };
    assert_eq!(round().await, 0);
    assert_eq!(round().await, ids.len());
    *nodes[1].dead.lock() = true;
    let map = SlotMap::over(3);
    let of_the_dead = |id: &&SongId| map.node_of(format!("kadenza:song:{id}").as_bytes()) == 1;
    let lost = ids.iter().filter(of_the_dead).count();
    assert!(lost > 5);
    // The share of the dead node is lost, and nothing else.
    assert_eq!(round().await, ids.len() - lost);
    assert_eq!(round().await, ids.len() - lost);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_takes_over_when_the_primary_dies_and_hits_go_on() {
    let (_directory, library, ids) = library(30).await;
    let nodes = ["a", "b", "c"].map(Mortal::new);
    let stores = nodes.iter().map(|node| Arc::clone(node) as Arc<dyn Store>);
    let answers = Arc::new(Replicated::over(stores.collect(), HASTY).unwrap());
    let covers = embedded("covers", 10, Policy::default());
    let cached = Cached::new(
        library,
        Arc::clone(&answers) as Arc<dyn Store>,
        covers,
        CachedConfig::default(),
    );
    let hits = async |ids: &[SongId]| {
        let mut hits = 0;
        for id in ids {
            let (song, outcome) = outcome_of(cached.song(id)).await;
            assert_eq!(song.unwrap().unwrap().id(), *id);
            hits += usize::from(outcome == Some(CacheOutcome::Hit));
        }
        hits
    };
    assert_eq!(hits(&ids[..20]).await, 0);
    assert_eq!(&*answers.primary(), "a");
    *nodes[0].dead.lock() = true;
    // Every read is answered by one of the others.
    assert_eq!(hits(&ids[..20]).await, 20);
    assert_eq!(hits(&ids[20..]).await, 0);
    assert_eq!(hits(&ids[20..]).await, 10);
    assert_ne!(&*answers.primary(), "a");
}

#[tokio::test]
async fn what_is_too_large_is_neither_given_to_a_store_nor_taken_from_one() {
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

/// A store that never says how it is.
#[derive(Debug)]
struct Mute;

#[async_trait]
impl Store for Mute {
    fn node_of(&self, _key: &[u8]) -> Arc<str> {
        "mute".into()
    }

    async fn get(&self, _key: &[u8]) -> Result<Option<Found>, StoreError> {
        Ok(None)
    }

    async fn put(&self, _: &[u8], _: Bytes, _: Option<Duration>) -> Result<(), StoreError> {
        Ok(())
    }

    async fn counts(&self) -> Vec<CacheNodeStatus> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_node_that_does_not_say_how_it_is_holds_nobody_up() {
    let (_directory, library, _) = library(1).await;
    let mute = Arc::new(Guarded::new(Arc::new(Mute), Patience::default()));
    let covers = embedded("covers", 10, Policy::default());
    let cached = Cached::new(library, mute, covers, CachedConfig::default());
    let status = tokio::time::timeout(Duration::from_secs(5), cached.status());
    let cache = status.await.expect("it comes in time").unwrap().cache;
    let nodes: Vec<_> = cache.iter().map(|node| (&*node.node, node.is_up)).collect();
    assert_eq!(nodes, [("mute", false), ("covers", true)]);
    assert_eq!(cache[0].failures, 1);
}
