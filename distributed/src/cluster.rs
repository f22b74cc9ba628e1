//! One node's view of the cluster: its own library, the nodes that it knows, and which of them are
//! responsible for what. The operations of the node are written against this, a file each.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use kadenza_contract::{Error, Health, NodeStatus, Result, SongId};
use kadenza_library::Library;
use parking_lot::Mutex;
use tokio::{sync::Notify, time::Instant};

use crate::{
    Contact, Holding, Key, Reply, Request,
    kademlia::{K, Placement, RoutingTable, TableChange, majority},
    members::Members,
    network::caller::Caller,
    repairing::inventory::Inventory,
    replicas::{
        copies::LocalCopies,
        replica::Report,
        responsible::{LocatedNode, Responsible},
    },
    rpc::{Evidence, Rpc},
    uploading::turns::Turns,
};

/// How old an inventory may be that other nodes compare theirs with.
const INVENTORY_AGE_MAX: Duration = Duration::from_millis(500);
/// How often a status is measured anew because a node turned out to be gone meanwhile.
const REPORT_ATTEMPTS: usize = 3;

/// The state that the operations of a node share.
pub(crate) struct Cluster {
    this: Weak<Cluster>,
    caller: Arc<Caller>,
    copies: LocalCopies,
    members: Members,
    replication: usize,
    surplus_kept: Duration,
    http: Option<String>,
    settled: AtomicBool,
    caught_up_by: Mutex<HashSet<Key>>,
    inventory: tokio::sync::Mutex<Option<Dated>>,
    surplus_since: Mutex<HashMap<(SongId, Holding), Instant>>,
    /// Why copies could not be given to a node when that was tried last.
    refusals: Mutex<HashMap<Key, String>>,
    pub(crate) turns: Turns,
    repair: Notify,
}

struct Dated {
    inventory: Arc<Inventory>,
    library: u64,
    table: u64,
    taken: Instant,
}

impl Cluster {
    pub(crate) fn new(
        rpc: Rpc<Request>,
        library: Library,
        members: Members,
        replication: usize,
        surplus_kept: Duration,
        http: Option<String>,
    ) -> Arc<Cluster> {
        let remembered = members.all().into_iter().map(|member| member.contact);
        let caller = Arc::new(Caller::new(rpc, remembered));
        Arc::new_cyclic(|this| Cluster {
            this: this.clone(),
            caller,
            copies: LocalCopies::new(library),
            members,
            replication,
            surplus_kept,
            http,
            settled: AtomicBool::new(false),
            caught_up_by: Mutex::default(),
            inventory: tokio::sync::Mutex::new(None),
            surplus_since: Mutex::default(),
            refusals: Mutex::default(),
            turns: Turns::default(),
            repair: Notify::new(),
        })
    }

    pub(crate) fn own(&self) -> Contact {
        self.caller.own()
    }

    pub(crate) fn caller(&self) -> &Arc<Caller> {
        &self.caller
    }

    /// The nodes that this one knows.
    pub(crate) fn table(&self) -> &Mutex<RoutingTable> {
        self.caller.table()
    }

    pub(crate) fn library(&self) -> &Library {
        self.copies.library()
    }

    pub(crate) fn copies(&self) -> &LocalCopies {
        &self.copies
    }

    pub(crate) fn members(&self) -> &Members {
        &self.members
    }

    pub(crate) fn replication(&self) -> usize {
        self.replication
    }

    pub(crate) fn surplus_kept(&self) -> Duration {
        self.surplus_kept
    }

    pub(crate) fn surplus_since(&self) -> &Mutex<HashMap<(SongId, Holding), Instant>> {
        &self.surplus_since
    }

    /// Notes that a node refused copies, or took them again. Says whether that is new.
    pub(crate) fn note_refusal(&self, node: Key, why: Option<&str>) -> bool {
        let mut refusals = self.refusals.lock();
        match why {
            Some(text) => refusals.insert(node, text.to_owned()).as_deref() != why,
            None => refusals.remove(&node).is_some(),
        }
    }

    pub(crate) fn http(&self) -> Option<&str> {
        self.http.as_deref()
    }

