//! A network in memory: time is the key of a queue, chance is a seed.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    net::SocketAddr,
    time::Duration,
};

use kadenza_protocol::{Contact, Due, Failure, Heard, K, Key};

use super::{
    dice::Dice,
    faulty::{Fault, Table},
};

mod checks;
mod errand;
mod hostile;
mod lookups;
mod node;
mod nowhere;

pub(crate) use errand::LookupResult;
use errand::{Errand, Purpose, Running};
pub(crate) use node::{Manners, Mood, Node};

/// How long messages travel.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    /// All the same time, in microseconds there and back.
    Same(u64),
    /// Between most pairs about so long, there and back; some are four times as far, and one
    /// message in a hundred takes three times as long.
    Mixed(u64),
}

#[derive(Debug)]
struct Call {
    by: usize,
    to: Contact,
    errand: Errand,
    target: Key,
    sent_us: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Tick(usize),
    Join(usize, usize),
    Arrives(u64),
    Answer(u64),
    Refused(u64),
    Soft(u64),
    Hard(u64),
}

#[derive(Debug)]
struct Reply {
    nodes: Vec<Contact>,
    counts: bool,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) now_us: u64,
    pub(crate) nodes: Vec<Node>,
    pub(crate) found: Vec<LookupResult>,
    /// What the onlookers saw that must not be.
    pub(crate) violation: Option<String>,
    /// Whether all are watched; otherwise only measured lookups.
    pub(crate) watchful: bool,
    /// Whether each answer is given to the lookup twice, and one that nobody asked for with it.
    pub(crate) repeats: bool,
    pub(crate) dice: Dice,
    pub(crate) requests: u64,
    /// Over how many paths each lookup goes. More than one are not watched.
    pub(crate) paths: usize,
    /// Whether some mislead others. Lookups then ask as many as they may, and are not watched.
    pub(crate) misleads: bool,
    way: Way,
    fault: Option<Fault>,
    queue: BinaryHeap<Reverse<(u64, u64, Event)>>,
    calls: HashMap<u64, Call>,
    replies: HashMap<u64, Reply>,
    running: HashMap<u64, Running>,
    next: u64,
}

fn address(index: usize) -> SocketAddr {
    ([10, 0, (index >> 8) as u8, index as u8], 4534).into()
}

fn index_at(address: SocketAddr) -> Option<usize> {
    match address.ip() {
        std::net::IpAddr::V4(ip) if ip.octets()[1] == 0 => {
            Some(usize::from(ip.octets()[2]) << 8 | usize::from(ip.octets()[3]))
        }
        _ => None,
    }
}

impl World {
    pub(crate) fn new(seed: u64, count: usize, way: Way, fault: Option<Fault>) -> World {
        let mut dice = Dice(seed);
        let node = |index| {
            let contact = Contact {
                id: dice.key(),
                address: address(index),
            };
            Node::new(Table::new(fault, contact.id, K), contact)
        };
        let nodes = (0..count).map(node).collect();
        World {
            now_us: 0,
            nodes,
            found: Vec::new(),
            violation: None,
            watchful: true,
            repeats: false,
            dice,
            requests: 0,
            paths: 1,
            misleads: false,
            way,
            fault,
            queue: BinaryHeap::new(),
            calls: HashMap::new(),
            replies: HashMap::new(),
            running: HashMap::new(),
            next: 0,
        }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.now_us / 1000
    }

    /// Lets everybody join through node 0, one after the other.
    pub(crate) fn join_all(&mut self, pause_us: u64) {
        self.nodes[0].settled = true;
        for index in 0..self.nodes.len() {
            let at_us = self.now_us + pause_us * index as u64;
            let phase_us = self.dice.below(1_000_000) as u64;
            self.at(at_us + phase_us, Event::Tick(index));
            if index > 0 {
                self.at(at_us, Event::Join(index, 0));
            }
        }
        self.run_for(pause_us * self.nodes.len() as u64 + 10_000_000);
    }

    /// Lets a node look for whom a key belongs to, and remembers what it found.
    pub(crate) fn look_up(&mut self, by: usize, target: Key, want: usize) {
        self.begin(by, target, want, Purpose::Measured);
    }

    pub(crate) fn run_for(&mut self, time_us: u64) {
        let until_us = self.now_us + time_us;
        while let Some(Reverse((at_us, _, _))) = self.queue.peek() {
            if *at_us > until_us || self.violation.is_some() {
                break;
            }
            let Some(Reverse((at_us, _, event))) = self.queue.pop() else {
                break;
            };
            self.now_us = at_us;
            self.happens(event);
        }
        self.now_us = until_us;
    }

    /// Runs until every measured lookup has ended, at most so long.
    pub(crate) fn finish(&mut self, most_us: u64) {
        let until_us = self.now_us + most_us;
        let open = |world: &World| {
            world
                .running
                .values()
                .any(|running| running.purpose == Purpose::Measured)
        };
        while open(self) && self.violation.is_none() {
            if self.now_us >= until_us {
                return self.violated("a lookup does not end");
            }
            self.run_for(1000);
        }
    }

