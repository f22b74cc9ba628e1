//! Stacks of real layers, to run the conformance suite over.
//!
//! Each is built as the binary builds it, on loopback and in temporary directories, and taken apart
//! in order. [`OverHttp`] stands on any other stack, and so on itself.

mod cached;
mod dying;
mod failing;
mod http;
mod library;
mod nodes;
mod spread;

pub use cached::OverCache;
pub use dying::OverDyingNodes;
pub use failing::OverFailingServers;
pub use http::OverHttp;
pub use library::OneLibrary;
pub use nodes::Nodes;
pub use spread::Spread;

/// Any error as the text that a stack gives for it.
fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
