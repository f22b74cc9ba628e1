//! Where nothing befalls a world, every question is answered.

use crate::world::state::World;

/// A node refused a question, or gave no answer.
pub(crate) fn refused(world: &World, machine: usize, what: &str, told: &str) {
    if world.plan.nemeses.is_empty() {
        world.wrong(format!(
            "machine {machine} does not answer {what}, and nothing is the matter: {told}"
        ));
    }
}
