//! Every policy against a model that knows nothing of policies.

use std::collections::HashMap;

use bytes::Bytes;
use proptest::prelude::*;
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{
    capacity::Capacity,
    shard::{ENTRY_BYTES, Shard},
    *,
};

#[derive(Debug, Clone)]
enum Step {
    Get(u8),
    Put(u8, usize, Option<u64>),
    Remove(u8),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..40u8).prop_map(Step::Get),
        4 => (0..40u8, 0..400usize, prop::option::of(1..200u64))
            .prop_map(|(key, size, ttl)| Step::Put(key, size, ttl)),
        1 => (0..40u8).prop_map(Step::Remove),
        1 => (1..100u64).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..300)
}

fn policies() -> impl Strategy<Value = Policy> {
    prop::sample::select(&Policy::ALL[..])
}

/// Few different hashes, so that keys collide.
fn hash(key: u8) -> u64 {
    u64::from(key % 7) << 57 | u64::from(key % 7)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_cache_never_lies_and_never_holds_more_than_it_may(
        policy in policies(), steps in steps(), entries in 0..12usize, kilobytes in 0..5usize,
    ) {
        let capacity = Capacity { bytes: kilobytes << 10, entries };
        let mut shard = Shard::new(capacity, policy, 1, 1);
        // The value that was put last under a key, and until when it is valid.
        let mut put: HashMap<u8, (Bytes, Option<u64>)> = HashMap::new();
        let mut now = 1000;
        for step in steps {
            match step {
                Step::Get(key) => {
                    if let Some(value) = shard.get(hash(key), &[key], &now) {
                        let (last, expires) = &put[&key];
                        prop_assert_eq!(&value, last);
                        prop_assert!(expires.is_none_or(|expires| now < expires));
                    }
                }
                Step::Put(key, size, ttl) => {
                    let value = Bytes::from(vec![now as u8; size]);
                    let expires = ttl.map(|ttl| now + ttl);
                    let there = shard.get(hash(key), &[key], &now);
                    match shard.put(hash(key), &[key], value.clone(), expires, &now) {
                        Ok(()) => {
                            prop_assert_eq!(shard.get(hash(key), &[key], &now), Some(value.clone()));
                            put.insert(key, (value, expires));
                        }
                        Err(refused) => {
                            let weight = 1 + size + ENTRY_BYTES;
                            let fits = weight <= capacity.bytes && entries > 0;
                            let expected = if fits { Refused::Full } else { Refused::TooLarge };
                            prop_assert_eq!(refused, expected);
                            let may = policy == Policy::NoEviction || policy.is_volatile();
                            prop_assert!(may || !fits, "{} refuses", policy);
                            // A value that is refused drives nothing out.
                            if there.is_some() && !policy.is_volatile() {
                                prop_assert_eq!(shard.get(hash(key), &[key], &now), there);
                            }
                        }
                    }
                }
                Step::Remove(key) => {
                    shard.remove(hash(key), &[key], &now);
                    prop_assert_eq!(shard.get(hash(key), &[key], &now), None);
                }
                Step::Wait(ms) => now += ms,
            }
            prop_assert!(shard.len() <= capacity.entries);
            prop_assert!(shard.bytes() <= capacity.bytes);
        }
        shard.clear();
        prop_assert_eq!((shard.len(), shard.bytes()), (0, 0));
    }
}

/// The share of hits over keys drawn by Zipf's law, in a cache for a tenth of them.
fn hits(policy: Policy, requests: usize, expires: bool) -> f64 {
    let keys = 2000;
    let weights: Vec<f64> = (1..=keys).map(|rank| (rank as f64).powf(-0.9)).collect();
    let sums: Vec<f64> = weights
        .iter()
        .scan(0.0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        })
        .collect();
    let all = sums[keys - 1];
    let capacity = Capacity {
        bytes: usize::MAX,
        entries: keys / 10,
    };
    let mut shard = Shard::new(capacity, policy, 1, 1);
    let mut dice = StdRng::seed_from_u64(5);
    let mut hits = 0;
    for now in 0..requests as u64 {
        let at = dice.random_range(0.0..all);
        let key = sums.partition_point(|sum| *sum <= at) as u64;
        let hash = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        if shard.get(hash, &key.to_be_bytes(), &now).is_some() {
            hits += 1;
        } else {
            let until = expires.then_some(now + 1_000_000_000);
            // A refusal is a miss again next time.
            let _ = shard.put(hash, &key.to_be_bytes(), Bytes::new(), until, &now);
        }
    }
    f64::from(hits) / requests as f64
}

