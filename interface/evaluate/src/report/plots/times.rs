//! How long answers took: quantiles of every configuration, and whole distributions.

use super::{
    super::{
        groups::Group,
        html::Table,
        numbers::{self, ms},
        summary::{Summary, Times},
    },
    axis::Axis,
    chart::{Chart, Curve},
    figure::{Entry, Figure},
    loads::of_load,
    rows::{LabelledRow, Rows},
    style::{self, Marker},
};

const QUANTILES: [(&str, Marker); 3] = [
    ("p50", Marker::Circle),
    ("p95", Marker::Diamond),
    ("p99", Marker::Triangle),
];
/// The slowest answers would press all others to one side: the distribution is shown up to here.
const SHOWN_MAX: f64 = 0.99;

/// One figure for each load: p50, p95 and p99 of each configuration at each size.
pub(super) fn quantiles(groups: &[Group<'_>]) -> Vec<Figure> {
    let loads = of_load(groups, |setup| {
        (setup.load.clone(), setup.policy, setup.kind)
    });
    loads
        .into_iter()
        .filter_map(|groups| quantiles_of(&groups))
        .collect()
}

fn quantiles_of(groups: &[&Group<'_>]) -> Option<Figure> {
    let first = groups.first()?;
    let mut rows = Vec::new();
    let mut table = Vec::new();
    let mut add = |label: String, class, run: &Summary, is_apart| {
        let Some(times) = run.all else { return };
        let values = three(&times);
        let marks = QUANTILES.iter().zip(values).map(|((name, marker), us)| {
            let told = format!("{label}: {name} {}", numbers::time(us));
            (us, *marker, told)
        });
        let [p50, p95, p99] = values.map(ms);
        rows.push(LabelledRow {
            marks: marks.collect(),
            numbers: format!("{p50} · {p95} · {p99} ms"),
            class,
            limit: None,
            is_apart,
            label: label.clone(),
        });
        table.push(vec![label, p50, p95, p99, ms(f64::from(times.max))]);
    };
    if let Some(bare) = first.bare {
        let style = style::of_configurations([&bare.setup].into_iter());
        add("no cache".to_owned(), style[0].class, bare, false);
    }
    for group in groups {
        let styles = style::of_configurations(group.runs.iter().map(|(_, run)| &run.setup));
        for (at, ((label, run), style)) in group.runs.iter().zip(styles).enumerate() {
            let size = group.size();
            let label = if size.is_empty() {
                label.clone()
            } else {
                format!("{label}, {size}")
            };
            add(label, style.class, run, at == 0);
        }
    }
    let values = || {
        rows.iter()
            .flat_map(|row| row.marks.iter().map(|mark| mark.0))
    };
    let shortest = values().reduce(f64::min)?;
    let longest = values().reduce(f64::max)?;
    let title = format!("Response time, {}", with_policy(first));
    let picture = Rows {
        label: format!("{title}: p50, p95 and p99 of each configuration"),
        x: Axis::times("response time, ms (logarithmic)", shortest, longest),
        rows,
    };
    Some(Figure {
        caption: "Half of the answers came within p50, all but one in a hundred within p99. \
                  Left is better."
            .to_owned(),
        pictures: vec![picture.render()],
        legend: QUANTILES
            .map(|(name, marker)| Entry::marker(name, "c8", marker))
            .into(),
        numbers: Table {
            head: ["", "p50 ms", "p95 ms", "p99 ms", "max ms"]
                .map(str::to_owned)
                .into(),
            rows: table,
            names: 1,
        },
        title,
        is_open: false,
    })
}

fn three(times: &Times) -> [f64; 3] {
    [times.p50.us, times.p95.us, times.p99].map(f64::from)
}

/// The load, and the policy that all of it has.
fn with_policy(group: &Group<'_>) -> String {
    let is_off = super::super::names::policy(group.setup) == "none";
    match is_off {
        true => group.setup.load.clone(),
        false => format!("{} ({})", group.setup.load, group.setup.policy),
    }
}

/// One figure for each load and size: which share of the answers came within which time.
pub(super) fn distribution(group: &Group<'_>) -> Option<Figure> {
    let mut runs: Vec<(String, &Summary)> = group.runs.clone();
    runs.extend(group.bare.map(|bare| ("no cache".to_owned(), bare)));
    runs.retain(|(_, run)| !run.spread.is_empty());
    let styles = style::of_configurations(runs.iter().map(|(_, run)| &run.setup));
    let shown = |run: &Summary| -> Vec<(f64, f64)> {
        let shown = run.spread.iter().filter(|(share, _)| *share <= SHOWN_MAX);
        shown.map(|(share, us)| (f64::from(*us), *share)).collect()
    };
    let lines = runs.iter().zip(&styles).map(|((label, run), style)| {
        let points = shown(run);
        let told = points.iter().map(|(us, share)| {
            let (share, time) = (numbers::percent(*share), numbers::time(*us));
            format!("{label}: {share} within {time}")
        });
        Curve {
            told: told.collect(),
            style: *style,
            points,
            is_marked: false,
        }
    });
    let lines: Vec<Curve> = lines.collect();
    let times = || {
        lines
            .iter()
            .flat_map(|line| line.points.iter().map(|(us, _)| *us))
    };
    let (shortest, longest) = (times().reduce(f64::min)?, times().reduce(f64::max)?);
    let title = format!("Distribution, {}", group.name());
    let chart = Chart {
        label: format!("{title}: the share of answers that came within a time"),
        x: Axis::times("response time, ms (logarithmic)", shortest, longest),
        y: Axis::shares("answered within this time", 1.0),
        marks: Vec::new(),
        told: Vec::new(),
        lines,
    };
    let legend = runs.iter().zip(&styles);
    Some(Figure {
        caption: "Left is better. A step is where misses begin.".to_owned(),
        pictures: vec![chart.render()],
        legend: legend
            .map(|((label, _), style)| Entry::line(label, *style))
            .collect(),
        numbers: spread_table(&runs),
        title,
        is_open: false,
    })
}

fn spread_table(runs: &[(String, &Summary)]) -> Table {
    let mut head = vec!["share".to_owned()];
    head.extend(runs.iter().map(|(label, _)| format!("{label} ms")));
    let shares = runs.first().map_or(&[][..], |(_, run)| &run.spread);
    let rows = shares.iter().enumerate().map(|(at, (share, _))| {
        let mut row = vec![numbers::percent(*share)];
        row.extend(runs.iter().map(|(_, run)| ms(f64::from(run.spread[at].1))));
        row
    });
    Table {
        rows: rows.collect(),
        head,
        names: 1,
    }
}
