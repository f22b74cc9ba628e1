//! `kadenza upload`: files and folders into the library.

mod command;
mod known;
mod paths;
mod progress;
mod report;
mod walk;

pub(crate) use command::Upload;
