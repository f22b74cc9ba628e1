//! Repair: every copy that is missing somewhere is brought there, without anyone's help.
//!
//! Each node compares what it holds with each node that must hold the same, where there is a reason to: the layout
//! has changed, a digest in a pong differs, a copy could not be given, or audio was lost. That heals after a death,
//! fills a newcomer, and finds what an upload could not deliver, all in the same way.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use kadenza_contract::{Error, Result};
use kadenza_protocol::layout::View;
use parking_lot::Mutex;
use tokio::time::{Instant, timeout};

use super::{ledger::Ledger, partners::Left};
use crate::{Contact, Key, cluster::Cluster, kademlia::Placement};

/// How often this node looks after what it has when nothing gives a reason to do it sooner. No message is sent for it.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);
/// A pause before each look, so that one serves ten newcomers or a hundred failures.
const GATHER: Duration = Duration::from_millis(100);
/// After so long, a difference is not one of an upload that is on its way.
const DIFFERS_FOR: Duration = Duration::from_secs(2);
/// How often the ledger is made before this node is too busy to be compared with.
const LEDGERS: usize = 3;

impl Cluster {
    /// What this node holds, under the layout in force.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] if the layout or the library changes faster than they can be gone through.
    pub(crate) async fn ledger(self: &Arc<Self>) -> Result<Arc<Mutex<Ledger>>> {
        let mut last = self.repairing().ledger.lock().await;
        for _ in 0..LEDGERS {
            let view = self.members().view();
            if let Some(ledger) = last.as_ref().filter(|ledger| is_current(ledger, &view)) {
                return Ok(Arc::clone(ledger));
            }
            let placement = Placement::new(Arc::clone(view.shares()));
            let ledger = Ledger::of(self.store(), self.own().id, placement).await;
            *last = Some(Arc::new(Mutex::new(ledger)));
        }
        Err(Error::Busy)
    }

    /// The digest of what this node holds and another one must hold too, if it is known without going through everything.
    pub(crate) fn known_root_with(&self, node: &Key) -> Option<Key> {
        let last = self.repairing().ledger.try_lock().ok()?;
        let ledger = last.as_ref()?;
        let is_current = is_current(ledger, &self.members().view());
        is_current.then(|| ledger.lock().root_with(node))
    }

    /// A node told the digest of what it holds and this one must hold too.
    pub(crate) fn told_root(&self, node: &Key, theirs: &Key) {
        let ours = self.known_root_with(node);
        if ours.is_some_and(|ours| ours != *theirs) {
            let mut partners = self.repairing().partners.lock();
            partners.doubt(*node, Instant::now() + DIFFERS_FOR);
            self.repairing().wanted.notify_one();
        }
    }

    /// Repairs until the task is ended.
    pub(crate) async fn repair_for_ever(self: Arc<Self>) {
        loop {
            if let Err(error) = self.repair().await {
                let error = error.chain();
                tracing::warn!(error, "repair failed; it will be tried again");
            }
            let layout = self.members().view().digest();
            let now = Instant::now();
            let next = self.repairing().partners.lock().next(&layout, now);
            let until_next = next.map(|at| at.saturating_duration_since(now));
            let pause = until_next.map_or(LOOK_INTERVAL, |until| until.min(LOOK_INTERVAL));
            let _ = timeout(pause, self.repairing().wanted.notified()).await;
            tokio::time::sleep(GATHER).await;
        }
    }

    /// Begins to mend all nodes that are due, and drops what others hold now.
    async fn repair(self: &Arc<Self>) -> Result<()> {
        let ledger = self.ledger().await?;
        let doubted = {
            let mut ledger = ledger.lock();
            let mut doubted = ledger.take_doubted();
            doubted.extend(ledger.unconfirmed());
            doubted
        };
        let view = self.members().view();
        let nodes: Vec<Key> = {
            let ledger = ledger.lock();
            ledger.others().collect()
        };
        let due = {
            let now = Instant::now();
            let mut partners = self.repairing().partners.lock();
            doubted
                .into_iter()
                .for_each(|node| partners.doubt(node, now));
            partners.due(&nodes, &view.digest(), now)
        };
        for node in due {
            if let Some(node) = view.layout().contact(&node) {
                let cluster = Arc::clone(self);
                self.begin(async move { cluster.mend_and_tell(node).await });
            }
        }
        self.note_synced();
        self.drop_surplus(&ledger).await?;
        self.drop_spoiled(&ledger).await
    }

    async fn mend_and_tell(self: Arc<Self>, node: Contact) {
        let Ok(_turn) = self.repairing().turns.acquire().await else {
            return;
        };
        let mended = self.mend_now(&node).await;
        let refusal = match &mended {
            // Somebody else is giving it the very same, its layout is another one, or it is away: no refusal.
            Ok(_) | Err(Error::Busy | Error::Unreachable { .. } | Error::Timeout { .. }) => None,
            Err(error) => Some(error.chain().to_string()),
        };
        let mut partners = self.repairing().partners.lock();
        let is_new = partners.note_refusal(node.id, refusal.clone());
        match refusal {
            Some(error) if is_new => {
                tracing::warn!(peer = %node.address, error, "it cannot be given what it lacks; it will be tried again");
            }
            None if is_new => tracing::info!(peer = %node.address, "it can be given copies again"),
            _ => {}
        }
        partners.ended(node.id, mended.unwrap_or(Left::Failed), Instant::now());
        self.repairing().wanted.notify_one();
    }

    /// Mends a node under the layout in force now.
    async fn mend_now(self: &Arc<Self>, node: &Contact) -> Result<Left> {
        let view = self.members().view();
        // Nothing comes to this node under an earlier version from now on: what the ledger has now is all of it.
        let is_established = self.members().are_established(&view);
        let ledger = self.ledger().await?;
        if !ledger.lock().is_of(view.shares()) {
            return Err(Error::Busy);
        }
        let has_all_cards = || {
            if is_established {
                let mut partners = self.repairing().partners.lock();
                partners.has_all_cards(node.id, view.digest());
                self.repairing().wanted.notify_one();
            }
        };
        self.mend(&ledger, node, has_all_cards).await
    }

    /// Once all others have every card that is here and that they must have, versions before this one are not needed
    /// for what is here.
    fn note_synced(&self) {
        let view = self.members().view();
        let own = self.own().id;
        let nodes = view.shares().nodes().iter().copied();
        let others: BTreeSet<Key> = nodes.filter(|node| *node != own).collect();
        let number = view.layout().current().number;
        let is_new = self.members().synced() < number;
        let partners = self.repairing().partners.lock();
        if is_new
            && self.members().are_established(&view)
            && partners.have_all_cards(&others, &view.digest())
        {
            drop(partners);
            self.members().have_synced(number);
        }
    }
}

/// Whether a ledger belongs to the layout in force, and has taken all changes in.
fn is_current(ledger: &Mutex<Ledger>, view: &View) -> bool {
    let mut ledger = ledger.lock();
    ledger.is_of(view.shares()) && ledger.catch_up().is_ok()
}
