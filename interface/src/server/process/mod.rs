//! What a server sets for its whole process: how many files it may open, and who may read what it makes.

pub(super) mod limits;
pub(crate) mod private;
