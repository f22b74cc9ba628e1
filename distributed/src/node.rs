//! A node: the handle that a program holds, and its life from joining to leaving.

use std::{fmt, io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use kadenza_accounts::LocalAccounts;
use kadenza_contract::{
    Artwork, ArtworkRequest, Audio, AudioRequest, Browse, Copies, Credential, Entry, Error, Group,
    Lyrics, MusicService, NewSong, Page, Query, Result, Song, SongId, Status, Upload,
};
use kadenza_library::Library;
use parking_lot::Mutex;
use tokio::time::timeout;

use crate::{
    Contact, Key,
    accounts::Accounts,
    beginning::{Beginning, Introductions},
    cluster::Cluster,
    identity::{self, IdentityError},
    kademlia::{
        K, Placement,
        layout::{NetworkId, Shares},
    },
    membership::Members,
    network::{peers::contact, serve::Server},
    outside::{
        Outside,
        disk::Disk,
        env::{Machine, Task},
    },
    repairing::{Repairing, ledger::Ledger},
    rpc::{Gate, NodeKey, Rpc, RpcConfig},
    trust::{self, Door, Guard, Trust, TrustError},
};

/// How many copies of a song there are unless asked otherwise.
pub const REPLICATION_DEFAULT: usize = 3;
/// The most copies that may be asked for: a bucket's worth of nodes.
pub const REPLICATION_MAX: usize = K;

/// After how long a silent member counts as absent unless asked otherwise: longer than a machine takes to start anew.
pub const REPAIR_AFTER_DEFAULT: Duration = Duration::from_secs(600);
/// How many bytes of audio a node gives to others at most in a second to repair, unless asked otherwise: less than half
/// of what the network of a home carries.
pub const REPAIR_BYTES_PER_SECOND_DEFAULT: u64 = 50_000_000;
/// How long a start waits at most for the node to take over its share.
const SETTLE_WAIT: Duration = Duration::from_secs(5);
/// How many passes a leaving node makes to hand its share on, and how long it waits between two.
const LEAVE_PASSES: usize = 30;
const LEAVE_PAUSE: Duration = Duration::from_secs(1);
/// Capacities are told in these.
const GIB: u64 = 1 << 30;

/// How a node is to run.
#[derive(Debug, Clone)]
pub struct NodeConfig {
    /// The directory for the node's key and the list of nodes that it has met.
    pub data: PathBuf,
    /// Where it listens for other nodes; port 0 picks a free one.
    pub listen: SocketAddr,
    /// The address under which others reach it, where that is another one. A port 0 in it is
    /// replaced by the port that is listened on.
    pub advertise: Option<SocketAddr>,
    /// How the node comes to its network.
    pub beginning: Beginning,
    /// How it knows which other nodes may take part. Default: by the record in its directory.
    pub trust: Trust,
    /// How many copies of a song there should be, 1 to [`REPLICATION_MAX`]; the same on all nodes.
    pub replication: usize,
    /// How much audio the node can hold, in bytes: one with twice as much is given twice as much. Rounded up to GiB. None
    /// is what it said last, and at first [`CAPACITY_UNSAID_GIB`](crate::kademlia::layout::CAPACITY_UNSAID_GIB).
    pub capacity: Option<u64>,
    /// The accounts of people that this node keeps together with the others, written by its
    /// [`NodeWriter`](crate::NodeWriter). Default: none.
    pub accounts: Option<Arc<LocalAccounts>>,
    /// The base URL under which this node is reached over HTTP, for others to know.
    pub http: Option<String>,
    /// How long a copy is kept that only others must hold, after all of them have confirmed theirs.
    pub surplus_kept: Duration,
    /// After so long without an answer a member counts as absent, and its copies are made anew on others; at once where
    /// too few are left to acknowledge an upload.
    pub repair_after: Duration,
    /// How many bytes of audio it gives to others at most in a second to repair; 0 for any number.
    pub repair_bytes_per_second: u64,
}

impl NodeConfig {
    /// A node on loopback, on a free port, that begins a network.
    #[must_use]
    pub fn new(data: impl Into<PathBuf>) -> NodeConfig {
        NodeConfig {
            data: data.into(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            advertise: None,
            beginning: Beginning::Bootstrap,
            trust: Trust::default(),
            replication: REPLICATION_DEFAULT,
            capacity: None,
            accounts: None,
            http: None,
            surplus_kept: Duration::from_secs(60 * 60),
            repair_after: REPAIR_AFTER_DEFAULT,
            repair_bytes_per_second: REPAIR_BYTES_PER_SECOND_DEFAULT,
        }
    }
}

/// Why a node could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The replication factor makes no sense.
    #[error("replication must be from 1 to {REPLICATION_MAX}")]
    Replication,
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The data directory cannot be used.
    #[error("cannot use {}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the disk said.
        #[source]
        cause: io::Error,
    },
    /// Its directory belongs to no network, and it is to begin none and join none.
    #[error("{} belongs to no network yet", path.display())]
    NoNetwork {
        /// The directory.
        path: PathBuf,
    },
    /// The node's key cannot be had.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// It does not belong to a cluster, or what its directory says of that cannot be used.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

/// A node of the cluster: a music service over many libraries, of which one is its own.
///
/// Views cannot tell it from a [`Library`]. Dropping the last handle without
/// [`shutdown`](Node::shutdown) ends it like a crash, which loses nothing.
#[derive(Clone)]
pub struct Node {
    inner: Arc<Inner>,
}

struct Inner {
    cluster: Arc<Cluster>,
    tasks: Mutex<Vec<Task<()>>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.tasks.get_mut().iter().for_each(Task::abort);
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("contact", &self.inner.cluster.own())
            .finish_non_exhaustive()
    }
}

