//! Loads: the questions and their order, drawn from a distribution or taken from a file.
//!
//! Nothing here asks anything. A load is drawn from a seed, so that every cell of a matrix and every
//! repetition gets the same one.

use std::{
    fmt,
    ops::Range,
    path::{Path, PathBuf},
    str::FromStr,
};

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};

/// The most requests of a load.
pub(super) const REQUESTS_MAX: usize = 100_000;
/// How long it is calm between two bursts, and how long a burst is, in requests.
const CALM: usize = 400;
const BURST: usize = 100;
/// How many different questions a burst is about.
const BURST_QUESTIONS: usize = 3;
/// The exponent between bursts. Real logs have exponents from 0.35 to 0.99.
const CALM_EXPONENT: f64 = 0.8;

/// A load, as it is asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum LoadKind {
    /// Every question alike.
    Uniform,
    /// The question of rank r in proportion to r to the power of minus this.
    Zipf(f64),
    /// Zipf's law with stretches in which many ask the same few questions at the same time.
    Bursts,
    /// In proportion to numbers in a file.
    Weights(PathBuf),
    /// The lines of a file, each the words of a search, in their order.
    Replay(PathBuf),
}

impl FromStr for LoadKind {
    type Err = String;

    fn from_str(text: &str) -> Result<LoadKind, String> {
        match text.split_once(':') {
            None if text == "uniform" => Ok(LoadKind::Uniform),
            None if text == "bursts" => Ok(LoadKind::Bursts),
            Some(("zipf", exponent)) => match exponent.parse() {
                Ok(exponent) if (0.0..=5.0).contains(&exponent) => Ok(LoadKind::Zipf(exponent)),
                _ => Err("the exponent of zipf is from 0 to 5, as in zipf:0.8".to_owned()),
            },
            Some(("weights", file)) if !file.is_empty() => Ok(LoadKind::Weights(file.into())),
            Some(("replay", file)) if !file.is_empty() => Ok(LoadKind::Replay(file.into())),
            _ => Err("expected uniform, zipf:0.8, bursts, weights:FILE or replay:FILE".to_owned()),
        }
    }
}

impl fmt::Display for LoadKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = |path: &Path| {
            let name = path.file_name().unwrap_or(path.as_os_str());
            name.to_string_lossy().into_owned()
        };
        match self {
            LoadKind::Uniform => f.write_str("uniform"),
            LoadKind::Zipf(exponent) => write!(f, "zipf {exponent:.2}"),
            LoadKind::Bursts => f.write_str("bursts"),
            LoadKind::Weights(path) => write!(f, "weights {}", file(path)),
            LoadKind::Replay(path) => write!(f, "replay {}", file(path)),
        }
    }
}

/// Requests, each a number of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DrawnLoad {
    /// Which question each request asks.
    pub(super) order: Vec<u32>,
    /// Requests that are sent at the same time, by many.
    pub(super) bursts: Vec<Range<usize>>,
}

/// Every one of so many questions alike.
pub(super) fn uniform(questions: usize, requests: usize, seed: u64) -> DrawnLoad {
    drawn_by(&vec![1.0; questions], requests, seed)
}

/// Zipf's law; which question has which rank is drawn too.
pub(super) fn zipf(exponent: f64, questions: usize, requests: usize, seed: u64) -> DrawnLoad {
    let mut weights: Vec<f64> = (1..=questions)
        .map(|rank| (rank as f64).powf(-exponent))
        .collect();
    weights.shuffle(&mut StdRng::seed_from_u64(seed ^ RANKS));
    drawn_by(&weights, requests, seed)
}

/// Combined with the seed for the ranks, so that they are not drawn by the numbers of the requests.
const RANKS: u64 = 0x72_61_6e_6b;

/// Zipf's law, with bursts in between.
pub(super) fn bursts(questions: usize, requests: usize, seed: u64) -> DrawnLoad {
    let mut drawn = zipf(CALM_EXPONENT, questions, requests, seed);
    let mut dice = StdRng::seed_from_u64(!seed);
    let mut begin = CALM;
    while begin < requests {
        let burst = begin..(begin + BURST).min(requests);
        let about: [u32; BURST_QUESTIONS] =
            std::array::from_fn(|_| dice.random_range(0..questions) as u32);
        for request in &mut drawn.order[burst.clone()] {
            *request = about[dice.random_range(0..BURST_QUESTIONS)];
        }
        drawn.bursts.push(burst);
        begin += CALM + BURST;
    }
    drawn
}

