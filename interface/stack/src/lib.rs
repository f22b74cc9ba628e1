//! A stack of layers: a library, a cache over it, and HTTP or gRPC on top.
//!
//! A program composes its stack from the parts here, bottom to top: [`LibraryLocation::open`] gives
//! a service; [`Stack::over`] puts the [`Cache`] and the views over that service, or over any
//! other; [`HttpListener::serve`] offers the result at an address. A [`GrpcListener`] offers a
//! service without cache and views. A layer that a program leaves out is not missed by the others.
//!
//! Nothing here reads a command line or prints, and nothing here knows whether the service below is
//! one library or many.

mod address;
mod cache;
mod grpc;
mod http;
mod layers;
mod layout;
mod library;
mod secret;

pub use address::Address;
pub use cache::{Cache, CacheNode};
pub use grpc::GrpcListener;
pub use http::{HttpListener, Serving};
pub use layers::Stack;
pub use layout::{Layout, LayoutError};
pub use library::{LibraryLocation, OpenError, OpenedForPeople};
pub use secret::SecretUrl;
