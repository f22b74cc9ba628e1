//! What is particular to one container.

pub(crate) mod ape;
pub(crate) mod comments;
mod counted;
pub(crate) mod flac;
pub(crate) mod ilst;
pub(crate) mod matroska;
pub(crate) mod mp4;
pub(crate) mod ogg;
pub(crate) mod riff;
pub(crate) mod wavpack;