    /// Milliseconds since the start, the clock of the routing table.
    pub(crate) fn now_ms(&self) -> u64 {
        self.caller.now_ms()
    }

    /// A frame came from a node.
    pub(crate) fn heard_from(&self, contact: Contact, evidence: Evidence) {
        let now_ms = self.now_ms();
        let ping = match evidence {
            Evidence::Announced => self.table().lock().heard_from(now_ms, contact),
            Evidence::Proven => {
                if !self.members.heard_from(contact) {
                    return;
                }
                let heard = self.table().lock().answered(now_ms, contact);
                if heard.change == TableChange::Inserted {
                    // A new neighbour: it may lack what it must hold, and has an address to tell.
                    self.repair.notify_one();
                    Some(contact)
                } else {
                    heard.ping
                }
            }
        };
        if let (Some(contact), Some(cluster)) = (ping, self.this.upgrade()) {
            tokio::spawn(async move { cluster.ping(&contact).await });
        }
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.settled.load(Ordering::Acquire)
    }

    /// A node says that it has given everything that this one must hold.
    pub(crate) fn caught_up_by(&self, id: Key) {
        self.caught_up_by.lock().insert(id);
        self.settle_if_caught_up();
    }

    /// A "no" of this node counts once all its neighbours have caught it up.
    pub(crate) fn settle_if_caught_up(&self) {
        if self.members.are_awaited() {
            return;
        }
        let neighbours = self.table().lock().closest(&self.own().id, K, &[]);
        let caught_up_by = self.caught_up_by.lock();
        if neighbours
            .iter()
            .all(|neighbour| caught_up_by.contains(&neighbour.id))
        {
            self.settled.store(true, Ordering::Release);
        }
    }

    pub(crate) fn pong(&self) -> Reply {
        Reply::Pong {
            settled: self.is_settled(),
            http: self.http.clone(),
            belongs: self.members.are_of_a_network(),
            gone: self.members.gone(),
        }
    }

    /// The nodes known closest to a key, for `asker`, which is not among them.
    pub(crate) fn nodes_near(&self, target: &Key, asker: &Key) -> Reply {
        let nodes = self.table().lock().closest(target, K, &[*asker]);
        Reply::Nodes {
            settled: self.is_settled(),
            nodes,
        }
    }

    /// The nodes responsible for a key, as a lookup finds them now.
    pub(crate) async fn responsible(self: &Arc<Self>, key: Key) -> Responsible {
        let located = self.locate(key, self.replication).await;
        self.cut(key, located)
    }

    /// Of all nodes near a key those that are responsible: the closest, up to and including the
    /// `replication`-th that has taken over its share.
    pub(crate) fn cut(&self, key: Key, mut near: Vec<LocatedNode>) -> Responsible {
        let own = LocatedNode {
            contact: self.own(),
            settled: self.is_settled(),
        };
        near.retain(|member| member.contact.id != own.contact.id);
        near.push(own);
        near.sort_unstable_by_key(|member| member.contact.id.distance(&key));
        let mut settled = 0;
        near.retain(|member| {
            let within = settled < self.replication;
            settled += usize::from(member.settled);
            within
        });
        Responsible {
            nodes: near,
            needed: majority(self.copies_meant()),
        }
    }

    /// How many copies a song is meant to have in a cluster of this size. Machines that are down
    /// count: a lone survivor is no majority.
    fn copies_meant(&self) -> usize {
        self.replication.min(self.network_size())
    }

    /// How many nodes the network has. One that has met none of the others is not all of it.
    fn network_size(&self) -> usize {
        let least = if self.members.are_awaited() { 2 } else { 1 };
        (self.members.count() + 1).max(least)
    }

    /// All nodes within reach, if they are so few that one lookup finds them all.
    pub(crate) async fn everyone_if_few(self: &Arc<Self>) -> Option<Vec<LocatedNode>> {
        let located = self.locate(self.own().id, K).await;
        (located.len() < K).then_some(located)
    }

