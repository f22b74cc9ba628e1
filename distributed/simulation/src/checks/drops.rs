//! A copy is dropped only where as many others have good ones as there must be.

use std::sync::Weak;

use kadenza_contract::{ContentHash, SongId};

use super::copies;
use crate::{outside::disk::Watch, world::state::World};

/// Looks at all disks whenever a copy is dropped.
#[derive(Debug)]
pub(crate) struct Drops(pub(crate) Weak<World>);

impl Watch for Drops {
    fn drops(&self, machine: usize, song: &SongId, content: &ContentHash) {
        let Some(world) = self.0.upgrade() else {
            return;
        };
        let machines = world.present();
        let others = machines.iter().filter(|other| other.number != machine);
        let good = copies::good(others, song, content);
        world.count("copies dropped");
        // A wipe or rot in between takes at most one.
        let needed = world.plan.replication.min(machines.len()).saturating_sub(1);
        if good < needed.saturating_sub(world.destroyed_now()) {
            world.wrong(format!(
                "machine {machine} drops a copy of {song:.8} while {good} others are good"
            ));
        }
    }
}
