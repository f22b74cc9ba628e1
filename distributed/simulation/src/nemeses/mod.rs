//! What befalls a world, a file for each family.

mod disks;
pub(crate) mod ghosts;
mod links;
mod membership;
mod power;
mod strike;

use std::{sync::Arc, time::Duration};

pub(crate) use disks::lose_disk;
pub(crate) use membership::leave;
use strike::Strike;
use tokio::time::{sleep, timeout};

use crate::{
    base::{dice::Dice, log::note},
    world::{plan::Nemesis, state::World},
};

/// How long a strike waits for an acknowledgement.
const AMBUSH: Duration = Duration::from_secs(5);

/// Strikes now and then until the world is healed.
pub(crate) async fn strike_for_ever(world: Arc<World>, dice: Dice) {
    loop {
        let most = world.plan.quiet_ms;
        sleep(Duration::from_millis(dice.between(most / 4, most))).await;
        ghosts::forget_ghosts(&world, &dice).await;
        if world.is_healing() {
            return;
        }
        let Some(nemesis) = world.plan.next(&dice) else {
            continue;
        };
        // What was acknowledged a moment ago is on the fewest disks.
        if dice.happens(0.4) {
            let _ = timeout(AMBUSH, world.history.acknowledges()).await;
            if world.is_healing() {
                return;
            }
        }
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

impl Strike<'_> {
    /// Whether there was anything to strike.
    fn strike(&self, nemesis: Nemesis) -> bool {
        match nemesis {
            Nemesis::Crash => self.crash(),
            Nemesis::Outage => self.outage(),
            Nemesis::Ebb => self.ebb(),
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
}
