//! Which layers a server wants.

#[cfg(feature = "distributed")]
use kadenza_distributed::NodeConfig;
#[cfg(feature = "distributed")]
use kadenza_services::library::LibraryConfig;
use kadenza_stack::{Cache, LibraryLocation};
use kadenza_tls::Roots;
use kadenza_views::Site;

#[cfg(feature = "distributed")]
use super::neighbours::Neighbours;

/// The base of a stack.
#[derive(Debug)]
pub(crate) enum Base {
    /// A library, wherever it is.
    Library(LibraryLocation),
    /// A library on this machine, as one of many in a network of nodes.
    #[cfg(feature = "distributed")]
    Node(NodePlan),
    /// Servers elsewhere, by their base URLs.
    Servers {
        /// Their addresses.
        urls: Vec<String>,
        /// Who may vouch for them.
        roots: Roots,
    },
}

/// A node that is wanted.
#[cfg(feature = "distributed")]
#[derive(Debug)]
pub(crate) struct NodePlan {
    /// How it is to run.
    pub(crate) config: NodeConfig,
    /// The place of its audio, and the bounds of its library.
    pub(crate) bounds: LibraryConfig,
    /// The nodes in the local network, if it is announced there.
    pub(crate) neighbours: Option<Neighbours>,
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
    /// The names under which it answers.
    pub(crate) site: Site,
    /// Whether people sign in. Servers elsewhere know that themselves.
    pub(crate) sign_in: bool,
    /// The base URL at which clients reach the stack; `None` if only they can tell.
    pub(crate) url: Option<String>,
}
