//! One node's view of the cluster: its own library, the nodes that it knows, and which of them are
//! responsible for what. The operations of the node are written against this, a file each.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Weak},
    time::Duration,
};

use kadenza_contract::{Health, NodeStatus, Result, SongId};
use parking_lot::Mutex;
use tokio::{sync::Notify, time::Instant};

use crate::{
    Contact, Holding, Key, Reply,
    kademlia::{K, Placement, RoutingTable, TableChange, layout::View},
    membership::Members,
    network::caller::Caller,
    outside::{
        Outside,
        env::{self, Task},
        store::Store,
    },
    repairing::inventory::Inventory,
    replicas::{
        copies::LocalCopies,
        replica::Report,
        responsible::{About, Responsible},
    },
    rpc::Evidence,
    uploading::turns::Turns,
};

/// How old an inventory may be that other nodes compare theirs with.
const INVENTORY_AGE_MAX: Duration = Duration::from_millis(500);
/// How often a status is measured anew because a node turned out to be gone meanwhile.
const REPORT_ATTEMPTS: usize = 3;

/// The state that the operations of a node share.
pub(crate) struct Cluster {
    this: Weak<Cluster>,
    outside: Outside,
    caller: Arc<Caller>,
    copies: LocalCopies,
    members: Members,
    surplus_kept: Duration,
    http: Option<String>,
    inventory: tokio::sync::Mutex<Option<Dated>>,
    surplus_since: Mutex<BTreeMap<(SongId, Holding), Instant>>,
    /// Why copies could not be given to a node when that was tried last.
    refusals: Mutex<HashMap<Key, String>>,
    pub(crate) turns: Turns,
    repair: Notify,
}

struct Dated {
    inventory: Arc<Inventory>,
    library: u64,
    layout: [u8; 32],
    /// Those that did not answer when they were asked last: others answer for songs instead of them.
    unheard: BTreeSet<Key>,
    taken: Instant,
}

impl Cluster {
    pub(crate) fn new(
        outside: Outside,
        members: Members,
        surplus_kept: Duration,
        http: Option<String>,
    ) -> Arc<Cluster> {
        let caller = Arc::new(Caller::new(
            Arc::clone(&outside.wire),
            Arc::clone(&outside.env),
            members.others(),
        ));
        Arc::new_cyclic(|this| Cluster {
            this: this.clone(),
            copies: LocalCopies::new(outside.clone()),
            outside,
            caller,
            members,
            surplus_kept,
            http,
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

    pub(crate) fn outside(&self) -> &Outside {
        &self.outside
    }

    pub(crate) fn store(&self) -> &dyn Store {
        self.outside().store.as_ref()
    }

    /// Begins a task of this node whose end nobody waits for.
    pub(crate) fn begin(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(self.task(task));
    }

    /// Begins a task of this node.
    pub(crate) fn task<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Task<T> {
        env::begin(&self.outside().env, task)
    }

    pub(crate) fn copies(&self) -> &LocalCopies {
        &self.copies
    }

    pub(crate) fn members(&self) -> &Members {
        &self.members
    }

    pub(crate) fn surplus_kept(&self) -> Duration {
        self.surplus_kept
    }

    pub(crate) fn surplus_since(&self) -> &Mutex<BTreeMap<(SongId, Holding), Instant>> {
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
                // A goodbye is the last word, though some messages are still on their way.
                if self.members.is_gone(&contact.id) {
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
            self.begin(async move { drop(cluster.ping(&contact).await) });
        }
    }

    pub(crate) fn pong(&self) -> Reply {
        Reply::Pong {
            layout: Key::from_bytes(self.members.view().digest()),
            http: self.http.clone(),
            belongs: self.members.are_of_a_network(),
            synced: self.members.synced(),
        }
    }

    /// The nodes known closest to a key, for `asker`, which is not among them.
    pub(crate) fn nodes_near(&self, target: &Key, asker: &Key) -> Reply {
        let nodes = self.table().lock().closest(target, K, &[*asker]);
        Reply::Nodes {
            settled: self.members.are_of_a_network(),
            nodes,
        }
    }

    /// The nodes responsible for a key.
    pub(crate) fn responsible(&self, key: Key) -> Responsible {
        Responsible::of(self.members.view(), About::Key(key))
    }

    /// The inventory of this node, at most half a second old.
    pub(crate) async fn inventory(self: &Arc<Self>) -> Result<Arc<Inventory>> {
        self.inventory_within(INVENTORY_AGE_MAX).await
    }

    /// The inventory of this node, at most so old.
    pub(crate) async fn inventory_within(
        self: &Arc<Self>,
        age_max: Duration,
    ) -> Result<Arc<Inventory>> {
        let mut last = self.inventory.lock().await;
        let (library, view) = (self.store().generation(), self.members.view());
        let (layout, unheard) = (view.digest(), self.members.unheard_now());
        if let Some(dated) = last.as_ref().filter(|dated| {
            (dated.layout, &dated.unheard) == (layout, &unheard)
                && (dated.library == library || dated.taken.elapsed() < age_max)
        }) {
            return Ok(dated.inventory.clone());
        }
        let placement = Placement::new(placed(&view), Arc::clone(view.shares()));
        let own = self.own().id;
        // Where the closest node is not heard, the next one answers for a song in a status.
        let is_here = |node: &Key| *node == own || !unheard.contains(node);
        let inventory = Arc::new(Inventory::take(self.store(), own, placement, is_here).await?);
        let taken = Instant::now();
        *last = Some(Dated {
            inventory: inventory.clone(),
            library,
            layout,
            unheard,
            taken,
        });
        Ok(inventory)
    }

    /// The nodes among which copies are placed.
    pub(crate) fn placed_among(&self) -> Vec<Contact> {
        placed(&self.members.view())
    }

    /// This node's report of itself, its copies confirmed by their holders just now.
    pub(crate) async fn report(self: &Arc<Self>) -> Result<Report> {
        let (mut numbers, mut lacking) = ((0, 0), BTreeMap::new());
        for _ in 0..REPORT_ATTEMPTS {
            let layout = self.members.view().digest();
            let survey = self
                .survey(self.inventory_within(Duration::ZERO).await?)
                .await;
            numbers = survey.primaries();
            lacking = survey.lacking_of_primaries(&self.own().id);
            if !survey.is_clean() {
                self.repair.notify_one();
            }
            if self.members.view().digest() == layout {
                break;
            }
        }
        let counts = self.store().counts();
        let health = match self.assure().await {
            Some(_) => Health::Up,
            None => Health::Joining,
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
            storage: Some(self.store().storage().await?),
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
}

/// The nodes among which copies are placed, and where they listen.
fn placed(view: &View) -> Vec<Contact> {
    let placed = &view.layout().current().placed;
    let contacts = view.layout().contacts();
    contacts.filter(|node| placed.contains(&node.id)).collect()
}
