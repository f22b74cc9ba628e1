//! How a node comes to its network.

use std::{fmt, sync::Arc};

use async_trait::async_trait;

/// How a node comes to its network. What its directory remembers of one counts in any case.
#[derive(Debug, Clone)]
pub enum Beginning {
    /// It begins a network, unless its directory belongs to one already.
    Bootstrap,
    /// It joins through the nodes that it is told of. None of them needs to be up: joining is tried again, and
    /// until it has met one, the node acknowledges nothing and denies nothing.
    Join(Arc<dyn Introductions>),
    /// It looks for the nodes that its directory remembers.
    Remember,
}

impl Beginning {
    /// A node that joins through these addresses (`HOST:PORT`), or begins a network where there are none.
    pub fn through(addresses: impl IntoIterator<Item = String>) -> Beginning {
        match Vec::from_iter(addresses) {
            none if none.is_empty() => Beginning::Bootstrap,
            some => Beginning::Join(Arc::new(some)),
        }
    }
}

/// Where a node that joins learns whom to ask.
#[async_trait]
pub trait Introductions: fmt::Debug + Send + Sync + 'static {
    /// The addresses (`HOST:PORT`) of nodes of the network, as far as they are known now; asked again at each attempt
    /// to join.
    async fn addresses(&self) -> Vec<String>;
}

#[async_trait]
impl Introductions for Vec<String> {
    async fn addresses(&self) -> Vec<String> {
        self.clone()
    }
}
