//! Which policy hits how often at which size.

use super::{
    super::{
        groups::Group,
        html::Table,
        names,
        numbers::{count, percent},
        summary::Summary,
    },
    axis::Axis,
    chart::{Chart, Curve, Tooltip},
    figure::{Entry, Figure},
    loads::of_load,
    rows::{LabelledRow, Rows},
    style::{self, Marker, OPTIMUM, Style},
};

/// One figure for each load and configuration: a line for each policy over the sizes.
pub(super) fn rates(groups: &[Group<'_>]) -> Vec<Figure> {
    let loads = of_load(groups, |setup| {
        (setup.load.clone(), setup.configuration, setup.nodes)
    });
    loads
        .into_iter()
        .filter_map(|groups| rates_of(groups))
        .collect()
}

fn rates_of(mut groups: Vec<&Group<'_>>) -> Option<Figure> {
    groups.sort_by_key(|group| group.setup.entries);
    let setup = groups.first()?.setup;
    let policies = Policies::of(&groups);
    let title = format!(
        "Policies, {} ({})",
        setup.load,
        names::configuration(setup.configuration)
    );
    let lines = policies.lines.iter();
    let lines = lines.map(|(label, style, _)| Entry::line(label, *style));
    let (picture, legend, caption) = if groups.len() > 1 {
        let optimum = Entry::line("optimum", OPTIMUM);
        let legend = std::iter::once(optimum).chain(lines).collect();
        let caption = "Higher is better; the optimum knows the future.";
        (policies.lines(&title), legend, caption)
    } else {
        let legend = vec![Entry::marker("optimum", OPTIMUM.class, Marker::Bar)];
        let caption = "Longer is better; the optimum knows the future.";
        (policies.rows(&title), legend, caption)
    };
    Some(Figure {
        title,
        caption: caption.to_owned(),
        pictures: vec![picture],
        legend,
        numbers: policies.table(),
        is_open: true,
    })
}

/// Policies, best at the largest size first.
#[derive(Debug)]
struct Policies<'a> {
    /// Sizes, each with the run of the highest optimum: one may have had room for a few more entries.
    sizes: Vec<(String, &'a Summary)>,
    /// For each policy its run at each size, where there is one.
    lines: Vec<(String, Style, Vec<Option<&'a Summary>>)>,
}

impl<'a> Policies<'a> {
    fn of(groups: &[&'a Group<'a>]) -> Policies<'a> {
        let mut labels: Vec<(&str, &Summary)> = Vec::new();
        for (label, run) in groups.iter().flat_map(|group| &group.runs) {
            if labels.iter().all(|(other, _)| other != label) {
                labels.push((label, run));
            }
        }
        let styles = style::of_policies(labels.iter().map(|(_, run)| &run.setup));
        let lines = labels.iter().zip(styles).map(|((label, _), style)| {
            let runs = groups.iter().map(|group| {
                let found = group.runs.iter().find(|(other, _)| other == label);
                found.map(|(_, run)| *run)
            });
            ((*label).to_owned(), style, runs.collect())
        });
        let mut lines: Vec<(String, Style, Vec<Option<&Summary>>)> = lines.collect();
        let last = |runs: &[Option<&Summary>]| {
            let largest = runs.iter().rev().find_map(|run| *run);
            largest.map_or(0.0, |run| run.counts.rate())
        };
        lines.sort_by(|a, b| last(&b.2).total_cmp(&last(&a.2)));
        let sizes = groups.iter().filter_map(|group| {
            let runs = group.runs.iter().map(|(_, run)| *run);
            let best = runs.max_by_key(|run| run.counts.optimum)?;
            Some((group.setup.size.clone(), best))
        });
        Policies {
            sizes: sizes.collect(),
            lines,
        }
    }

    fn optimum(&self) -> Vec<(f64, f64)> {
        let sizes = self.sizes.iter().enumerate();
        sizes
            .map(|(at, (_, run))| (at as f64, run.counts.optimum_rate()))
            .collect()
    }

    fn highest(&self) -> f64 {
        let runs = self
            .lines
            .iter()
            .flat_map(|(_, _, runs)| runs.iter().flatten());
        let rates = runs.map(|run| run.counts.rate());
        let optima = self.optimum().into_iter().map(|(_, rate)| rate);
        rates.chain(optima).fold(0.0, f64::max)
    }

    fn lines(&self, title: &str) -> String {
        let mut lines = vec![Curve {
            style: OPTIMUM,
            points: self.optimum(),
            is_marked: false,
            told: Vec::new(),
        }];
        for (_, style, runs) in &self.lines {
            let runs = runs.iter().enumerate();
            let points = runs.filter_map(|(at, run)| Some((at as f64, (*run)?.counts.rate())));
            lines.push(Curve {
                style: *style,
                points: points.collect(),
                is_marked: true,
                told: Vec::new(),
            });
        }
        let told = self.sizes.iter().enumerate().map(|(at, (size, run))| {
            let mut lines = vec![
                format!("{size}, {} entries", count(run.setup.entries)),
                format!("optimum {}", percent(run.counts.optimum_rate())),
            ];
            for (label, _, runs) in &self.lines {
                lines.extend(runs[at].map(|run| format!("{label} {}", percent(run.counts.rate()))));
            }
            Tooltip {
                from: at as f64 - 0.25,
                to: at as f64 + 0.25,
                lines,
            }
        });
        let sizes = self.sizes.iter();
        let chart = Chart {
            label: format!("{title}: hit rate at each size. {}", self.in_words()),
            x: Axis::names(
                "size of the cache",
                sizes.map(|(size, _)| size.clone()).collect(),
            ),
            y: Axis::shares("hits, of the requests", self.highest()),
            marks: Vec::new(),
            told: told.collect(),
            lines,
        };
        chart.render()
    }

    /// With one size there are no lines.
    fn rows(&self, title: &str) -> String {
        let rows = self.lines.iter().filter_map(|(label, style, runs)| {
            let counts = (*runs.first()?)?.counts;
            let rate = percent(counts.rate());
            Some(LabelledRow {
                numbers: format!("{rate} of {}", percent(counts.optimum_rate())),
                class: style.class,
                marks: vec![(counts.rate(), style.marker, format!("{label}: {rate}"))],
                limit: Some(counts.optimum_rate()),
                is_apart: false,
                label: label.clone(),
            })
        });
        let rows = Rows {
            label: format!("{title}: hit rate. {}", self.in_words()),
            x: Axis::shares("hits, of the requests", self.highest()),
            rows: rows.collect(),
        };
        rows.render()
    }

    fn in_words(&self) -> String {
        let lines = self.lines.iter().filter_map(|(label, _, runs)| {
            let run = runs.iter().rev().find_map(|run| *run)?;
            Some(format!("{label} {}", percent(run.counts.rate())))
        });
        lines.collect::<Vec<_>>().join(", ")
    }

    fn table(&self) -> Table {
        let mut head = vec!["policy".to_owned()];
        head.extend(
            self.sizes
                .iter()
                .map(|(size, run)| format!("{size} ({} entries)", count(run.setup.entries))),
        );
        let mut best = vec!["optimum".to_owned()];
        best.extend(self.optimum().into_iter().map(|(_, rate)| percent(rate)));
        let lines =
            self.lines.iter().map(|(label, _, runs)| {
                let mut row = vec![label.clone()];
                row.extend(runs.iter().map(|run| {
                    run.map_or_else(|| "–".to_owned(), |run| percent(run.counts.rate()))
                }));
                row
            });
        Table {
            head,
            rows: std::iter::once(best).chain(lines).collect(),
            names: 1,
        }
    }
}
