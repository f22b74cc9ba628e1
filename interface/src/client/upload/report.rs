//! The results of an upload: a line for each file, and a summary.

use std::path::{Path, PathBuf};

use kadenza_api::SongJson;
use kadenza_contract::{Error, Failure, Outcome, Upload as Taken};
use kadenza_terminal::{note, plain};
use serde::Serialize;

use super::paths::shown;
use crate::{fault::Fault, output};

/// How many reasons are kept for the summary; further ones are printed as they come.
const KEPT_MAX: usize = 10_000;

/// The result of one file.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The song is in the library, new or already.
    Taken(Box<Taken>),
    /// The library refuses it, and will refuse it again.
    Refused(Error),
    /// It is none that may be sent, for this reason.
    Unsent(String),
    /// It is the cue sheet of a whole album, and this is what that means.
    CueSheet(String),
    /// It was not uploaded; repeating the command may help.
    Failed(String),
}

/// Prints the result of each file, and counts them.
#[derive(Debug)]
pub(super) struct Report {
    json: bool,
    added: u64,
    recordings_added: u64,
    already_there: u64,
    refused: u64,
    failed: u64,
    /// Refused and failed ones and cue sheets, for the summary: they must not be lost among the others.
    kept: Vec<(PathBuf, &'static str, String)>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    path: &'a str,
    outcome: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    song: Option<SongJson<'a>>,
    /// The names that were taken from the path.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    from_path: Vec<&'a str>,
    /// The stable word for the reason, as in problem documents over HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Report {
    pub(super) fn new(json: bool) -> Report {
        Report {
            json,
            added: 0,
            recordings_added: 0,
            already_there: 0,
            refused: 0,
            failed: 0,
            kept: Vec::new(),
        }
    }

    /// Takes the result of a file in.
    pub(super) fn take(&mut self, path: &Path, verdict: Verdict) -> Result<(), Fault> {
        let (outcome, code, reason) = match verdict {
            Verdict::Taken(taken) => return self.taken(path, &taken),
            Verdict::Refused(error) => {
                self.refused += 1;
                ("refused", Some(Failure::from(&error).code), error.chain())
            }
            Verdict::Unsent(reason) => {
                self.refused += 1;
                ("refused", None, reason)
            }
            Verdict::Failed(reason) => {
                self.failed += 1;
                ("failed", None, reason)
            }
            Verdict::CueSheet(meaning) => ("cue sheet", None, meaning),
        };
        if self.json {
            return output::print_json(&Document {
                path: &path.to_string_lossy(),
                outcome,
                song: None,
                from_path: Vec::new(),
                code,
                reason: Some(reason),
            });
        }
        if self.kept.len() < KEPT_MAX {
            self.kept.push((path.to_owned(), outcome, reason));
            return Ok(());
        }
        print_reason(path, outcome, &reason)
    }

    fn taken(&mut self, path: &Path, taken: &Taken) -> Result<(), Fault> {
        let outcome = match taken.outcome {
            Outcome::Added => {
                self.added += 1;
                "added"
            }
            Outcome::RecordingAdded => {
                self.recordings_added += 1;
                "added as another recording"
            }
            Outcome::AlreadyThere => {
                self.already_there += 1;
                "already there"
            }
        };
        if self.json {
            return output::print_json(&Document {
                path: &path.to_string_lossy(),
                outcome,
                song: Some(SongJson::new(&taken.song)),
                from_path: taken.from_path.names().collect(),
                code: None,
                reason: None,
            });
        }
        let names: Vec<&str> = taken.from_path.names().collect();
        let names = match names[..] {
            [] => String::new(),
            _ => format!("\t{} from the path", names.join(", ")),
        };
        let (id, path) = (taken.song.id(), shown(path));
        output::print(&format!("{outcome}\t{id}\t{path}{names}"))
    }

    /// Prints the summary. Exit status 1 if anything was refused or failed.
    pub(super) fn end(self, hopeless: bool) -> Result<(), Fault> {
        for (path, outcome, reason) in &self.kept {
            print_reason(path, outcome, reason)?;
        }
        let recordings = match self.recordings_added {
            0 => String::new(),
            some => format!("{some} added as another recording, "),
        };
        let sum = format!(
            "{} added, {recordings}{} already there, {} refused, {} failed",
            self.added, self.already_there, self.refused, self.failed
        );
        if self.json {
            note(&sum);
        } else {
            output::print(&sum)?;
        }
        if hopeless {
            return Err(Fault::Failed(
                "stopped because no server can be reached; run it again to go on".to_owned(),
            ));
        }
        if self.refused + self.failed > 0 {
            return Err(Fault::Told);
        }
        if self.added + self.recordings_added + self.already_there == 0 {
            note("kadenza: no audio files found");
        }
        Ok(())
    }
}

fn print_reason(path: &Path, outcome: &str, reason: &str) -> Result<(), Fault> {
    output::print(&format!("{outcome}\t{}\t{}", shown(path), plain(reason)))
}
