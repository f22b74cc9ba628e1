//! A few worlds, as `make simulate` runs many.

use std::time::{Duration, Instant};

use kadenza_simulation::{Options, PLAYED, Scenario, run};

/// How long worlds are run, and how many at least. On a machine with nothing else to do, some twenty.
const FOR: Duration = Duration::from_secs(10);
const AT_LEAST: u64 = 4;

#[test]
fn whole_nodes_keep_their_word_in_simulated_worlds() {
    let began = Instant::now();
    for seed in (1..).take_while(|seed| *seed <= AT_LEAST || began.elapsed() < FOR) {
        let report = run(seed, Options::default());
        let tail = report.tail[report.tail.len().saturating_sub(40)..].join("\n");
        assert_eq!(report.wrong, None, "seed {seed}:\n{tail}");
    }
}

#[test]
fn the_same_seed_gives_the_same_log() {
    for seed in [3, 7] {
        let (one, other) = (run(seed, Options::default()), run(seed, Options::default()));
        assert_eq!(one, other, "seed {seed}");
    }
    assert_ne!(
        run(3, Options::default()).digest,
        run(7, Options::default()).digest
    );
}

#[test]
fn every_scenario_is_played_and_ends_well() {
    for scenario in Scenario::all() {
        let name = scenario.name();
        let mut played = 0;
        for seed in 1..=2 {
            let options = Options {
                scenario: Some(*scenario),
                ..Options::default()
            };
            let report = run(seed, options);
            let tail = report.tail[report.tail.len().saturating_sub(40)..].join("\n");
            assert_eq!(report.wrong, None, "{name}, seed {seed}:\n{tail}");
            played += report.counts.get(PLAYED).copied().unwrap_or(0);
        }
        assert!(played > 0, "{name} never comes to its point");
    }
}
