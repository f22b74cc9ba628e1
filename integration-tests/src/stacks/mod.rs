//! Stacks of real layers, to run the conformance suite over.
//!
//! Each is built as the binary builds it, on loopback and in temporary directories, and taken apart
//! in order. [`OverHttp`], [`OverGrpc`] and [`OverGrpcs`] stand on any other stack, and so on themselves.

mod asking;
mod cached;
mod dying;
mod failing;
mod grpc;
mod http;
mod library;
mod nodes;
mod people;
mod postgres;
mod spread;

pub use asking::{AsCaller, Asking, Door};
pub use cached::OverCache;
pub use dying::OverDyingNodes;
pub use failing::OverFailingServers;
pub use grpc::{Backend, OverGrpc, OverGrpcs};
pub use http::{OverHttp, OverHttpsForPeople};
pub use library::{LibraryOnObjects, OneLibrary};
pub use nodes::Nodes;
pub use postgres::{Backends, OnPostgres};
pub use spread::Spread;

/// Any error as the text that a stack gives for it.
fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
