//! Joining by names.

use std::time::Duration;

use kadenza_distributed::{Beginning, Node};
use kadenza_library::{Library, LibraryConfig};
use tempfile::TempDir;

use crate::common::{Cluster, member};

/// On most machines the name also stands for an IPv6 address, at which nobody listens.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_joins_by_a_name_of_several_addresses() {
    let cluster = Cluster::of(1).await;
    let directory = TempDir::new().unwrap();
    let library = Library::open(directory.path(), LibraryConfig::default()).await;
    let mut config = member(directory.path());
    let port = cluster.nodes[0].rpc_address().port();
    config.beginning = Beginning::through([format!("localhost:{port}")]);
    let node = Node::start(library.unwrap(), config).await.unwrap();
    assert!(!node.is_waiting());
    assert!(node.settled(Duration::from_secs(60)).await);
}
