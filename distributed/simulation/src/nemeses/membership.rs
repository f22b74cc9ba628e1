//! Machines that come and leave.

use std::time::Duration;

use kadenza_distributed::kademlia::layout::Standing;
use tokio::time::sleep;

use super::strike::Strike;
use crate::{
    base::log::note,
    checks::leavers,
    world::{machine::Running, state::World},
};

/// How many machines come at once at most.
const MANY: usize = 9;
/// When a machine is told again to leave whose goodbye too few have heard.
const TOLD_AGAIN: Duration = Duration::from_secs(1);

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
        tokio::spawn(async move { leave(&world, running).await });
        true
    }
}

/// A machine is told to leave.
pub(crate) async fn leave(world: &World, running: Running) {
    let number = running.machine;
    loop {
        let node = running.node.clone();
        let left = running.life.run(async move { node.leave().await }).await;
        note!(world.log, "machine {number} leaves: {left:?}");
        match left {
            // Killed meanwhile, it comes back, and is no longer told to leave.
            None => return,
            Some(Ok(())) => break,
            // It counts no longer for those that heard its goodbye: whoever told it to leave does so again.
            Some(Err(_)) if has_said_goodbye(world, number) => sleep(TOLD_AGAIN).await,
            Some(Err(_)) => return world.change(number, |machine| machine.leaves = false),
        }
    }
    world.kill(number, false);
    world.change(number, |machine| machine.has_left = true);
    leavers::has_left(world, number);
}

fn has_said_goodbye(world: &World, machine: usize) -> bool {
    world.change(machine, |machine| {
        let layout = machine.layout();
        layout.is_some_and(|layout| layout.standing(&machine.id) == Some(Standing::Gone))
    })
}
