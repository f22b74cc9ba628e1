//! The report of an evaluation: a page of plots and tables, and a conclusion computed from the numbers.
//!
//! A [`Report`] takes runs one by one and keeps a summary of each, so that memory does not grow with
//! the length of runs. Nothing here measures, and nothing here knows how it was measured.

mod conclusion;
mod groups;
mod html;
mod names;
mod numbers;
mod outage;
mod page;
mod plots;
mod ranking;
#[cfg(test)]
mod samples;
mod summary;
mod tables;

use std::{io, path::Path};

use kadenza_terminal::plain;

use self::summary::Summary;
use crate::record::{Circumstances, Run};

/// Takes the runs of an evaluation in, and writes the report.
#[derive(Debug)]
pub(crate) struct Report {
    circumstances: Circumstances,
    runs: Vec<Summary>,
}

impl Report {
    /// A report without runs, measured under these circumstances.
    pub(crate) fn new(circumstances: Circumstances) -> Report {
        Report {
            circumstances,
            runs: Vec::new(),
        }
    }

    /// Takes a run in. Some kilobytes of it are kept.
    pub(crate) fn add(&mut self, run: &Run) {
        self.runs.push(Summary::of(run));
    }

    /// The conclusion: a few lines of plain text.
    pub(crate) fn conclusion(&self) -> String {
        let lines = conclusion::lines(&self.runs);
        let lines = lines.iter().map(conclusion::Finding::plain);
        lines.map(|line| plain(&line) + "\n").collect()
    }

    fn page(&self) -> String {
        page::render(&self.circumstances, &self.runs)
    }

    /// Writes one HTML file that stands alone, over whatever was there.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        std::fs::write(path, self.page())
    }
}

#[cfg(test)]
mod tests;
