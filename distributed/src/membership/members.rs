//! The layout as this node knows it, and who agrees with it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use kadenza_protocol::{
    Contact, Key,
    layout::{Layout, Lease, NetworkId, OtherNetwork, Standing, View},
};
use parking_lot::Mutex;
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use super::{
    hearing::Hearing,
    kept::{self, Kept},
};
use crate::outside::{env::Env, store::Store};

/// For so long a node that came back is not said to be away again.
const CAME_LATELY_MS: u64 = 15_000;

/// For so long after it fell silent a member is asked often.
const SILENT_LATELY_MS: u64 = 6_000;

/// For so long after a change of the layout it is looked after often.
const IN_MOTION_MS: u64 = 30_000;

/// The members of the network.
#[derive(Debug)]
pub(crate) struct Members {
    own: Contact,
    store: Arc<dyn Store>,
    env: Arc<dyn Env>,
    /// After so long without an answer a member counts as absent.
    absent_after_ms: u64,
    /// How much this node can hold.
    capacity_gib: Option<u32>,
    state: Mutex<State>,
    /// Held while a change is made and written down.
    changing: tokio::sync::Mutex<()>,
    /// Held while the others are asked for their word: when they were last asked in vain.
    pub(super) assuring: tokio::sync::Mutex<Option<Instant>>,
    /// Whether this node takes its leave, and does not contradict that it is gone.
    leaves: AtomicBool,
    /// Whether one of the network was met since the start, or there is no other.
    met: watch::Sender<bool>,
    /// Wakes the task that looks after the layout.
    changed: Notify,
}

#[derive(Debug)]
struct State {
    view: Arc<View>,
    lease: Lease,
    hearing: Hearing,
    /// Since when those ask to be members.
    joining: HashMap<Key, u64>,
    /// When those came back that others had said were away.
    came: HashMap<Key, u64>,
    /// The number of the version in force when each node last had given everything.
    synced: HashMap<Key, u64>,
    http: BTreeMap<Key, String>,
    /// When the layout changed last.
    changed_at: u64,
}

impl State {
    fn note_joining(&mut self, now: u64) {
        let view = Arc::clone(&self.view);
        let asks = |id: &Key| view.layout().standing(id) == Some(Standing::Joining);
        self.joining.retain(|id, _| asks(id));
        for id in view.layout().members().keys().filter(|id| asks(id)) {
            self.joining.entry(*id).or_insert(now);
        }
    }
}

impl Members {
    /// The members that the store remembers.
    ///
    /// # Errors
    ///
    /// If what it remembers cannot be read.
    pub(crate) async fn remembered(
        own: Contact,
        store: &Arc<dyn Store>,
        env: &Arc<dyn Env>,
        replication: usize,
    ) -> io::Result<Members> {
        let kept = Kept::read(store.as_ref(), own, replication).await?;
        Ok(Members::of(own, store, env, kept))
    }

    /// No members, whatever the store remembers.
    pub(crate) fn none(
        own: Contact,
        store: &Arc<dyn Store>,
        env: &Arc<dyn Env>,
        replication: usize,
    ) -> Members {
        Members::of(own, store, env, Kept::nothing(own, replication))
    }

    fn of(own: Contact, store: &Arc<dyn Store>, env: &Arc<dyn Env>, kept: Kept) -> Members {
        let is_alone = is_alone(&kept.layout, &own.id);
        let mut state = State {
            view: Arc::new(View::new(kept.layout)),
            lease: Lease::default(),
            hearing: Hearing::default(),
            joining: HashMap::new(),
            came: HashMap::new(),
            synced: HashMap::new(),
            http: kept.http,
            changed_at: env.now_ms(),
        };
        // Who asked before this node ended asks still.
        state.note_joining(env.now_ms());
        Members {
            own,
            state: Mutex::new(state),
            store: Arc::clone(store),
            env: Arc::clone(env),
            absent_after_ms: u64::MAX / 2,
            capacity_gib: None,
            changing: tokio::sync::Mutex::default(),
            assuring: tokio::sync::Mutex::default(),
            leaves: AtomicBool::new(false),
            met: watch::Sender::new(is_alone),
            changed: Notify::new(),
        }
    }

