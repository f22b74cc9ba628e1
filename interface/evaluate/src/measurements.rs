//! The file of all measurements, with a line for each request, so that others can evaluate them
//! again.
//!
//! The file has its name only when all runs are in it; until then `.part` is behind it.

use std::{
    fs::{self, File},
    io::BufWriter,
    path::{Path, PathBuf},
};

use crate::error::EvaluateError;
use crate::record::{RequestResult, Run};

/// The file in the directory of an evaluation.
pub(super) const FILE: &str = "measurements.csv";

/// The columns. Times are as the client saw them.
const COLUMNS: [&str; 20] = [
    // Which run, counted from 1, and what was chosen for it.
    "run",
    "configuration",
    "node_kind",
    "nodes",
    "policy",
    "size",
    "entries",
    "load",
    "kill_at",
    "revive_at",
    // Which request of the load, counted from 0, and the number of its question.
    "request",
    "question",
    // When it was sent since the run began, how long until all of the answer was there, and how much
    // of that was below the cache, in microseconds.
    "sent_us",
    "took_us",
    "below_us",
    // hit, miss, collapsed, bypass or failed; the cache node; 1 where a cache that knows the future
    // would have had the answer.
    "outcome",
    "node",
    "optimum",
    // The same for all requests of a run: how many different questions it has, and how long it took.
    "questions",
    "run_us",
];

/// The file while it is written.
#[derive(Debug)]
pub(super) struct Measurements {
    writer: csv::Writer<BufWriter<File>>,
    part: PathBuf,
    whole: PathBuf,
    runs: usize,
}

impl Measurements {
    /// Begins the file in a directory.
    pub(super) fn create(directory: &Path) -> Result<Measurements, EvaluateError> {
        let whole = directory.join(FILE);
        let part = directory.join(format!("{FILE}.part"));
        let file =
            File::create(&part).map_err(|cause| EvaluateError::file("write", &part, cause))?;
        let mut file = Measurements {
            writer: csv::Writer::from_writer(BufWriter::new(file)),
            part,
            whole,
            runs: 0,
        };
        let written = file.writer.write_record(COLUMNS);
        written.map_err(|error| file.cannot(error.into()))?;
        Ok(file)
    }

    /// Writes a run down.
    pub(super) fn add(&mut self, run: &Run) -> Result<(), EvaluateError> {
        self.runs += 1;
        let written = write(&mut self.writer, self.runs, run);
        written.map_err(|error| self.cannot(error.into()))
    }

    /// Ends the file and gives it its name.
    pub(super) fn end(mut self) -> Result<PathBuf, EvaluateError> {
        let flushed = self.writer.flush();
        flushed.map_err(|cause| self.cannot(cause))?;
        let renamed = fs::rename(&self.part, &self.whole);
        renamed.map_err(|cause| self.cannot(cause))?;
        Ok(self.whole)
    }

    fn cannot(&self, cause: std::io::Error) -> EvaluateError {
        EvaluateError::file("write", &self.part, cause)
    }
}

fn write(writer: &mut csv::Writer<BufWriter<File>>, number: usize, run: &Run) -> csv::Result<()> {
    let setup = &run.setup;
    let moment = |at: Option<usize>| at.map_or(String::new(), |at| at.to_string());
    let chosen = [
        number.to_string(),
        setup.configuration.name().to_owned(),
        setup.kind.name().to_owned(),
        setup.nodes.to_string(),
        setup.policy.name().to_owned(),
        setup.size.clone(),
        setup.entries.to_string(),
        setup.load.clone(),
        moment(setup.kill_at),
        moment(setup.revive_at),
    ];
    let of_all = [
        setup.questions.to_string(),
        run.took.as_micros().to_string(),
    ];
    for (at, (answer, optimum)) in run.answers.iter().zip(&run.optimum).enumerate() {
        for field in &chosen {
            writer.write_field(field)?;
        }
        for number in [
            at as u64,
            answer.question.into(),
            answer.sent_us,
            answer.took_us.into(),
            answer.below_us.into(),
        ] {
            writer.write_field(number.to_string())?;
        }
        writer.write_field(name_of(answer.result))?;
        writer.write_field(answer.node.as_deref().unwrap_or_default())?;
        writer.write_field(if *optimum { "1" } else { "0" })?;
        for field in &of_all {
            writer.write_field(field)?;
        }
        writer.write_record(None::<&[u8]>)?;
    }
    writer.flush()?;
    Ok(())
}

fn name_of(result: RequestResult) -> &'static str {
    match result {
        RequestResult::Hit => "hit",
        RequestResult::Miss => "miss",
        RequestResult::Collapsed => "collapsed",
        RequestResult::Bypass => "bypass",
        RequestResult::Failed => "failed",
    }
}
