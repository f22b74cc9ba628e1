//! A network in memory: what its nodes know, ask and write.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kadenza_protocol::{
    Contact, Key,
    layout::{Layout, Lease, NetworkId, Slot, Standing, View},
};

use crate::dice::Dice;

/// The most nodes of a world.
pub(crate) const NODES_MAX: usize = 9;

/// The mistakes that can be planted, to see that they are noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// Earlier versions are not asked.
    NoHistory,
    /// A "no" needs no lease.
    NoLeaseToDeny,
    /// A write needs no lease.
    NoLeaseToWrite,
    /// A lease ends never.
    EndlessLease,
    /// Writes count by the version in force alone as soon as it is known.
    WritesTooSoon,
    /// Versions are over as soon as one node says so.
    OverTooSoon,
    /// One node of the responsible ones is enough to deny.
    OneDenies,
    /// A node says that all is given before its layout is established.
    SyncedTooSoon,
}

/// A question or a write that a node is at.
pub(crate) struct Task {
    pub(crate) song: Key,
    pub(crate) begun: u64,
    pub(crate) digest: [u8; 32],
    /// Those that are still to be asked.
    pub(crate) left: Vec<Key>,
    /// Those that answered, or stored it.
    pub(crate) done: BTreeSet<Key>,
    pub(crate) kind: Kind,
}

pub(crate) enum Kind {
    Write,
    Read {
        found: bool,
    },
    /// Everything that the node has is brought where it must be.
    Sync {
        from_established: bool,
        songs: Vec<(Key, Key)>,
        failed: bool,
    },
}

pub(crate) struct Node {
    pub(crate) contact: Contact,
    pub(crate) view: View,
    pub(crate) lease: Lease,
    pub(crate) songs: BTreeSet<Key>,
    pub(crate) synced: HashMap<Key, u64>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) frozen: bool,
    pub(crate) down: bool,
    pub(crate) side: usize,
    pub(crate) unheard: BTreeMap<Key, u64>,
}

pub(crate) struct World {
    pub(crate) dice: Dice,
    pub(crate) fault: Fault,
    pub(crate) now: u64,
    pub(crate) nodes: BTreeMap<Key, Node>,
    pub(crate) born: u32,
    /// When each song was acknowledged.
    pub(crate) acknowledged: BTreeMap<Key, u64>,
    pub(crate) denials: usize,
    pub(crate) known_denied: Option<String>,
}

