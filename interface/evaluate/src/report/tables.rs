//! All runs in two tables, one of hits and one of times: every number of the page stands here too.

use super::{
    html::Table,
    names,
    numbers::{count, ms, percent},
    summary::{Summary, Times, share},
};
use crate::record::Configuration;

const SETUP: [&str; 7] = [
    "load",
    "size",
    "configuration",
    "nodes",
    "policy",
    "entries",
    "node killed",
];

/// The table of hits: where the answers came from.
pub(super) fn hits(runs: &[Summary]) -> Table {
    let columns = [
        "requests",
        "hits",
        "hit rate",
        "optimum",
        "of the optimum",
        "misses",
        "collapsed",
        "bypassed",
        "failed",
    ];
    table(&columns, runs, |run| {
        let counts = &run.counts;
        let is_off = run.setup.configuration == Configuration::Off;
        let unless_off = |text: String| if is_off { "–".to_owned() } else { text };
        vec![
            count(counts.requests),
            count(counts.hits),
            percent(counts.rate()),
            unless_off(percent(counts.optimum_rate())),
            unless_off(percent(share(counts.hits, counts.optimum))),
            count(counts.misses),
            count(counts.collapsed),
            count(counts.bypassed),
            count(counts.failed),
        ]
    })
}

/// How long they took.
pub(super) fn times(runs: &[Summary]) -> Table {
    let mut columns = vec!["requests/s".to_owned(), "s in all".to_owned()];
    for of in ["", "hit ", "miss "] {
        columns.extend(["p50", "p95", "p99", "max"].map(|which| format!("{of}{which} ms")));
    }
    columns.push("below p50 ms".to_owned());
    table(&columns, runs, |run| {
        let mut cells = vec![
            count(run.per_second().round() as usize),
            format!("{:.1}", run.took.as_secs_f64()),
        ];
        cells.extend([run.all, run.hit, run.miss].into_iter().flat_map(four));
        let below = run.below_us.map(|us| ms(f64::from(us)));
        cells.push(below.unwrap_or_else(|| "–".to_owned()));
        cells
    })
}

fn four(times: Option<Times>) -> [String; 4] {
    times.map_or([(); 4].map(|()| "–".to_owned()), |times| {
        [times.p50.us, times.p95.us, times.p99, times.max].map(|us| ms(f64::from(us)))
    })
}

fn table(
    columns: &[impl AsRef<str>],
    runs: &[Summary],
    cells: impl Fn(&Summary) -> Vec<String>,
) -> Table {
    let setup = SETUP.into_iter();
    let head = setup.chain(columns.iter().map(AsRef::as_ref));
    let rows = runs.iter().map(|run| {
        let mut row = setup_cells(run);
        row.extend(cells(run));
        row
    });
    Table {
        head: head.map(str::to_owned).collect(),
        rows: rows.collect(),
        names: SETUP.len(),
    }
}

fn setup_cells(run: &Summary) -> Vec<String> {
    let setup = &run.setup;
    let is_off = setup.configuration == Configuration::Off;
    vec![
        setup.load.clone(),
        if is_off {
            "–".to_owned()
        } else {
            setup.size.clone()
        },
        names::configuration(setup.configuration).to_owned(),
        names::nodes(setup),
        names::policy(setup).to_owned(),
        count(setup.entries),
        names::kill(setup),
    ]
}
