//! Which layers a server wants.

#[cfg(feature = "distributed")]
use kadenza_distributed::NodeConfig;
#[cfg(feature = "distributed")]
use kadenza_services::library::LibraryConfig;
use kadenza_stack::{Cache, LibraryLocation};

/// The base of a stack.
#[derive(Debug)]
pub(crate) enum Base {
    /// A library, wherever it is.
    Library(LibraryLocation),
    /// A library on this machine, as one of many in a network of nodes.
    #[cfg(feature = "distributed")]
    Node(NodeConfig, LibraryConfig),
    /// Servers elsewhere, by their base URLs.
    Servers(Vec<String>),
}

/// Which layers are wanted.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The base of the stack.
    pub(crate) base: Base,
    /// The cache over the base, if there is one.
    pub(crate) cache: Option<Cache>,
    /// Whether the web player is served beside the interface that it uses.
    pub(crate) page: bool,
    /// The base URL at which clients reach the stack; `None` if only they can tell.
    pub(crate) url: Option<String>,
}