impl Node {
    /// Starts a node over a library and joins. When it returns, the node has taken over its share,
    /// or goes on doing so in the background.
    ///
    /// # Errors
    ///
    /// If the address or the data directory cannot be used. That no other node answers is none.
    pub async fn start(library: Library, config: NodeConfig) -> Result<Node, StartError> {
        Node::starting(library, config).await
    }

    // Boxed in a function that is not async: the code of an async function is compiled anew in each
    // crate that polls it.
    fn starting(
        library: Library,
        config: NodeConfig,
    ) -> BoxFuture<'static, Result<Node, StartError>> {
        Box::pin(Node::start_now(library, config))
    }

    async fn start_now(library: Library, config: NodeConfig) -> Result<Node, StartError> {
        if !(1..=REPLICATION_MAX).contains(&config.replication) {
            return Err(StartError::Replication);
        }
        let data = config.data.clone();
        std::fs::create_dir_all(&data).map_err(|cause| StartError::Directory {
            path: data.clone(),
            cause,
        })?;
        let key = identity::key_in(&data)?;
        let guard = guard(&config, &key)?;
        let mut transport = match &guard {
            None => RpcConfig::new(key.id(), config.listen),
            Some(_) => RpcConfig::proven(&key, config.listen),
        };
        let door = |guard: &Arc<Guard>| Arc::new(Door(Arc::clone(guard))) as Arc<dyn Gate>;
        transport.gate = guard.as_ref().map(door);
        if let (Some(guard), Some(accounts)) = (&guard, &config.accounts) {
            accounts.vouched_by(Arc::<Guard>::clone(guard));
        }
        transport.advertise = config.advertise;
        let rpc = Rpc::bind(transport)
            .await
            .map_err(|cause| StartError::Listen {
                address: config.listen,
                cause,
            })?;
        trust::listens(&data, &rpc.peer().address.to_string())?;
        let directory = data;
        let outside = Outside {
            wire: Arc::new(rpc.clone()),
            store: Arc::new(Disk { library, directory }),
            env: Arc::new(Machine),
        };
        let node = Node::start_within(outside, config).await?;
        if let Some(guard) = guard {
            let cluster = &node.inner.cluster;
            let tending = cluster.task(trust::tend(guard, rpc, Arc::clone(cluster)));
            node.inner.tasks.lock().push(tending);
        }
        Ok(node)
    }

    /// Starts a node in another outside than a machine's, such as a simulation. The directory and the addresses of
    /// the configuration are not looked at: the outside has them.
    ///
    /// # Errors
    ///
    /// As [`Node::start`].
    pub async fn start_within(outside: Outside, config: NodeConfig) -> Result<Node, StartError> {
        let data = config.data.clone();
        let unusable = |cause| StartError::Directory {
            path: data.clone(),
            cause,
        };
        let own = contact(&outside.wire.peer());
        let (store, env) = (&outside.store, &outside.env);
        let remembered = Members::remembered(own, store, env, config.replication).await;
        let members = match (remembered, &config.beginning) {
            (Ok(members), _) => members,
            (Err(error), Beginning::Join(_)) => {
                tracing::warn!(%error, "what this node remembers of its network is not used");
                Members::none(own, store, env, config.replication)
            }
            (Err(cause), _) => return Err(unusable(cause)),
        };
        let members = members.that_are_absent_after(config.repair_after);
        let in_gib = |bytes: u64| u32::try_from(bytes.div_ceil(GIB)).unwrap_or(u32::MAX);
        let members = members.of_capacity(config.capacity.map(in_gib));
        members.are_here().await.map_err(unusable)?;
        let nobody = || Arc::new(Vec::new()) as Arc<dyn Introductions>;
        let through = match config.beginning {
            Beginning::Bootstrap => {
                let network = NetworkId(env.random());
                members.begin(network).await.map_err(unusable)?;
                nobody()
            }
            Beginning::Join(through) => through,
            Beginning::Remember if members.are_of_a_network() => nobody(),
            Beginning::Remember => return Err(StartError::NoNetwork { path: data }),
        };
        let repairing = Repairing::new(config.surplus_kept, config.repair_bytes_per_second);
        let accounts = Accounts::new(config.accounts);
        let cluster = Cluster::new(outside, members, repairing, accounts, config.http);
        let wire = &cluster.outside().wire;
        wire.serve(Arc::new(Server(Arc::downgrade(&cluster))));
        cluster.join(&*through).await;
        let tasks = vec![
            cluster.task(cluster.clone().maintain(through)),
            cluster.task(cluster.clone().repair_for_ever()),
            cluster.task(cluster.clone().tend()),
            cluster.task(cluster.clone().tell_of_accounts()),
        ];
        let node = Node {
            inner: Arc::new(Inner {
                cluster,
                tasks: Mutex::new(tasks),
            }),
        };
        // One that has met nobody may have to wait for days.
        if !node.is_waiting() {
            node.settled(SETTLE_WAIT).await;
        }
        Ok(node)
    }

    /// The node's id.
    #[must_use]
    pub fn id(&self) -> Key {
        self.inner.cluster.own().id
    }

    /// The address under which other nodes reach this one.
    #[must_use]
    pub fn rpc_address(&self) -> SocketAddr {
        self.inner.cluster.own().address
    }

    /// Waits until the node is a member of its network and within reach of a majority, so that its word counts; at
    /// most this long. Says whether it is.
    pub async fn settled(&self, at_most: Duration) -> bool {
        let settled = async {
            while !self.inner.cluster.is_settled().await {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(at_most, settled).await.is_ok()
    }

    /// Whether the node has met no node of its network yet, though there are or should be others: until then
    /// it acknowledges nothing and denies nothing.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.inner.cluster.members().are_awaited()
    }

    /// Waits until the node has met its network.
    pub async fn met(&self) {
        self.inner.cluster.members().met().await;
    }

    /// Counts on a member no longer that is gone for good, and has the others within reach do the same. Should
    /// it come back after all, it joins anew and hands over what it has.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if it is no member, or answers: such a node is told to leave.
    pub async fn forget(&self, member: &Key) -> Result<()> {
        self.inner.cluster.forget(member).await
    }

    /// Finds the nodes closest to a key, as every operation begins: the nodes, the closest first,
    /// and how many requests it took. For measuring and for the curious.
    pub async fn lookup(&self, target: Key, want: usize) -> (Vec<Key>, usize) {
        let (members, asked) = self.inner.cluster.locate_counting(target, want).await;
        (members.into_iter().map(|node| node.id).collect(), asked)
    }

    /// Hands the node's share on to the others, says goodbye and ends the node. The library keeps
    /// its files.
    ///
    /// # Errors
    ///
    /// If there is nobody to hand over to, or not everything arrived; the node then stays in the
    /// cluster, and leaving can be tried again. It must be tried again where only the goodbye was heard by too few
    /// ([`Error::Busy`]): the node counts no longer for those that heard it.
    pub async fn leave(&self) -> Result<()> {
        self.leaving().await
    }

    // Boxed for the same reason as starting.
    fn leaving(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.leave_now())
    }

    async fn leave_now(&self) -> Result<()> {
        let cluster = &self.inner.cluster;
        for pass in 0..LEAVE_PASSES {
            if pass > 0 {
                tokio::time::sleep(LEAVE_PAUSE).await;
            }
            let view = cluster.members().view();
            let mut placed = view.layout().current().placed.clone();
            placed.remove(&self.id());
            let others = placed.keys().filter_map(|id| view.layout().contact(id));
            let others: Vec<Contact> = others.collect();
            if others.is_empty() {
                return Err(Error::TooFew {
                    reached: 0,
                    needed: 1,
                    machines: String::new(),
                });
            }
            let shares = Shares::new(placed, view.layout().replication());
            let placement = Placement::new(Arc::new(shares));
            let before = cluster.store().generation();
            let ledger = Ledger::of(cluster.store(), self.id(), placement).await;
            let lacked = cluster.hand_over(&Mutex::new(ledger), &others).await;
            // What they took just now is all there is, unless something came meanwhile.
            let is_all = lacked == Some(0) || cluster.store().generation() == before;
            if lacked.is_some() && is_all {
                cluster.say_goodbye().await?;
                self.shutdown().await;
                return Ok(());
            }
        }
        Err(Error::Busy)
    }

    /// Ends the node in order. Its copies stay; the others repair what is then missing.
    pub async fn shutdown(&self) {
        let tasks = std::mem::take(&mut *self.inner.tasks.lock());
        tasks.iter().for_each(Task::abort);
        for task in tasks {
            // That it came to no end is what was asked for.
            let _ = task.end().await;
        }
        self.inner.cluster.outside().wire.shutdown().await;
    }
}