#[test]
fn policies_that_look_at_use_hit_more_often_than_chance() {
    let of = |policy| hits(policy, 60_000, true);
    let chance = of(Policy::AllkeysRandom);
    for policy in [
        Policy::S3Fifo,
        Policy::AllkeysLru,
        Policy::AllkeysLfu,
        Policy::VolatileLru,
        Policy::VolatileLfu,
    ] {
        assert!(
            of(policy) > chance + 0.02,
            "{policy}: {} of {chance}",
            of(policy)
        );
    }
    assert!(of(Policy::S3Fifo) > of(Policy::AllkeysLru) + 0.015);
    assert!((of(Policy::VolatileRandom) - chance).abs() < 0.01);
}

#[test]
fn one_that_nothing_may_leave_is_full_and_says_so() {
    let capacity = Capacity {
        bytes: 1 << 20,
        entries: 2,
    };
    for policy in Policy::ALL
        .into_iter()
        .filter(|policy| policy.is_volatile() || *policy == Policy::NoEviction)
    {
        let cache = Embedded::new("one", capacity, policy);
        for key in [b"a", b"b"] {
            cache.remember(key, Bytes::from_static(b"1"), None).unwrap();
        }
        let refused = cache.remember(b"c", Bytes::from_static(b"1"), None);
        assert_eq!(refused, Err(Refused::Full), "{policy}");
        cache
            .remember(b"a", Bytes::from_static(b"2"), None)
            .unwrap();
        assert_eq!(cache.look_up(b"a").as_deref(), Some(&b"2"[..]));
        assert!(cache.forget(b"b"));
        cache
            .remember(b"c", Bytes::from_static(b"1"), None)
            .unwrap();
        assert_eq!(cache.totals().entries, 2);
    }
}

#[test]
fn what_expires_soonest_leaves_first_by_ttl() {
    let capacity = Capacity {
        bytes: 1 << 20,
        entries: 4,
    };
    let mut shard = Shard::new(capacity, Policy::VolatileTtl, 1, 1);
    for (key, expires) in [(0u8, None), (1, Some(400)), (2, Some(200)), (3, Some(300))] {
        let put = shard.put(hash(key), &[key], Bytes::new(), expires, &0);
        put.unwrap();
    }
    for (new, leaves) in [(10u8, 2u8), (11, 3), (12, 1)] {
        shard
            .put(hash(new), &[new], Bytes::new(), None, &1)
            .unwrap();
        assert_eq!(shard.get(hash(leaves), &[leaves], &1), None);
    }
    assert!(shard.get(hash(0), &[0], &1).is_some());
    let refused = shard.put(hash(13), &[13], Bytes::new(), None, &1);
    assert_eq!(refused, Err(Refused::Full));
}

#[test]
fn an_entry_is_gone_when_its_time_has_come() {
    let capacity = Capacity {
        bytes: 1 << 20,
        entries: 4,
    };
    let mut shard = Shard::new(capacity, Policy::NoEviction, 1, 1);
    for key in 0..4u8 {
        shard
            .put(hash(key), &[key], Bytes::new(), Some(100), &0)
            .unwrap();
    }
    assert!(shard.get(hash(0), &[0], &99).is_some());
    assert_eq!(shard.get(hash(0), &[0], &100), None);
    // Room is made by those whose time has come, whatever the policy.
    shard.put(hash(9), &[9], Bytes::new(), None, &100).unwrap();
    assert_eq!(shard.len(), 1);
}

#[test]
fn a_cache_tells_what_it_did() {
    let capacity = Capacity {
        bytes: 1 << 20,
        entries: 2,
    };
    let cache = Embedded::new("one", capacity, Policy::default());
    for key in [b"a", b"b", b"c"] {
        assert_eq!(cache.look_up(key), None);
        cache.remember(key, Bytes::from_static(b"1"), None).unwrap();
    }
    for _ in 0..200 {
        cache.look_up(b"c").unwrap();
    }
    let totals = cache.totals();
    assert_eq!((totals.hits, totals.misses), (200, 3));
    assert_eq!((totals.entries, totals.evictions), (2, 1));
    assert_eq!(totals.bytes, 2 * (2 + ENTRY_BYTES as u64));
    assert!((1..=206).contains(&totals.latency.within.iter().sum::<u64>()));
}
