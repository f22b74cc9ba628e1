//! Uploading a song to the nodes that must hold it.

pub(crate) mod push;
mod shown;
pub(crate) mod turns;
mod upload;
