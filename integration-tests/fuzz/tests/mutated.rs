//! Each target takes some thousand mutated inputs, and what breaks a promise is found.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use kadenza_fuzz::{Bounds, TARGETS, Target, memory_taken, replay, run};

/// How many inputs a target gets; half a million by `make soak`.
const INPUTS: u64 = 3000;
/// How long all of them take together at most, whatever else the machine does.
const ALL: Duration = Duration::from_secs(20);

#[test]
fn no_parser_breaks_a_promise_over_mutated_inputs() {
    let seed = rand::random();
    for target in &TARGETS {
        let bounds = Bounds {
            inputs: INPUTS,
            time: ALL / TARGETS.len() as u32,
            seed,
        };
        match run(target, bounds) {
            Ok(report) => {
                eprintln!("{}: {} inputs", target.name, report.inputs);
                // That nothing at all parses would be a broken target.
                assert!(report.told > 1, "{} tells only one thing", target.name);
            }
            Err(failure) => panic!("{} with seed {seed}: {failure}", target.name),
        }
    }
}

/// A parser with this fault.
fn faulty(open: fn() -> kadenza_fuzz::Hears) -> Target {
    Target {
        name: "faulty",
        about: "a parser that was broken on purpose",
        seeds: || vec![b"{\"many\":7}".to_vec()],
        words: &["[", "]"],
        bytes_max: 1000,
        memory_max: 1 << 20,
        open,
    }
}

fn fails(open: fn() -> kadenza_fuzz::Hears) -> String {
    let target = faulty(open);
    let bounds = Bounds {
        inputs: 200_000,
        time: Duration::from_secs(60),
        seed: 1,
    };
    let failure = run(&target, bounds).unwrap_err();
    // The input that is told shows it again.
    let again = replay(&target, &failure.input).unwrap_err();
    assert_eq!(again.input, failure.input);
    failure.what
}

#[test]
fn a_parser_that_panics_is_found_also_behind_a_guard() {
    let what = fails(|| {
        Box::new(|bytes| {
            assert!(
                bytes.iter().filter(|byte| **byte == b'[').count() < 3,
                "planted"
            );
            String::new()
        })
    });
    assert!(what.contains("planted"), "{what}");
    let what = fails(|| {
        Box::new(|bytes| {
            let guarded = std::panic::catch_unwind(|| assert!(bytes.len() < 500, "guarded"));
            format!("{}", guarded.is_ok())
        })
    });
    assert!(what.contains("guarded"), "{what}");
}

#[test]
fn a_parser_that_believes_a_length_is_found() {
    let what = fails(|| {
        Box::new(|bytes| {
            let text = String::from_utf8_lossy(bytes);
            let number: String = text.chars().filter(char::is_ascii_digit).take(8).collect();
            let taken: Vec<u8> = Vec::with_capacity(number.parse().unwrap_or(0));
            format!("{}", taken.capacity() > 7)
        })
    });
    assert!(
        what.contains("bytes of memory, of 1048576 at most"),
        "{what}"
    );
    let (taken, bytes) = memory_taken(|| vec![0_u8; 5 << 20]);
    assert!(bytes >= taken.len());
}

#[test]
fn a_parser_that_loses_something_is_found() {
    let what = fails(|| {
        Box::new(|bytes| {
            let Ok(read) = serde_json::from_slice::<serde_json::Value>(bytes) else {
                return "no JSON".to_owned();
            };
            // It keeps only eight bits of a number.
            let many = read["many"].as_u64().unwrap_or(0);
            assert_eq!(u64::from(many as u8), many, "it is another one");
            "JSON".to_owned()
        })
    });
    assert!(what.contains("it is another one"), "{what}");
}
