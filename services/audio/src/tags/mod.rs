//! What an audio file says of itself, and which song it is by that.

mod codepage;
mod describe;
mod identify;
mod tagged;

pub(crate) use describe::{describe, not_empty};
pub use identify::identify;
pub(crate) use tagged::{Tagged, read, read_cover};
