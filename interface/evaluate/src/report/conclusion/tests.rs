//! Made-up runs whose conclusion is known.

use std::time::Duration;

use kadenza_services::cache::Policy;

use super::{
    super::samples::{Load, central, killed, stood},
    *,
};
use crate::record::{Answer, Configuration, RequestResult, Run, Setup};

/// So many hits of a thousand requests, with all hits and all misses taking the same time.
fn run(setup: Setup, hits: usize, hit_us: u32, miss_us: u32) -> Summary {
    let answers = (0..1000).map(|number| {
        // Spread evenly over the run.
        let is_hit = (number + 1) * hits / 1000 > number * hits / 1000;
        let (result, took_us) = match is_hit {
            true => (RequestResult::Hit, hit_us),
            false if setup.configuration == Configuration::Off => (RequestResult::Bypass, miss_us),
            false => (RequestResult::Miss, miss_us),
        };
        Answer {
            question: 0,
            sent_us: number as u64 * 1000,
            took_us,
            below_us: 0,
            result,
            node: None,
        }
    });
    Summary::of(&Run {
        answers: answers.collect(),
        optimum: (0..1000).map(|number| number < 800).collect(),
        took: Duration::from_secs(1),
        setup,
    })
}

fn on(configuration: Configuration) -> Setup {
    stood(configuration, central("5%", 50))
}

fn with(policy: Policy) -> Setup {
    Setup {
        policy,
        ..central("5%", 50)
    }
}

fn said(runs: &[Summary], about: &str) -> String {
    let lines = lines(runs);
    let found: Vec<&Finding> = lines
        .iter()
        .filter(|l| l.about.starts_with(about))
        .collect();
    match found[..] {
        [line] => line.sentences.join(" "),
        _ => panic!("{about}: {lines:#?}"),
    }
}

#[test]
fn of_nothing_nothing_is_said() {
    assert_eq!(lines(&[]), [line("Measured", "Nothing.".to_owned())]);
    let mut none = Load::zipf(1).run(&central("5%", 50));
    none.answers.clear();
    none.optimum.clear();
    let none = Summary::of(&none);
    assert_eq!(
        lines(&[none.clone(), none]),
        [line("Measured", "Nothing.".to_owned())]
    );
}

#[test]
fn one_run_is_measured_and_compared_with_nothing() {
    let runs = [run(on(Configuration::Central), 400, 300, 3000)];
    let about: Vec<String> = lines(&runs).into_iter().map(|line| line.about).collect();
    assert_eq!(about, ["Measured", "Hit and miss, embedded"]);
    assert_eq!(
        said(&runs, "Measured"),
        "1 run, 1,000 answers; none failed and none was wrong."
    );
    assert_eq!(
        said(&runs, "Hit and miss"),
        "A hit took 0.30 ms, a miss 3.00 ms: 10 times as long (medians, over 1 run)."
    );
}

#[test]
fn the_best_is_named_with_its_lead() {
    let runs = [
        run(on(Configuration::Off), 0, 0, 3300),
        run(on(Configuration::Central), 600, 300, 3000),
        run(on(Configuration::Partitioned), 610, 360, 3000),
        run(on(Configuration::Replicated), 400, 360, 3000),
    ];
    assert_eq!(
        said(&runs, "Most hits, zipf 0.80"),
        "At 5%: partitioned 61.0% and central 60.0% (no difference), then replicated 40.0% \
         (21.0 points fewer)."
    );
    assert_eq!(
        said(&runs, "Fastest, zipf 0.80"),
        "At 5%: median central 0.30 ms, then partitioned 0.36 ms (1.2 times as long) and \
         replicated 3.00 ms (10 times as long); p95 no difference (central 3.00 ms, \
         partitioned 3.00 ms and replicated 3.00 ms); without a cache 3.30 ms and 3.30 ms."
    );
    assert_eq!(
        said(&runs, "Differences count"),
        "Of hit rates from twice their standard error on (here 4.4 points); of times where the \
         95% intervals of the quantiles lie apart, by a tenth at least. No run was repeated."
    );
}

#[test]
fn a_tie_is_no_difference() {
    let runs = [
        run(on(Configuration::Central), 500, 300, 3000),
        run(on(Configuration::Partitioned), 500, 300, 3000),
    ];
    assert_eq!(
        said(&runs, "Most hits"),
        "At 5%: no difference (central 50.0% and partitioned 50.0%)."
    );
    assert!(said(&runs, "Fastest").starts_with("At 5%: median no difference (central"));
    let same = [run(on(Configuration::Central), 500, 300, 310)];
    assert!(said(&same, "Hit and miss").contains("0.31 ms: no difference ("));
}

