//! `kadenza upload`: files and folders into the library.

mod command;
mod cue;
mod known;
mod neighbours;
mod paths;
mod progress;
mod reading;
mod report;
mod walk;

pub(crate) use command::Upload;
