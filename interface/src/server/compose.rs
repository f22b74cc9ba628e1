//! The order of the layers.
//!
//! [`compose`] is the only function that knows it. A layer cannot tell which layers are below it.

use std::{net::SocketAddr, sync::Arc};

use kadenza_contract::MusicService;
use kadenza_services::accounts::Accounts;
use kadenza_stack::{HttpListener, OpenError, Serving, Stack};
use kadenza_views::{Readiness, ViewsConfig, admins_only};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{
    accounts, admin,
    listen::warn_of_cut,
    network::Membership,
    page,
    plan::{Base, Plan},
    process::private,
    storage::{self, AskStorage},
};
use crate::{audit, client::servers::client_of, fault::Fault, output};

/// Builds a stack, bottom to top, and serves it. A node that was told to leave ends its stack
/// itself.
///
/// # Errors
///
/// If the library cannot be opened or the node not started.
pub(crate) async fn compose(plan: Plan, listener: HttpListener) -> Result<Running, Fault> {
    let end = CancellationToken::new();
    let readiness = Readiness::default();

    type Composed = (
        Arc<dyn MusicService>,
        Option<AskStorage>,
        Option<Membership>,
        // Who may do what is kept beside the library, and asked by the views before anything else.
        Option<Arc<dyn Accounts>>,
    );
    let (service, storage, membership, accounts): Composed = match plan.base {
        // The library: songs on this machine's disk, or in another process. Alone, it answers
        // for itself.
        Base::Library(location) => {
            private::tighten(&location);
            if let Some(data) = location.data() {
                audit::begin(data);
            }
            let (library, accounts) = match plan.sign_in {
                true => {
                    let (library, accounts) = accounts::with_library(location).await?;
                    (library, Some(accounts))
                }
                false => (location.open().await?, None),
            };
            let ask = storage::asking(Arc::clone(&library));
            (library, Some(ask), None, accounts)
        }
        // The distributed layer makes many libraries one. It stands directly on the library,
        // because it answers other nodes from there, and from nowhere higher.
        #[cfg(feature = "distributed")]
        Base::Node(node) => {
            private::tighten_library(&node.config.data, &node.bounds);
            audit::begin(&node.config.data);
            let started = super::network::start(node, plan.sign_in, &readiness).await?;
            (
                started.node,
                Some(started.storage),
                Some(started.membership),
                started.accounts,
            )
        }
        // The middleware makes many servers one. A stack over it has no library of its own, and no accounts: the
        // servers are asked, each time on behalf of whoever asks here.
        Base::Servers { urls, roots } => {
            let client = client_of(&urls, roots)?;
            let accounts = Arc::new(client.accounts());
            (Arc::new(client), None, None, Some(accounts))
        }
    };

    // `/health` tells of the storage below without waiting for it.
    let telling = storage.map(|ask| storage::tell(readiness.clone(), ask));

    // The cache is over the service, whichever it is, and the views speak HTTP for both.
    let views = ViewsConfig {
        advertised: plan.url,
        site: plan.site.clone(),
        accounts: accounts.clone(),
        readiness: readiness.clone(),
        ..ViewsConfig::default()
    };
    let stack = Stack::over(service, plan.cache, views);
    stack.warn_of_absent_cache_nodes();

    // Leaving ends the process, so the request is for the process, not for the music service.
    let orders = membership.as_ref().map(|node| node.orders.clone());
    let mut router = stack.router.merge(
        plan.site
            .guard(admins_only(accounts, admin::router(orders, end.clone()))),
    );

    // The page is on top: it is a client like any other, which happens to live here.
    if plan.page {
        router = router.merge(plan.site.guard(page::routes()));
    }
    Ok(Running {
        serving: listener.serve(router, readiness, end),
        telling,
        membership,
    })
}

/// A stack that answers.
pub(crate) struct Running {
    serving: Serving,
    /// Keeps `/health` informed. It holds the library, so it ends first.
    telling: Option<JoinSet<()>>,
    membership: Option<Membership>,
}

impl Running {
    /// The address of its HTTP interface.
    pub(crate) fn http(&self) -> SocketAddr {
        self.serving.address()
    }

    /// The address for other nodes, if it is a node.
    pub(crate) fn rpc(&self) -> Option<SocketAddr> {
        self.membership.as_ref().map(|node| node.rpc)
    }

    /// Says on stdout that connections are accepted, and where.
    pub(crate) fn say_ready(&self) {
        let rpc = self.rpc();
        let rpc = rpc.map_or_else(String::new, |rpc| format!(" rpc={rpc}"));
        // A server serves also when nobody reads this.
        let _ = output::print(&format!("ready http={}{rpc}", self.http()));
    }

    /// Serves until the process is to end, or the node was told to leave; then closes in order,
    /// from top to bottom: no new requests, the rest of those under way, then the node.
    pub(crate) async fn until(self, end: &CancellationToken) -> Result<(), Fault> {
        let served = self.serving.until(end).await;
        if let Some(mut telling) = self.telling {
            telling.shutdown().await;
        }
        if let Some(node) = self.membership {
            node.shut_down.await;
        }
        match served {
            Ok(cut) => {
                warn_of_cut(cut);
                Ok(())
            }
            Err(error) => Err(Fault::Failed(format!("the HTTP server broke: {error}"))),
        }
    }
}

/// A library that does not open is told with the flag that helps.
impl From<OpenError> for Fault {
    fn from(error: OpenError) -> Fault {
        match error {
            OpenError::HasEmbeddedLibrary { data } => Fault::Usage(format!(
                "--data {} has an embedded library: take another directory for a library on PostgreSQL",
                data.display()
            )),
            OpenError::NoSuchDirectory { directory, cause } => {
                Fault::io(format!("{} cannot be found", directory.display()), cause)
            }
            OpenError::Service(error) => Fault::Service(error),
        }
    }
}
