//! The audio of a library: files of this machine, or a store.

mod buffers;
mod examining;
mod file;
mod moves;
mod stored;

pub(crate) use buffers::Buffers;
pub(crate) use moves::{AudioHome, DurableAudio, Moves};
pub(crate) use stored::LibraryStore;
