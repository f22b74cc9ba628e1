//! One strike, and what all of them need.

use std::time::Duration;

use crate::{base::dice::Dice, world::state::World};

/// One strike.
pub(super) struct Strike<'a> {
    pub(super) world: &'a World,
    pub(super) dice: &'a Dice,
    pub(super) lasting: Duration,
}

impl Strike<'_> {
    /// The numbers of the machines whose node runs, in an order of chance.
    pub(super) fn running(&self) -> Vec<usize> {
        let running = self.world.running();
        let mut numbers: Vec<usize> = running.iter().map(|running| running.machine).collect();
        self.dice.shuffle(&mut numbers);
        numbers
    }

    /// Up to twice as long as this strike lasts.
    pub(super) fn about(&self) -> Duration {
        let ms = self.lasting.as_millis() as u64;
        Duration::from_millis(self.dice.between(ms / 2, ms * 2))
    }
}
