//! Do the embedded policies hit as often as those of a real Redis, and what does the default gain?
//!
//! The eight policies of Redis: the same requests at the same times to a Redis server and to the
//! embedded cache, with the same number of entries. Then the default policy beside an exact LRU and
//! beside the clairvoyant optimum, over more loads and at three sizes. Prints two tables, in per cent of
//! hits; `KADENZA_DATA` adds loads by real plays.

#![expect(clippy::print_stdout, reason = "the tables are the result")]

mod loads;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::join_all;
use kadenza_cache::{Capacity, Embedded, Policy, Store, optimum};
use kadenza_redis::Redis;
use kadenza_servers as servers;
use loads::Load;
use tokio::time::Instant;

/// How many keys there are, how many of them Redis has room for, and how often one is asked for.
const KEYS: usize = 50_000;
const ROOM: usize = 5_000;
const REQUESTS: usize = 200_000;
/// So many keys are asked for at once, so that the network does not take all the time; what is missing
/// is put afterwards. It is so on both sides.
const AT_ONCE: usize = 16;
/// The sizes of the second table: the share of the keys that there is room for.
const SHARES: [f64; 3] = [0.01, 0.05, 0.2];

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let made_up = loads::made_up(KEYS, REQUESTS);
    match servers::Redis::start(&[]) {
        Ok(server) => beside_redis(&runtime, &server, &made_up),
        Err(error) => eprintln!("skipped: {error}"),
    }
    let real = loads::real(REQUESTS);
    let loads: Vec<Load> = made_up.into_iter().chain(real).collect();
    beside_lru(&loads);
}

/// The hits of a load.
struct Replayed {
    hits: f64,
    /// When each batch came, since the first.
    times: Vec<Duration>,
    /// How many entries there were, on average since the cache was full.
    entries: usize,
}

fn beside_redis(runtime: &tokio::runtime::Runtime, server: &servers::Redis, loads: &[Load]) {
    println!(
        "{KEYS} keys, room for {ROOM}, {REQUESTS} requests; hits in %, and how much more ours are"
    );
    println!("| policy | load | entries | Redis | Kadenza | apart |\n|---|---|---|---|---|---|");
    let room = runtime.block_on(room(server));
    let mut farthest = 0.0f64;
    let of_redis = Policy::ALL
        .into_iter()
        .filter(|policy| *policy != Policy::S3Fifo);
    for policy in of_redis {
        for load in loads {
            for command in [
                "FLUSHALL".to_owned(),
                format!("CONFIG SET maxmemory-policy {policy}"),
                format!("CONFIG SET maxmemory {room}"),
            ] {
                server.tell(&command).expect("Redis does it");
            }
            let redis = Redis::new(&server.url()).expect("a URL");
            let theirs = runtime.block_on(replay(&redis, load, None));
            let ours = embedded(policy, load, &theirs);
            let apart = 100.0 * (ours - theirs.hits);
            farthest = farthest.max(apart.abs());
            println!(
                "| {policy} | {} | {} | {:.2} | {:.2} | {apart:+.2} |",
                load.name,
                theirs.entries,
                100.0 * theirs.hits,
                100.0 * ours
            );
        }
    }
    println!("the farthest: {farthest:.2} points\n");
}

/// How many bytes Redis takes with that many entries.
async fn room(server: &servers::Redis) -> u64 {
    let redis = Redis::new(&server.url()).expect("a URL");
    for keys in (0..ROOM as u32).collect::<Vec<_>>().chunks(AT_ONCE) {
        put(&redis, keys).await;
    }
    redis.counts().await[0].bytes
}

/// The same in the embedded cache, at the same times.
fn embedded(policy: Policy, load: &Load, theirs: &Replayed) -> f64 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let capacity = Capacity {
        bytes: usize::MAX,
        entries: theirs.entries,
    };
    runtime.block_on(async {
        // Redis's LRU tells seconds apart.
        let clock = Duration::from_secs(1);
        let cache = Embedded::with_clock("ours", capacity, policy, clock);
        replay(&cache, load, Some(&theirs.times)).await.hits
    })
}

