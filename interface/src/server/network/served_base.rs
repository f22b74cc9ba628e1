//! The base of the stack of `serve`, as its flags choose it.

use kadenza_stack::{HttpListener, LibraryLocation};

use crate::server::{flags::LibraryUse, plan::Base};

/// The base of a server, and what the layers above have to know of it.
#[derive(Debug)]
pub(in crate::server) struct ServedBase {
    /// The base of the stack.
    pub(in crate::server) base: Base,
    /// Whether other servers add songs to the library too.
    pub(in crate::server) library_use: LibraryUse,
    /// The base URL that tells this server apart from others.
    pub(in crate::server) url: String,
    /// Whether others reach this server under that URL as well.
    pub(in crate::server) is_advertised: bool,
}

impl ServedBase {
    /// A library that is served alone.
    pub(super) fn alone(location: LibraryLocation, listener: &HttpListener) -> ServedBase {
        let library_use = match location {
            LibraryLocation::Embedded { .. } => LibraryUse::ThisProcessAlone,
            LibraryLocation::Postgres { .. } | LibraryLocation::Backend { .. } => {
                LibraryUse::Shared
            }
        };
        ServedBase {
            base: Base::Library(location),
            library_use,
            url: listener.url("localhost"),
            is_advertised: false,
        }
    }
}
