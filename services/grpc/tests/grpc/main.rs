//! gRPC from outside: what it adds to the contract, which the conformance suite holds over it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod backends;
mod calls;
mod standards;
mod strangers;
mod support;
mod tls;
