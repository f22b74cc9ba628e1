//! Machines that come, leave, and are given up.

use std::sync::Arc;

use kadenza_distributed::{Key, Node, kademlia::layout::Standing};
use tokio::time::timeout;

use super::Strike;
use crate::{
    base::{dice::Dice, log::note},
    checks::agreement,
    world::{history::PATIENCE, machine::Machine, state::World},
};

/// How many machines come at once at most.
const MANY: usize = 9;

impl Strike<'_> {
    pub(super) fn join(&self) -> bool {
        let machine = self.world.add_machine();
        if let Some(machine) = machine {
            self.world.start(machine);
        }
        machine.is_some()
    }

    pub(super) fn join_many(&self) -> bool {
        let joined = (0..MANY).filter(|_| self.join()).count();
        joined > 0
    }

    /// Of few, nobody leaves: then nobody could hold what was acknowledged.
    pub(super) fn leave(&self) -> bool {
        let running = self.world.running();
        let present = self.world.present();
        if present.len() <= self.world.plan.replication || present.iter().any(|of| of.leaves) {
            return false;
        }
        let Some(running) = self.dice.pick(&running) else {
            return false;
        };
        let number = running.machine;
        self.world.change(number, |machine| machine.leaves = true);
        let Some(world) = self.world.itself() else {
            return false;
        };
        tokio::spawn(async move {
            let node: Node = running.node.clone();
            let left = running.life.run(async move { node.leave().await }).await;
            note!(world.log, "machine {number} leaves: {left:?}");
            // Killed meanwhile, it comes back, and is no longer told to leave.
            let has_left = matches!(left, Some(Ok(())));
            if has_left {
                world.kill(number, false);
                world.change(number, |machine| machine.has_left = true);
            } else if left.is_some() {
                world.change(number, |machine| machine.leaves = false);
            }
        });
        true
    }
}

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
    let mut layouts = layouts.iter().filter_map(agreement::layout);
    layouts.all(|layout| matches!(layout.standing(id), None | Some(Standing::Gone)))
}