/// Asks for the keys, and puts what is missing; at these times, if there are some.
async fn replay(store: &dyn Store, load: &Load, times: Option<&[Duration]>) -> Replayed {
    let begun = Instant::now();
    let (mut hits, mut counts) = (0, Vec::new());
    let mut taken = Vec::new();
    for (n, keys) in load.requests.chunks(AT_ONCE).enumerate() {
        if let Some(times) = times {
            // A paused clock goes in whole milliseconds.
            let ahead = times[n].saturating_sub(begun.elapsed());
            if ahead >= Duration::from_millis(1) {
                tokio::time::advance(ahead).await;
            }
        }
        taken.push(begun.elapsed());
        let found = join_all(keys.iter().map(|key| async move {
            let found = store.get(name(*key).as_bytes()).await;
            found.expect("the cache answers").is_some()
        }))
        .await;
        hits += found.iter().filter(|hit| **hit).count();
        let missing = keys.iter().zip(found).filter(|(_, hit)| !hit);
        let mut seen = HashSet::new();
        let missing = missing.map(|(key, _)| *key).filter(|key| seen.insert(*key));
        put(store, &missing.collect::<Vec<_>>()).await;
        let is_full = n * AT_ONCE > REQUESTS / 5;
        if is_full && n.is_multiple_of(REQUESTS / AT_ONCE / 50) {
            counts.push(store.counts().await[0].entries as usize);
        }
    }
    Replayed {
        hits: hits as f64 / load.requests.len() as f64,
        times: taken,
        entries: counts.iter().sum::<usize>() / counts.len(),
    }
}

async fn put(store: &dyn Store, keys: &[u32]) {
    let value = Bytes::from_static(&[b'v'; 300]);
    let puts = keys.iter().map(|key| {
        let value = value.clone();
        // A refusal is a miss again next time.
        async move { drop(store.put(name(*key).as_bytes(), value, ttl(*key)).await) }
    });
    join_all(puts).await;
}

fn name(key: u32) -> String {
    format!("key:{key:08}")
}

/// So long that it never comes about, and for one key in twenty none.
fn ttl(key: u32) -> Option<Duration> {
    let mixed = u64::from(key).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    (mixed % 20 != 0).then(|| Duration::from_secs(100_000 + mixed % 50_000))
}

fn beside_lru(loads: &[Load]) {
    println!("s3-fifo beside exact LRU and the optimum; {REQUESTS} requests, hits in %");
    println!(
        "| load | entries | optimum | exact LRU | s3-fifo | more than LRU | allkeys-lru | allkeys-lfu |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let mut gains = Vec::new();
    for load in loads {
        for share in SHARES {
            let entries = (load.keys as f64 * share).round() as usize;
            let best = share_of(&optimum(&load.requests, entries));
            let lru = share_of(&exact_lru(&load.requests, entries));
            let of = |policy| hits(policy, &load.requests, entries);
            let default = of(Policy::default());
            gains.push(default - lru);
            println!(
                "| {} | {entries} ({:.0} %) | {best:.2} | {lru:.2} | {default:.2} | {:+.2} | {:.2} | {:.2} |",
                load.name,
                100.0 * share,
                default - lru,
                of(Policy::AllkeysLru),
                of(Policy::AllkeysLfu)
            );
        }
    }
    let mean = gains.iter().sum::<f64>() / gains.len() as f64;
    let least = gains.iter().copied().fold(f64::INFINITY, f64::min);
    println!("more than exact LRU: {mean:+.2} points on average, {least:+.2} at least");
}

fn share_of(hits: &[bool]) -> f64 {
    100.0 * hits.iter().filter(|hit| **hit).count() as f64 / hits.len() as f64
}

fn hits(policy: Policy, requests: &[u32], entries: usize) -> f64 {
    let capacity = Capacity {
        bytes: usize::MAX,
        entries,
    };
    let cache = Embedded::new("ours", capacity, policy);
    let hits: Vec<bool> = requests
        .iter()
        .map(|key| {
            let key = key.to_be_bytes();
            let hit = cache.look_up(&key).is_some();
            if !hit {
                cache
                    .remember(&key, Bytes::new(), None)
                    .expect("it is taken");
            }
            hit
        })
        .collect();
    share_of(&hits)
}

/// The key that was asked for longest ago leaves, without sampling.
fn exact_lru(requests: &[u32], entries: usize) -> Vec<bool> {
    let mut last = HashMap::new();
    let mut oldest = BTreeMap::new();
    let mut ask = |(now, key): (usize, &u32)| {
        let before = last.insert(*key, now);
        before.map(|before| oldest.remove(&before));
        oldest.insert(now, *key);
        if oldest.len() > entries
            && let Some((_, key)) = oldest.pop_first()
        {
            last.remove(&key);
        }
        before.is_some()
    };
    requests.iter().enumerate().map(&mut ask).collect()
}
