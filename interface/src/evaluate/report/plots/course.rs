//! Hit rates and times over the requests of a run: how a cache fills, and what a dead node does.

use super::{
    super::{
        groups::Group,
        html::Table,
        numbers::{count, ms, percent},
        summary::{Counts, Summary, Window},
    },
    axis::Axis,
    chart::{Chart, Line, Told},
    figure::{Entry, Figure},
    style::{self, OPTIMUM, Style},
};
use crate::evaluate::record::Configuration;

/// One figure for each load and size: the hit rate, with the optimum.
pub(super) fn hits(group: &Group<'_>) -> Option<Figure> {
    let course = Course::of(group)?;
    Some(Figure {
        title: format!("Hit rate, {}", super::name(group.setup)),
        caption: "Each point is a stretch of the requests. Nobody can cross the optimum."
            .to_owned(),
        pictures: vec![course.rates("Hit rate over the requests")],
        legend: course.legend(true),
        numbers: course.table(false),
        is_open: false,
    })
}

/// One figure for each load and size: the hit rate and the p95 around the death of a node.
pub(super) fn failover(group: &Group<'_>) -> Option<Figure> {
    let course = Course::of(group)?;
    Some(Figure {
        title: format!("A node dies, {}", super::name(group.setup)),
        caption:
            "The upright lines are where the node was killed, and where it was started again, \
                  empty."
                .to_owned(),
        pictures: vec![
            course.rates("Hit rate over the requests"),
            course.times("95% of the answers came within"),
        ],
        legend: course.legend(true),
        numbers: course.table(true),
        is_open: false,
    })
}

