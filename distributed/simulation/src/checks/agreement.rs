//! All nodes know the same layout, of all machines that are present, and no earlier version is needed.

use std::collections::BTreeSet;

use kadenza_distributed::{Key, kademlia::layout::Layout};

use crate::world::{machine::Machine, state::World};

/// What the nodes do not agree on; none if on everything.
pub(crate) fn differing(world: &World) -> Option<String> {
    let machines = world.present();
    let present: BTreeSet<Key> = machines.iter().map(|machine| machine.id).collect();
    let mut first: Option<(usize, Layout)> = None;
    for machine in &machines {
        let number = machine.number;
        let Some(layout) = layout(machine) else {
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

/// The layout on a machine's disk.
pub(crate) fn layout(machine: &Machine) -> Option<Layout> {
    let file = machine
        .disk
        .look(|contents| contents.file("members.json").cloned())?;
    let file: serde_json::Value = serde_json::from_slice(&file).ok()?;
    serde_json::from_value(file.get("layout")?.clone()).ok()
}
