//! The library on one machine: songs in one directory, durable to the last acknowledged byte.
//!
//! [`Library`] is the handle; it implements [`MusicService`](kadenza_contract::MusicService), and has more for
//! a layer that spreads songs over several machines: uploads in two steps, replicas that arrive in
//! chunks, cards without audio.
//!
//! Everything that is known is in memory and in a SQLite database; audio is in files named by their
//! content, or in an audio store. One task writes, everyone reads.

mod audio;
mod card;
mod config;
mod directory;
mod following;
mod index;
mod library;
mod marker;
mod receiving;
mod records;
mod renewal;
mod scrub;
mod service;
mod staged;
mod storage;
mod watch;
mod writer;

pub use card::Card;
pub use config::{AudioPlace, LibraryConfig};
pub use following::{CardChange, CardChanges, CardsOfAMoment, Followers, Following, Outrun};
pub use kadenza_audio::{
    AudioStore, IntakeConfig, ReaderProgram, identify, lock, read_files, recognise,
};
pub use library::Library;
pub use receiving::{Receipt, Receiving};
pub use records::{AccountsFile, Counts};
pub use staged::Staged;
