//! The summary of a run: counts, quantiles and a course in a hundred windows.
//!
//! A run has up to 100,000 answers and a matrix some hundred runs; a summary has the same few
//! kilobytes whatever the run's length. Every quantile is exact: it is the time of one of the answers.

use std::time::Duration;

use crate::record::{Answer, RequestResult, Run, Setup};

/// The most windows of a course.
const WINDOWS_MAX: usize = 100;
/// A window has at least so many requests, so that its rate and its p95 say something.
const WINDOW_REQUESTS_MIN: usize = 100;

/// A run, in short.
#[derive(Debug, Clone)]
pub(super) struct Summary {
    pub(super) setup: Setup,
    pub(super) counts: Counts,
    pub(super) took: Duration,
    /// Of all answers, failed ones too: a client waits for those as well.
    pub(super) all: Option<Times>,
    pub(super) hit: Option<Times>,
    pub(super) miss: Option<Times>,
    /// The median of what the layers below the cache took, where they were asked. They are the same for
    /// all configurations: where this differs, the machine was not quiet.
    pub(super) below_us: Option<u32>,
    /// Shares of the answers, each with the time within which they came: the distribution.
    pub(super) spread: Vec<(f64, u32)>,
    pub(super) windows: Vec<Window>,
    pub(super) after_kill: Option<AfterKill>,
}

/// How many answers came how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) requests: usize,
    pub(super) hits: usize,
    /// How many hits were possible.
    pub(super) optimum: usize,
    pub(super) misses: usize,
    pub(super) collapsed: usize,
    pub(super) bypassed: usize,
    pub(super) failed: usize,
}

/// Response times in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) p50: Quantile,
    pub(super) p95: Quantile,
    pub(super) p99: u32,
    pub(super) max: u32,
}

/// A quantile, and between which answers it lies with a certainty of 95 in 100 if answers do not
/// depend on each other: an interval from ranks, which supposes no form of the distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quantile {
    pub(super) us: u32,
    pub(super) low_us: u32,
    pub(super) high_us: u32,
}

/// A stretch of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// The number of its first request.
    pub(super) from: usize,
    /// When that was sent, since the run began.
    pub(super) begun_us: u64,
    pub(super) counts: Counts,
    pub(super) p95_us: u32,
}

/// The answers from the kill of a cache node on, as the client saw them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AfterKill {
    /// When the first request afterwards was sent, since the run began.
    pub(super) at_us: u64,
    pub(super) failed: usize,
    pub(super) bypassed: usize,
    pub(super) slowest_us: u32,
}

impl Summary {
    pub(super) fn of(run: &Run) -> Summary {
        let all = sorted(&run.answers, |_| true);
        let mut below: Vec<u32> = run.answers.iter().map(|answer| answer.below_us).collect();
        below.retain(|us| *us > 0);
        below.sort_unstable();
        let times = |result| Times::of(&sorted(&run.answers, |answer| answer.result == result));
        Summary {
            setup: run.setup.clone(),
            counts: Counts::of(&run.answers, &run.optimum),
            took: run.took,
            hit: times(RequestResult::Hit),
            miss: times(RequestResult::Miss),
            below_us: (!below.is_empty()).then(|| at(&below, 0.5)),
            spread: spread(&all),
            all: Times::of(&all),
            windows: windows(run),
            after_kill: run
                .setup
                .kill_at
                .and_then(|at| AfterKill::of(run.answers.get(at..)?)),
        }
    }

    /// Requests per second, as the clients sent them.
    pub(super) fn per_second(&self) -> f64 {
        self.counts.requests as f64 / self.took.as_secs_f64().max(1e-6)
    }
}

impl Counts {
    fn of(answers: &[Answer], optimum: &[bool]) -> Counts {
        let count = |result| answers.iter().filter(|a| a.result == result).count();
        Counts {
            requests: answers.len(),
            hits: count(RequestResult::Hit),
            optimum: optimum.iter().filter(|hit| **hit).count(),
            misses: count(RequestResult::Miss),
            collapsed: count(RequestResult::Collapsed),
            bypassed: count(RequestResult::Bypass),
            failed: count(RequestResult::Failed),
        }
    }

    /// Hits of all requests, those that failed too.
    pub(super) fn rate(&self) -> f64 {
        share(self.hits, self.requests)
    }

    pub(super) fn optimum_rate(&self) -> f64 {
        share(self.optimum, self.requests)
    }

    /// The sum of two counts.
    pub(super) fn plus(&self, other: &Counts) -> Counts {
        Counts {
            requests: self.requests + other.requests,
            hits: self.hits + other.hits,
            optimum: self.optimum + other.optimum,
            misses: self.misses + other.misses,
            collapsed: self.collapsed + other.collapsed,
            bypassed: self.bypassed + other.bypassed,
            failed: self.failed + other.failed,
        }
    }
}

/// A part of a whole; 0 of nothing.
pub(super) fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

