//! A world: its machines, its network, its history, and the first thing that went wrong.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Weak},
    time::Duration,
};

use kadenza_distributed::{Beginning, Key, Node, NodeConfig, Outside, StartError};
use parking_lot::Mutex;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use super::{
    history::History,
    machine::{Machine, Running},
    plan::Plan,
};
use crate::{
    base::{
        dice::Dice,
        log::{Log, note},
    },
    outside::{
        disk::{Disk, Watch},
        life::{Life, SimulatedEnv},
        network::{Network, peer},
        store::SimulatedStore,
        wire::SimulatedWire,
    },
};

/// The most machines of a world.
const MACHINES_MAX: usize = 12;
/// The wall clock when a world begins: 2026, in milliseconds since 1970.
const WALL_CLOCK_MS: i64 = 1_790_000_000_000;

/// A world.
#[derive(Debug)]
pub(crate) struct World {
    this: Weak<World>,
    pub(crate) plan: Plan,
    pub(crate) dice: Dice,
    pub(crate) log: Arc<Log>,
    pub(crate) network: Arc<Network>,
    pub(crate) history: History,
    watch: Arc<dyn Watch>,
    machines: Mutex<Vec<Machine>>,
    counts: Mutex<BTreeMap<String, u64>>,
    wrong: watch::Sender<Option<String>>,
    is_healing: watch::Sender<bool>,
    /// The machine that lost something since everything was where it must be.
    destroyed: Mutex<Option<usize>>,
}

impl World {
    /// A world without machines. The watch sees what disks drop.
    pub(crate) fn new(
        plan: Plan,
        dice: Dice,
        log: Arc<Log>,
        watch: impl FnOnce(Weak<World>) -> Arc<dyn Watch>,
    ) -> Arc<World> {
        let network = Network::new(plan.weather.clone(), dice.fork(), Arc::clone(&log));
        Arc::new_cyclic(|this| World {
            this: Weak::clone(this),
            watch: watch(Weak::clone(this)),
            plan,
            dice,
            log,
            network,
            history: History::default(),
            machines: Mutex::default(),
            counts: Mutex::default(),
            wrong: watch::Sender::new(None),
            is_healing: watch::Sender::new(false),
            destroyed: Mutex::default(),
        })
    }

    /// Something is not as it must be. The first is told.
    pub(crate) fn wrong(&self, what: String) {
        note!(self.log, "WRONG: {what}");
        self.wrong.send_if_modified(|wrong| {
            let is_first = wrong.is_none();
            wrong.get_or_insert(what);
            is_first
        });
    }

    /// What went wrong first.
    pub(crate) fn what_went_wrong(&self) -> Option<String> {
        self.wrong.borrow().clone()
    }

    /// Waits until something goes wrong.
    pub(crate) async fn goes_wrong(&self) {
        // The sender lives as long as this does.
        let _ = self.wrong.subscribe().wait_for(Option::is_some).await;
    }

    /// Nothing befalls the world any more.
    pub(crate) fn begin_healing(&self) {
        self.is_healing.send_replace(true);
    }

    /// Whether nothing befalls the world any more.
    pub(crate) fn is_healing(&self) -> bool {
        *self.is_healing.borrow()
    }

    /// The world as its tasks hold it.
    pub(crate) fn itself(&self) -> Option<Arc<World>> {
        self.this.upgrade()
    }

    /// Does something after a while, unless the world is healed before.
    pub(crate) fn later(&self, after: Duration, what: impl FnOnce(&World) + Send + 'static) {
        let Some(world) = self.itself() else {
            return;
        };
        tokio::spawn(async move {
            sleep(after).await;
            if !world.is_healing() {
                what(&world);
            }
        });
    }

    /// Notes that a machine loses something that it holds. Says no where another one has lost something that was not
    /// brought again yet: so much at once the design does not promise to survive.
    pub(crate) fn may_destroy(&self, machine: usize) -> bool {
        *self.destroyed.lock().get_or_insert(machine) == machine
    }

    /// Everything is where it must be.
    pub(crate) fn is_whole(&self) {
        *self.destroyed.lock() = None;
    }

    /// How many copies of anything may have been lost since everything was where it must be.
    pub(crate) fn destroyed_now(&self) -> usize {
        usize::from(self.destroyed.lock().is_some())
    }

    /// Counts something.
    pub(crate) fn count(&self, what: impl Into<String>) {
        *self.counts.lock().entry(what.into()).or_default() += 1;
    }

    /// Everything that was counted.
    pub(crate) fn counts(&self) -> BTreeMap<String, u64> {
        self.counts.lock().clone()
    }

    /// All machines, also those that have left.
    pub(crate) fn machines(&self) -> Vec<Machine> {
        self.machines.lock().clone()
    }

    /// The machines that have not left.
    pub(crate) fn present(&self) -> Vec<Machine> {
        let mut machines = self.machines();
        machines.retain(|machine| !machine.has_left);
        machines
    }

    /// Changes what is known of a machine.
    pub(crate) fn change<T>(&self, machine: usize, change: impl FnOnce(&mut Machine) -> T) -> T {
        change(&mut self.machines.lock()[machine])
    }

    /// The nodes that run and have started.
    pub(crate) fn running(&self) -> Vec<Running> {
        let machines = self.machines.lock();
        machines.iter().filter_map(Machine::running).collect()
    }

