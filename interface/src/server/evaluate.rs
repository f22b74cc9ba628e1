//! `kadenza evaluate`: runs the evaluation and prints what it found.

use kadenza_evaluate::{Evaluate, EvaluateError};

use super::process::limits;
use crate::{fault::Fault, output};

/// Runs an evaluation; prints its conclusion, and where its files are.
pub(crate) async fn run(evaluate: Evaluate) -> Result<(), Fault> {
    limits::raise_open_files();
    let results = evaluate.run().await?;
    output::print(results.conclusion.trim_end())?;
    output::print(&format!(
        "{}\n{}",
        results.page.display(),
        results.measurements.display()
    ))
}

impl From<EvaluateError> for Fault {
    fn from(error: EvaluateError) -> Fault {
        match error {
            EvaluateError::Usage(what) => Fault::Usage(what),
            EvaluateError::Failed(what) => Fault::Failed(what),
            EvaluateError::Io { doing, cause } => Fault::Io { doing, cause },
            EvaluateError::Service(error) => Fault::Service(error),
        }
    }
}
