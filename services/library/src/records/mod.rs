//! The cards of songs: the database on the disk, and the catalogue in memory.

mod accounts;
mod catalogue;
mod database;
mod errors;
mod loading;
mod saving;

pub use accounts::AccountsFile;
pub use catalogue::Counts;
pub(crate) use catalogue::{Catalogue, Changes, HeldAudio};
pub(crate) use database::{Database, Failed, Writing};
pub(crate) use loading::load;
pub(crate) use saving::Saving;
