//! gRPC from outside: what it adds to the contract, which the conformance suite holds over it.

mod backends;
mod calls;
mod standards;
mod strangers;
mod support;
