//! How fast is the embedded cache beside other caches in memory, and how often do they hit?
//!
//! Get-or-insert on a Zipf load, with one thread and with two, in caches bound by the same number of
//! entries: the embedded cache called directly and through its trait, moka, quick_cache, and an LRU
//! under one mutex. All have keys of 8 bytes on the heap, as keys of any length need, and values that
//! are shared and not copied. Then the hits of all of them and of the clairvoyant optimum, also on loads
//! by real plays (`KADENZA_DATA`), and what an entry really takes. Prints tables.

#![expect(clippy::print_stdout, reason = "the tables are the result")]

mod loads;

use std::{
    fs,
    num::NonZeroUsize,
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::FutureExt;
use kadenza_cache::{Capacity, Embedded, Policy, Store, optimum};
use parking_lot::Mutex;

/// How many keys there are, for how many of them there is room, and how many requests a thread makes.
const KEYS: usize = 1_000_000;
const ENTRIES: usize = 100_000;
const REQUESTS: usize = 1_000_000;
/// Each figure is the best of so many.
const ROUNDS: usize = 3;

/// A cache that is compared.
trait Compared: Sync {
    /// Whether it has the key; puts it if not.
    fn ask(&self, key: u32) -> bool;
}

struct Direct(Embedded);
struct ThroughTrait(Box<dyn Store>);
struct QuickCache(quick_cache::sync::Cache<Box<[u8]>, Bytes>);
struct Moka(moka::sync::Cache<Box<[u8]>, Bytes>);
struct Lru(Mutex<lru::LruCache<Box<[u8]>, Bytes>>);

const VALUE: Bytes = Bytes::from_static(&[b'v'; 100]);

fn name(key: u32) -> [u8; 8] {
    u64::from(key).to_be_bytes()
}

impl Compared for Direct {
    fn ask(&self, key: u32) -> bool {
        let hit = self.0.look_up(&name(key)).is_some();
        if !hit {
            self.0
                .remember(&name(key), VALUE, None)
                .expect("it is taken");
        }
        hit
    }
}

impl Compared for ThroughTrait {
    fn ask(&self, key: u32) -> bool {
        let key = name(key);
        // The embedded cache never waits.
        let found = self.0.get(&key).now_or_never().expect("it is over at once");
        let hit = found.expect("it answers").is_some();
        if !hit {
            let put = self.0.put(&key, VALUE, None).now_or_never();
            put.expect("it is over at once").expect("it is taken");
        }
        hit
    }
}

impl Compared for QuickCache {
    fn ask(&self, key: u32) -> bool {
        let hit = self.0.get(&name(key)[..]).is_some();
        if !hit {
            self.0.insert(Box::from(name(key)), VALUE);
        }
        hit
    }
}

impl Compared for Moka {
    fn ask(&self, key: u32) -> bool {
        let hit = self.0.get(&name(key)[..]).is_some();
        if !hit {
            self.0.insert(Box::from(name(key)), VALUE);
        }
        hit
    }
}

impl Compared for Lru {
    fn ask(&self, key: u32) -> bool {
        let mut cache = self.0.lock();
        let hit = cache.get(&name(key)[..]).cloned().is_some();
        if !hit {
            cache.put(Box::from(name(key)), VALUE);
        }
        hit
    }
}

fn embedded(policy: Policy, entries: usize) -> Embedded {
    let bytes = usize::MAX;
    Embedded::new("ours", Capacity { bytes, entries }, policy)
}

/// All of them, empty.
fn compared(entries: usize) -> [(&'static str, Box<dyn Compared>); 6] {
    let ours = || embedded(Policy::default(), entries);
    let room = NonZeroUsize::new(entries).expect("there is room");
    let moka = moka::sync::Cache::new(entries as u64);
    [
        ("Kadenza", Box::new(Direct(ours()))),
        (
            "Kadenza, through its trait",
            Box::new(ThroughTrait(Box::new(ours()))),
        ),
        (
            "Kadenza, allkeys-lru",
            Box::new(Direct(embedded(Policy::AllkeysLru, entries))),
        ),
        (
            "quick_cache",
            Box::new(QuickCache(quick_cache::sync::Cache::new(entries))),
        ),
        ("moka", Box::new(Moka(moka))),
        (
            "LRU under one mutex",
            Box::new(Lru(Mutex::new(lru::LruCache::new(room)))),
        ),
    ]
}

fn main() {
    speed();
    hits();
    memory();
}

fn speed() {
    let load = loads::zipf(0.99, KEYS, 2 * REQUESTS, 7);
    let halves: Vec<&[u32]> = load.chunks(REQUESTS).collect();
    println!("{KEYS} keys, Zipf 0.99, room for {ENTRIES}; million requests per s");
    println!("| | 1 thread | 2 threads | hits |\n|---|---|---|---|");
    for (name, cache) in compared(ENTRIES) {
        // It is full when the clock starts.
        let hits = halves[0].iter().filter(|key| cache.ask(**key)).count();
        let one = best(|| measure(&*cache, &halves[1..]));
        let two = best(|| measure(&*cache, &halves));
        let hits = 100.0 * hits as f64 / REQUESTS as f64;
        println!("| {name} | {one:.1} | {two:.1} | {hits:.1} % |");
    }
    println!();
}

fn best(mut measured: impl FnMut() -> f64) -> f64 {
    (0..ROUNDS).map(|_| measured()).fold(0.0, f64::max)
}

/// Million requests a second, each part by a thread of its own.
fn measure(cache: &dyn Compared, parts: &[&[u32]]) -> f64 {
    let begun = Instant::now();
    thread::scope(|scope| {
        for part in parts {
            scope.spawn(|| {
                let hits = part.iter().filter(|key| cache.ask(**key)).count();
                assert!(hits > part.len() / 2, "mostly hits: {hits}");
            });
        }
    });
    let took: Duration = begun.elapsed();
    let requests: usize = parts.iter().map(|part| part.len()).sum();
    requests as f64 / took.as_secs_f64() / 1e6
}

fn hits() {
    const EACH: usize = 200_000;
    let mut loads = loads::real(EACH);
    loads.extend(loads::made_up(50_000, EACH));
    // How it is called makes no difference here.
    let compared = |entries| {
        let all = compared(entries).into_iter();
        all.filter(|(name, _)| !name.contains("trait"))
    };
    let names: Vec<&str> = compared(1).map(|(name, _)| name).collect();
    println!("hits in %, {EACH} requests, room for a tenth of the keys");
    println!("| load | entries | optimum | {} |", names.join(" | "));
    println!("|---|---|---{}|", "|---".repeat(names.len()));
    for load in loads {
        let entries = load.keys / 10;
        let share = |hits: usize| format!("{:.2}", 100.0 * hits as f64 / EACH as f64);
        let best = optimum(&load.requests, entries);
        let best = share(best.iter().filter(|hit| **hit).count());
        let hits = compared(entries).map(|(_, cache)| {
            let hit = |key: &&u32| cache.ask(**key);
            share(load.requests.iter().filter(hit).count())
        });
        let hits: Vec<String> = hits.collect();
        println!(
            "| {} | {entries} | {best} | {} |",
            load.name,
            hits.join(" | ")
        );
    }
    println!();
}

/// The memory of an entry, as it is counted and as the system sees it.
fn memory() {
    const MANY: u32 = 1_000_000;
    let before = resident_bytes();
    let cache = embedded(Policy::default(), MANY as usize);
    // All are replaced once, so that the memory of keys that were let go is full as well.
    for key in 0..2 * MANY {
        let value = Bytes::from(vec![b'v'; 100]);
        cache
            .remember(&name(key), value, None)
            .expect("it is taken");
    }
    let per_entry = |bytes: u64| bytes / u64::from(MANY);
    println!(
        "{MANY} entries of 8 + 100 bytes: counted {} bytes each, the process grew by {}",
        per_entry(cache.totals().bytes),
        per_entry(resident_bytes().saturating_sub(before))
    );
}

fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
