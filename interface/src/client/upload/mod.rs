//! `kadenza upload`: files and folders into the library.

mod command;
mod cue;
mod known;
mod neighbours;
mod opening;
mod paths;
mod progress;
mod reading;
mod report;
#[cfg(any(test, not(feature = "server")))]
mod signs;
mod walk;

pub(crate) use command::Upload;
