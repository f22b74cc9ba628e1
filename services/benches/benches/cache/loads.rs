//! Which key is asked for when: popularity by laws that were measured on real logs, and by real plays.
//!
//! A load is the same for the same seed everywhere.

use std::{collections::HashSet, fs, path::Path};

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};

/// A load and what it is called.
pub(crate) struct Load {
    pub(crate) name: &'static str,
    /// The key of each request.
    pub(crate) requests: Vec<u32>,
    /// How many different keys are asked for.
    pub(crate) keys: usize,
}

impl Load {
    fn new(name: &'static str, requests: Vec<u32>) -> Load {
        let keys = requests.iter().collect::<HashSet<_>>().len();
        Load {
            name,
            requests,
            keys,
        }
    }
}

/// The loads that are made up, over so many keys and of so many requests.
pub(crate) fn made_up(keys: usize, requests: usize) -> Vec<Load> {
    vec![
        Load::new("Zipf 0.7", zipf(0.7, keys, requests, 1)),
        Load::new("Zipf 0.99", zipf(0.99, keys, requests, 2)),
        Load::new("drifting, Zipf 0.9", drifting(keys, requests)),
        Load::new("Zipf 0.8 and scans", scanned(keys, requests)),
        Load::new("recent ones again", recent(keys, requests)),
    ]
}

/// The loads by real plays, in the directory of real data; none without `KADENZA_DATA`.
#[allow(dead_code, reason = "not every bench that has this file asks for them")]
pub(crate) fn real(requests: usize) -> Vec<Load> {
    let Some(data) = std::env::var_os("KADENZA_DATA") else {
        eprintln!("skipped: real popularity (set KADENZA_DATA to the directory of real data)");
        return Vec::new();
    };
    let plays = Path::new(&data).join("plays");
    let read = |name: &str| fs::read_to_string(plays.join(name)).expect("a file of real data");
    // In how many playlists a song is.
    let playlists = read("spotify_playlist_popularity.tsv");
    let playlists = playlists.lines().skip(1);
    let playlists = playlists.filter_map(|line| line.split('\t').next()?.parse().ok());
    // How often it was played on the radio; names are quoted, and the count is the last but one.
    let radio = read("classic_rock_538.csv");
    let radio = radio.lines().skip(1);
    let radio = radio.filter_map(|line| line.rsplit(',').nth(1)?.parse().ok());
    vec![
        Load::new(
            "songs in playlists",
            weighted(playlists.collect(), requests, 5),
        ),
        Load::new("songs on the radio", weighted(radio.collect(), requests, 6)),
    ]
}

/// Keys by their weights, in any order of popularity.
fn weighted(mut weights: Vec<f64>, requests: usize, seed: u64) -> Vec<u32> {
    let mut dice = StdRng::seed_from_u64(seed);
    weights.shuffle(&mut dice);
    let mut sum = 0.0;
    let sums = weights.iter().map(|weight| {
        sum += weight;
        sum
    });
    let sums: Vec<f64> = sums.collect();
    let last = sums.len() - 1;
    let key = |_| {
        let at = dice.random_range(0.0..sums[last]);
        sums.partition_point(|sum| *sum <= at).min(last) as u32
    };
    (0..requests).map(key).collect()
}

/// The key of rank r is asked for with a weight of r^-s.
pub(crate) fn zipf(exponent: f64, keys: usize, requests: usize, seed: u64) -> Vec<u32> {
    let weights = (1..=keys).map(|rank| (rank as f64).powf(-exponent));
    weighted(weights.collect(), requests, seed)
}

/// The popular keys change: forty times during the load another fortieth of the keys changes places.
fn drifting(keys: usize, requests: usize) -> Vec<u32> {
    const STEPS: usize = 40;
    let mut load = zipf(0.9, keys, requests, 3);
    let mut dice = StdRng::seed_from_u64(30);
    let mut names: Vec<u32> = (0..keys as u32).collect();
    for stretch in load.chunks_mut(requests.div_ceil(STEPS)) {
        for key in stretch {
            *key = names[*key as usize];
        }
        for _ in 0..keys / STEPS {
            let (a, b) = (dice.random_range(0..keys), dice.random_range(0..keys));
            names.swap(a, b);
        }
    }
    load
}

/// A tenth of the requests come from somebody who goes through everything once, in stretches.
fn scanned(keys: usize, requests: usize) -> Vec<u32> {
    let often = zipf(0.8, keys, requests, 4);
    let stretch = keys / 20;
    let mut load = Vec::with_capacity(requests + stretch);
    // Keys of their own: a catalogue is longer than what people listen to.
    let mut seldom = keys as u32..;
    for often in often.chunks(stretch * 9) {
        load.extend(often);
        load.extend(seldom.by_ref().take(stretch));
        if load.len() >= requests {
            break;
        }
    }
    load.truncate(requests);
    load
}

/// Three of five requests repeat one of the last few thousand, the latest most often: what LRU is for.
fn recent(keys: usize, requests: usize) -> Vec<u32> {
    let mut load = zipf(0.7, keys, requests, 8);
    let mut dice = StdRng::seed_from_u64(80);
    for now in 1..requests {
        if dice.random_range(0..5) < 3 {
            // Half of the repeats are within 70 requests, and all within 5000.
            let back = 5000f64.powf(dice.random_range(0.0..1.0)) as usize;
            load[now] = load[now - back.min(now)];
        }
    }
    load
}
