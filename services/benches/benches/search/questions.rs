//! The questions, and how long each took.

use std::time::{Duration, Instant};

use crate::say::say;

/// The questions by their class.
pub(crate) fn classes() -> Vec<(&'static str, Vec<String>)> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    vec![
        ("one letter", ('a'..='z').map(String::from).collect()),
        (
            "two letters",
            words(&[
                "th", "lo", "be", "an", "re", "ma", "st", "in", "co", "zz", "qu", "ze",
            ]),
        ),
        (
            "a common word",
            words(&[
                "love", "the", "you", "live", "remix", "feat", "album", "version", "night", "time",
            ]),
        ),
        (
            "a rare word",
            words(&[
                "zeppelin",
                "radiohead",
                "bohemian",
                "xylo",
                "sufjan",
                "nirvana",
                "quixotic",
                "zydeco",
            ]),
        ),
        (
            "two to four words",
            words(&[
                "love me",
                "the be",
                "love song",
                "in the night",
                "of the world",
                "the love of you",
                "all my love",
                "you and me",
                "remix ra",
                "the black keys",
                "live at the",
                "best of",
            ]),
        ),
        (
            "several letters",
            words(&[
                "a b",
                "t l",
                "s t a",
                "a b c d",
                "t h e l o",
                "l o v e m e d",
                "a e i o u s t",
            ]),
        ),
    ]
}

pub(crate) async fn measured<F: Future<Output = usize>>(
    what: &str,
    rounds: usize,
    questions: &[String],
    ask: impl Fn(String) -> F,
) {
    let mut taken = Vec::new();
    let mut hits = 0;
    for round in 0..=rounds {
        for question in questions {
            let begun = Instant::now();
            let question = question.clone();
            hits += ask(question).await;
            // The first round warms up.
            if round > 0 {
                taken.push(begun.elapsed());
            }
        }
    }
    assert!(hits > 0, "{what} finds something");
    say(what, percentiles(taken));
}

pub(crate) fn percentiles(mut taken: Vec<Duration>) -> String {
    taken.sort_unstable();
    let at = |share: f64| taken[((taken.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    format!(
        "p50 {:8.3} ms  p99 {:8.3} ms  max {:8.3} ms",
        at(0.5),
        at(0.99),
        at(1.0)
    )
}
