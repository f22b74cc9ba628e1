//! The commands that ask servers: a file each.

pub(crate) mod authorities;
pub(crate) mod forget;
pub(crate) mod leave;
pub(crate) mod listen;
pub(crate) mod people;
pub(crate) mod search;
pub(crate) mod servers;
pub(crate) mod status;
mod trim;
pub(crate) mod upload;
