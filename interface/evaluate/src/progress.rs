//! The progress of an evaluation, on stderr: bars on a terminal, and a line for each run.

use indicatif::{MultiProgress, ProgressBar};

use crate::record::{Configuration, RequestResult, Run, Setup};
use kadenza_terminal::{bar_style, note, plain};

/// The bars: one for all runs, one for the part that is under way.
#[derive(Debug)]
pub(super) struct Progress {
    bars: MultiProgress,
    all: ProgressBar,
}

impl Progress {
    pub(super) fn start() -> Progress {
        let bars = MultiProgress::new();
        let all = bars.add(ProgressBar::new(0));
        all.set_style(bar_style("{bar:24} {msg}, {elapsed} gone"));
        Progress { bars, all }
    }

    /// A bar for one part of it, which goes away with the part.
    pub(super) fn part(&self, what: &str, steps: usize) -> ProgressBar {
        let bar = ProgressBar::new(steps as u64);
        let bar = self.bars.insert_before(&self.all, bar);
        bar.set_style(bar_style("{bar:24} {pos:>7} of {len} {wide_msg}"));
        bar.set_message(plain(what));
        bar
    }

    /// Shows how many runs are done, of how many.
    pub(super) fn runs(&self, done: usize, of: usize) {
        self.all.set_length(of as u64);
        self.all.set_position(done as u64);
        self.all.set_message(format!("{done} of {of} runs"));
        self.all.tick();
    }

    /// Says something without the bars in between.
    pub(super) fn note(&self, line: &str) {
        self.bars.suspend(|| note(line));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.all.finish_and_clear();
        // Nothing helps if the terminal is gone.
        let _ = self.bars.clear();
    }
}

/// A set-up in a line.
pub(super) fn told(setup: &Setup) -> String {
    let mut told = match setup.configuration {
        Configuration::Off => format!("no cache, {}", setup.load),
        configuration => format!(
            "{} ({} {}), {}, {} answers, {}",
            configuration.name(),
            setup.nodes,
            setup.kind.name(),
            setup.policy,
            setup.entries,
            setup.load
        ),
    };
    if let Some(at) = setup.kill_at {
        told.push_str(&format!(", a node killed at {at}"));
    }
    told
}

/// The result of a run, in a line.
pub(super) fn summed_up(run: &Run) -> String {
    let requests = run.answers.len().max(1);
    let count = |result| {
        let answers = run.answers.iter();
        answers.filter(|answer| answer.result == result).count()
    };
    let percent = |part: usize| 100.0 * part as f64 / requests as f64;
    let mut times: Vec<u32> = run.answers.iter().map(|answer| answer.took_us).collect();
    times.sort_unstable();
    let at = |rank: f64| {
        let place = (rank * times.len() as f64).ceil() as usize;
        let time = times.get(place.saturating_sub(1)).copied().unwrap_or(0);
        f64::from(time) / 1000.0
    };
    let mut told = String::new();
    if run.setup.configuration != Configuration::Off {
        let best = run.optimum.iter().filter(|hit| **hit).count();
        let (hits, best) = (percent(count(RequestResult::Hit)), percent(best));
        told.push_str(&format!("{hits:.1}% hits of at most {best:.1}%, "));
    }
    told.push_str(&format!("p50 {:.2} ms, p95 {:.2} ms", at(0.5), at(0.95)));
    match count(RequestResult::Failed) {
        0 => {}
        failed => told.push_str(&format!(", {failed} FAILED")),
    }
    told
}
