//! Finding songs, listing them, and listening to them.

pub(crate) mod find;
mod hedged;
mod listen;
mod listing;
