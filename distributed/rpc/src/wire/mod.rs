//! Frames on a connection, and the envelopes in them.

pub(crate) mod envelope;
pub(crate) mod frame;
pub(crate) mod reader;
