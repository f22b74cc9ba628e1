//! Songs, and everything that belongs to one: recordings, tags, audio, covers, uploads.

mod artwork;
mod audio;
mod chunks;
mod copies;
mod format;
mod id;
mod song;
mod tags;
mod upload;

pub use artwork::{Artwork, ArtworkRequest, PIXELS_MAX};
pub use audio::{Audio, AudioRequest, AudioStream};
pub use chunks::{CHUNK_BYTES, ChunkHasher, Chunks};
pub use copies::{Copies, RecordingCopies};
pub use format::Format;
pub use id::{ContentHash, InvalidHash, SongId};
pub use song::{RECORDINGS_MAX, Recording, Song};
pub use tags::{TEXT_BYTES_MAX, Tags};
pub use upload::{FromPath, NewSong, Outcome, Stated, Upload};
