//! Who leaves has handed on what it has.

use kadenza_contract::ContentHash;

use super::copies;
use crate::world::state::World;

/// A machine has left, and only just ended.
pub(crate) fn has_left(world: &World, machine: usize) {
    let disk = world.change(machine, |machine| machine.disk.clone());
    let others = world.present();
    // A majority of the copies; written out here, so that no mistake is made twice.
    let majority = world.plan.replication.min(others.len()) / 2 + 1;
    let needed = majority.saturating_sub(world.destroyed_now());
    for (id, known) in world.history.before(u64::MAX) {
        let had = |content: &&ContentHash| disk.look(|contents| contents.is_good(&id, content));
        for content in known.recordings.iter().filter(had) {
            let good = copies::good(&others, &id, content);
            if good < needed {
                world.wrong(format!(
                    "machine {machine} has left, and {good} others have its copy of {id:.8}, and {needed} must"
                ));
            }
        }
    }
}
