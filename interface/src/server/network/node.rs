//! A node of the network in this process.

use std::sync::Arc;

use kadenza_contract::MusicService;
use kadenza_distributed::{Node, NodeConfig, StartError};
use kadenza_services::{Library, library::LibraryConfig};
use kadenza_terminal::chain;
use kadenza_views::Readiness;

use super::membership::Membership;
use crate::{
    fault::Fault,
    server::{admin::HandOn, storage::AskStorage},
};

/// Opens the library of a node and starts the node on it.
///
/// # Errors
///
/// If the library cannot be opened or the node not started.
pub(in crate::server) async fn start(
    config: NodeConfig,
    bounds: LibraryConfig,
    readiness: &Readiness,
) -> Result<(Arc<dyn MusicService>, AskStorage, Membership), Fault> {
    let library = Library::open(&config.data, bounds).await?;
    let own = library.clone();
    let node = Node::start(library, config).await.map_err(worded)?;
    let stopped = node.clone();
    let membership = Membership {
        rpc: node.rpc_address(),
        hand_on: hand_on(node.clone(), readiness.clone()),
        shut_down: Box::pin(async move { stopped.shutdown().await }),
    };
    let ask: AskStorage = Box::new(move || {
        let own = own.clone();
        Box::pin(async move { own.storage().await.map(Some) })
    });
    Ok((Arc::new(node), ask, membership))
}

/// Makes a node hand its share on. Meanwhile it still answers, but its `/health` asks for no new requests.
fn hand_on(node: Node, readiness: Readiness) -> HandOn {
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
fn worded(error: StartError) -> Fault {
    match error {
        StartError::Listen { address, cause } => {
            let what =
                format!("cannot listen for other nodes at {address} (choose another with --rpc)");
            Fault::io(what, cause)
        }
        error => Fault::Failed(chain(&error)),
    }
}
