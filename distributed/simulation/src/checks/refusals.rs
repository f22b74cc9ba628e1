//! Where nothing befalls a world, every question is answered by every member.

use crate::world::state::World;

/// A node refused a question, or gave no answer.
pub(crate) fn refused(world: &World, machine: usize, what: &str, told: &str) {
    // Who joins may have to wait for those it joins.
    let is_member = world.change(machine, |machine| machine.is_member());
    if world.plan.nemeses.is_empty() && is_member {
        world.wrong(format!(
            "machine {machine} does not answer {what}, and nothing is the matter: {told}"
        ));
    }
}