    /// The same, of a node that can hold so much; none if it does not say.
    pub(crate) fn of_capacity(self, capacity_gib: Option<u32>) -> Members {
        Members {
            capacity_gib,
            ..self
        }
    }

    /// The same, of which a member counts as absent that does not answer for so long.
    pub(crate) fn that_are_absent_after(self, silence: Duration) -> Members {
        let absent_after_ms = u64::try_from(silence.as_millis()).unwrap_or(u64::MAX / 2);
        Members {
            absent_after_ms,
            ..self
        }
    }

    fn now_ms(&self) -> u64 {
        self.env.now_ms()
    }

    /// The layout, and what follows from it.
    pub(crate) fn view(&self) -> Arc<View> {
        Arc::clone(&self.state.lock().view)
    }

    /// Begins a network, unless the directory belongs to one. Durable when this returns.
    pub(crate) async fn begin(&self, network: NetworkId) -> io::Result<()> {
        if self.are_of_a_network() {
            return Ok(());
        }
        self.change(|layout| {
            *layout = Layout::joining(self.own, layout.replication());
            self.say_capacity(layout);
            layout.begin(network, self.own.id);
        })
        .await?;
        Ok(())
    }

    /// Changes what is known. Durable before anybody hears of it: who said that it agrees must not forget it.
    pub(crate) async fn change(&self, change: impl FnOnce(&mut Layout)) -> io::Result<()> {
        let _turn = self.changing.lock().await;
        let before = self.view();
        let mut layout = before.layout().clone();
        change(&mut layout);
        self.contradict(&mut layout);
        if layout == *before.layout() {
            return Ok(());
        }
        let kept = Kept {
            layout: layout.clone(),
            http: self.state.lock().http.clone(),
        };
        self.store.remember(kept::FILE, kept.to_bytes()?).await?;
        let is_alone = is_alone(&layout, &self.own.id);
        {
            let mut state = self.state.lock();
            note_who_came(&mut state.came, before.layout(), &layout, self.now_ms());
            state.view = Arc::new(before.then(layout));
            state.lease = Lease::default();
            state.changed_at = self.now_ms();
            state.note_joining(self.now_ms());
            // A lone node agrees with itself.
            self.agree(&mut state, self.own.id, self.now_ms());
        }
        if is_alone {
            self.met_network();
        }
        self.changed.notify_one();
        Ok(())
    }

    /// What others say of this node is contradicted, unless it leaves: it is here.
    fn contradict(&self, layout: &mut Layout) {
        let standing = layout.standing(&self.own.id);
        let is_wrong = matches!(standing, Some(Standing::Away | Standing::Gone));
        if is_wrong && !self.leaves.load(Ordering::Acquire) {
            layout.say(self.own.id, |member| {
                *member = member.back(self.own.address);
            });
        }
    }

    /// Says where this node is, should it have moved, and how much it can hold, unless it is a member. Durable when this
    /// returns, as no two words of it may be of the same incarnation.
    pub(crate) async fn are_here(&self) -> io::Result<()> {
        let here = self.own.address;
        self.change(|layout| {
            layout.say(self.own.id, |member| {
                if member.address != here {
                    *member = member.back(here);
                }
            });
            if layout.standing(&self.own.id) == Some(Standing::Joining) {
                self.say_capacity(layout);
            }
        })
        .await
    }

    /// How much this node can hold. Of a member that changes the shares: it is to be said under a lease.
    pub(super) fn say_capacity(&self, layout: &mut Layout) {
        let Some(capacity_gib) = self.capacity_gib else {
            return;
        };
        layout.say(self.own.id, |member| {
            if member.capacity_gib != capacity_gib {
                *member = member.back(member.address);
                member.capacity_gib = capacity_gib;
            }
        });
    }

    /// Learns what another node knows.
    ///
    /// # Errors
    ///
    /// If it belongs to another network, or the disk fails.
    pub(crate) async fn learn(&self, other: &Layout) -> io::Result<Result<(), OtherNetwork>> {
        let (mut learned, asked) = (Ok(()), self.view().layout().replication());
        self.change(|layout| learned = layout.merge(other)).await?;
        let kept = self.view().layout().replication();
        if kept != asked {
            tracing::warn!(
                asked,
                kept,
                "the network keeps another number of copies than this node was told"
            );
        }
        Ok(learned)
    }

