//! Machines that come and leave.

use kadenza_distributed::Node;

use super::strike::Strike;
use crate::base::log::note;

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
