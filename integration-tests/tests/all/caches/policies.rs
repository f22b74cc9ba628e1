//! The policies of the embedded cache against those of a real Redis, on the same requests.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use kadenza_integration_tests::servers;
use kadenza_services::cache::{Capacity, Embedded, Policy, Redis, Store};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::time::Instant;

/// How many different keys are asked for.
const KEYS: usize = 4000;
/// About how many of them Redis has room for.
const ROOM: u64 = 600;
const REQUESTS: usize = 8_000;
/// How far apart the shares of hits may be. Both choose by chance, and the load is short: the
/// measurement over long ones is in docs/BENCHMARKS.md.
const APART: f64 = 0.03;

/// Which key each request is for.
type Load = Vec<usize>;

/// Popularity by Zipf's law with this exponent.
fn zipf(exponent: f64, seed: u64) -> Load {
    let mut sum = 0.0;
    let sums: Vec<f64> = (1..=KEYS)
        .map(|rank| {
            sum += (rank as f64).powf(-exponent);
            sum
        })
        .collect();
    let mut dice = StdRng::seed_from_u64(seed);
    (0..REQUESTS)
        .map(|_| {
            let at = dice.random_range(0.0..sum);
            sums.partition_point(|sum| *sum <= at).min(KEYS - 1)
        })
        .collect()
}

/// Popular keys that change: the second half of the load likes others than the first.
fn drifting(exponent: f64, seed: u64) -> Load {
    let mut load = zipf(exponent, seed);
    for key in &mut load[REQUESTS / 2..] {
        *key = (*key + KEYS / 2) % KEYS;
    }
    load
}

fn ttl_of(key: usize) -> Option<Duration> {
    // Long enough never to come about; each another one, for the policy that looks at them.
    Some(Duration::from_secs(100_000 + (key as u64 * 7919) % 50_000))
}

/// The hits of a store under a load.
struct Replayed {
    /// The share of hits.
    hits: f64,
    /// When each request came, since the first.
    times: Vec<Duration>,
    /// How many entries there were at the end.
    entries: usize,
}

/// Asks for each key, and remembers what was not there.
async fn replay(store: &dyn Store, load: &Load, before: impl AsyncFn(usize)) -> Replayed {
    let value = Bytes::from(vec![b'v'; 300]);
    let begun = Instant::now();
    let mut hits = 0;
    let mut times = Vec::new();
    for (n, key) in load.iter().enumerate() {
        before(n).await;
        times.push(begun.elapsed());
        let name = format!("key:{key:08}");
        if store.get(name.as_bytes()).await.unwrap().is_some() {
            hits += 1;
        } else {
            // A refusal is a miss again next time.
            let _ = store
                .put(name.as_bytes(), value.clone(), ttl_of(*key))
                .await;
        }
    }
    let counts = store.counts().await;
    Replayed {
        hits: f64::from(hits) / load.len() as f64,
        times,
        entries: usize::try_from(counts[0].entries).unwrap(),
    }
}

/// The same in the embedded cache, at the same times as Redis was asked.
fn replay_embedded(policy: Policy, load: &Load, redis: &Replayed) -> f64 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let capacity = Capacity {
            bytes: usize::MAX,
            entries: redis.entries,
        };
        let clock = Duration::from_secs(1);
        let embedded = Embedded::with_clock("ours", capacity, policy, clock);
        let begun = Instant::now();
        let wait = async |n: usize| {
            tokio::time::advance(redis.times[n].saturating_sub(begun.elapsed())).await;
        };
        replay(&embedded, load, wait).await.hits
    })
}

/// How many bytes Redis needs for nothing and for so many entries.
async fn room_of(server: &servers::Redis, entries: u64) -> (u64, u64) {
    let redis = Redis::new(&server.url()).unwrap();
    let used = async || redis.counts().await[0].bytes;
    // The connection takes room too.
    redis.get(b"none").await.unwrap();
    let empty = used().await;
    for key in 0..entries {
        let name = format!("key:{key:08}");
        let value = Bytes::from(vec![b'v'; 300]);
        let ttl = ttl_of(key as usize);
        redis.put(name.as_bytes(), value, ttl).await.unwrap();
    }
    let full = used().await;
    (empty, full)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_policies_hit_as_often_as_those_of_redis() {
    let Some(server) = servers::redis(&[]) else {
        return;
    };
    let (_, full) = room_of(&server, ROOM).await;
    let loads = [
        ("zipf 0.9", zipf(0.9, 1)),
        ("drifting 0.7", drifting(0.7, 2)),
    ];
    let mut far = Vec::new();
    for policy in Policy::ALL
        .into_iter()
        .filter(|policy| *policy != Policy::S3Fifo)
    {
        for (name, load) in &loads {
            server.ask("FLUSHALL").unwrap();
            server
                .ask(&format!("CONFIG SET maxmemory-policy {policy}"))
                .unwrap();
            server.ask(&format!("CONFIG SET maxmemory {full}")).unwrap();
            let redis = Arc::new(Redis::new(&server.url()).unwrap());
            let of_redis = replay(&*redis, load, async |_| {}).await;
            let entries = of_redis.entries;
            let (load, replayed) = (load.clone(), of_redis);
            let (of_redis, of_ours) = std::thread::spawn(move || {
                (replayed.hits, replay_embedded(policy, &load, &replayed))
            })
            .join()
            .unwrap();
            eprintln!(
                "{policy}, {name}: {entries} entries, Redis {of_redis:.4}, ours {of_ours:.4}"
            );
            if (of_redis - of_ours).abs() > APART {
                far.push(format!("{policy}, {name}: {of_redis:.4} and {of_ours:.4}"));
            }
        }
    }
    assert!(far.is_empty(), "{far:#?}");
}