/// Runs over the same requests.
#[derive(Debug)]
struct Course<'a> {
    name: String,
    runs: Vec<(&'a str, &'a Summary, Style)>,
    /// What was possible, once for each number of entries.
    optima: Vec<(String, &'a Summary)>,
    marks: Vec<(f64, &'static str)>,
}

impl<'a> Course<'a> {
    fn of(group: &'a Group<'a>) -> Option<Course<'a>> {
        let styles = style::of_configurations(group.runs.iter().map(|(_, run)| &run.setup));
        let runs = group.runs.iter().zip(styles);
        let runs = runs.map(|((label, run), style)| (label.as_str(), *run, style));
        let mut runs: Vec<_> = runs.collect();
        runs.retain(|(_, run, _)| !run.windows.is_empty());
        // Shorter ones would need an axis of their own.
        let windows = runs.first()?.1.windows.len();
        runs.retain(|(_, run, _)| run.windows.len() == windows);
        let mut optima: Vec<(String, &Summary)> = Vec::new();
        for (_, run, _) in &runs {
            let entries = run.setup.entries;
            let is_new = optima
                .iter()
                .all(|(_, other)| other.setup.entries != entries);
            if is_new && run.setup.configuration != Configuration::Off {
                optima.push((format!("optimum of {} entries", count(entries)), run));
            }
        }
        if let [(label, _)] = &mut optima[..] {
            "optimum".clone_into(label);
        }
        let marks = [
            (group.setup.kill_at, "killed"),
            (group.setup.revive_at, "started again"),
        ];
        let marks = marks
            .into_iter()
            .filter_map(|(at, word)| Some((at? as f64, word)));
        Some(Course {
            name: super::name(group.setup),
            marks: marks.collect(),
            runs,
            optima,
        })
    }

    fn windows(&self) -> &'a [Window] {
        &self.runs[0].1.windows
    }

    fn requests(&self) -> usize {
        self.runs[0].1.counts.requests
    }

    /// The end of a window, as requests are counted.
    fn end(&self, at: usize) -> usize {
        let next = self.windows().get(at + 1);
        next.map_or(self.requests(), |window| window.from)
    }

    /// A window stands at its middle.
    fn points(&self, run: &Summary, value: impl Fn(&Window) -> f64) -> Vec<(f64, f64)> {
        let windows = run.windows.iter().enumerate();
        windows
            .map(|(at, window)| {
                let middle = (window.from + self.end(at)) as f64 / 2.0;
                (middle, value(window))
            })
            .collect()
    }

    fn rates(&self, what: &str) -> String {
        let mut lines: Vec<Line> = Vec::new();
        for (_, run) in &self.optima {
            lines.push(Line {
                style: OPTIMUM,
                points: self.points(run, |window| window.counts.optimum_rate()),
                is_marked: false,
            });
        }
        for (_, run, style) in &self.runs {
            lines.push(Line {
                style: *style,
                points: self.points(run, |window| window.counts.rate()),
                is_marked: false,
            });
        }
        let highest = lines
            .iter()
            .flat_map(|line| line.points.iter().map(|(_, y)| *y));
        let highest = highest.fold(0.0, f64::max);
        let told = |window: &Window| percent(window.counts.rate());
        let best = |window: &Window| percent(window.counts.optimum_rate());
        self.chart(
            what,
            Axis::shares("hits, of the requests", highest),
            lines,
            |at| {
                let optima = self.optima.iter();
                let optima =
                    optima.map(|(label, run)| format!("{label} {}", best(&run.windows[at])));
                let runs = self.runs.iter();
                let runs =
                    runs.map(|(label, run, _)| format!("{label} {}", told(&run.windows[at])));
                optima.chain(runs).collect()
            },
        )
    }

    fn times(&self, what: &str) -> String {
        let lines = self.runs.iter().map(|(_, run, style)| Line {
            style: *style,
            points: self.points(run, |window| f64::from(window.p95_us)),
            is_marked: false,
        });
        let lines: Vec<Line> = lines.collect();
        let times = || {
            lines
                .iter()
                .flat_map(|line| line.points.iter().map(|(_, us)| *us))
        };
        let shortest = times().fold(f64::INFINITY, f64::min);
        let longest = times().fold(0.0, f64::max);
        let axis = Axis::times(
            "p95 of the response time, ms (logarithmic)",
            shortest,
            longest,
        );
        self.chart(what, axis, lines, |at| {
            let runs = self.runs.iter();
            let shown = |run: &Summary| {
                let window = &run.windows[at];
                let failed = match window.counts.failed {
                    0 => String::new(),
                    failed => format!(", {} failed", count(failed)),
                };
                format!("{} ms{failed}", ms(f64::from(window.p95_us)))
            };
            runs.map(|(label, run, _)| format!("{label} {}", shown(run)))
                .collect()
        })
    }

    fn chart(
        &self,
        what: &str,
        y: Axis,
        lines: Vec<Line>,
        tell: impl Fn(usize) -> Vec<String>,
    ) -> String {
        let told = self.windows().iter().enumerate().map(|(at, window)| {
            let mut lines = vec![format!("requests {}", self.stretch(at))];
            lines.extend(tell(at));
            Told {
                from: window.from as f64,
                to: self.end(at) as f64,
                lines,
            }
        });
        let chart = Chart {
            label: format!("{what}, {}: {}", self.name, self.in_words()),
            x: Axis::requests(self.requests()),
            y,
            marks: self.marks.clone(),
            told: told.collect(),
            lines,
        };
        chart.render()
    }

    /// `1,000 to 1,099`.
    fn stretch(&self, at: usize) -> String {
        let last = self.end(at).saturating_sub(1);
        format!("{} to {}", count(self.windows()[at].from), count(last))
    }

    /// The whole runs, for those who do not see the lines.
    fn in_words(&self) -> String {
        let runs = self.runs.iter();
        let runs = runs.map(|(label, run, _)| format!("{label} {}", percent(run.counts.rate())));
        runs.collect::<Vec<_>>().join(", ")
    }

    fn legend(&self, optimum: bool) -> Vec<Entry> {
        let optima = self.optima.iter().filter(|_| optimum);
        let optima = optima.map(|(label, _)| Entry::line(label, OPTIMUM));
        let runs = self.runs.iter();
        let runs = runs.map(|(label, _, style)| Entry::line(label, *style));
        optima.chain(runs).collect()
    }

    fn table(&self, with_times: bool) -> Table {
        let mut head = vec!["requests".to_owned()];
        head.extend(self.optima.iter().map(|(label, _)| label.clone()));
        for (label, ..) in &self.runs {
            head.push(format!("{label} hits"));
            if with_times {
                head.extend([format!("{label} p95 ms"), format!("{label} failed")]);
            }
        }
        let rows = (0..self.windows().len()).map(|at| {
            let mut row = vec![self.stretch(at)];
            let rate = |counts: &Counts| percent(counts.optimum_rate());
            row.extend(
                self.optima
                    .iter()
                    .map(|(_, run)| rate(&run.windows[at].counts)),
            );
            for (_, run, _) in &self.runs {
                let window = &run.windows[at];
                row.push(percent(window.counts.rate()));
                if with_times {
                    row.extend([ms(f64::from(window.p95_us)), count(window.counts.failed)]);
                }
            }
            row
        });
        Table {
            rows: rows.collect(),
            head,
            names: 1,
        }
    }
}