pub(crate) fn key(of: u32, n: u32) -> Key {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&of.to_be_bytes());
    bytes[4..].copy_from_slice(&n.to_be_bytes());
    Key::of_term(&hex(&bytes))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl World {
    pub(crate) fn new(dice: Dice, fault: Fault) -> World {
        let mut world = World {
            dice,
            fault,
            now: 100_000,
            nodes: BTreeMap::new(),
            born: 0,
            acknowledged: BTreeMap::new(),
            denials: 0,
            known_denied: None,
        };
        let size = 1 + world.dice.below(NODES_MAX);
        for _ in 0..size {
            world.join();
        }
        world
    }

    pub(crate) fn join(&mut self) {
        self.born += 1;
        let contact = Contact {
            id: key(0, self.born),
            address: ([127, 0, 0, 1], self.born as u16).into(),
        };
        let layout = match self.nodes.is_empty() {
            true => Layout::beginning(NetworkId(1), contact, 3),
            false => Layout::joining(contact, 3),
        };
        let node = Node {
            contact,
            view: View::new(layout),
            lease: Lease::default(),
            songs: BTreeSet::new(),
            synced: HashMap::new(),
            tasks: Vec::new(),
            frozen: false,
            down: false,
            side: 0,
            unheard: BTreeMap::new(),
        };
        self.nodes.insert(contact.id, node);
    }

    pub(crate) fn node(&mut self, id: Key) -> &mut Node {
        self.nodes.get_mut(&id).expect("a node")
    }

    pub(crate) fn any(&mut self) -> Key {
        let n = self.dice.below(self.nodes.len());
        *self.nodes.keys().nth(n).expect("there are nodes")
    }

    pub(crate) fn runs(&self, id: &Key) -> bool {
        self.nodes
            .get(id)
            .is_some_and(|node| !node.frozen && !node.down)
    }

    pub(crate) fn connected(&self, a: &Key, b: &Key) -> bool {
        self.runs(a) && self.runs(b) && self.nodes[a].side == self.nodes[b].side
    }

    pub(crate) fn adopt(&mut self, id: &Key, layout: Layout) {
        let node = self.nodes.get_mut(id).expect("a node");
        if layout == *node.view.layout() {
            return;
        }
        node.view = node.view.then(layout);
        node.lease = Lease::default();
        let own = &node.view.layout().members()[id];
        if matches!(own.standing, Standing::Away) {
            let mut layout = node.view.layout().clone();
            layout.say(*id, |member| *member = member.back(member.address));
            node.view = node.view.then(layout);
        }
    }

    pub(crate) fn holds(&self, id: &Key) -> bool {
        let node = &self.nodes[id];
        match self.fault {
            Fault::EndlessLease => node.lease.until(&node.view, id).is_some(),
            _ => node.lease.holds(&node.view, id, self.now),
        }
    }

    pub(crate) fn established(&self, id: &Key) -> bool {
        let node = &self.nodes[id];
        self.holds(id) && node.lease.is_established(&node.view, id, self.now)
    }

    pub(crate) fn ask(&mut self, a: Key, b: Key) {
        if a == b || !self.runs(&a) {
            return;
        }
        if !self.connected(&a, &b) {
            let now = self.now;
            let node = self.nodes.get_mut(&a).expect("a node");
            node.unheard.entry(b).or_insert(now);
            return;
        }
        let (ours, theirs) = (
            self.nodes[&a].view.layout().clone(),
            self.nodes[&b].view.layout().clone(),
        );
        let now = self.now;
        let synced: Vec<(Key, u64)> = self.nodes[&b]
            .synced
            .iter()
            .map(|(k, n)| (*k, *n))
            .collect();
        let node = self.nodes.get_mut(&a).expect("a node");
        node.unheard.remove(&b);
        for (of, number) in synced {
            let known = node.synced.entry(of).or_default();
            *known = number.max(*known);
        }
        if ours == theirs {
            // The answer may have been on its way for a while.
            let late = self.dice.below(3000) as u64;
            let node = self.nodes.get_mut(&a).expect("a node");
            node.lease.agreed(&node.view, &a, b, now - late.min(1), now);
        } else {
            for (id, with) in [(b, &ours), (a, &theirs)] {
                let mut layout = self.nodes[&id].view.layout().clone();
                layout.merge(with).expect("one network");
                // An answer may be lost.
                if self.dice.below(10) != 0 {
                    self.adopt(&id, layout);
                }
            }
        }
    }

    pub(crate) fn round(&mut self, a: Key) {
        let others: Vec<Key> = self.nodes.keys().copied().collect();
        for b in others {
            self.ask(a, b);
        }
    }

    pub(crate) fn begin(&mut self, id: Key, song: Key, kind: Kind) {
        let node = &self.nodes[&id];
        let demands: Vec<_> = node.view.demands(Slot::of(&song)).collect();
        let mut left: BTreeSet<Key> = BTreeSet::new();
        for demand in demands {
            left.extend(demand.nodes);
        }
        let task = Task {
            song,
            begun: self.now,
            digest: node.view.digest(),
            left: left.into_iter().collect(),
            done: BTreeSet::new(),
            kind,
        };
        self.nodes.get_mut(&id).expect("a node").tasks.push(task);
    }

    pub(crate) fn begin_sync(&mut self, id: Key) {
        let from_established =
            self.established(&id) || self.fault == Fault::SyncedTooSoon && self.holds(&id);
        let node = &self.nodes[&id];
        let mut songs = Vec::new();
        for song in &node.songs {
            for to in node.view.responsible(Slot::of(song)) {
                songs.push((*song, to));
            }
        }
        let kind = Kind::Sync {
            from_established,
            songs,
            failed: false,
        };
        self.begin(id, key(9, 9), kind);
    }

    /// Goes on with a task of a node.
    pub(crate) fn work(&mut self, id: Key) {
        if !self.runs(&id) || self.nodes[&id].tasks.is_empty() {
            return;
        }
        let n = self.dice.below(self.nodes[&id].tasks.len());
        let mut task = self
            .nodes
            .get_mut(&id)
            .expect("a node")
            .tasks
            .swap_remove(n);
        let steps = 1 + self.dice.below(4);
        let is_over = (0..steps).any(|_| self.step(id, &mut task));
        if is_over {
            self.end(id, &task);
        } else {
            self.nodes.get_mut(&id).expect("a node").tasks.push(task);
        }
    }

    pub(crate) fn step(&mut self, id: Key, task: &mut Task) -> bool {
        if let Kind::Sync { songs, failed, .. } = &mut task.kind {
            let Some((song, to)) = songs.pop() else {
                return true;
            };
            if id == to || self.connected(&id, &to) {
                self.nodes.get_mut(&to).expect("a node").songs.insert(song);
            } else {
                *failed = true;
            }
            return false;
        }
        if task.left.is_empty() {
            return true;
        }
        let to = task.left.swap_remove(self.dice.below(task.left.len()));
        if id != to && !self.connected(&id, &to) || self.dice.below(12) == 0 {
            return false;
        }
        let Some(node) = self.nodes.get_mut(&to) else {
            return false;
        };
        match &mut task.kind {
            Kind::Write => {
                node.songs.insert(task.song);
            }
            Kind::Read { found } => *found |= node.songs.contains(&task.song),
            Kind::Sync { .. } => {}
        }
        task.done.insert(to);
        false
    }

    pub(crate) fn end(&mut self, id: Key, task: &Task) {
        let node = &self.nodes[&id];
        let is_same = node.view.digest() == task.digest;
        let mut demands: Vec<_> = node.view.demands(Slot::of(&task.song)).collect();
        match task.kind {
            Kind::Write => {
                if self.established(&id) || self.fault == Fault::WritesTooSoon {
                    demands.truncate(1);
                }
                let enough = demands
                    .iter()
                    .all(|d| d.count(|node| task.done.contains(node)) >= d.to_write);
                let may = self.holds(&id) || self.fault == Fault::NoLeaseToWrite;
                if is_same && enough && may && demands[0].to_write > 0 {
                    self.acknowledged.entry(task.song).or_insert(self.now);
                }
            }
            Kind::Read { found } => {
                if self.fault == Fault::NoHistory {
                    demands.truncate(1);
                }
                let enough = demands.iter().all(|d| {
                    let count = d.count(|node| task.done.contains(node));
                    count >= d.to_deny || self.fault == Fault::OneDenies && count > 0
                });
                let may = self.holds(&id) || self.fault == Fault::NoLeaseToDeny;
                if is_same && enough && may && !found {
                    self.denials += 1;
                    let acknowledged = self.acknowledged.get(&task.song);
                    if acknowledged.is_some_and(|at| *at <= task.begun) {
                        self.known_denied = Some(format!(
                            "{:?} denied {:?}",
                            self.nodes[&id].contact, task.song
                        ));
                    }
                }
            }
            Kind::Sync {
                from_established,
                failed,
                ..
            } => {
                if from_established && !failed && is_same {
                    let number = node.view.layout().current().number;
                    self.nodes
                        .get_mut(&id)
                        .expect("a node")
                        .synced
                        .insert(id, number);
                }
            }
        }
    }

    pub(crate) fn end_versions(&mut self, id: Key) {
        let may = match self.fault {
            Fault::OverTooSoon => self.holds(&id),
            _ => self.established(&id),
        };
        if !may {
            return;
        }
        let node = &self.nodes[&id];
        let mut layout = node.view.layout().clone();
        let first = match self.fault {
            Fault::OverTooSoon => layout.current().number,
            _ => node.view.first_needed(&node.synced),
        };
        layout.end_before(first);
        self.adopt(&id, layout);
    }

    pub(crate) fn look_after(&mut self, id: Key) {
        if !self.runs(&id) || !self.holds(&id) {
            return;
        }
        let node = &self.nodes[&id];
        let mut layout = node.view.layout().clone();
        layout.admit(|_| true);
        for (other, since) in &node.unheard {
            if self.now - since > 3000 && layout.standing(other) == Some(Standing::Up) {
                layout.say(*other, |member| member.standing = Standing::Away);
            }
        }
        self.adopt(&id, layout);
    }
}
