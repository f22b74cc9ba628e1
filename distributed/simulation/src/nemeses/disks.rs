//! Disks that are full, slow, rotten or lost.
//!
//! Only one machine at a time loses what it holds, until everything is where it must be again: no design survives more
//! than it has copies.

use kadenza_distributed::Key;

use super::strike::Strike;
use crate::{
    base::{dice::Dice, log::note},
    checks::copies,
    world::{machine::Machine, state::World},
};

impl Strike<'_> {
    fn machine(&self) -> Option<Machine> {
        self.dice.pick(&self.world.present())
    }

    /// Now and then, a machine that holds what was acknowledged last.
    fn holder(&self) -> Option<Machine> {
        let latest = self.world.history.latest()?;
        let mut machines = self.world.present();
        machines.retain(|machine| machine.disk.look(|contents| contents.has_good(&latest)));
        let is_wanted = self.dice.happens(0.5);
        self.dice.pick(&machines).filter(|_| is_wanted)
    }

    pub(super) fn full(&self) -> bool {
        let Some(machine) = self.machine() else {
            return false;
        };
        machine.disk.fill(true);
        self.world
            .later(self.lasting, move |_| machine.disk.fill(false));
        true
    }

    pub(super) fn slow(&self) -> bool {
        let Some(machine) = self.machine() else {
            return false;
        };
        machine.disk.slow(true);
        self.world
            .later(self.lasting, move |_| machine.disk.slow(false));
        true
    }

    /// A machine that may lose what it holds; none where another one did, and that was not brought again.
    fn expendable(&self) -> Option<Machine> {
        let machines = self.world.present();
        let is_rotten = |machine: &Machine| machine.disk.look(|contents| contents.is_rotten());
        if !machines.iter().any(is_rotten) && copies::missing(self.world).is_none() {
            self.world.is_whole();
        }
        let machine = self.holder().or_else(|| self.machine())?;
        // Of two copies, neither may be lost before the other one is acknowledged; of one, none.
        let has_others = self.world.plan.replication > 2 && self.world.present().len() > 2;
        (has_others && self.world.may_destroy(machine.number)).then_some(machine)
    }

    pub(super) fn rot(&self) -> bool {
        let Some(machine) = self.expendable() else {
            return false;
        };
        let mut audio: Vec<_> = machine
            .disk
            .look(|contents| contents.all_audio().copied().collect());
        // What was not acknowledged may be here alone, and then nobody could bring it again.
        audio.retain(|content| {
            let others = self.world.present().into_iter();
            let mut others = others.filter(|other| other.number != machine.number);
            others.any(|other| other.disk.look(|contents| contents.has_good(content)))
        });
        self.dice.shuffle(&mut audio);
        audio.truncate(1 + self.dice.below(audio.len()));
        for content in &audio {
            machine.disk.rot(content);
        }
        let scrubbed = machine.disk.clone();
        self.world.later(self.about(), move |_| scrubbed.scrub());
        !audio.is_empty()
    }

    pub(super) fn wipe(&self) -> bool {
        let Some(machine) = self.expendable() else {
            return false;
        };
        let others = self.world.present().into_iter();
        let mut others = others.filter(|other| other.number != machine.number);
        // The others must be the network without it.
        let are_members = others.all(|other| {
            let layout = other.layout();
            layout.is_some_and(|layout| layout.current().voters.contains(&other.id))
        });
        if !machine.ghosts.is_empty() || !are_members {
            return false;
        }
        let number = machine.number;
        lose_disk(self.world, self.dice, number, self.dice.happens(0.5));
        self.world
            .later(self.about(), move |world| world.start(number));
        true
    }
}

/// A machine loses its disk, and will come back under another id.
pub(crate) fn lose_disk(world: &World, dice: &Dice, number: usize, is_off: bool) {
    world.kill(number, is_off);
    let id = Key::from_bytes(dice.key());
    world.change(number, |machine| {
        machine.disk.wipe();
        machine.ghosts.push(machine.id);
        machine.id = id;
        machine.founds = false;
    });
    note!(world.log, "machine {number} lost its disk");
}