    /// This node counts no longer, and says so itself.
    pub(crate) async fn leave(&self) -> io::Result<()> {
        self.leaves.store(true, Ordering::Release);
        self.give_up(&self.own.id).await
    }

    /// A node counts no longer.
    pub(crate) async fn give_up(&self, id: &Key) -> io::Result<()> {
        self.change(|layout| layout.say(*id, |member| member.standing = Standing::Gone))
            .await
    }

    /// Whether the directory belongs to a network.
    pub(crate) fn are_of_a_network(&self) -> bool {
        !self.state.lock().view.layout().current().voters.is_empty()
    }

    /// Notes that a node of the network answered.
    pub(crate) fn met_network(&self) {
        self.met
            .send_if_modified(|met| !std::mem::replace(met, true));
    }

    /// Whether there are or should be others, and none of the network was met since the start.
    pub(crate) fn are_awaited(&self) -> bool {
        !*self.met.borrow()
    }

    /// Waits until the network was met.
    pub(crate) async fn met(&self) {
        // The sender lives as long as this does.
        let _ = self.met.subscribe().wait_for(|met| *met).await;
    }

    /// Waits until the layout changes.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// A node that was asked then said that it knows the layout with this digest.
    pub(crate) fn agreed(&self, node: Key, digest: &[u8; 32], asked_ms: u64) {
        let mut state = self.state.lock();
        if state.view.digest() == *digest {
            self.agree(&mut state, node, asked_ms);
        }
    }

    fn agree(&self, state: &mut State, node: Key, asked_ms: u64) {
        let view = Arc::clone(&state.view);
        let now = self.now_ms();
        state.lease.agreed(&view, &self.own.id, node, asked_ms, now);
    }

    /// Whether a node came back a short time ago. Where one is heard by some and not by others, it is not sent away
    /// and back all the time.
    pub(super) fn came_lately(&self, id: &Key) -> bool {
        let came = self.state.lock().came.get(id).copied();
        came.is_some_and(|at| self.now_ms().saturating_sub(at) < CAME_LATELY_MS)
    }

    /// Since when a node asks to be a member, for the one that asks longest.
    pub(super) fn joining_since(&self) -> Option<u64> {
        self.state.lock().joining.values().min().copied()
    }

    /// Whether a majority of every version agreed with this layout a short time ago: nothing was written under one
    /// that this node does not know.
    pub(crate) fn hold_lease(&self, view: &View) -> bool {
        let state = self.state.lock();
        let is_same = state.view.digest() == view.digest();
        is_same && state.lease.holds(&state.view, &self.own.id, self.now_ms())
    }

    /// Whether nothing is written under earlier layouts any more.
    pub(crate) fn are_established(&self, view: &View) -> bool {
        let state = self.state.lock();
        let (now, own) = (self.now_ms(), &self.own.id);
        state.view.digest() == view.digest()
            && state.lease.holds(&state.view, own, now)
            && state.lease.is_established(&state.view, own, now)
    }

    /// A node answered: what it says of itself, and up to which version it has given everything. Says whether it had
    /// not answered before.
    pub(crate) fn said(&self, id: &Key, http: Option<String>, synced: u64) -> bool {
        let mut state = self.state.lock();
        let was_unheard = state.hearing.heard(id);
        let known = state.synced.entry(*id).or_default();
        *known = synced.max(*known);
        match http {
            Some(http) => drop(state.http.insert(*id, http)),
            None => drop(state.http.remove(id)),
        }
        was_unheard
    }

    /// A node did not answer.
    pub(crate) fn unheard(&self, id: Key) {
        self.state.lock().hearing.unheard(id, self.now_ms());
    }

