//! The handlers of the endpoints.

pub(crate) mod accounts;
pub(crate) mod artwork;
pub(crate) mod audio;
pub(crate) mod browse;
pub(crate) mod node;
pub(crate) mod openapi;
pub(crate) mod search;
pub(crate) mod tokens;
mod turn;
pub(crate) mod upload;
pub(crate) mod users;
