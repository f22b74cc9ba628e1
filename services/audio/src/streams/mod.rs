//! Audio out of files and stores: checked chunk by chunk, for listeners and for parsers.

mod examining;
mod reader;
mod reading;
mod source;
mod store;
mod stored;

pub use examining::{Pace, examine};
pub use reader::AudioReader;
pub use reading::{AudioReading, read_range};
pub use source::{ChunkSource, chunk_of, clip};
pub use store::AudioStore;
pub use stored::{ChunkMemory, StoredAudio};