#[test]
fn on_a_machine_that_was_not_quiet_nobody_is_the_fastest() {
    let mut runs = [
        run(on(Configuration::Central), 600, 300, 3000),
        run(on(Configuration::Partitioned), 600, 400, 4000),
    ];
    (runs[0].below_us, runs[1].below_us) = (Some(2000), Some(2500));
    assert!(said(&runs, "Fastest").contains("median central 0.30 ms, then partitioned"));
    runs[1].below_us = Some(2600);
    assert_eq!(
        said(&runs, "Fastest"),
        "At 5%: no telling, since what is below the cache took 2.00 ms to 2.60 ms (medians): \
         median central 0.30 ms and partitioned 0.40 ms; p95 central 3.00 ms and partitioned 4.00 ms."
    );
}

#[test]
fn sizes_are_clauses_of_their_load() {
    let large = |configuration| stood(configuration, central("20%", 200));
    let runs = [
        run(on(Configuration::Central), 500, 300, 3000),
        run(on(Configuration::Partitioned), 300, 300, 3000),
        run(large(Configuration::Central), 700, 300, 3000),
        run(large(Configuration::Partitioned), 690, 300, 3000),
    ];
    assert_eq!(
        said(&runs, "Most hits"),
        "At 5%: central 50.0%, then partitioned 30.0% (20.0 points fewer). \
         At 20%: no difference (central 70.0% and partitioned 69.0%)."
    );
}

#[test]
fn the_best_policy_is_held_against_the_optimum() {
    let runs = [
        run(with(Policy::S3Fifo), 600, 300, 3000),
        run(with(Policy::AllkeysLru), 500, 300, 3000),
        run(with(Policy::NoEviction), 200, 300, 3000),
    ];
    assert_eq!(
        said(&runs, "Best policy, zipf 0.80"),
        "At 5%: s3-fifo 60.0%, worst noeviction 20.0%; the optimum is 80.0%, and the best had \
         75.0% of its hits."
    );
    let tied = [
        run(with(Policy::S3Fifo), 600, 300, 3000),
        run(with(Policy::AllkeysLru), 599, 300, 3000),
    ];
    assert_eq!(
        said(&tied, "Best policy"),
        "At 5%: s3-fifo 60.0% and allkeys-lru 59.9% (no policy differs from another); the optimum \
         is 80.0%, and the best had 75.0% of its hits."
    );
}

#[test]
fn a_kill_is_told_with_what_it_cost() {
    let load = Load::zipf(10_000);
    let whole = central("20%", 200);
    let mut dead = load.run(&killed(whole.clone(), 4000, 6000));
    dead.answers[5000].result = RequestResult::Failed;
    dead.answers[5001].took_us = 52_000;
    let runs = [Summary::of(&load.run(&whole)), Summary::of(&dead)];
    let text = said(&runs, "A node dies, central, zipf 0.80, 20%");
    let past = runs[1].counts.bypassed;
    assert!(past > 0);
    let begins = format!(
        "Killed before request 4,000 and started again before 6,000: 1 answer failed, \
                  the slowest answer afterwards took 52.0 ms; {past} requests went past the cache, \
                  which was out of reach; "
    );
    assert!(text.starts_with(&begins), "{text}");
    let lost = runs[0].counts.hits - runs[1].counts.hits;
    assert!(
        text.contains(&format!("; {lost} hits fewer than")),
        "{text}"
    );
    assert!(
        text.contains("; the hit rate was back from request "),
        "{text}"
    );
    assert!(said(&runs, "Measured").ends_with("; 1 failed or were wrong."));
}

#[test]
fn more_hits_than_the_optimum_are_warned_of() {
    let runs = [run(on(Configuration::Central), 801, 300, 3000)];
    assert!(said(&runs, "Beware").starts_with("1 run had more hits than the optimum."));
}

#[test]
fn there_are_no_more_sentences_than_anybody_reads() {
    let runs: Vec<Summary> = (0..100)
        .flat_map(|load| {
            let setup = Setup {
                load: format!("load {load}"),
                ..central("5%", 50)
            };
            [Configuration::Central, Configuration::Partitioned]
                .map(|configuration| run(stood(configuration, setup.clone()), 500, 300, 3000))
        })
        .collect();
    let lines = lines(&runs);
    assert!(lines.len() < 20, "{lines:#?}");
    assert!(
        lines
            .iter()
            .any(|line| line.plain().ends_with("(94 more in the tables.)"))
    );
}
