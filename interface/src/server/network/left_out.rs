//! A build without the distributed layer: `serve` is always standalone, and has no flags of a node.

use clap::Args;
use kadenza_stack::{HttpListener, LibraryLocation};

use super::served_base::ServedBase;
use crate::{
    fault::Fault,
    server::flags::{Given, LibraryFlags, Open},
};

/// No flags.
#[derive(Debug, Args)]
pub(in crate::server) struct NetworkFlags {}

/// The choice of the flags: a library alone.
#[derive(Debug)]
pub(in crate::server) struct BaseChoice(LibraryLocation);

impl NetworkFlags {
    /// Reads the flags; the library is served alone, whether or not it is `--standalone`.
    ///
    /// # Errors
    ///
    /// [`Fault::Usage`] if the flags contradict each other.
    pub(in crate::server) fn choice(
        self,
        _standalone: bool,
        _open: Open,
        library: LibraryFlags,
        given: &Given,
    ) -> Result<BaseChoice, Fault> {
        library.location(given).map(BaseChoice)
    }
}

impl BaseChoice {
    /// The base of the stack that is served at this listener.
    pub(in crate::server) async fn served_base(
        self,
        listener: &HttpListener,
    ) -> Result<ServedBase, Fault> {
        Ok(ServedBase::alone(self.0, listener))
    }
}