/// Each question in proportion to its weight. Some weight is more than nothing.
pub(super) fn drawn_by(weights: &[f64], requests: usize, seed: u64) -> DrawnLoad {
    let mut sum = 0.0;
    let sums: Vec<f64> = weights
        .iter()
        .map(|weight| {
            sum += weight;
            sum
        })
        .collect();
    let mut dice = StdRng::seed_from_u64(seed);
    let mut draw = || {
        let at = dice.random_range(0.0..sum);
        let question = sums.partition_point(|sum| *sum <= at);
        question.min(weights.len() - 1) as u32
    };
    DrawnLoad {
        order: (0..requests).map(|_| draw()).collect(),
        bursts: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(drawn: &DrawnLoad, questions: usize) -> Vec<usize> {
        let mut counts = vec![0; questions];
        for question in &drawn.order {
            counts[*question as usize] += 1;
        }
        counts.sort_unstable_by(|a, b| b.cmp(a));
        counts
    }

    #[test]
    fn a_seed_gives_the_same_load_again_and_another_another() {
        type Law = fn(usize, usize, u64) -> DrawnLoad;
        let laws: [Law; 3] = [uniform, |q, n, seed| zipf(0.8, q, n, seed), bursts];
        for law in laws {
            assert_eq!(law(100, 1000, 1), law(100, 1000, 1));
            assert_ne!(law(100, 1000, 1), law(100, 1000, 2));
            assert_eq!(law(1, 10, 1).order, [0; 10]);
        }
        // Another seed likes other questions.
        let favourite = |seed| {
            let drawn = zipf(1.5, 1000, 2000, seed);
            let mut counts = vec![0; 1000];
            drawn
                .order
                .iter()
                .for_each(|question| counts[*question as usize] += 1);
            (0..1000).max_by_key(|question| counts[*question])
        };
        assert_ne!(favourite(1), favourite(2));
    }

    #[test]
    fn popularity_follows_the_law_that_was_asked_for() {
        let (questions, requests) = (1000, 100_000);
        for exponent in [0.0, 0.5, 0.8, 1.0] {
            let all: f64 = (1..=questions)
                .map(|rank| (rank as f64).powf(-exponent))
                .sum();
            let counts = counts(&zipf(exponent, questions, requests, 3), questions);
            // Sums over many ranks, so that chance is small beside what is expected.
            for ranks in [1..=100, 101..=1000] {
                let expected: f64 = ranks
                    .clone()
                    .map(|rank| (rank as f64).powf(-exponent))
                    .sum();
                let share = counts[ranks.start() - 1..*ranks.end()]
                    .iter()
                    .sum::<usize>();
                let (share, expected) = (share as f64 / requests as f64, expected / all);
                // Sorting by counts favours the first ones where all are alike.
                assert!(
                    (share - expected).abs() < 0.025,
                    "{exponent}: {share}, {expected}"
                );
            }
        }
        let most = counts(&uniform(questions, requests, 3), questions)[0];
        assert!(most < 200, "{most}");
    }

    #[test]
    fn weights_of_nothing_are_never_asked_for() {
        let drawn = drawn_by(&[0.0, 3.0, 0.0, 1.0, 0.0], 10_000, 9);
        let counted = |question| drawn.order.iter().filter(|one| **one == question).count();
        assert_eq!(counted(1) + counted(3), 10_000);
        assert!((7_300..7_700).contains(&counted(1)));
    }

    #[test]
    fn a_burst_is_about_few_questions_and_others_are_calm() {
        let drawn = bursts(5000, 2000, 4);
        assert_eq!(drawn.order.len(), 2000);
        assert_eq!(drawn.bursts.len(), 4);
        for burst in &drawn.bursts {
            let mut about = drawn.order[burst.clone()].to_vec();
            about.sort_unstable();
            about.dedup();
            assert!(about.len() <= BURST_QUESTIONS);
        }
        let cut = &bursts(10, 450, 1).bursts[0];
        assert_eq!((cut.start, cut.end), (400, 450));
    }

    #[test]
    fn a_load_is_read_as_it_is_written() {
        for (text, kind, shown) in [
            ("uniform", LoadKind::Uniform, "uniform"),
            ("zipf:0.8", LoadKind::Zipf(0.8), "zipf 0.80"),
            ("bursts", LoadKind::Bursts, "bursts"),
            (
                "replay:/a/log",
                LoadKind::Replay("/a/log".into()),
                "replay log",
            ),
            (
                "weights:p.tsv",
                LoadKind::Weights("p.tsv".into()),
                "weights p.tsv",
            ),
        ] {
            assert_eq!(text.parse(), Ok(kind.clone()));
            assert_eq!(kind.to_string(), shown);
        }
        for wrong in [
            "",
            "zipf",
            "zipf:",
            "zipf:-1",
            "zipf:nan",
            "replay:",
            "poisson:2",
        ] {
            assert!(wrong.parse::<LoadKind>().is_err(), "{wrong}");
        }
    }
}