    /// All nodes within reach, and how many must answer so that no acknowledged song is missed:
    /// all but fewer than hold it for certain.
    pub(crate) async fn everyone(self: &Arc<Self>) -> Responsible {
        let mut members = match self.everyone_if_few().await {
            Some(few) => few,
            None => self.sweep().await,
        };
        let own = self.own();
        members.retain(|member| member.contact.id != own.id);
        members.push(LocatedNode {
            contact: own,
            settled: self.is_settled(),
        });
        let spare = majority(self.copies_meant()) - 1;
        let needed = self.network_size().saturating_sub(spare).max(1);
        Responsible {
            nodes: members,
            needed,
        }
    }

    /// The inventory of this node, at most half a second old.
    pub(crate) async fn inventory(self: &Arc<Self>) -> Result<Arc<Inventory>> {
        self.inventory_within(INVENTORY_AGE_MAX).await
    }

    async fn inventory_within(self: &Arc<Self>, age_max: Duration) -> Result<Arc<Inventory>> {
        let mut last = self.inventory.lock().await;
        let (library, table) = (
            self.library().generation(),
            self.table().lock().generation(),
        );
        if let Some(dated) = last.as_ref().filter(|dated| {
            dated.table == table && (dated.library == library || dated.taken.elapsed() < age_max)
        }) {
            return Ok(dated.inventory.clone());
        }
        let placement = Placement::new(self.placed_among(), self.replication);
        let inventory = Arc::new(Inventory::take(self.library(), self.own().id, placement).await?);
        let taken = Instant::now();
        *last = Some(Dated {
            inventory: inventory.clone(),
            library,
            table,
            taken,
        });
        Ok(inventory)
    }

    /// The nodes among which things are placed: those that answer, and this one.
    pub(crate) fn placed_among(&self) -> Vec<Contact> {
        let mut nodes = self.table().lock().closest(&self.own().id, usize::MAX, &[]);
        nodes.push(self.own());
        nodes
    }

    /// This node's report of itself, its copies confirmed by their holders just now.
    pub(crate) async fn report(self: &Arc<Self>) -> Result<Report> {
        let (mut numbers, mut lacking) = ((0, 0), BTreeMap::new());
        for _ in 0..REPORT_ATTEMPTS {
            let generation = self.table().lock().generation();
            let survey = self
                .survey(self.inventory_within(Duration::ZERO).await?)
                .await;
            numbers = survey.primaries();
            lacking = survey.lacking_of_primaries(&self.own().id);
            if !survey.is_clean() {
                self.repair.notify_one();
            }
            if self.table().lock().generation() == generation {
                break;
            }
        }
        let counts = self.library().counts();
        let health = if self.is_settled() {
            Health::Up
        } else {
            Health::Joining
        };
        let own = self.own();
        let node = NodeStatus {
            id: own.id.to_string(),
            rpc: own.address.to_string(),
            http: self.http.clone(),
            health,
            songs: counts.songs,
            cards: counts.cards,
            bytes: counts.bytes,
            lacks: 0,
            storage: Some(self.library().storage().await?),
        };
        Ok(Report {
            node,
            lacking,
            primary: numbers.0,
            complete: numbers.1,
        })
    }

    /// Lets repair run soon.
    pub(crate) fn wake_repair(&self) {
        self.repair.notify_one();
    }

    /// Waits until repair should run.
    pub(crate) async fn repair_wanted(&self) {
        self.repair.notified().await;
    }

    /// Asks a node whether it is there, and notes what it says of itself.
    pub(crate) async fn ping(&self, node: &Contact) -> Result<()> {
        let answer = self
            .caller
            .call_in_full(node, &Request::Ping, Bytes::new(), PING_HARD)
            .await?;
        match answer.reply {
            Reply::Pong {
                settled,
                http,
                belongs,
                gone,
            } => {
                if belongs {
                    self.members.met_network();
                }
                self.members.said(&node.id, settled, Some(http));
                let table = self.table();
                self.members
                    .told_gone(&gone, |id| table.lock().contains(id));
                Ok(())
            }
            _ => Err(Error::Protocol {
                place: node.address.to_string(),
                what: "something else than a pong".into(),
            }),
        }
    }
}

/// How long a ping may take.
const PING_HARD: Duration = Duration::from_secs(2);
