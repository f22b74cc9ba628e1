//! All nodes know the same layout, of all machines that are present, and no earlier version is needed.

use std::collections::BTreeSet;

use kadenza_distributed::{Key, kademlia::layout::Layout};

use crate::world::state::World;

/// What the nodes do not agree on; none if on everything.
pub(crate) fn differing(world: &World) -> Option<String> {
    let machines = world.present();
    let present: BTreeSet<Key> = machines.iter().map(|machine| machine.id).collect();
    let mut first: Option<(usize, Layout)> = None;
    for machine in &machines {
        let number = machine.number;
        let Some(layout) = machine.layout() else {
            return Some(format!("machine {number} knows no layout"));
        };
        let current = layout.current();
        if current.voters != present || !current.placed.keys().eq(&present) {
            return Some(format!("machine {number} knows other members: {current:?}"));
        }
        if !layout.history().is_empty() {
            return Some(format!("machine {number} needs earlier versions"));
        }
        match &first {
            Some((of, other)) if *other != layout => {
                return Some(format!("machines {of} and {number} know other layouts"));
            }
            Some(_) => {}
            None => first = Some((number, layout)),
        }
    }
    None
}
