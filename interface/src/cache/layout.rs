//! How the nodes of a cache stand together: one, each with its share, or each with everything.

use std::{fmt, sync::Arc};

use clap::ValueEnum;
#[cfg(feature = "redis")]
use kadenza_services::cache::Guarded;
use kadenza_services::cache::{Partitioned, Patience, Replicated, Store};

use crate::fault::Fault;

/// Puts nodes together to one store.
///
/// # Errors
///
/// [`Fault::Usage`] if they cannot stand so, with what to do.
pub(super) fn laid_out(nodes: Vec<Node>, layout: Option<Layout>) -> Result<Arc<dyn Store>, Fault> {
    let count = nodes.len();
    let layout = layout.unwrap_or(match count {
        1 => Layout::Central,
        _ => Layout::Partitioned,
    });
    let bad = |what: String| Err(Fault::Usage(what));
    match (layout, count) {
        (Layout::Central, 1) => {}
        (Layout::Central, _) => {
            return bad(format!(
                "a central cache is one node, not {count}: leave the others out, or take --cache-layout partitioned or replicated"
            ));
        }
        (_, 1) => {
            return bad(format!(
                "a {layout} cache needs several nodes: name more servers with --cache, or take --cache embedded --cache-nodes N"
            ));
        }
        _ if nodes.iter().any(|node| node.stands_alone) => {
            return bad(
                "Redis Cluster and Sentinel spread and copy what is remembered by themselves: take one such --cache, and no other beside it"
                    .to_owned(),
            );
        }
        _ => {}
    }
    let patience = Patience::default();
    let store: Option<Arc<dyn Store>> = match layout {
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
    store.ok_or_else(|| Fault::Usage("--cache is given without a cache".to_owned()))
}

/// How cache nodes stand together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Layout {
    /// One node
    Central,
    /// Several nodes, each with its share of the answers
    Partitioned,
    /// Several nodes, each with all answers: a primary and its replicas
    Replicated,
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

/// A node, before it has its place.
pub(super) struct Node {
    pub(super) store: Arc<dyn Store>,
    /// Whether it is elsewhere, and so may be slow or away.
    pub(super) may_fail: bool,
    /// Whether it is many servers that look like one.
    pub(super) stands_alone: bool,
}

impl Node {
    fn guarded(self, patience: Patience) -> Arc<dyn Store> {
        #[cfg(feature = "redis")]
        if self.may_fail {
            return Arc::new(Guarded::new(self.store, patience));
        }
        let _ = (self.may_fail, patience);
        self.store
    }
}
