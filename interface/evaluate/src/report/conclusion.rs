//! The conclusion, in sentences that are computed from the numbers. Where there is no difference, they say so.

use super::{
    groups::{self, Group, Killed},
    names,
    numbers::{count, list, percent, points, several, time, times},
    outage::{Outage, Recovery},
    ranking::{HitRate, Measure, Ranking, TIMES_RATIO, rank},
    summary::{Counts, Quantile, Summary, Times, share},
};
use crate::record::NodeKind;

/// The most sentences of each kind: further loads and runs are in the tables.
const LINES_MAX: usize = 6;
/// The layers below may take so much longer in one run than in another, for what they are asked is not
/// quite the same. A guess; measurements on a quiet machine would settle it.
const UNREST_RATIO: f64 = 1.3;
/// The most names in a row.
const NAMES_MAX: usize = 4;

/// A few sentences, and what they are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) about: String,
    pub(super) sentences: Vec<String>,
}

impl Finding {
    /// The finding in one line of plain text.
    pub(super) fn plain(&self) -> String {
        format!("{}: {}", self.about, self.sentences.join(" "))
    }
}

/// All findings, the most important first.
pub(super) fn lines(runs: &[Summary]) -> Vec<Finding> {
    let mut lines = vec![line("Measured", measured(runs))];
    let configurations = groups::configurations(runs);
    let compared: Vec<Group<'_>> = configurations
        .iter()
        .filter(|group| group.runs.len() > 1)
        .cloned()
        .collect();
    let policies = groups::policies(runs);
    lines.extend(each_load("Most hits", &compared, hits));
    lines.extend(each_load("Fastest", &compared, durations));
    lines.extend(each_load("Best policy", &policies, best_policy));
    lines.extend(hit_against_miss(runs));
    lines.extend(cut(groups::failovers(runs)
        .iter()
        .flat_map(|(group, killed)| group.runs.iter().zip(killed))
        .filter_map(|((label, _), killed)| kill(label, killed))
        .collect()));
    lines.extend(beyond_the_optimum(runs));
    lines.extend(how_differences_count(&[&compared[..], &policies].concat()));
    lines
}

fn line(about: impl Into<String>, text: String) -> Finding {
    Finding {
        about: about.into(),
        sentences: vec![text],
    }
}

/// Keeps the first sentences of each kind: no reader wants hundreds.
fn cut(mut lines: Vec<Finding>) -> Vec<Finding> {
    let more = lines.len().saturating_sub(LINES_MAX);
    if more > 0 {
        lines.truncate(LINES_MAX);
        let last = &mut lines[LINES_MAX - 1];
        let more = format!("({} more in the tables.)", count(more));
        last.sentences.push(more);
    }
    lines
}

fn measured(runs: &[Summary]) -> String {
    let counts = sum(runs.iter().map(|run| &run.counts));
    if counts.requests == 0 {
        return "Nothing.".to_owned();
    }
    let answers = several(counts.requests, "answer");
    let runs = several(runs.len(), "run");
    match counts.failed {
        0 => format!("{runs}, {answers}; none failed and none was wrong."),
        failed => format!("{runs}, {answers}; {} failed or were wrong.", count(failed)),
    }
}

fn sum<'a>(counts: impl Iterator<Item = &'a Counts>) -> Counts {
    counts.fold(Counts::default(), |sum, counts| sum.plus(counts))
}

