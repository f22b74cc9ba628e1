//! Covers: pictures in files, in the sizes that are asked for.

mod memory;
mod picture;
mod progressive;

pub(crate) use memory::{Covers, Known};
pub(crate) use picture::{Picture, decode, is_kept, is_picture, original};
