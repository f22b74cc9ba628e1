//! HTTP: requests to one server, and what its answers mean.

pub(crate) mod exchange;
pub(crate) mod partial;
mod told;
