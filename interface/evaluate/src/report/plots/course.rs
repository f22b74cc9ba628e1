//! Hit rates and times over the requests of a run: how a cache fills, and what a dead node does.

use super::{
    super::{
        groups::Group,
        html::Table,
        numbers::{count, list, ms, percent},
        summary::{Counts, Summary, Window},
    },
    axis::Axis,
    chart::{Chart, Curve, Tooltip},
    figure::{Entry, Figure},
    style::{self, OPTIMUM, Style},
};
use crate::record::Configuration;

/// One figure for each load and size: the hit rate so far, with the optimum. Of all requests up to any
/// one nobody can have more hits than the optimum; of a stretch in the middle it may be otherwise.
pub(super) fn hits(group: &Group<'_>) -> Option<Figure> {
    let course = Course::of(group, Share::SoFar)?;
    Some(Figure {
        title: format!("Hit rate, {}", group.name()),
        caption: "Hits of all requests so far. Nobody can cross the optimum.".to_owned(),
        pictures: vec![course.rates("Hit rate over the requests")],
        legend: course.legend(),
        numbers: course.table(false),
        is_open: false,
    })
}

/// One figure for each load and size: the hit rate and the p95 around the death of a node.
pub(super) fn failover(group: &Group<'_>) -> Option<Figure> {
    let course = Course::of(group, Share::OfStretch)?;
    Some(Figure {
        title: format!("A node dies, {}", group.name()),
        caption:
            "Hits and times of one stretch of requests after the other. The upright lines are \
                  where the node was killed, and where it was started again, empty."
                .to_owned(),
        pictures: vec![
            course.rates("Hit rate over the requests"),
            course.times("95% of the answers came within"),
        ],
        legend: course.legend(),
        numbers: course.table(true),
        is_open: false,
    })
}

/// The requests of which the hits are a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Share {
    /// All up to the end of a window.
    SoFar,
    /// Those of the window.
    OfStretch,
}

/// Runs over the same requests.
#[derive(Debug)]
struct Course<'a> {
    share: Share,
    name: String,
    runs: Vec<DrawnCourse<'a>>,
    /// The most hits that were possible, once for each number of entries.
    optima: Vec<DrawnCourse<'a>>,
    marks: Vec<(f64, &'static str)>,
}

/// A run with its line.
#[derive(Debug)]
struct DrawnCourse<'a> {
    label: String,
    style: Style,
    run: &'a Summary,
    /// At each window: what the hit rate is made of.
    counts: Vec<Counts>,
}

