//! The effect of the death of a cache node on a run.

use super::{
    groups::Killed,
    ranking::HitRate,
    summary::{Counts, Summary, Window},
};

/// The number of windows that say together whether the hit rate is back: one alone is too noisy.
const LOOK_AHEAD: usize = 5;
/// The number of windows before the kill that give the hit rate if there is no run without a kill.
const LOOK_BACK: usize = 10;

/// The hits that were lost, and for how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Outage {
    /// How many hits fewer than in the same run without the kill, from the kill on; fewer than none
    /// if there were more. Unknown without such a run.
    pub(super) lost: Option<i64>,
    /// The hit rate before: of the same requests without the kill if they were measured, else of those
    /// shortly before it.
    pub(super) back: Recovery,
}

/// When hits were as frequent again as they would have been.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Recovery {
    /// They never were less frequent than noise explains.
    NeverGone,
    /// From this request on, so long after the kill.
    From { request: usize, after_us: u64 },
    /// Not before the end.
    Never,
}

impl Outage {
    /// Nothing if the run ended before the kill.
    pub(super) fn of(killed: &Killed<'_>) -> Option<Outage> {
        let run = killed.run;
        let after = run.after_kill?;
        let first = first_window(run)?;
        let whole = killed.whole.map(|whole| &whole.windows[..]);
        let lost = whole.map(|whole| {
            let hits = |windows: &[Window]| sum(windows).hits as i64;
            hits(&whole[first..]) - hits(&run.windows[first..])
        });
        let before = sum(&run.windows[first.saturating_sub(LOOK_BACK)..first]);
        let is_well = |at: usize| {
            let end = run.windows.len().min(at + LOOK_AHEAD);
            let now = HitRate(sum(&run.windows[at..end]));
            let reference = HitRate(whole.map_or(before, |whole| sum(&whole[at..end])));
            now.value() >= reference.value() - now.noise(reference)
        };
        // A stretch that is cut short by the end is part of the last whole one.
        let last = run.windows.len().saturating_sub(LOOK_AHEAD).max(first);
        let ill = (first..=last).rev().find(|at| !is_well(*at));
        let back = match ill {
            None => Recovery::NeverGone,
            Some(at) if at == last => Recovery::Never,
            Some(at) => {
                let window = run.windows[at + 1];
                Recovery::From {
                    request: window.from,
                    after_us: window.begun_us.saturating_sub(after.at_us),
                }
            }
        };
        Some(Outage { lost, back })
    }
}

/// The window in which the node dies.
fn first_window(run: &Summary) -> Option<usize> {
    let kill_at = run.setup.kill_at?;
    let behind = run.windows.partition_point(|window| window.from <= kill_at);
    (kill_at < run.counts.requests).then(|| behind.saturating_sub(1))
}

fn sum(windows: &[Window]) -> Counts {
    let none = Counts::default();
    windows
        .iter()
        .fold(none, |sum, window| sum.plus(&window.counts))
}

#[cfg(test)]
mod tests {
    use super::{
        super::samples::{Load, central, killed},
        *,
    };

    const REQUESTS: usize = 10_000;

    #[test]
    fn lost_hits_are_counted_until_the_hit_rate_is_back() {
        let load = Load::zipf(REQUESTS);
        let whole = Summary::of(&load.run(&central("20%", 200)));
        let run = Summary::of(&load.run(&killed(central("20%", 200), 4000, 6000)));
        let lost = whole.counts.hits as i64 - run.counts.hits as i64;
        let with = |whole| Outage::of(&Killed { run: &run, whole }).unwrap();
        let outage = with(Some(&whole));
        assert_eq!(outage.lost, Some(lost), "nothing was lost before the kill");
        assert!(lost > 200, "{lost}");
        // A third of the questions was not cached up to request 6,000.
        let is_right = |back| match back {
            Recovery::From { request, after_us } => {
                (5500..=6500).contains(&request) && after_us > 1_000_000
            }
            Recovery::NeverGone | Recovery::Never => false,
        };
        assert!(is_right(outage.back), "{outage:?}");
        let alone = with(None);
        assert_eq!(alone.lost, None);
        assert!(is_right(alone.back), "{alone:?}");
    }

    #[test]
    fn a_node_that_stays_dead_is_told_from_one_that_nobody_missed() {
        let load = Load::zipf(REQUESTS);
        let whole = Summary::of(&load.run(&central("20%", 200)));
        let dead = Summary::of(&load.run(&killed(central("20%", 200), 4000, REQUESTS)));
        let mut same = whole.clone();
        same.setup = dead.setup.clone();
        same.after_kill = dead.after_kill;
        let back = |run| {
            let whole = Some(&whole);
            Outage::of(&Killed { run, whole }).unwrap().back
        };
        assert_eq!(back(&dead), Recovery::Never);
        assert_eq!(back(&same), Recovery::NeverGone);
    }

    #[test]
    fn a_run_that_ended_before_the_kill_has_no_outage() {
        let load = Load::zipf(1000);
        let run = Summary::of(&load.run(&killed(central("20%", 200), 4000, 6000)));
        let killed = Killed {
            run: &run,
            whole: None,
        };
        assert_eq!(Outage::of(&killed), None);
    }
}
