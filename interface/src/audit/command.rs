//! `kadenza audit`: the log of a data directory, checked.

use std::path::PathBuf;

use clap::Args;
use kadenza_terminal::plain;

use super::chain::{Chain, Checked, Line};
use crate::{fault::Fault, output};

/// Print who signed in, uploaded, invited and so on at a server, and check that nothing was changed afterwards
///
/// It reads the data directory, whether its server runs or not. Each line has the hash of the one before, so a line that is
/// changed, missing or put in is noticed; a log that was cut off at its end, or written anew from a place on, only by a hash
/// that was kept elsewhere. The last line printed has one.
#[derive(Debug, Args)]
pub(crate) struct Audit {
    /// The data directory of a server on this machine
    #[arg(long, value_name = "DIR")]
    data: PathBuf,

    /// Print one JSON document a line
    #[arg(long)]
    json: bool,
}

impl Audit {
    pub(crate) fn run(self) -> Result<(), Fault> {
        let chain = Chain::of(&self.data);
        let failed = |cause| Fault::file("read the audit log in", &self.data, cause);
        let checked = chain.check().map_err(failed)?;
        if checked.is_empty() {
            return Err(Fault::Failed(format!(
                "there is no audit log in {}",
                self.data.display()
            )));
        }
        let (mut broken, mut cut) = (Vec::new(), 0);
        for one in checked {
            match one {
                Checked::Line(line) if self.json => output::print_json(&line)?,
                Checked::Line(line) => output::print(&plain(&worded(&line)))?,
                Checked::Cut => cut += 1,
                Checked::Broken { path, number } => {
                    broken.push(format!("{}:{number}", path.display()));
                }
            }
        }
        if cut > 0 {
            tracing::error!("{cut} lines were cut short by a crash");
        }
        if !broken.is_empty() {
            return Err(Fault::Failed(format!(
                "the log was changed before {}: a line is not as it was written, missing, or put in",
                broken.join(", ")
            )));
        }
        if !self.json {
            output::print(&format!("head {}", chain.head().map_err(failed)?.to_hex()))?;
        }
        Ok(())
    }
}

fn worded(line: &Line) -> String {
    let fields = line
        .fields
        .iter()
        .map(|(name, value)| format!("  {name} {value}"));
    format!("{}  {}{}", line.at, line.event, fields.collect::<String>())
}
