//! Nodes of the distributed layer, all in this process, speaking to each other over loopback.

use std::sync::Arc;

use async_trait::async_trait;
use kadenza_contract::MusicService;
use kadenza_distributed::{
    Beginning, Node, NodeConfig,
    trust::{ClusterKey, Trust},
};
use kadenza_services::library::AudioPlace;
use tempfile::TempDir;

use super::{Spread, library, text};
use crate::conformance::{Machines, Running, Stack};

/// So many nodes, as one service that asks another node with every call.
#[derive(Debug)]
pub struct Nodes(pub usize);

struct Cluster {
    directories: Vec<TempDir>,
    nodes: Vec<Node>,
}

#[async_trait]
impl Stack for Nodes {
    async fn start(&self) -> Result<Box<dyn Running>, String> {
        let directories: Result<Vec<TempDir>, _> = (0..self.0).map(|_| TempDir::new()).collect();
        let mut cluster = Cluster {
            directories: directories.map_err(text)?,
            nodes: Vec::new(),
        };
        cluster.start().await?;
        Ok(Box::new(cluster))
    }
}

impl Cluster {
    async fn start(&mut self) -> Result<(), String> {
        for directory in &self.directories {
            let library = library::open(directory, AudioPlace::Data).await?;
            let known = self
                .nodes
                .first()
                .map(|node| node.rpc_address().to_string());
            let config = NodeConfig {
                beginning: Beginning::through(known),
                trust: Trust::ClusterKey(ClusterKey::from_secret(&[1; 32])),
                ..NodeConfig::new(directory.path())
            };
            self.nodes
                .push(Node::start(library, config).await.map_err(text)?);
        }
        Ok(())
    }

    async fn end(&mut self) {
        let ends = self.nodes.iter().map(Node::shutdown);
        futures_util::future::join_all(ends).await;
        self.nodes.clear();
    }
}

#[async_trait]
impl Running for Cluster {
    fn service(&self) -> Arc<dyn MusicService> {
        Arc::new(Spread::over(self.faces()))
    }

    fn faces(&self) -> Vec<Arc<dyn MusicService>> {
        let nodes = self.nodes.iter().cloned();
        nodes
            .map(|node| Arc::new(node) as Arc<dyn MusicService>)
            .collect()
    }

    async fn restart(&mut self) -> Result<bool, String> {
        self.end().await;
        self.start().await?;
        Ok(true)
    }

    async fn reach(&mut self, machines: Machines) -> Result<bool, String> {
        match machines {
            Machines::TooFew if self.nodes.len() == 1 => return Ok(false),
            Machines::TooFew => {
                let lost = self.nodes.split_off(1);
                futures_util::future::join_all(lost.iter().map(Node::shutdown)).await;
            }
            Machines::All => {
                self.end().await;
                self.start().await?;
            }
        }
        Ok(true)
    }

    async fn stop(mut self: Box<Self>) {
        self.end().await;
    }
}
