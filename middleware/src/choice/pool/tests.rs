//! The pool and the way of requests under simulated servers: time is a number, chance is a seed.

use proptest::prelude::*;
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::*;
use crate::choice::{Budget, Route, Step, WhenSpent};

const MS: Duration = Duration::from_millis(1);

fn pool(count: usize) -> Pool {
    let mut pool = Pool::new(64);
    for n in 0..count {
        pool.configure(
            Duration::ZERO,
            Base::parse(&format!("http://h{n}:1")).unwrap(),
        );
    }
    pool
}

fn ids(pool: &Pool) -> Vec<ServerId> {
    pool.servers.iter().map(|entry| entry.server.id).collect()
}

#[test]
fn of_two_servers_the_faster_is_asked() {
    let mut pool = pool(2);
    let [fast, slow] = ids(&pool)[..] else {
        unreachable!()
    };
    pool.note(MS, fast, Ending::Answered { took: MS * 2 }, 0);
    pool.note(MS, slow, Ending::Answered { took: MS * 50 }, 0);
    for dice in 0..1000u64 {
        let dice = dice.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        assert_eq!(pool.choose(MS * 2, &[], dice).unwrap().id, fast);
    }
}

#[test]
fn requests_under_way_make_a_server_dearer() {
    let mut pool = pool(2);
    let [a, b] = ids(&pool)[..] else {
        unreachable!()
    };
    for id in [a, b] {
        pool.note(MS, id, Ending::Answered { took: MS * 2 }, 0);
    }
    pool.begun(a);
    assert_eq!(pool.choose(MS, &[], 7).unwrap().id, b);
    pool.ended(MS, a, None, Ending::Alive, 0);
    pool.begun(b);
    assert_eq!(pool.choose(MS, &[], 7).unwrap().id, a);
}

#[test]
fn the_last_servers_are_asked_though_all_are_out() {
    let mut pool = pool(3);
    let all = ids(&pool);
    for (n, id) in (1..).zip(&all) {
        pool.note(MS * n, *id, Ending::Gone { took: MS }, 0);
    }
    // The one that fell first may be back first.
    assert_eq!(pool.choose(MS * 9, &[], 5).unwrap().id, all[0]);
    assert_eq!(pool.choose(MS * 9, &all[..1], 5).unwrap().id, all[1]);
    assert_eq!(pool.choose(MS * 9, &all[..2], 5).unwrap().id, all[2]);
    assert!(pool.choose(MS * 9, &all, 5).is_none());
    assert!(
        pool.choose_in(MS * 9, &[], 5).is_none(),
        "none of them is asked beside another"
    );
}

#[test]
fn a_resting_server_is_preferred_to_one_that_is_out() {
    let mut pool = pool(2);
    let [out, resting] = ids(&pool)[..] else {
        unreachable!()
    };
    pool.note(MS, out, Ending::Gone { took: MS }, 0);
    pool.note(MS, resting, Ending::Busy { rest: MS * 20_000 }, 0);
    assert_eq!(pool.choose(MS * 2, &[], 1).unwrap().id, resting);
}

#[test]
fn only_learned_servers_are_forgotten_and_only_after_long() {
    let mut pool = pool(1);
    pool.learn(Duration::ZERO, Base::parse("http://learned:1").unwrap());
    let all = ids(&pool);
    let mut now = MS;
    for id in &all {
        pool.note(now, *id, Ending::Gone { took: MS }, 0);
    }
    while now < FORGOTTEN_AFTER * 2 {
        now += Duration::from_secs(31);
        for server in pool.take_probes(now) {
            pool.probed(now, server.id, false, 0);
        }
        let forgotten = pool.len() == 1;
        assert_eq!(forgotten, now > FORGOTTEN_AFTER, "{now:?}");
    }
    assert_eq!(pool.first().unwrap().id, all[0]);
}

#[test]
fn learned_servers_are_bounded_and_never_taken_twice() {
    let mut pool = Pool::new(4);
    for n in 0..100 {
        let base = || Base::parse(&format!("http://h{n}:1")).unwrap();
        pool.learn(MS, base());
        pool.learn(MS, base());
    }
    assert_eq!(pool.len(), 4);
}

#[test]
fn a_busy_server_alone_is_asked_again_when_its_rest_is_over() {
    let mut pool = pool(1);
    let mut budget = Budget::new(MS);
    let mut route = Route::new(6, WhenSpent::GiveUp);
    let Step::Ask(server) = route.next(MS, &pool, &mut budget, 0) else {
        panic!()
    };
    pool.note(MS, server.id, Ending::Busy { rest: MS * 1000 }, 0);
    let Step::Wait(pause) = route.next(MS, &pool, &mut budget, 0) else {
        panic!()
    };
    assert_eq!(pause, MS * 100);
    let Step::Wait(rest) = route.next(MS + pause, &pool, &mut budget, 0) else {
        panic!()
    };
    assert_eq!(pause + rest, MS * 1000);
    assert!(matches!(
        route.next(MS + pause + rest, &pool, &mut budget, 0),
        Step::Ask(_)
    ));
}

