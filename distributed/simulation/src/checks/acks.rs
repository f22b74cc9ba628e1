//! What is acknowledged is durable on as many disks as there must be, at that moment.

use std::collections::BTreeMap;

use kadenza_contract::{ContentHash, Song};
use kadenza_distributed::{
    Key,
    kademlia::{
        layout::{Layout, Shares, Slot},
        terms,
    },
};

use super::copies;
use crate::world::{machine::Machine, state::World};

/// A node acknowledged a recording. It knew this layout when it was asked.
///
/// While the layout changes, it is for the answers that are given later to show what an acknowledgement was worth.
pub(crate) fn acknowledged(
    world: &World,
    machine: usize,
    before: Option<&Layout>,
    (song, content): (&Song, &ContentHash),
) {
    let layout = world.change(machine, |machine| machine.layout());
    let Some(layout) = layout.filter(|layout| Some(layout) == before) else {
        return;
    };
    if !layout.history().is_empty() {
        return;
    }
    world.count("acknowledgements counted on disks");
    let (current, replication) = (layout.current(), layout.replication());
    // A majority of the copies, or of the members if these are fewer; written out here, so that no mistake is made twice.
    let majority = replication.min(current.voters.len()) / 2 + 1;
    let majority = majority.min(current.placed.len());
    let needed = majority.saturating_sub(world.destroyed_now());
    let machines = world.present();
    let id = song.id();
    // Others may stand in for those that have no room.
    let good = copies::good(&machines, &id, content);
    if good < needed {
        world.wrong(format!(
            "machine {machine} acknowledges {id:.8}, which is on {good} disks and must be on {needed}"
        ));
    }
    let by_id: BTreeMap<Key, &Machine> = machines.iter().map(|of| (of.id, of)).collect();
    let has_card = |node: &Key| {
        let card = by_id.get(node)?.disk.look(|contents| contents.card(&id))?;
        card.song.recording(content).map(drop)
    };
    let placed = current.placed.iter().map(|(id, gib)| (*id, *gib));
    let shares = Shares::new(placed, replication);
    let terms = terms::of_song(song);
    let terms = terms.iter().map(|term| Key::of_term(term));
    for key in std::iter::once(id.into()).chain(terms) {
        let nodes = shares.of(Slot::of(&key));
        let nodes: Vec<Key> = nodes.collect();
        let have = nodes.iter().filter(|node| has_card(node).is_some());
        let have = have.count();
        // Nobody can show that it has a card: who means harm counts among those that say so.
        let hostile = |node: &&Key| by_id.get(*node).is_some_and(|of| of.is_hostile());
        if have + nodes.iter().filter(hostile).count() < needed {
            world.wrong(format!(
                "machine {machine} acknowledges {id:.8}, whose card {have} of those have who are asked for one of its \
                 words, and {needed} must"
            ));
        }
    }
}
