//! Flags that several commands share.

mod bounds;
mod cache;
mod given;
mod grpc;
mod library;
mod open;
mod people;
mod site;
mod tls;
pub(super) mod values;

pub(super) use cache::{CacheFlags, LibraryUse};
pub(super) use given::Given;
pub(super) use library::LibraryFlags;
pub(super) use open::Open;
pub(super) use people::PeopleFlags;
pub(super) use site::SiteFlags;
pub(super) use tls::{CertificateFlags, TlsFlags};
