//! What plays have in common: machines that come up, songs with a certain place, and links that are cut.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use kadenza_contract::SongId;
use kadenza_distributed::Key;
use tokio::time::{Instant, sleep};

use crate::{
    base::{
        dice::Dice,
        log::{Log, note},
    },
    checks::{agreement, copies},
    clients::Client,
    outside::lane::Lane,
    world::{
        history::Draft,
        machine::{Machine, Running},
        state::World,
    },
};

/// How often it is looked at whether something has come about.
const LOOKS: Duration = Duration::from_millis(5);
/// How many songs are drawn until one has the place that is wanted.
const DRAWN_MAX: usize = 400;

/// A world in which something is played.
pub(super) struct Stage {
    pub(super) world: Arc<World>,
    pub(super) dice: Dice,
}

/// A machine that is to join.
pub(super) struct Newcomer {
    pub(super) joins: usize,
    /// All machines, this one as well.
    pub(super) now: Vec<usize>,
    pub(super) song: Draft,
}

impl Stage {
    pub(super) fn new(world: &Arc<World>) -> Stage {
        Stage {
            world: Arc::clone(world),
            dice: world.dice.fork(),
        }
    }

    /// What happens next, for whoever reads the log.
    pub(super) fn tells(&self, what: &str) {
        let log: &Log = &self.world.log;
        note!(log, "scene: {what}");
    }

    /// Puts machines up. Which ones.
    pub(super) fn add(&self, many: usize) -> Vec<usize> {
        (0..many).filter_map(|_| self.world.add_machine()).collect()
    }

    pub(super) fn start(&self, machines: &[usize]) {
        machines
            .iter()
            .for_each(|machine| self.world.start(*machine));
    }

    pub(super) fn kill(&self, machines: &[usize]) {
        machines
            .iter()
            .for_each(|machine| self.world.kill(*machine, true));
    }

    /// A network of so many machines, all of which agree.
    pub(super) async fn begin(&self, many: usize) -> Option<Vec<usize>> {
        let machines = self.add(many);
        self.start(&machines);
        self.agree().await?;
        // So long that all leases of earlier layouts are over.
        sleep(Duration::from_secs(8)).await;
        Some(machines)
    }

    /// Waits until all machines run and agree, and need no earlier version.
    pub(super) async fn agree(&self) -> Option<()> {
        let world = &self.world;
        self.until(Duration::from_secs(60), || {
            world.running().len() == world.present().len() && agreement::differing(world).is_none()
        })
        .await
    }

    /// Waits until every acknowledged recording and card is where it must be.
    pub(super) async fn be_whole(&self) -> Option<()> {
        let is_whole = || copies::missing(&self.world).is_none();
        self.until(Duration::from_secs(30), is_whole).await
    }

    /// Waits until something has come about, at most for so long.
    pub(super) async fn until(&self, at_most: Duration, is_so: impl Fn() -> bool) -> Option<()> {
        let began = Instant::now();
        while !is_so() {
            if began.elapsed() > at_most {
                return None;
            }
            sleep(LOOKS).await;
        }
        Some(())
    }

    pub(super) fn machine(&self, number: usize) -> Machine {
        self.world.change(number, |machine| machine.clone())
    }

    fn running(&self, machine: usize) -> Option<Running> {
        self.machine(machine).running()
    }

    /// Somebody who asks a machine; none while no node runs there.
    pub(super) fn at(&self, machine: usize) -> Option<Client<'_>> {
        Some(Client {
            world: &self.world,
            dice: &self.dice,
            running: self.running(machine)?,
            number: 0,
        })
    }

    /// Whether a machine knows another one as a member, as its disk says.
    pub(super) fn knows(&self, machine: usize, other: usize) -> bool {
        let other = self.machine(other).id;
        let layout = self.machine(machine).layout();
        layout.is_some_and(|layout| layout.current().voters.contains(&other))
    }

    /// The machines that are responsible for a song's audio, if these are all that are up.
    pub(super) fn responsible(&self, among: &[usize], id: &SongId) -> BTreeSet<usize> {
        let machines: Vec<Machine> = among.iter().map(|number| self.machine(*number)).collect();
        let nodes: BTreeSet<Key> = copies::placement(&self.world, &machines)
            .of_audio(*id)
            .into_iter()
            .collect();
        let machines = machines.iter().filter(|of| nodes.contains(&of.id));
        machines.map(|machine| machine.number).collect()
    }

    /// A song that nobody has uploaded, of a certain place.
    pub(super) fn song(&self, is_wanted: impl Fn(&SongId) -> bool) -> Option<Draft> {
        (0..DRAWN_MAX).find_map(|_| self.world.history.draft_if(&self.dice, &is_wanted))
    }

    /// One more machine, which is not started, and a song that it must have once it is.
    pub(super) fn newcomer(&self, all: &[usize]) -> Option<Newcomer> {
        let joins = self.world.add_machine()?;
        let now = with(all, &[joins]);
        let song = self.song(|id| self.responsible(&now, id).contains(&joins))?;
        Some(Newcomer { joins, now, song })
    }

    /// Whether a machine has good audio of what was drafted.
    pub(super) fn holds(&self, machine: usize, draft: &Draft) -> bool {
        let disk = self.machine(machine).disk;
        disk.look(|contents| contents.is_good(&draft.id, &draft.content))
    }

    /// Uploads again and again until it is acknowledged, at most for so long.
    pub(super) async fn upload(&self, at: usize, draft: &Draft, at_most: Duration) -> Option<()> {
        let began = Instant::now();
        loop {
            if let Some(client) = self.at(at)
                && client.uploads(draft).await
            {
                return Some(());
            }
            if began.elapsed() > at_most {
                return None;
            }
            sleep(LOOKS).await;
        }
    }

    /// Cuts ways, or opens them again: of what is about one thing, or all of them.
    pub(super) fn cut(&self, from: &[usize], to: &[usize], lane: Option<Lane>, is_cut: bool) {
        let lanes = lane.map_or(Lane::ALL.to_vec(), |lane| vec![lane]);
        for (from, to) in from
            .iter()
            .flat_map(|from| to.iter().map(move |to| (from, to)))
            .filter(|(from, to)| from != to)
        {
            let (from, to) = (self.machine(*from).address, self.machine(*to).address);
            for lane in &lanes {
                self.world.network.cut_lane(from, to, *lane, is_cut);
            }
        }
    }

    /// Makes ways slower.
    pub(super) fn slow(&self, from: &[usize], to: &[usize], lane: Lane, more_ms: u64) {
        for from in from {
            for to in to.iter().filter(|to| *to != from) {
                let (from, to) = (self.machine(*from).address, self.machine(*to).address);
                self.world.network.slow_lane(from, to, lane, more_ms);
            }
        }
    }

    /// The machines that are responsible for a song's audio, in an order of chance.
    pub(super) fn cast(&self, among: &[usize], id: &SongId) -> Vec<usize> {
        let machines: Vec<usize> = self.responsible(among, id).into_iter().collect();
        self.shuffled(&machines)
    }

    /// These in an order of chance.
    pub(super) fn shuffled(&self, machines: &[usize]) -> Vec<usize> {
        let mut machines = machines.to_vec();
        self.dice.shuffle(&mut machines);
        machines
    }
}

/// These without some.
pub(super) fn without(machines: &[usize], some: &[usize]) -> Vec<usize> {
    let left = machines.iter().filter(|machine| !some.contains(machine));
    left.copied().collect()
}

/// Both.
pub(super) fn with(some: &[usize], others: &[usize]) -> Vec<usize> {
    [some, others].concat()
}