    /// Puts another machine up. Says which one; none if there are enough.
    pub(crate) fn add_machine(&self) -> Option<usize> {
        let mut machines = self.machines.lock();
        let number = machines.len();
        if number >= MACHINES_MAX {
            return None;
        }
        let disk = Disk::new(number, self.dice.fork(), Arc::downgrade(&self.watch));
        machines.push(Machine {
            number,
            address: SocketAddr::from(([10, 0, 0, number as u8 + 1], 4534)),
            id: Key::from_bytes(self.dice.key()),
            disk,
            wall_clock: Arc::new(Mutex::new(WALL_CLOCK_MS)),
            life: None,
            node: None,
            founds: number == 0,
            has_left: false,
            leaves: false,
            hostile: Arc::default(),
            ghosts: Vec::new(),
        });
        Some(number)
    }

    /// How a machine is told to begin: as the first of the network, through others, or by what it remembers.
    fn beginning(&self, machine: &Machine) -> Beginning {
        let is_new = machine
            .disk
            .look(|contents| contents.file("members.json").is_none());
        if machine.founds {
            return Beginning::Bootstrap;
        }
        let machines = self.machines.lock();
        let others = machines.iter();
        let others = others.filter(|other| other.number != machine.number && !other.has_left);
        let (members, mut others): (Vec<&Machine>, Vec<&Machine>) =
            others.partition(|other| other.is_member());
        self.dice.shuffle(&mut others);
        // Where nobody is told of the network, nobody can find it.
        let at = self.dice.below(3).min(others.len());
        if let Some(member) = self.dice.pick(&members) {
            others.insert(at, member);
        }
        let mut others: Vec<String> = others
            .iter()
            .map(|other| other.address.to_string())
            .collect();
        if self.dice.happens(0.2) {
            // One name for all of them.
            others = Some(others.join("+"))
                .filter(|name| !name.is_empty())
                .into_iter()
                .collect();
        }
        others.truncate(3);
        if others.is_empty() || !is_new && self.dice.happens(0.5) {
            Beginning::Remember
        } else {
            Beginning::Join(Arc::new(others))
        }
    }

    /// Starts a node on a machine.
    pub(crate) fn start(&self, number: usize) {
        let machine = self.machines.lock()[number].clone();
        if machine.has_left || machine.life.is_some() {
            return;
        }
        let beginning = self.beginning(&machine);
        note!(self.log, "start {number} {} {beginning:?}", machine.id);
        self.run(&machine, beginning);
    }

    fn run(&self, machine: &Machine, beginning: Beginning) {
        let number = machine.number;
        let life = Life::new(number);
        let env = Arc::new(SimulatedEnv {
            life: Arc::clone(&life),
            dice: self.dice.fork(),
            began: Instant::now(),
            offset_ms: self.dice.between(0, 1 << 40),
            speed: self.dice.between(970, 1030),
        });
        let own = peer(*machine.id.as_bytes(), machine.address);
        let hostile = Arc::clone(&machine.hostile);
        let network = Arc::clone(&self.network);
        let wire = SimulatedWire::new(
            network,
            own,
            Arc::clone(&life),
            hostile,
            Dice::new(own.id.as_bytes()[0].into()),
        );
        let outside = Outside {
            wire: Arc::new(wire),
            store: Arc::new(SimulatedStore {
                disk: Arc::clone(&machine.disk),
                env: Arc::clone(&env),
                wall_clock: Arc::clone(&machine.wall_clock),
            }),
            env,
        };
        let config = NodeConfig {
            beginning,
            replication: self.plan.replication,
            surplus_kept: self.plan.surplus_kept,
            repair_after: self.plan.repair_after,
            ..NodeConfig::new(PathBuf::from("/"))
        };
        self.change(number, |machine| machine.life = Some(Arc::clone(&life)));
        let (world, of) = (Weak::clone(&self.this), Arc::clone(&life));
        life.spawn(Box::pin(async move {
            let started = Node::start_within(outside, config).await;
            if let Some(world) = world.upgrade() {
                world.started(number, &of, started);
            }
        }));
    }

    fn started(&self, number: usize, life: &Arc<Life>, started: Result<Node, StartError>) {
        match started {
            Ok(node) => {
                note!(self.log, "started {number}");
                self.change(number, |machine| machine.node = Some(node));
            }
            // It never got as far as to hear of a network: whoever starts it says again where there is one.
            Err(StartError::NoNetwork { .. }) => {
                life.end();
                self.change(number, |machine| machine.life = None);
                self.later(Duration::from_secs(1), move |world| world.start(number));
            }
            Err(error) => self.wrong(format!("machine {number} cannot start: {error:?}")),
        }
    }

    /// Kills the node of a machine; the machine is off then, or only the process is gone.
    pub(crate) fn kill(&self, number: usize, is_off: bool) {
        let (life, address, disk) = self.change(number, |machine| {
            machine.node = None;
            machine.leaves = false;
            let disk = Arc::clone(&machine.disk);
            (machine.life.take(), machine.address, disk)
        });
        if let Some(life) = life {
            self.look_for_panics(number, &life);
            life.end();
            disk.crash();
            self.network.killed(address, is_off);
        }
    }

    /// A node that panicked is wrong, whatever came of it.
    pub(crate) fn look_for_panics(&self, number: usize, life: &Life) {
        if life.has_panicked() {
            self.wrong(format!("a task of machine {number} panicked"));
        }
    }
}
