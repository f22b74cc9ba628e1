//! Calls, each attempted at one server after the other: questions, songs that go on elsewhere, uploads,
//! and the learning of servers beside them.

mod discovery;
mod failures;
mod next;
mod reads;
pub(crate) mod resume;
mod silence;
mod upload;

pub(crate) use upload::SONG_BYTES_MAX;
