//! Cards and audio are only on the machines that they are meant for.

use super::copies::placement;
use crate::world::state::World;

/// What is where it does not belong; none if nothing is.
pub(crate) fn surplus(world: &World) -> Option<String> {
    let machines = world.present();
    let placement = placement(world, &machines);
    for machine in machines.iter().filter(|machine| !machine.is_hostile()) {
        let songs: Vec<_> = machine
            .disk
            .look(|contents| contents.songs().cloned().collect());
        for song in songs {
            let card = machine.disk.look(|contents| contents.card(&song.id()));
            let holds = card.is_some_and(|card| card.is_held());
            if holds && !placement.of_audio(song.id()).contains(&machine.id) {
                return Some(format!(
                    "machine {} holds {:.8}, which others keep",
                    machine.number,
                    song.id()
                ));
            }
            if !placement.of_card(&song).contains(&machine.id) {
                return Some(format!(
                    "machine {} has the card of {:.8}, which others keep",
                    machine.number,
                    song.id()
                ));
            }
        }
    }
    None
}
