//! The commands about people: who signs in, with which tokens, and which accounts there are.
//!
//! Secrets are typed unseen, read from stdin or from files, and never taken from the command line.

mod asked;
mod asking;
pub(crate) mod kept;
#[cfg(not(feature = "server"))]
mod left_out;
pub(crate) mod login;
pub(crate) mod logout;
#[cfg(feature = "server")]
mod reset;
mod role;
pub(crate) mod tokens;
pub(crate) mod users;
