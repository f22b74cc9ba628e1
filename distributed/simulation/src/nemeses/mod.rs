//! What befalls a world, a file for each family.

mod disks;
mod links;
mod membership;
mod power;

use std::{sync::Arc, time::Duration};

pub(crate) use membership::forget_ghosts;

use tokio::time::sleep;

use crate::{
    base::{dice::Dice, log::note},
    world::{plan::Nemesis, state::World},
};

/// Strikes now and then until the world is healed.
pub(crate) async fn strike_for_ever(world: Arc<World>, dice: Dice) {
    loop {
        let most = world.plan.quiet_ms;
        sleep(Duration::from_millis(dice.between(most / 4, most))).await;
        membership::forget_ghosts(&world, &dice).await;
        if world.is_healing() {
            return;
        }
        let Some(nemesis) = world.plan.next(&dice) else {
            continue;
        };
        let lasting = Duration::from_millis(dice.between(100, world.plan.lasting_ms));
        let strike = Strike {
            world: &world,
            dice: &dice,
            lasting,
        };
        if strike.strike(nemesis) {
            note!(world.log, "{nemesis:?} for {} ms", lasting.as_millis());
            world.count(format!("{nemesis:?}"));
        }
    }
}

/// One strike.
struct Strike<'a> {
    world: &'a World,
    dice: &'a Dice,
    lasting: Duration,
}

impl Strike<'_> {
    /// Whether there was anything to strike.
    fn strike(&self, nemesis: Nemesis) -> bool {
        match nemesis {
            Nemesis::Crash => self.crash(),
            Nemesis::Outage => self.outage(),
            Nemesis::Freeze => self.freeze(),
            Nemesis::Clock => self.clock(),
            Nemesis::Cut => self.cut(),
            Nemesis::Split => self.split(),
            Nemesis::OneWay => self.one_way(),
            Nemesis::Clog => self.clog(),
            Nemesis::Storm => self.storm(),
            Nemesis::Full => self.full(),
            Nemesis::Slow => self.slow(),
            Nemesis::Rot => self.rot(),
            Nemesis::Wipe => self.wipe(),
            Nemesis::Join => self.join(),
            Nemesis::JoinMany => self.join_many(),
            Nemesis::Leave => self.leave(),
        }
    }

    /// The numbers of the machines whose node runs, in an order of chance.
    fn running(&self) -> Vec<usize> {
        let running = self.world.running();
        let mut numbers: Vec<usize> = running.iter().map(|running| running.machine).collect();
        self.dice.shuffle(&mut numbers);
        numbers
    }

    /// Up to twice as long as this strike lasts.
    fn about(&self) -> Duration {
        let ms = self.lasting.as_millis() as u64;
        Duration::from_millis(self.dice.between(ms / 2, ms * 2))
    }
}