/// A sentence for each load, with a clause for each size.
fn each_load(
    about: &str,
    groups: &[Group<'_>],
    clause: impl Fn(&Group<'_>) -> Option<String>,
) -> Vec<Finding> {
    let mut lines: Vec<Finding> = Vec::new();
    for group in groups {
        let Some(clause) = clause(group) else {
            continue;
        };
        let clause = format!("At {}: {clause}.", with_what_differs(group, groups));
        let about = format!("{about}, {}", group.setup.load);
        match lines.iter_mut().find(|line| line.about == about) {
            Some(line) => line.sentences.push(clause),
            None => lines.push(line(about, clause)),
        }
    }
    cut(lines)
}

/// The size, and what else tells a group from the others of its load.
fn with_what_differs(group: &Group<'_>, groups: &[Group<'_>]) -> String {
    let setup = group.setup;
    let mut name = group.size();
    let of_load = groups.iter().map(|other| other.setup);
    let same: Vec<_> = of_load
        .filter(|other| other.load == setup.load && other.size == setup.size)
        .collect();
    if same.iter().any(|other| other.policy != setup.policy) {
        name += &format!(" with {}", setup.policy);
    }
    if same.iter().any(|other| other.kind != setup.kind) {
        name += &format!(" on {}", names::kind(setup.kind));
    }
    if same
        .iter()
        .any(|other| other.configuration != setup.configuration)
    {
        name += &format!(" {}", names::configuration(setup.configuration));
    }
    name
}

fn hits(group: &Group<'_>) -> Option<String> {
    comparison(
        &rank(rates(group)),
        |rate| percent(rate.value()),
        |best, other| format!("{} fewer", points(best.value() - other.value())),
    )
}

fn rates(group: &Group<'_>) -> Vec<(String, HitRate)> {
    let measured = group.runs.iter().filter(|(_, run)| run.counts.requests > 0);
    measured
        .map(|(label, run)| (label.clone(), HitRate(run.counts)))
        .collect()
}

fn durations(group: &Group<'_>) -> Option<String> {
    let quantiles = |which: fn(&Times) -> Quantile| {
        let timed = group.runs.iter().filter_map(|(label, run)| {
            let times = run.all.as_ref()?;
            Some((label.clone(), which(times)))
        });
        timed.collect::<Vec<_>>()
    };
    let shown = |quantile: Quantile| time(f64::from(quantile.us));
    let both = [quantiles(|times| times.p50), quantiles(|times| times.p95)];
    let (median, p95, doubt) = match unrest(group) {
        None => {
            let slower = |best: Quantile, other: Quantile| {
                let ratio = f64::from(other.us) / f64::from(best.us.max(1));
                format!("{} as long", times(ratio))
            };
            let [median, p95] = both.map(|measured| comparison(&rank(measured), shown, slower));
            (median?, p95?, String::new())
        }
        Some(doubt) => {
            let [median, p95] = both.map(|measured| named(&measured, shown));
            (median, p95, format!("{doubt}: "))
        }
    };
    let bare = group.bare.and_then(|bare| bare.all);
    let bare = bare.map_or_else(String::new, |bare| {
        format!(
            "; without a cache {} and {}",
            shown(bare.p50),
            shown(bare.p95)
        )
    });
    Some(format!("{doubt}median {median}; p95 {p95}{bare}"))
}

/// A warning that times cannot be compared: the layers below are the same for all, and took longer in one run than
/// in another.
fn unrest(group: &Group<'_>) -> Option<String> {
    let runs = group.runs.iter().map(|(_, run)| *run).chain(group.bare);
    let below: Vec<u32> = runs.filter_map(|run| run.below_us).collect();
    let (least, most) = (*below.iter().min()?, *below.iter().max()?);
    (f64::from(most) >= f64::from(least) * UNREST_RATIO).then(|| {
        let [least, most] = [least, most].map(|us| time(f64::from(us)));
        format!("no telling, since what is below the cache took {least} to {most} (medians)")
    })
}

/// A sentence about the best run and its lead, or about the lack of a difference.
fn comparison<M: Measure>(
    ranking: &Ranking<M>,
    shown: impl Fn(M) -> String,
    behind: impl Fn(M, M) -> String,
) -> Option<String> {
    let (_, first) = *ranking.best.first()?;
    let best = named(&ranking.best, &shown);
    if ranking.others.is_empty() {
        return Some(match ranking.best.len() {
            1 => best,
            _ => format!("no difference ({best})"),
        });
    }
    let same = match ranking.best.len() {
        1 => "",
        _ => " (no difference)",
    };
    let others = named(&ranking.others, |measure| {
        format!("{} ({})", shown(measure), behind(first, measure))
    });
    Some(format!("{best}{same}, then {others}"))
}

/// `central 41.2%, partitioned 41.0% and 3 more`.
fn named<M: Measure>(measured: &[(String, M)], shown: impl Fn(M) -> String) -> String {
    let first = measured.iter().take(NAMES_MAX);
    let first = first.map(|(label, measure)| format!("{label} {}", shown(*measure)));
    let mut names: Vec<String> = first.collect();
    if measured.len() > NAMES_MAX {
        names.push(format!("{} more", measured.len() - NAMES_MAX));
    }
    list(&names)
}

fn best_policy(group: &Group<'_>) -> Option<String> {
    let Ranking { best, others } = rank(rates(group));
    let (_, first) = *best.first()?;
    let same = match best.len() {
        1 => "",
        _ if others.is_empty() => " (no policy differs from another)",
        _ => " (no difference)",
    };
    let worst = others.last().map_or_else(String::new, |(label, rate)| {
        format!(", worst {label} {}", percent(rate.value()))
    });
    Some(format!(
        "{}{same}{worst}; the optimum is {}, and the best had {} of its hits",
        named(&best, |rate| percent(rate.value())),
        percent(first.0.optimum_rate()),
        percent(share(first.0.hits, first.0.optimum)),
    ))
}

/// For each kind of node the median of the medians of its runs.
fn hit_against_miss(runs: &[Summary]) -> Vec<Finding> {
    let kinds = [NodeKind::Embedded, NodeKind::Redis];
    let of_kind = kinds.into_iter().filter_map(|kind| {
        let whole = runs
            .iter()
            .filter(|run| run.setup.kind == kind && run.setup.kill_at.is_none());
        let both: Vec<(u32, u32)> = whole
            .filter_map(|run| Some((run.hit?.p50.us, run.miss?.p50.us)))
            .collect();
        let hit = middle(both.iter().map(|(hit, _)| *hit).collect())?;
        let miss = middle(both.iter().map(|(_, miss)| *miss).collect())?;
        let ratio = f64::from(miss) / f64::from(hit.max(1));
        let costs = match ratio {
            ratio if ratio >= TIMES_RATIO => format!("{} as long", times(ratio)),
            ratio if ratio > 1.0 / TIMES_RATIO => "no difference".to_owned(),
            _ => "the cache was the slower one".to_owned(),
        };
        let text = format!(
            "A hit took {}, a miss {}: {costs} (medians, over {}).",
            time(f64::from(hit)),
            time(f64::from(miss)),
            several(both.len(), "run"),
        );
        Some(line(format!("Hit and miss, {}", names::kind(kind)), text))
    });
    of_kind.collect()
}

fn middle(mut values: Vec<u32>) -> Option<u32> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

fn kill(label: &str, killed: &Killed<'_>) -> Option<Finding> {
    let outage = Outage::of(killed)?;
    let after = killed.run.after_kill?;
    let setup = &killed.run.setup;
    let about = format!("A node dies, {label}, {}, {}", setup.load, setup.size);
    let kill = count(setup.kill_at?);
    let back = setup.revive_at.map_or_else(String::new, |at| {
        format!(" and started again before {}", count(at))
    });
    let failed = match after.failed {
        0 => "no answer failed".to_owned(),
        failed => format!("{} failed", several(failed, "answer")),
    };
    let past = match after.bypassed {
        0 => String::new(),
        past => format!(
            "; {} went past the cache, which was out of reach",
            several(past, "request")
        ),
    };
    let lost = match outage.lost {
        None => String::new(),
        Some(lost @ 1..) => {
            let kept = killed.whole.map_or(0, |whole| whole.counts.hits);
            let lost = usize::try_from(lost).unwrap_or(0);
            format!(
                "; {} fewer than in the same run without the kill ({} of its hits)",
                several(lost, "hit"),
                percent(share(lost, kept))
            )
        }
        Some(_) => "; no hits lost against the same run without the kill".to_owned(),
    };
    let until = match outage.back {
        Recovery::NeverGone => "the hit rate never fell by more than noise".to_owned(),
        Recovery::Never => "the hit rate was not back before the end".to_owned(),
        Recovery::From { request, after_us } => format!(
            "the hit rate was back from request {} on, {} after the kill",
            count(request),
            time(after_us as f64)
        ),
    };
    let text = format!(
        "Killed before request {kill}{back}: {failed}, the slowest answer afterwards took {}{past}{lost}; {until}.",
        time(f64::from(after.slowest_us)),
    );
    Some(line(about, text))
}

/// A warning of runs with more hits than the optimum: such a measurement is wrong.
fn beyond_the_optimum(runs: &[Summary]) -> Option<Finding> {
    let beyond = runs
        .iter()
        .filter(|run| run.counts.hits > run.counts.optimum)
        .count();
    (beyond > 0).then(|| {
        let text = format!(
            "{} had more hits than the optimum. That may be where several clients ask, whose \
             requests do not come in the order of the load, and on Redis, where a bound of bytes has \
             room for a few answers more than was meant. Otherwise the measurement is wrong.",
            several(beyond, "run")
        );
        line("Beware", text)
    })
}

fn how_differences_count(groups: &[Group<'_>]) -> Option<Finding> {
    let between = groups.iter().flat_map(|group| {
        let rates = rates(group);
        let pairs = rates.windows(2).map(|pair| pair[0].1.noise(pair[1].1));
        pairs.collect::<Vec<f64>>()
    });
    let between: Vec<f64> = between.collect();
    let least = between.iter().copied().reduce(f64::min)?;
    let most = between.iter().copied().reduce(f64::max)?;
    let noise = if points(least) == points(most) {
        points(most)
    } else {
        format!("{:.1} to {}", least * 100.0, points(most))
    };
    let text = format!(
        "Of hit rates from twice their standard error on (here {noise}); of times where the \
         95% intervals of the quantiles lie apart, by a tenth at least. No run was repeated."
    );
    Some(line("Differences count", text))
}

#[cfg(test)]
mod tests;
