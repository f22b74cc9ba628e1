//! The layouts of a cache: one node, several with a share each, or several with everything each.

use std::{fmt, sync::Arc};

use kadenza_services::cache::{Partitioned, Patience, Replicated, Store};

use crate::cache::CacheNode;

/// A layout of cache nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One node.
    Central,
    /// Several nodes, each with its share of the answers.
    Partitioned,
    /// Several nodes, each with all answers: a primary and its replicas.
    Replicated,
}

/// Why nodes cannot stand together as asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// There are no nodes.
    #[error("a cache needs a node")]
    NoNode,
    /// A central cache has one node.
    #[error("a central cache is one node, not {count}")]
    OneNodeOnly {
        /// How many there are.
        count: usize,
    },
    /// A partitioned or replicated cache has several nodes.
    #[error("a {layout} cache needs several nodes")]
    SeveralNodesNeeded {
        /// The layout.
        layout: Layout,
    },
    /// Redis Cluster and Sentinel are several servers already, and go with no other node.
    #[error("Redis Cluster and Sentinel spread and copy what is remembered by themselves")]
    SpreadAlready,
}

impl Layout {
    /// The layout of so many nodes unless another one is asked for.
    #[must_use]
    pub fn usual(nodes: usize) -> Layout {
        match nodes {
            1 => Layout::Central,
            _ => Layout::Partitioned,
        }
    }

    /// Makes one store of nodes.
    ///
    /// # Errors
    ///
    /// Those of [`LayoutError`].
    pub fn of(self, nodes: Vec<CacheNode>) -> Result<Arc<dyn Store>, LayoutError> {
        match (self, nodes.len()) {
            (Layout::Central, 1) => {}
            (Layout::Central, count @ 2..) => return Err(LayoutError::OneNodeOnly { count }),
            (layout, 1) => return Err(LayoutError::SeveralNodesNeeded { layout }),
            _ if nodes.iter().any(|node| node.is_spread) => return Err(LayoutError::SpreadAlready),
            _ => {}
        }
        let patience = Patience::default();
        let store: Option<Arc<dyn Store>> = match self {
            Layout::Central => nodes.into_iter().map(|node| node.guarded(patience)).next(),
            Layout::Partitioned => {
                let nodes = nodes.into_iter().map(|node| node.guarded(patience));
                Partitioned::over(nodes.collect()).map(|store| Arc::new(store) as Arc<dyn Store>)
            }
            // It guards its nodes itself: it has to know which of them are well.
            Layout::Replicated => {
                let nodes = nodes.into_iter().map(|node| node.store);
                Replicated::over(nodes.collect(), patience)
                    .map(|store| Arc::new(store) as Arc<dyn Store>)
            }
        };
        store.ok_or(LayoutError::NoNode)
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Layout::Central => "central",
            Layout::Partitioned => "partitioned",
            Layout::Replicated => "replicated",
        })
    }
}
