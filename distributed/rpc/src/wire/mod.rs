//! What travels on a connection: frames and the envelopes in them.

pub(crate) mod envelope;
pub(crate) mod frame;
pub(crate) mod reader;