    /// Whether something is about to change: a member is not heard since a short time ago, or the layout changed then.
    /// Where those are away for long that an earlier version needs, nothing is gained by asking more often.
    pub(super) fn are_in_motion(&self, view: &View) -> bool {
        let state = self.state.lock();
        let now = self.now_ms();
        let is_up = |id: &Key| view.layout().standing(id) == Some(Standing::Up);
        let mut silent = state.hearing.silences(now).filter(|(id, _)| is_up(id));
        let is_new = now.saturating_sub(state.changed_at) < IN_MOTION_MS;
        silent.any(|(_, for_ms)| for_ms < SILENT_LATELY_MS)
            || is_new && !(view.layout().history().is_empty() && state.joining.is_empty())
    }

    /// The nodes that are not heard for so many milliseconds.
    pub(super) fn unheard_for(&self, ms: u64) -> BTreeSet<Key> {
        self.state.lock().hearing.silent_for(ms, self.now_ms())
    }

    /// After how long without an answer a member counts as absent.
    pub(super) fn absent_after(&self) -> Duration {
        Duration::from_millis(self.absent_after_ms)
    }

    /// The nodes that are not heard for so long that they count as absent.
    pub(super) fn absent(&self) -> BTreeSet<Key> {
        self.unheard_for(self.absent_after_ms)
    }

    /// How long it is until the next member counts as absent, if nothing is heard of it.
    pub(super) fn until_one_is_absent(&self, view: &View) -> Option<Duration> {
        let state = self.state.lock();
        let now = self.now_ms();
        let is_up = |id: &Key| view.layout().standing(id) == Some(Standing::Up);
        let silent = state.hearing.silences(now).filter(|(id, _)| is_up(id));
        let left = silent.map(|(_, for_ms)| self.absent_after_ms.saturating_sub(for_ms));
        // Where its absence could not be noted, that is tried again after a while.
        left.min().map(|ms| Duration::from_millis(ms.max(1000)))
    }

    /// The nodes that did not answer when they were asked last.
    pub(crate) fn unheard_now(&self) -> BTreeSet<Key> {
        self.unheard_for(0)
    }

    /// Whether a node that says something, and did not answer when it was asked last, is to be asked again.
    pub(crate) fn greet_again(&self, id: &Key) -> bool {
        self.state.lock().hearing.greet_again(id, self.now_ms())
    }

    /// Whether a node did not answer when it was asked last.
    pub(crate) fn is_unheard(&self, id: &Key) -> bool {
        self.state.lock().hearing.is_unheard(id)
    }

    /// Everything that this node has is where it must be, under the version of this number.
    pub(crate) fn have_synced(&self, number: u64) {
        let mut state = self.state.lock();
        let known = state.synced.entry(self.own.id).or_default();
        if number > *known {
            *known = number;
            drop(state);
            self.changed.notify_one();
        }
    }

    /// The number of the version under which this node last had given everything.
    pub(crate) fn synced(&self) -> u64 {
        let state = self.state.lock();
        state.synced.get(&self.own.id).copied().unwrap_or(0)
    }

    /// The lowest number of a version that is not over.
    pub(super) fn first_needed(&self, view: &View) -> u64 {
        let synced = self.state.lock().synced.clone();
        view.first_needed(&synced)
    }

    /// The base URL under which a node speaks HTTP.
    pub(crate) fn http(&self, id: &Key) -> Option<String> {
        self.state.lock().http.get(id).cloned()
    }

    /// All members but this one.
    pub(crate) fn others(&self) -> Vec<Contact> {
        let view = self.view();
        let contacts = view.layout().contacts();
        contacts.filter(|node| node.id != self.own.id).collect()
    }

    /// Whether a node is gone.
    pub(crate) fn is_gone(&self, id: &Key) -> bool {
        self.state.lock().view.layout().standing(id) == Some(Standing::Gone)
    }
}

fn note_who_came(came: &mut HashMap<Key, u64>, before: &Layout, after: &Layout, now: u64) {
    for (id, member) in after.members() {
        let was_away = before.standing(id) == Some(Standing::Away);
        if was_away && member.standing == Standing::Up {
            came.insert(*id, now);
        }
    }
}

fn is_alone(layout: &Layout, own: &Key) -> bool {
    let voters = &layout.current().voters;
    voters.len() == 1 && voters.contains(own)
}

#[cfg(test)]
mod tests;
