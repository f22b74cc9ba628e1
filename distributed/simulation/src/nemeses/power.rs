//! Machines that crash, start again late, or stand still, and clocks that jump.

use std::time::Duration;

use super::strike::Strike;

/// Two days in milliseconds.
const TWO_DAYS_MS: i64 = 2 * 24 * 60 * 60 * 1000;

impl Strike<'_> {
    pub(super) fn crash(&self) -> bool {
        let Some(machine) = self.running().pop() else {
            return false;
        };
        self.kill(machine);
        true
    }

    /// Those that start first may have been away for longest.
    pub(super) fn outage(&self) -> bool {
        let mut machines = self.running();
        if self.dice.happens(0.5) {
            machines.truncate(1 + self.dice.below(machines.len()));
        }
        machines.iter().for_each(|machine| self.kill(*machine));
        !machines.is_empty()
    }

    /// Machines fall one after the other, slowly enough that the rest goes on without them, and come back in the same
    /// order: those that were away for longest meet first.
    pub(super) fn ebb(&self) -> bool {
        let machines = self.running();
        let step = Duration::from_millis(self.dice.between(3_500, 8_000));
        let low_tide = step * machines.len() as u32 + self.lasting / 4;
        let is_off = self.dice.happens(0.5);
        for (turn, machine) in (0..).zip(&machines) {
            let machine = *machine;
            self.world
                .later(step * turn, move |world| world.kill(machine, is_off));
            let back = low_tide + step / 2 * turn;
            self.world.later(back, move |world| world.start(machine));
        }
        !machines.is_empty()
    }

    fn kill(&self, machine: usize) {
        self.world.kill(machine, self.dice.happens(0.5));
        self.world
            .later(self.about(), move |world| world.start(machine));
    }

    pub(super) fn freeze(&self) -> bool {
        let running = self.world.running();
        let many = match self.dice.happens(0.3) {
            true => 1 + self.dice.below(running.len()),
            false => 1,
        };
        let mut running: Vec<_> = running.into_iter().map(|running| running.life).collect();
        running.retain(|life| !life.is_frozen());
        self.dice.shuffle(&mut running);
        running.truncate(many);
        for life in &running {
            life.freeze();
            let life = life.clone();
            self.world.later(self.about(), move |_| life.thaw());
        }
        !running.is_empty()
    }

    pub(super) fn clock(&self) -> bool {
        let Some(machine) = self.dice.pick(&self.world.present()) else {
            return false;
        };
        let jump = match self.dice.happens(0.5) {
            true => TWO_DAYS_MS,
            false => -TWO_DAYS_MS,
        };
        *machine.wall_clock.lock() += jump;
        true
    }
}