    /// The nodes that answer, on this node's side, closest first.
    pub(crate) fn true_closest(&self, by: usize, target: &Key, want: usize) -> Vec<Key> {
        let others = self.nodes.iter().enumerate().filter(|(index, node)| {
            *index != by && node.mood == Mood::Up && node.side == self.nodes[by].side
        });
        let mut ids: Vec<Key> = others.map(|(_, node)| node.contact.id).collect();
        ids.sort_by_key(|id| id.distance(target));
        ids.truncate(want);
        ids
    }

    /// A thief sends and answers requests in the name of a node, from an address of its own.
    pub(crate) fn steal(&mut self, victim: usize, at: usize, address: SocketAddr) {
        let claim = Contact {
            address,
            ..self.nodes[victim].contact
        };
        self.heard_from(at, claim);
        self.answered(at, claim);
    }

    pub(crate) fn violated(&mut self, what: impl Into<String>) {
        if self.violation.is_none() {
            self.violation = Some(format!("at {} ms: {}", self.now_ms(), what.into()));
        }
    }

    fn at(&mut self, at_us: u64, event: Event) {
        self.next += 1;
        self.queue.push(Reverse((at_us, self.next, event)));
    }

    fn one_way_us(&mut self, a: usize, b: usize) -> u64 {
        match self.way {
            Way::Same(us) => us / 2,
            Way::Mixed(median_us) => {
                let pair = (a.min(b) << 16 | a.max(b)) as u64;
                let far = Dice(pair).share();
                let base = median_us as f64 / 2.0 * 4_f64.powf(2.0 * far - 1.0);
                let jitter = 0.9 + 0.3 * self.dice.share();
                let tail = if self.dice.happens(0.01) { 3.0 } else { 1.0 };
                (base * jitter * tail) as u64
            }
        }
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Tick(index) => self.tick(index),
            Event::Join(index, through) => {
                let seed = self.nodes[through].contact;
                let own = self.nodes[index].contact.id;
                self.send(index, seed, Errand::Seed, own);
            }
            Event::Arrives(call) => self.arrives(call),
            Event::Answer(call) => self.answer(call),
            Event::Refused(call) => self.fails(call, Failure::Refused),
            Event::Hard(call) => self.fails(call, Failure::Silent),
            Event::Soft(call) => self.soft(call),
        }
    }

    fn tick(&mut self, index: usize) {
        if self.nodes[index].mood == Mood::Dead {
            return;
        }
        self.at(self.now_us + 1_000_000, Event::Tick(index));
        let now_ms = self.now_ms();
        let dice = &mut self.dice;
        let due = self.nodes[index].table.due(now_ms, &mut || dice.number());
        for due in due {
            match due {
                Due::Ping(contact) => self.send(index, contact, Errand::Ping, contact.id),
                Due::Refresh(key) => self.begin(index, key, K, Purpose::Filling),
                Due::Rejoin => {
                    let through = self.dice.below(self.nodes.len());
                    if through != index {
                        self.at(self.now_us, Event::Join(index, through));
                    }
                }
            }
        }
    }

    fn send(&mut self, by: usize, to: Contact, errand: Errand, target: Key) {
        self.requests += 1;
        self.next += 1;
        let call = self.next;
        let trip = self.nodes[by].trips.entry(to.id).or_default();
        let (soft, hard) = (
            trip.soft().as_micros() as u64,
            trip.hard().as_micros() as u64,
        );
        self.calls.insert(
            call,
            Call {
                by,
                to,
                errand,
                target,
                sent_us: self.now_us,
            },
        );
        match index_at(to.address) {
            Some(index) if self.reaches(by, index) && self.nodes[index].mood != Mood::Dead => {
                let way_us = self.one_way_us(by, index);
                self.at(self.now_us + way_us, Event::Arrives(call));
            }
            Some(index) if !self.reaches(by, index) => {}
            None if nowhere::is_hole(to.address) => {}
            other => {
                let way_us = self.one_way_us(by, other.unwrap_or(by));
                self.at(self.now_us + 2 * way_us, Event::Refused(call));
            }
        }
        self.at(self.now_us + soft, Event::Soft(call));
        self.at(self.now_us + hard, Event::Hard(call));
    }

    fn reaches(&self, a: usize, b: usize) -> bool {
        self.nodes[a].side == self.nodes[b].side
    }

    fn arrives(&mut self, call: u64) {
        let Some(Call { by, to, target, .. }) = self.calls.get(&call) else {
            return;
        };
        let (by, target, named) = (*by, *target, to.id);
        let Some(index) = index_at(to.address) else {
            return;
        };
        if self.nodes[index].mood == Mood::Dead || !self.reaches(by, index) {
            return;
        }
        if named != self.nodes[index].contact.id {
            // Somebody else lives here; the asker finds out at once.
            return self.at(self.now_us, Event::Refused(call));
        }
        let asker = self.nodes[by].contact;
        self.heard_from(index, asker);
        if self.nodes[index].mood == Mood::Silent {
            return;
        }
        let reply = self.reply_of(index, asker, target);
        self.replies.insert(call, reply);
        let slow = self.nodes[index].manners == Manners::Slow && self.dice.happens(0.33);
        let slow_us = if slow {
            60_000 + self.dice.below(240_000) as u64
        } else {
            0
        };
        let way_us = self.one_way_us(index, by) + slow_us;
        self.at(self.now_us + way_us, Event::Answer(call));
    }

    fn reply_of(&mut self, index: usize, asker: Contact, target: Key) -> Reply {
        if let Some(nodes) = self.misled(index, &target) {
            return Reply {
                nodes,
                counts: true,
            };
        }
        let now_ms = self.now_ms();
        let node = &self.nodes[index];
        let own = node.contact.id;
        let counts = node.settled;
        let mut nodes = node.table.closest(now_ms, &target, K, &[asker.id, own]);
        if node.manners == Manners::Liar {
            for (turn, node) in nodes.iter_mut().enumerate() {
                match turn % 3 {
                    0 => node.address = ([10, 66, 0, turn as u8], 66).into(),
                    1 => node.id = self.dice.key(),
                    _ => {}
                }
            }
            nodes.insert(0, asker);
            nodes.extend_from_within(..);
        } else if self.watchful {
            self.check_reply(index, &asker, &target, &nodes);
        }
        Reply { nodes, counts }
    }

    fn answer(&mut self, call: u64) {
        let Some(Reply { nodes, counts }) = self.replies.remove(&call) else {
            return;
        };
        let Some(Call {
            by,
            to,
            errand,
            sent_us,
            ..
        }) = self.calls.remove(&call)
        else {
            return;
        };
        if self.nodes[by].mood == Mood::Dead {
            return;
        }
        let took = Duration::from_micros(self.now_us - sent_us);
        self.nodes[by]
            .trips
            .entry(to.id)
            .or_default()
            .answered(took);
        self.answered(by, to);
        match errand {
            Errand::Ping => {}
            Errand::Seed => {
                let own = self.nodes[by].contact.id;
                self.begin(by, own, K, Purpose::Joining);
            }
            Errand::Lookup(id) => {
                if let Some(running) = self.running.get_mut(&id) {
                    if let Some(watch) = running.watch.as_mut().filter(|watch| watch.awaits(&to)) {
                        watch.answered(&to, &nodes, counts);
                    }
                    let mut asks = running.search.answered(&to, &nodes, counts);
                    if self.repeats {
                        // The same again, and one from somebody who was not asked.
                        asks.extend(running.search.answered(&to, &nodes, !counts));
                        let target = running.target;
                        let stranger = Contact {
                            id: Dice(call).key(),
                            address: to.address,
                        };
                        asks.extend(
                            running
                                .search
                                .stray(&stranger, &[Contact { id: target, ..to }]),
                        );
                    }
                    self.advance(id, &asks);
                }
            }
        }
    }

    fn soft(&mut self, call: u64) {
        let now_ms = self.now_ms();
        let Some(Call { by, to, errand, .. }) = self.calls.get(&call) else {
            return;
        };
        let (by, to, errand) = (*by, *to, *errand);
        let node = &mut self.nodes[by];
        node.trips.entry(to.id).or_default().late();
        node.note(now_ms, to, false);
        self.nodes[by].table.late(now_ms, &to);
        self.check_kept(by, to);
        if let Errand::Lookup(id) = errand
            && let Some(running) = self.running.get_mut(&id)
        {
            if let Some(watch) = &mut running.watch {
                watch.late(&to);
            }
            let asks = running.search.late(&to);
            self.advance(id, &asks);
        }
    }

    fn fails(&mut self, call: u64, failure: Failure) {
        let now_ms = self.now_ms();
        let Some(Call { by, to, errand, .. }) = self.calls.remove(&call) else {
            return;
        };
        self.nodes[by].note(now_ms, to, true);
        self.nodes[by].table.failed(now_ms, &to, failure);
        self.check_kept(by, to);
        if let Errand::Lookup(id) = errand
            && let Some(running) = self.running.get_mut(&id)
        {
            if let Some(watch) = &mut running.watch {
                watch.failed(&to);
            }
            let asks = running.search.failed(&to);
            self.advance(id, &asks);
        }
    }

    /// A node hears a request of another.
    fn heard_from(&mut self, index: usize, from: Contact) {
        let now_ms = self.now_ms();
        let ping = self.nodes[index].table.heard_from(now_ms, from);
        self.check_kept(index, from);
        if let Some(contact) = ping {
            self.send(index, contact, Errand::Ping, contact.id);
        }
    }

    /// A node hears an answer of another.
    fn answered(&mut self, index: usize, from: Contact) {
        let now_ms = self.now_ms();
        let node = &mut self.nodes[index];
        node.heard.insert(from, Vec::new());
        let Heard { ping, .. } = node.table.answered(now_ms, from);
        self.check_kept(index, from);
        if let Some(contact) = ping {
            self.send(index, contact, Errand::Ping, contact.id);
        }
    }
}
