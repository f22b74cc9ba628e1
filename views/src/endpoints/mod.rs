//! The handlers of the endpoints.

pub(crate) mod artwork;
pub(crate) mod audio;
pub(crate) mod browse;
pub(crate) mod node;
pub(crate) mod openapi;
pub(crate) mod search;
pub(crate) mod upload;
