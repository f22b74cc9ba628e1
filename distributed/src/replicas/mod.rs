//! The nodes that hold something, as objects: this one and the stubs of the others.

pub(crate) mod ask;
pub(crate) mod copies;
pub(crate) mod local;
pub(crate) mod possession;
pub(crate) mod remote;
pub(crate) mod replica;
pub(crate) mod responsible;
