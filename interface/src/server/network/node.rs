//! A node of the network in this process.

use std::sync::Arc;

use kadenza_contract::{Error, MusicService};
use kadenza_distributed::{Beginning, Key, Node, StartError, trust::TrustError};
use kadenza_services::{Library, accounts::Accounts, library::AccountsFile};
use kadenza_terminal::chain;
use kadenza_views::Readiness;

use super::membership::Membership;
use crate::{
    fault::Fault,
    server::{
        accounts,
        admin::{Forget, HandOn, Orders},
        plan::NodePlan,
        storage::AskStorage,
    },
};

/// What `/health` says of a node that has met none of its network.
const WAITING: &str = "this node has met no other node of its network yet, and waits for one: it takes no uploads, \
    and cannot say what there is not";
/// What it says of a node that leaves.
const LEAVING: &str = "this node is leaving its network: use another server";

/// A node that was started.
pub(in crate::server) struct Started {
    pub(in crate::server) node: Arc<dyn MusicService>,
    pub(in crate::server) storage: AskStorage,
    pub(in crate::server) membership: Membership,
    /// Who may do what, if people sign in.
    pub(in crate::server) accounts: Option<Arc<dyn Accounts>>,
}

/// Opens the library of a node and starts the node on it.
///
/// # Errors
///
/// If the library cannot be opened or the node not started.
pub(in crate::server) async fn start(
    plan: NodePlan,
    sign_in: bool,
    readiness: &Readiness,
) -> Result<Started, Fault> {
    let NodePlan {
        mut config,
        bounds,
        neighbours,
    } = plan;
    let library = Library::open(&config.data, bounds).await?;
    if sign_in {
        let began_here = matches!(config.beginning, Beginning::Bootstrap);
        let store = Arc::new(AccountsFile::open(&config.data).await?);
        config.accounts = Some(accounts::open(store, &config.data, began_here).await?);
    }
    let accounts = config.accounts.clone();
    let own = library.clone();
    let node = Node::start(library, config).await.map_err(worded)?;
    if node.is_waiting() {
        tell_waiting(node.clone(), readiness.clone());
    }
    if let Some(neighbours) = &neighbours {
        neighbours.announce(node.id(), node.rpc_address());
    }
    let stopped = node.clone();
    let membership = Membership {
        rpc: node.rpc_address(),
        orders: Orders {
            hand_on: hand_on(node.clone(), readiness.clone()),
            forget: forget(node.clone()),
        },
        shut_down: Box::pin(async move {
            if let Some(neighbours) = neighbours {
                neighbours.withdraw(stopped.id()).await;
            }
            stopped.shutdown().await;
        }),
    };
    let ask: AskStorage = Box::new(move || {
        let own = own.clone();
        Box::pin(async move { own.storage().await.map(Some) })
    });
    Ok(Started {
        node: Arc::new(node),
        storage: ask,
        membership,
        accounts: accounts.map(|accounts| accounts as Arc<dyn Accounts>),
    })
}

/// Makes a node hand its share on. Meanwhile it still answers, but its `/health` asks for no new requests.
fn hand_on(node: Node, readiness: Readiness) -> HandOn {
    Arc::new(move || {
        let (node, readiness) = (node.clone(), readiness.clone());
        Box::pin(async move {
            readiness.withdraw(LEAVING);
            let left = node.leave().await;
            if left.is_err() {
                // A node that could not leave goes on as before.
                readiness.give();
            }
            left
        })
    })
}

/// Has `/health` ask for no requests until the node has met its network.
fn tell_waiting(node: Node, readiness: Readiness) {
    readiness.withdraw(WAITING);
    tracing::warn!("{WAITING}");
    tokio::spawn(async move {
        node.met().await;
        readiness.give();
        tracing::info!("the node has met its network");
    });
}

/// Makes a node give a member up.
fn forget(node: Node) -> Forget {
    Arc::new(move |member: String| {
        let node = node.clone();
        Box::pin(async move {
            let member: Key = member.parse().map_err(|_| Error::Invalid {
                what: "node is the id of a node: 64 hexadecimal digits".to_owned(),
            })?;
            node.forget(&member).await
        })
    })
}

/// A port that is taken is told with the flag to choose another.
fn worded(error: StartError) -> Fault {
    match error {
        StartError::Listen { address, cause } => {
            let what =
                format!("cannot listen for other nodes at {address} (choose another with --rpc)");
            Fault::io(what, cause)
        }
        StartError::NoNetwork { path } => Fault::Usage(format!(
            "{} belongs to no network yet: begin one with --bootstrap, or name a node of one with --join (or --mdns in a local network)",
            path.display()
        )),
        StartError::Trust(TrustError::NoRecord { path }) => Fault::Usage(format!(
            "{} belongs to no network yet: begin one with --bootstrap, or join one with --invite and an invitation, which \
             `kadenza invite` prints on a machine of it",
            path.display()
        )),
        error => Fault::Failed(chain(&error)),
    }
}