/// Who may take part, as the directory of the node says; nobody has to prove anything if there is none.
fn guard(config: &NodeConfig, key: &NodeKey) -> Result<Option<Arc<Guard>>, TrustError> {
    match &config.trust {
        Trust::Open => return Ok(None),
        Trust::Record if matches!(config.beginning, Beginning::Bootstrap) => {
            trust::begin_if_none(&config.data)?;
        }
        Trust::Record => {}
        Trust::ClusterKey(cluster) => trust::sign(&config.data, cluster)?,
    }
    let guard = Guard::open(&config.data, key.clone())?;
    Ok(Some(Arc::new(guard)))
}

#[async_trait]
impl MusicService for Node {
    /// The other nodes ask which node it is, not for whom it asks.
    fn for_caller(&self, _: &Credential) -> Option<Arc<dyn MusicService>> {
        None
    }

    async fn song(&self, id: &SongId) -> Result<Option<Song>> {
        self.inner.cluster.song(id).await
    }

    async fn copies(&self, id: &SongId) -> Result<Option<Copies>> {
        self.inner.cluster.copies_of(*id).await
    }

    async fn search(&self, query: &Query) -> Result<Page<Entry>> {
        self.inner.cluster.search(query).await
    }

    async fn browse(&self, browse: &Browse) -> Result<Page<Group>> {
        self.inner.cluster.browse(browse).await
    }

    async fn upload(&self, song: NewSong) -> Result<Upload> {
        self.inner.cluster.upload(song).await
    }

    async fn audio(&self, request: &AudioRequest) -> Result<Option<Audio>> {
        self.inner.cluster.audio(request).await
    }

    async fn lyrics(&self, id: &SongId) -> Result<Option<Lyrics>> {
        self.inner.cluster.lyrics(id).await
    }

    async fn artwork(&self, request: &ArtworkRequest) -> Result<Option<Artwork>> {
        self.inner.cluster.artwork(request).await
    }

    async fn status(&self) -> Result<Status> {
        self.inner.cluster.status().await
    }

    async fn servers(&self) -> Result<Vec<String>> {
        Ok(self.inner.cluster.servers())
    }
}
