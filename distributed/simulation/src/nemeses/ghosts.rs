//! Ids that were lost with their disks, and that somebody has to give up.

use std::sync::Arc;

use kadenza_distributed::{Key, kademlia::layout::Standing};
use tokio::time::timeout;

use crate::{
    base::{dice::Dice, log::note},
    world::{history::PATIENCE, machine::Machine, state::World},
};

/// The operator gives up ids that were lost with their disk.
pub(crate) async fn forget_ghosts(world: &Arc<World>, dice: &Dice) {
    for machine in world.present() {
        for ghost in machine.ghosts.iter().copied() {
            if is_given_up(world, &ghost) {
                let ghosts = |machine: &mut Machine| machine.ghosts.retain(|id| *id != ghost);
                world.change(machine.number, ghosts);
                continue;
            }
            if !world.is_healing() && dice.happens(0.7) {
                continue;
            }
            let Some(running) = dice.pick(&world.running()) else {
                return;
            };
            let node = running.node.clone();
            let forgotten = running.life.run(async move { node.forget(&ghost).await });
            let forgotten = timeout(PATIENCE, forgotten).await.ok().flatten();
            let number = running.machine;
            note!(
                world.log,
                "machine {number} forgets {ghost:.8}: {forgotten:?}"
            );
        }
    }
}

/// Whether nobody counts on an id any more.
fn is_given_up(world: &World, id: &Key) -> bool {
    let layouts = world.present();
    let mut layouts = layouts.iter().filter_map(Machine::layout);
    layouts.all(|layout| matches!(layout.standing(id), None | Some(Standing::Gone)))
}
