//! Songs, and everything that belongs to one: recordings, tags, audio, covers, uploads.

mod artwork;
mod audio;
mod chunks;
mod copies;
mod details;
mod format;
mod id;
mod lyrics;
mod names;
mod song;
mod tags;
mod text;
mod upload;

pub use artwork::{Artwork, ArtworkRequest, PIXELS_MAX};
pub use audio::{Audio, AudioRequest, AudioStream};
pub use chunks::{CHUNK_BYTES, ChunkHasher, Chunks};
pub use copies::{Copies, RecordingCopies};
pub use details::{DetailNumber, DetailText, Details};
pub use format::Format;
pub use id::{ContentHash, InvalidHash, SongId};
pub use lyrics::{LYRICS_BYTES_MAX, Lyrics, LyricsLine};
pub use names::{Names, VALUES_MAX, values_of};
pub use song::{READER_OF_ALL_ARTISTS, RECORDINGS_MAX, Recording, Song};
pub use tags::{Tags, VARIOUS_ARTISTS, album_artist};
pub use text::TEXT_BYTES_MAX;
pub use upload::{FromPath, NewSong, Outcome, Stated, Upload};
