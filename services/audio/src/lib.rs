//! The handling of audio that every library shares: the intake of files from strangers, their tags and
//! covers, and checked streams for listeners.
//!
//! [`Intake`] takes uploads in; a [`ReaderProgram`] keeps its parsers out of this process. [`ChunkSource`] is audio that is read chunk by chunk, from which
//! [`AudioReading`] makes the stream for a listener and [`AudioReader`] what a parser reads.
//! [`AudioStore`] is where a library keeps its audio if not in files of its own. This crate knows no
//! database and no network.

mod config;
mod covers;
mod disk;
mod file;
mod guard;
mod incoming;
mod intake;
mod program;
mod reading;
mod spool;
mod streams;
mod tags;
mod turns;

pub use config::IntakeConfig;
pub use disk::{disk, off_thread, said};
pub use file::recognise;
pub use incoming::{Incoming, Temporary, lock};
pub use intake::{IncomingSong, Intake, check_size};
pub use program::ReaderProgram;
#[doc(hidden)]
pub use reading::fuzzing;
pub use reading::read_files;
pub use spool::SpooledAudio;
pub use streams::{
    AudioReader, AudioReading, AudioStore, ChunkMemory, ChunkSource, Pace, StoredAudio, chunk_of,
    clip, examine, read_range,
};
pub use tags::{READER, identify};
pub use turns::take_turn;