impl<'a> Course<'a> {
    fn of(group: &'a Group<'a>, share: Share) -> Option<Course<'a>> {
        let styles = style::of_configurations(group.runs.iter().map(|(_, run)| &run.setup));
        let runs = group.runs.iter().zip(styles);
        let runs =
            runs.map(|((label, run), style)| DrawnCourse::of(label.clone(), style, run, share));
        let mut runs: Vec<DrawnCourse<'_>> = runs.collect();
        runs.retain(|drawn| !drawn.run.windows.is_empty());
        // Others than the first are over other requests, and would need an axis of their own.
        let requests = runs.first()?.run.counts.requests;
        runs.retain(|drawn| drawn.run.counts.requests == requests);
        let words = [
            (group.setup.kill_at, "killed"),
            (group.setup.revive_at, "started again"),
        ];
        let marks = words
            .into_iter()
            .filter_map(|(at, word)| Some((at? as f64, word)));
        Some(Course {
            share,
            name: group.name(),
            marks: marks.collect(),
            optima: optima(&runs, share),
            runs,
        })
    }

    fn windows(&self) -> &'a [Window] {
        &self.runs[0].run.windows
    }

    fn requests(&self) -> usize {
        self.runs[0].run.counts.requests
    }

    /// The end of a window, as requests are counted.
    fn end(&self, at: usize) -> usize {
        let next = self.windows().get(at + 1);
        next.map_or(self.requests(), |window| window.from)
    }

    /// The position of a point: the middle of a stretch, or the end of all requests so far.
    fn points(&self, values: impl Iterator<Item = f64>) -> Vec<(f64, f64)> {
        let points = values.enumerate().map(|(at, value)| {
            let (from, end) = (self.windows()[at].from, self.end(at));
            let place = match self.share {
                Share::SoFar => end as f64,
                Share::OfStretch => (from + end) as f64 / 2.0,
            };
            (place, value)
        });
        points.collect()
    }

    fn rates(&self, what: &str) -> String {
        let line = |drawn: &DrawnCourse<'_>, rate: fn(&Counts) -> f64| Curve {
            style: drawn.style,
            points: self.points(drawn.counts.iter().map(rate)),
            is_marked: false,
            told: Vec::new(),
        };
        let optima = self.optima.iter().map(|of| line(of, Counts::optimum_rate));
        let runs = self.runs.iter().map(|run| line(run, Counts::rate));
        let lines: Vec<Curve> = optima.chain(runs).collect();
        let axis = Axis::shares("hits, of the requests", highest(&lines));
        self.chart(what, axis, lines, |at| {
            let told = |drawn: &DrawnCourse<'_>, rate: fn(&Counts) -> f64| {
                format!("{} {}", drawn.label, percent(rate(&drawn.counts[at])))
            };
            let optima = self.optima.iter().map(|of| told(of, Counts::optimum_rate));
            let runs = self.runs.iter().map(|run| told(run, Counts::rate));
            optima.chain(runs).collect()
        })
    }

    fn times(&self, what: &str) -> String {
        let lines = self.runs.iter().map(|drawn| {
            let windows = drawn.run.windows.iter();
            Curve {
                style: drawn.style,
                points: self.points(windows.map(|window| f64::from(window.p95_us))),
                is_marked: false,
                told: Vec::new(),
            }
        });
        let lines: Vec<Curve> = lines.collect();
        let times = lines.iter().flat_map(|line| &line.points);
        let shortest = times.map(|(_, us)| *us).fold(f64::INFINITY, f64::min);
        let title = "p95 of the response time, ms (logarithmic)";
        let axis = Axis::times(title, shortest, highest(&lines));
        self.chart(what, axis, lines, |at| {
            let told = self.runs.iter().map(|drawn| {
                let window = &drawn.run.windows[at];
                let failed = match window.counts.failed {
                    0 => String::new(),
                    failed => format!(", {} failed", count(failed)),
                };
                format!(
                    "{} {} ms{failed}",
                    drawn.label,
                    ms(f64::from(window.p95_us))
                )
            });
            told.collect()
        })
    }

    fn chart(
        &self,
        what: &str,
        y: Axis,
        lines: Vec<Curve>,
        tell: impl Fn(usize) -> Vec<String>,
    ) -> String {
        let told = self.windows().iter().enumerate().map(|(at, window)| {
            let mut lines = vec![self.requests_at(at)];
            lines.extend(tell(at));
            Tooltip {
                from: window.from as f64,
                to: self.end(at) as f64,
                lines,
            }
        });
        let runs = self.runs.iter();
        let rates = runs.map(|run| format!("{} {}", run.label, percent(run.run.counts.rate())));
        let rates: Vec<String> = rates.collect();
        let chart = Chart {
            label: format!(
                "{what}, {}; hits of all requests: {}",
                self.name,
                list(&rates)
            ),
            x: Axis::requests(self.requests()),
            y,
            marks: self.marks.clone(),
            told: told.collect(),
            lines,
        };
        chart.render()
    }

    /// The requests that a point is made of.
    fn requests_at(&self, at: usize) -> String {
        let last = count(self.end(at).saturating_sub(1));
        match self.share {
            Share::SoFar => format!("requests 0 to {last}"),
            Share::OfStretch => format!("requests {} to {last}", count(self.windows()[at].from)),
        }
    }

    fn legend(&self) -> Vec<Entry> {
        let drawn = self.optima.iter().chain(&self.runs);
        drawn
            .map(|drawn| Entry::line(&drawn.label, drawn.style))
            .collect()
    }

    fn table(&self, with_times: bool) -> Table {
        let mut head = vec![String::new()];
        head.extend(self.optima.iter().map(|optimum| optimum.label.clone()));
        for DrawnCourse { label, .. } in &self.runs {
            head.push(format!("{label} hits"));
            if with_times {
                head.extend([format!("{label} p95 ms"), format!("{label} failed")]);
            }
        }
        let rows = (0..self.windows().len()).map(|at| {
            let mut row = vec![self.requests_at(at)];
            let optima = self.optima.iter();
            row.extend(optima.map(|optimum| percent(optimum.counts[at].optimum_rate())));
            for drawn in &self.runs {
                row.push(percent(drawn.counts[at].rate()));
                if with_times {
                    let window = &drawn.run.windows[at];
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

impl<'a> DrawnCourse<'a> {
    fn of(label: String, style: Style, run: &'a Summary, share: Share) -> DrawnCourse<'a> {
        let mut before = Counts::default();
        let windows = run.windows.iter().map(|window| match share {
            Share::OfStretch => window.counts,
            Share::SoFar => {
                before = before.plus(&window.counts);
                before
            }
        });
        DrawnCourse {
            counts: windows.collect(),
            label,
            style,
            run,
        }
    }
}

/// The optimum for each number of entries: of runs that had room for a few more than was meant, the
/// highest, so that it is one for all of them.
fn optima<'a>(runs: &[DrawnCourse<'a>], share: Share) -> Vec<DrawnCourse<'a>> {
    let mut best: Vec<&'a Summary> = Vec::new();
    let cached = runs.iter().map(|drawn| drawn.run);
    for run in cached.filter(|run| run.setup.configuration != Configuration::Off) {
        let entries = run.setup.entries;
        match best.iter_mut().find(|best| best.setup.entries == entries) {
            Some(best) if best.counts.optimum < run.counts.optimum => *best = run,
            Some(_) => {}
            None => best.push(run),
        }
    }
    let is_alone = best.len() == 1;
    let drawn = best.into_iter().map(|run| {
        let label = match is_alone {
            true => "optimum".to_owned(),
            false => format!("optimum of {} entries", count(run.setup.entries)),
        };
        DrawnCourse::of(label, OPTIMUM, run, share)
    });
    drawn.collect()
}

fn highest(lines: &[Curve]) -> f64 {
    let points = lines.iter().flat_map(|line| &line.points);
    points.map(|(_, value)| *value).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::{
        super::super::{
            groups::{configurations, failovers},
            samples::{Load, central, killed, stood},
        },
        *,
    };

    const CONFIGURATIONS: [Configuration; 3] = [
        Configuration::Central,
        Configuration::Partitioned,
        Configuration::Replicated,
    ];

    #[test]
    fn of_all_requests_so_far_nobody_has_more_hits_than_the_optimum() {
        let load = Load::zipf(5000);
        let setups = CONFIGURATIONS.map(|stands| stood(stands, central("20%", 200)));
        let runs = setups.map(|setup| Summary::of(&load.run(&setup)));
        let groups = configurations(&runs);
        let course = Course::of(&groups[0], Share::SoFar).unwrap();
        let [optimum] = &course.optima[..] else {
            panic!("{:?}", course.optima)
        };
        assert_eq!(optimum.label, "optimum");
        for run in &course.runs {
            let pairs = run.counts.iter().zip(&optimum.counts);
            let is_below = |(run, best): (&Counts, &Counts)| run.hits <= best.optimum;
            assert!(pairs.clone().count() > 10 && pairs.into_iter().all(is_below));
            assert_eq!(*run.counts.last().unwrap(), run.run.counts);
        }
    }

    #[test]
    fn other_entries_have_another_optimum_and_more_room_the_highest() {
        let load = Load::zipf(1000);
        let mut roomy = load.run(&stood(Configuration::Replicated, central("5%", 50)));
        roomy.optimum.fill(true);
        let partitioned = stood(Configuration::Partitioned, central("5%", 150));
        let runs = [load.run(&central("5%", 50)), load.run(&partitioned), roomy];
        let runs = runs.map(|run| Summary::of(&run));
        let groups = configurations(&runs);
        let course = Course::of(&groups[0], Share::SoFar).unwrap();
        let optima = course.optima.iter();
        let optima: Vec<_> = optima
            .map(|drawn| (drawn.label.as_str(), drawn.run.counts.optimum_rate()))
            .collect();
        assert_eq!(optima[0], ("optimum of 50 entries", 1.0));
        assert_eq!(optima[1].0, "optimum of 150 entries");
        assert_eq!(optima.len(), 2);
    }

    #[test]
    fn the_death_of_a_node_is_marked_wherever_it_is() {
        for (kill_at, revive_at) in [(0, 1), (300, 600), (998, 999)] {
            let setup = killed(central("5%", 50), kill_at, revive_at);
            let runs = [Summary::of(&Load::zipf(1000).run(&setup))];
            let figure = failover(&failovers(&runs)[0].0).unwrap();
            assert_eq!(figure.pictures.len(), 2);
            for picture in &figure.pictures {
                assert_eq!(picture.matches("<line class=\"event\"").count(), 2);
                assert!(picture.contains(">killed</text>"));
                assert!(picture.contains(">started again</text>"));
            }
        }
    }
}
