//! How the layers stand upon each other.
//!
//! [`Stack::build`] is the only place that knows their order. Whatever it leaves out, the layers
//! above cannot tell.

use std::sync::Arc;

use axum::Router;
#[cfg(feature = "distributed")]
use kadenza_distributed::{Node, NodeConfig, StartError};
use kadenza_services::MusicService;
#[cfg(feature = "distributed")]
use kadenza_services::library::{Library, LibraryConfig};
use kadenza_views::{CacheCounts, Readiness, ViewsConfig};
use tokio_util::sync::CancellationToken;

use crate::{admin, cache, client, fault::Fault, library::Shelf, player};

/// What the stack stands on.
#[derive(Debug)]
pub(crate) enum Ground {
    /// A library, wherever it is.
    Library(Shelf),
    /// The same with other nodes: one library among many.
    #[cfg(feature = "distributed")]
    Node(NodeConfig, LibraryConfig),
    /// Servers elsewhere, by their base URLs.
    Servers(Vec<String>),
}

/// Which layers are wanted.
#[derive(Debug)]
pub(crate) struct Plan {
    /// What the stack stands on.
    pub(crate) ground: Ground,
    /// What remembers answers of the ground, if anything.
    pub(crate) cache: Option<cache::Planned>,
    /// Whether the web player is served beside the interface that it uses.
    pub(crate) page: bool,
    /// The base URL at which clients reach the stack; `None` if only they can tell.
    pub(crate) url: Option<String>,
}

/// Layers upon layers.
#[derive(Debug)]
pub(crate) struct Stack {
    /// What answers over HTTP.
    pub(crate) router: Router,
    /// Whether `/health` says that requests are wanted.
    pub(crate) readiness: Readiness,
    /// The distributed layer, where there is one.
    #[cfg(feature = "distributed")]
    pub(crate) node: Option<Node>,
}

impl Stack {
    /// Builds the stack, bottom to top; the stack cancels `end` if it is told to leave.
    ///
    /// # Errors
    ///
    /// [`Fault::Service`] if the library cannot be opened or the node not started.
    pub(crate) async fn build(plan: Plan, end: &CancellationToken) -> Result<Stack, Fault> {
        #[cfg(feature = "distributed")]
        let mut node = None;

        let service: Arc<dyn MusicService> = match plan.ground {
            // The library: songs on this machine's disk, or in another process. Alone, it answers
            // for itself.
            Ground::Library(shelf) => shelf.open().await?,
            // The distributed layer makes many libraries one. It stands directly on the library,
            // because it answers other nodes from there, and from nowhere higher.
            #[cfg(feature = "distributed")]
            Ground::Node(config, bounds) => {
                let library = Library::open(&config.data, bounds).await?;
                let started = Node::start(library, config).await.map_err(told)?;
                node = Some(started.clone());
                Arc::new(started)
            }
            // The middleware makes many servers one. Whoever stands on it has no library.
            Ground::Servers(servers) => Arc::new(client::client_of(&servers)?),
        };

        // The cache stands over whatever answers, and under all that asks.
        let mut cache_counts = CacheCounts::default();
        let service: Arc<dyn MusicService> = match plan.cache {
            None => service,
            Some(planned) => {
                let cached = planned.over(service);
                cache::warn_of_absent_nodes(Arc::clone(&cached));
                cache_counts = cache::counts_of(&cached);
                cached
            }
        };

        // The views speak HTTP for whatever stands below.
        let readiness = Readiness::default();
        let views = ViewsConfig {
            advertised: plan.url,
            readiness: readiness.clone(),
            cache_counts,
            ..ViewsConfig::default()
        };
        let mut router = kadenza_views::router(service, views);

        // What is told to this process, not asked of the music: only the process can stop.
        #[cfg(feature = "distributed")]
        let hand_on = node.clone().map(|node| hand_on(node, &readiness));
        #[cfg(not(feature = "distributed"))]
        let hand_on = None;
        router = router.merge(admin::router(hand_on, end.clone()));

        // The page is on top: it is a client like any other, which happens to live here.
        if plan.page {
            router = router.merge(player::page());
        }
        Ok(Stack {
            router,
            readiness,
            #[cfg(feature = "distributed")]
            node,
        })
    }
}

/// How a node hands its share on. Meanwhile it still answers, but wants no new requests.
#[cfg(feature = "distributed")]
fn hand_on(node: Node, readiness: &Readiness) -> admin::HandOn {
    let readiness = readiness.clone();
    Arc::new(move || {
        let (node, readiness) = (node.clone(), readiness.clone());
        Box::pin(async move {
            readiness.set(false);
            let left = node.leave().await;
            // A node that could not leave goes on as before.
            readiness.set(left.is_err());
            left
        })
    })
}

/// A port that is taken is told with the flag to choose another.
#[cfg(feature = "distributed")]
fn told(error: StartError) -> Fault {
    match error {
        StartError::Listen { address, cause } => {
            let what =
                format!("cannot listen for other nodes at {address} (choose another with --rpc)");
            Fault::io(what, cause)
        }
        error => error.into(),
    }
}
