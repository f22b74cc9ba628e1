//! Covers: pictures in files, in the sizes that are asked for.

mod jpeg;
mod memory;
mod picture;

pub(crate) use memory::{Covers, Known};
pub(crate) use picture::{Decoded, Picture, decode, is_kept, is_picture, original};
