//! Finding songs, listing them, and listening to them.

pub(crate) mod find;
mod listen;
mod listing;