impl Times {
    fn of(sorted: &[u32]) -> Option<Times> {
        Some(Times {
            max: *sorted.last()?,
            p50: Quantile::of(sorted, 0.50),
            p95: Quantile::of(sorted, 0.95),
            p99: at(sorted, 0.99),
        })
    }
}

impl Quantile {
    /// Of at least one time.
    fn of(sorted: &[u32], share: f64) -> Quantile {
        let n = sorted.len() as f64;
        // Ranks of the ends of the interval, by the normal approximation of the binomial.
        let reach = 1.96 * (share * (1.0 - share) / n).sqrt();
        Quantile {
            us: at(sorted, share),
            low_us: at(sorted, share - reach),
            high_us: at(sorted, share + reach),
        }
    }
}

/// The time within which this share of the answers came (nearest rank).
fn at(sorted: &[u32], share: f64) -> u32 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

fn sorted(answers: &[Answer], which: impl Fn(&Answer) -> bool) -> Vec<u32> {
    let mut times: Vec<u32> = answers
        .iter()
        .filter(|answer| which(answer))
        .map(|answer| answer.took_us)
        .collect();
    times.sort_unstable();
    times
}

fn spread(sorted: &[u32]) -> Vec<(f64, u32)> {
    if sorted.is_empty() {
        return Vec::new();
    }
    let shares = (0..50).map(|step| f64::from(step) * 0.02);
    let shares = shares.chain([0.99, 0.995, 0.999, 1.0]);
    shares.map(|share| (share, at(sorted, share))).collect()
}

fn windows(run: &Run) -> Vec<Window> {
    let requests = run.answers.len();
    let windows = (requests / WINDOW_REQUESTS_MIN).clamp(1, WINDOWS_MAX);
    let size = requests.div_ceil(windows).max(1);
    let stretches = run.answers.chunks(size).enumerate();
    stretches
        .map(|(number, answers)| {
            let from = number * size;
            let optimum = run.optimum.get(from..).unwrap_or_default();
            let optimum = &optimum[..optimum.len().min(answers.len())];
            Window {
                from,
                begun_us: answers[0].sent_us,
                counts: Counts::of(answers, optimum),
                p95_us: at(&sorted(answers, |_| true), 0.95),
            }
        })
        .collect()
}

impl AfterKill {
    fn of(answers: &[Answer]) -> Option<AfterKill> {
        let count = |result| answers.iter().filter(|a| a.result == result).count();
        Some(AfterKill {
            at_us: answers.first()?.sent_us,
            failed: count(RequestResult::Failed),
            bypassed: count(RequestResult::Bypass),
            slowest_us: answers.iter().map(|answer| answer.took_us).max()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::samples, *};

    #[test]
    fn quantiles_are_times_of_answers_and_lie_in_their_intervals() {
        let thousand: Vec<u32> = (1..=1000).collect();
        let times = Times::of(&thousand).unwrap();
        assert_eq!((times.p50.us, times.p95.us), (500, 950));
        assert_eq!((times.p99, times.max), (990, 1000));
        // 1.96 standard deviations of 1000 throws of a coin are 31 heads.
        assert_eq!((times.p50.low_us, times.p50.high_us), (470, 531));
        let one = Times::of(&[7]).unwrap();
        assert_eq!((one.p50.us, one.p50.low_us, one.max), (7, 7, 7));
        assert_eq!(Times::of(&[]), None);
    }

    #[test]
    fn a_course_has_every_request_in_one_window() {
        for requests in [1, 99, 100, 101, 1000, 5000, 10_007] {
            let run = samples::Load::zipf(requests).run(&samples::central("5%", 20));
            let summary = Summary::of(&run);
            let windows = &summary.windows;
            assert!(windows.len() <= WINDOWS_MAX);
            let mut sum = Counts::default();
            for window in windows {
                assert_eq!(window.from, sum.requests);
                sum = sum.plus(&window.counts);
            }
            assert_eq!(sum, summary.counts);
            assert_eq!(sum.requests, requests);
            let outcomes = sum.hits + sum.misses + sum.collapsed + sum.bypassed + sum.failed;
            assert_eq!(outcomes, requests);
        }
    }

    #[test]
    fn nothing_measured_is_no_number() {
        let mut run = samples::Load::zipf(10).run(&samples::central("5%", 20));
        run.answers.clear();
        run.optimum.clear();
        let summary = Summary::of(&run);
        assert!(summary.all.is_none() && summary.windows.is_empty() && summary.spread.is_empty());
        assert_eq!(summary.counts.rate(), 0.0);
    }

    #[test]
    fn answers_after_the_kill_are_told_apart() {
        let setup = samples::killed(samples::central("5%", 20), 300, 600);
        let mut run = samples::Load::zipf(1000).run(&setup);
        run.answers[299].result = RequestResult::Failed;
        run.answers[300].result = RequestResult::Failed;
        run.answers[301].took_us = 1_000_000;
        let after = Summary::of(&run).after_kill.unwrap();
        assert_eq!((after.failed, after.slowest_us), (1, 1_000_000));
        assert_eq!(after.at_us, run.answers[300].sent_us);
    }
}
