//! The tags of an audio file, and the song that it is by them.

mod codepage;
mod describe;
mod identify;
mod path;
mod tagged;
mod values;

pub use describe::READER;
pub(crate) use describe::{Described, describe, named, not_empty, renewed};
pub use identify::identify;
pub(crate) use tagged::{Tagged, read, read_cover, read_lyrics};
pub(crate) use values::{Values, bounded};
