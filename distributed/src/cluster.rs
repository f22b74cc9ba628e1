//! One node's view of the cluster: its own library, the nodes that it knows, and which of them are
//! responsible for what. The operations of the node are written against this, a file each.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::{
    Contact, Key, Reply,
    accounts::Accounts,
    kademlia::{K, RoutingTable, TableChange},
    membership::Members,
    network::caller::Caller,
    outside::{
        Outside,
        env::{self, Task},
        store::Store,
    },
    repairing::Repairing,
    replicas::{
        copies::LocalCopies,
        responsible::{About, Responsible},
    },
    rpc::Evidence,
    uploading::turns::Turns,
};

/// The state that the operations of a node share.
pub(crate) struct Cluster {
    this: Weak<Cluster>,
    outside: Outside,
    caller: Arc<Caller>,
    copies: LocalCopies,
    members: Members,
    repairing: Repairing,
    accounts: Accounts,
    http: Option<String>,
    pub(crate) turns: Turns,
}

impl Cluster {
    pub(crate) fn new(
        outside: Outside,
        members: Members,
        repairing: Repairing,
        accounts: Accounts,
        http: Option<String>,
    ) -> Arc<Cluster> {
        let caller = Arc::new(Caller::new(
            Arc::clone(&outside.wire),
            Arc::clone(&outside.env),
            members.others(),
        ));
        Arc::new_cyclic(|this| Cluster {
            this: this.clone(),
            copies: LocalCopies::new(Arc::clone(&outside.store), Arc::clone(&outside.env)),
            outside,
            caller,
            members,
            repairing,
            accounts,
            http,
            turns: Turns::default(),
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

    /// How this node stands in repair.
    pub(crate) fn repairing(&self) -> &Repairing {
        &self.repairing
    }

    /// The accounts of people that this node keeps.
    pub(crate) fn accounts(&self) -> &Accounts {
        &self.accounts
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
            // It is here again, as it says.
            Evidence::Announced if self.members.greet_again(&contact.id) => Some(contact),
            Evidence::Announced => self.table().lock().heard_from(now_ms, contact),
            Evidence::Proven => {
                // A goodbye is the last word, though some messages are still on their way.
                if self.members.is_gone(&contact.id) {
                    return;
                }
                let heard = self.table().lock().answered(now_ms, contact);
                if heard.change == TableChange::Inserted {
                    // A new neighbour: it may lack what it must hold, and has an address to tell.
                    self.repairing.doubt(contact.id);
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

    /// The answer to a ping of another node.
    pub(crate) fn pong(&self, asker: &Key) -> Reply {
        Reply::Pong {
            layout: Key::from_bytes(self.members.view().digest()),
            http: self.http.clone(),
            belongs: self.members.are_of_a_network(),
            synced: self.members.synced(),
            holds: self.known_root_with(asker),
            accounts: self.accounts.digest(),
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

    /// The nodes among which copies are placed.
    pub(crate) fn placed_among(&self) -> Vec<Contact> {
        let view = self.members.view();
        let placed = &view.layout().current().placed;
        let contacts = view.layout().contacts();
        contacts
            .filter(|node| placed.contains_key(&node.id))
            .collect()
    }
}
