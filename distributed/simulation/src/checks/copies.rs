//! Every acknowledged recording is on as many disks as it must be, and every card where it belongs.

use std::{collections::BTreeMap, sync::Arc};

use kadenza_contract::{ContentHash, SongId};
use kadenza_distributed::{
    Key,
    kademlia::{
        Placement,
        layout::{CAPACITY_UNSAID_GIB, Shares},
    },
};

use crate::world::{machine::Machine, state::World};

/// What is not where it must be if all machines that are present are responsible; none if everything is.
pub(crate) fn missing(world: &World) -> Option<String> {
    let machines = world.present();
    let placement = placement(world, &machines);
    let by_id: BTreeMap<Key, &Machine> = machines.iter().map(|of| (of.id, of)).collect();
    for (id, known) in world.history.before(u64::MAX) {
        for content in &known.recordings {
            let holders = placement.of_audio(id);
            let is_bad = |holder: &&Key| {
                let machine = by_id[*holder];
                !machine.is_hostile()
                    && !machine.disk.look(|contents| contents.is_good(&id, content))
            };
            if let Some(bad) = holders.iter().find(is_bad) {
                let machine = by_id[bad].number;
                return Some(format!("machine {machine} has no good copy of {id:.8}"));
            }
        }
        let lacks = |holder: &Key| {
            if by_id[holder].is_hostile() {
                return false;
            }
            let card = by_id[holder].disk.look(|contents| contents.card(&id));
            card.is_none_or(|card| {
                let mut acknowledged = known.recordings.iter();
                !acknowledged.all(|content| card.song.recording(content).is_some())
            })
        };
        if let Some(holder) = placement.of_card(&known.song).iter().find(|of| lacks(of)) {
            let machine = by_id[holder].number;
            return Some(format!("machine {machine} lacks the card of {id:.8}"));
        }
    }
    None
}

/// On how many of these machines' disks a recording is good, those of hostile ones not counted.
pub(super) fn good<'a>(
    machines: impl IntoIterator<Item = &'a Machine>,
    id: &SongId,
    content: &ContentHash,
) -> usize {
    let is_good = |machine: &&Machine| {
        !machine.is_hostile() && machine.disk.look(|contents| contents.is_good(id, content))
    };
    machines.into_iter().filter(is_good).count()
}

/// Where everything belongs if all these machines are responsible.
pub(crate) fn placement(world: &World, machines: &[Machine]) -> Placement {
    let ids = machines.iter().map(|machine| machine.id);
    // In the order in which nodes know them.
    let mut ids: Vec<Key> = ids.collect();
    ids.sort_unstable();
    let alike = ids.into_iter().map(|id| (id, CAPACITY_UNSAID_GIB));
    let shares = Shares::new(alike, world.plan.replication);
    Placement::new(Arc::new(shares))
}
