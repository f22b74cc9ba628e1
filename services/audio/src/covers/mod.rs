//! Covers: pictures in files, in the sizes that are asked for.

mod memory;
mod picture;

pub(crate) use memory::Covers;
pub(crate) use picture::{is_picture, original, scaled};
