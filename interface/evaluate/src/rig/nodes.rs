//! The cache nodes of one run: fresh, empty, and killed on demand.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use kadenza_contract::CacheNodeStatus;
use kadenza_servers::{self as servers, ServerError};
use kadenza_services::cache::{
    Capacity, Embedded, Keep, Policy, Redis, Store, StoreError, StoredValue,
};
use kadenza_stack::{CacheNode, Layout};

use crate::{
    error::EvaluateError,
    record::{Configuration, NodeKind, Setup},
};

/// Nodes that stand together as one store.
#[derive(Debug)]
pub(super) struct Nodes {
    store: Arc<dyn Store>,
    all: Vec<Node>,
    /// The names of the nodes in answers, and those in the results.
    names: HashMap<Arc<str>, Arc<str>>,
}

/// A node that can die.
#[derive(Debug)]
enum Node {
    Embedded(Arc<KillableNode>),
    Redis(Box<servers::Redis>),
}

impl Nodes {
    /// Starts the nodes of a set-up that has a cache, each with room for so many entries, which on
    /// Redis is so many bytes.
    pub(super) fn start(
        setup: &Setup,
        entries: &[usize],
        bytes: &[u64],
    ) -> Result<Nodes, EvaluateError> {
        let mut all = Vec::new();
        let mut cache_nodes = Vec::new();
        let mut names = HashMap::new();
        for (at, entries) in entries.iter().enumerate() {
            let (node, store): (Node, Arc<dyn Store>) = match setup.kind {
                NodeKind::Embedded => {
                    let name = format!("embedded-{}", at + 1);
                    let mortal = Arc::new(KillableNode::new(&name, *entries, setup.policy));
                    (Node::Embedded(Arc::clone(&mortal)), mortal)
                }
                NodeKind::Redis => {
                    let server = redis(bytes[at], setup.policy)?;
                    let store = Redis::new(&server.url())?;
                    (Node::Redis(Box::new(server)), Arc::new(store))
                }
            };
            let shown = match setup.kind {
                NodeKind::Embedded => format!("embedded-{}", at + 1),
                NodeKind::Redis => format!("redis-{}", at + 1),
            };
            names.insert(store.node_of(b""), shown.into());
            all.push(node);
            cache_nodes.push(CacheNode::that_may_fail(store));
        }
        Ok(Nodes {
            store: layout_of(setup.configuration).of(cache_nodes)?,
            all,
            names,
        })
    }

    /// The nodes as one store.
    pub(super) fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    /// The name in the results of a node that an answer names.
    pub(super) fn shown(&self, name: &str) -> Option<Arc<str>> {
        self.names.get(name).cloned()
    }

    /// Kills the first node, which is the primary of a replicated cache. Returns when it is dead.
    pub(super) fn kill(&self) {
        match self.all.first() {
            Some(Node::Embedded(mortal)) => mortal.is_dead.store(true, Ordering::Relaxed),
            Some(Node::Redis(server)) => tokio::task::block_in_place(|| server.kill()),
            None => {}
        }
    }

    /// Starts the killed node again, empty. Returns when it answers.
    pub(super) fn revive(&self) -> Result<(), EvaluateError> {
        match self.all.first() {
            Some(Node::Embedded(mortal)) => {
                mortal.store.clear();
                mortal.is_dead.store(false, Ordering::Relaxed);
            }
            Some(Node::Redis(server)) => {
                tokio::task::block_in_place(|| server.restart())?;
                keep_buffers(server);
            }
            None => {}
        }
        Ok(())
    }

    /// How many entries the nodes hold together.
    pub(super) async fn entries(&self) -> usize {
        let counts = self.store.counts().await;
        let entries = counts.iter().map(|node| node.entries).sum::<u64>();
        usize::try_from(entries).unwrap_or(usize::MAX)
    }
}

/// How the nodes of a configuration stand together.
fn layout_of(configuration: Configuration) -> Layout {
    match configuration {
        Configuration::Replicated => Layout::Replicated,
        Configuration::Partitioned => Layout::Partitioned,
        Configuration::Off | Configuration::Central => Layout::Central,
    }
}

/// A Redis server that holds so many bytes.
pub(super) fn redis(bytes: u64, policy: Policy) -> Result<servers::Redis, EvaluateError> {
    let bytes = bytes.to_string();
    let mut options = vec!["--maxmemory", &bytes, "--maxmemory-policy", policy.name()];
    let start = || {
        if is_since_7(&servers::Redis::installed()?) {
            options.extend(STEADY);
        }
        let server = servers::Redis::start(&options)?;
        keep_buffers(&server);
        Ok::<_, ServerError>(server)
    };
    Ok(tokio::task::block_in_place(start)?)
}

/// Whether this version of Redis knows the options below.
fn is_since_7(version: &str) -> bool {
    let number = version.strip_prefix("Redis ").unwrap_or_default();
    let major = number
        .split('.')
        .next()
        .and_then(|major| major.parse().ok());
    major.is_some_and(|major: u32| major >= 7)
}

/// Options for a server whose memory is stable. Redis makes a histogram of latencies at the first
/// call of each command and counts it as the cache's memory: a small node would lose the memory of
/// half its entries in the middle of a run. The debug command is needed for the buffers.
const STEADY: [&str; 4] = [
    "--latency-tracking",
    "no",
    "--enable-debug-command",
    "local",
];

/// Keeps the buffers of connections as large as they are. They count as the cache's memory and
/// shrink after some seconds since version 7: a small node would gain as much memory again, and
/// three nodes three times that.
fn keep_buffers(server: &servers::Redis) {
    for command in [
        "DEBUG REPLYBUFFER-RESIZING 0",
        "DEBUG REPLYBUFFER RESIZING 0",
    ] {
        // Each version knows one of them at most; older ones have buffers that never shrink.
        let _ = server.tell(command);
    }
}

/// A node in this process. Dead, it fails every call at once, as a server does whose port is closed.
#[derive(Debug)]
struct KillableNode {
    store: Embedded,
    is_dead: AtomicBool,
}

impl KillableNode {
    fn new(name: &str, entries: usize, policy: Policy) -> KillableNode {
        let capacity = Capacity {
            // Only the number of entries bounds it, so that sizes can be compared.
            bytes: usize::MAX,
            entries,
        };
        KillableNode {
            store: Embedded::new(name, capacity, policy),
            is_dead: AtomicBool::new(false),
        }
    }

    fn alive(&self) -> Result<&Embedded, StoreError> {
        match self.is_dead.load(Ordering::Relaxed) {
            true => Err(StoreError::Failed("the node was killed".into())),
            false => Ok(&self.store),
        }
    }
}

#[async_trait]
impl Store for KillableNode {
    fn node_of(&self, key: &[u8]) -> Arc<str> {
        self.store.node_of(key)
    }

    async fn get(&self, key: &[u8]) -> Result<Option<StoredValue>, StoreError> {
        self.alive()?.get(key).await
    }

    async fn put(&self, key: &[u8], value: Bytes, ttl: Option<Duration>) -> Result<(), StoreError> {
        self.alive()?.put(key, value, ttl).await
    }

    async fn keeps(&self, key: &[u8]) -> Result<Option<Keep>, StoreError> {
        self.alive()?.keeps(key).await
    }

    async fn counts(&self) -> Vec<CacheNodeStatus> {
        self.store.counts().await
    }
}
