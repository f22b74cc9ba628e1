//! The plots: which there are, from which runs.

mod axis;
mod chart;
mod course;
mod figure;
mod loads;
mod policies;
mod rows;
mod style;
mod svg;
mod times;

use self::figure::Figure;
use super::{groups, summary::Summary};

/// Plots that answer one question.
#[derive(Debug)]
pub(super) struct Chapter {
    pub(super) title: &'static str,
    pub(super) figures: Vec<Figure>,
}

/// All plots that the runs have data for.
pub(super) fn chapters(runs: &[Summary]) -> Vec<Chapter> {
    let configurations = groups::configurations(runs);
    let failovers = groups::failovers(runs);
    let mut chapters = vec![
        Chapter {
            title: "How long do answers take?",
            figures: times::quantiles(&configurations),
        },
        Chapter {
            title: "How often does the cache know the answer?",
            figures: configurations.iter().filter_map(course::hits).collect(),
        },
        Chapter {
            title: "Which policy, at which size?",
            figures: policies::rates(&groups::policies(runs)),
        },
        Chapter {
            title: "What does a dead node cost?",
            figures: failovers
                .iter()
                .filter_map(|(group, _)| course::failover(group))
                .collect(),
        },
    ];
    let distributions = configurations.iter().filter_map(times::distribution);
    chapters[0].figures.extend(distributions);
    chapters.retain(|chapter| !chapter.figures.is_empty());
    chapters
}