#[test]
fn an_avoided_server_is_asked_last() {
    let pool = pool(3);
    let mut budget = Budget::new(MS);
    for dice in 0..100 {
        let mut route = Route::new(6, WhenSpent::Wait);
        route.avoid(ids(&pool)[1]);
        for _ in 0..2 {
            let Step::Ask(server) = route.next(MS, &pool, &mut budget, dice) else {
                panic!()
            };
            assert_ne!(server.id, ids(&pool)[1]);
        }
        budget = Budget::new(MS);
    }
}

/// A server of the simulation: from when to when it refuses, fails, or is slow.
#[derive(Debug, Clone)]
struct Fate {
    refuses: std::ops::Range<u64>,
    fails: std::ops::Range<u64>,
    took_ms: u64,
}

fn fate() -> impl Strategy<Value = Fate> {
    let span = || (0u64..60_000, 0u64..40_000).prop_map(|(from, length)| from..from + length);
    (span(), span(), 1u64..400).prop_map(|(refuses, fails, took_ms)| Fate {
        refuses,
        fails,
        took_ms,
    })
}

/// After this, in milliseconds, every server of the simulation is well.
const HEALED_MS: u64 = 100_000;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Requests come at random times for two minutes, to servers that refuse and fail for a
    /// while. The promises are checked at each step, and at the end that all are healed.
    #[test]
    fn the_pool_keeps_its_promises_under_any_fate(fates in proptest::collection::vec(fate(), 1..6), seed: u64) {
        let mut chance = StdRng::seed_from_u64(seed);
        let mut pool = pool(fates.len());
        let mut budget = Budget::new(Duration::ZERO);
        let (mut firsts, mut repeats, mut lost) = (0u32, 0u32, 0u32);
        let mut probing: Vec<(u64, ServerId, bool)> = Vec::new();
        let mut now_ms = 0;
        while now_ms < HEALED_MS + 40_000 {
            now_ms += chance.random_range(1..100);
            let now = MS * u32::try_from(now_ms).unwrap();
            // Probes take 10 ms, and a server that refuses is not well.
            for server in pool.take_probes(now) {
                prop_assert!(!probing.iter().any(|(_, id, _)| *id == server.id), "one probe at a time");
                let fate = &fates[server.id.0 as usize];
                probing.push((now_ms + 10, server.id, !fate.refuses.contains(&now_ms)));
            }
            probing.retain(|&(at, id, well)| {
                if at <= now_ms {
                    pool.probed(now, id, well, chance.random());
                }
                at > now_ms
            });
            let mut route = Route::new(6, WhenSpent::GiveUp);
            let mut tried = Vec::new();
            let answered = loop {
                let any_in = pool.untried(&tried).any(|entry| entry.health.is_in(now));
                let Step::Ask(server) = route.next(now, &pool, &mut budget, chance.random()) else {
                    break false;
                };
                prop_assert!(!tried.contains(&server.id), "no server twice in a round");
                if tried.is_empty() { firsts += 1 } else { repeats += 1 }
                let entry = &pool.servers[server.id.0 as usize];
                prop_assert!(entry.health.is_in(now) || !any_in, "a server that is out is the last resort");
                tried.push(server.id);
                let fate = &fates[server.id.0 as usize];
                let took = MS * u32::try_from(fate.took_ms).unwrap();
                pool.begun(server.id);
                let ending = if fate.refuses.contains(&now_ms) {
                    Ending::Gone { took: MS }
                } else if fate.fails.contains(&now_ms) {
                    Ending::Failed { took: MS }
                } else {
                    Ending::Answered { took }
                };
                pool.ended(now, server.id, Some(Kind::Song), ending, chance.random());
                if matches!(ending, Ending::Answered { .. }) {
                    break true;
                }
            };
            prop_assert!(!tried.is_empty(), "the first request is always sent");
            if !answered {
                lost += 1;
                let fine = (0..fates.len()).filter(|&n| {
                    !fates[n].refuses.contains(&now_ms) && !fates[n].fails.contains(&now_ms)
                });
                // With a server that answers, only an empty budget loses a request.
                prop_assert!(fine.count() == 0 || !budget.spend(now));
            }
            let bound = 30.0 + 0.2 * f64::from(firsts) + 2.0 * now.as_secs_f64();
            prop_assert!(f64::from(repeats) <= bound);
        }
        prop_assert!(lost < firsts);
        let now = MS * u32::try_from(now_ms).unwrap();
        prop_assert!(pool.servers.iter().all(|entry| entry.health.is_in(now)), "{:?}", pool);
    }

    #[test]
    fn the_best_stand_in_front(outcomes in proptest::collection::vec((0usize..4, 0u8..3, 1u32..500), 0..40)) {
        let mut pool = pool(4);
        for (n, what, took) in outcomes {
            let took = MS * took;
            let ending = match what {
                0 => Ending::Gone { took },
                1 => Ending::Failed { took },
                _ => Ending::Answered { took },
            };
            let id = ids(&pool)[n];
            pool.note(MS, id, ending, 0);
        }
        let ranked = pool.ranked(MS * 2);
        prop_assert_eq!(ranked.len(), 4);
        let out = |server: &Server| pool.get(server.id).unwrap().health.is_out();
        prop_assert!(ranked.is_sorted_by_key(out));
    }
}
