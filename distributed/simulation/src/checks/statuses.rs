//! A status tells the truth: all machines are up, and all songs have all copies.

use std::collections::BTreeSet;

use kadenza_contract::{Health, MusicService, SongId};

use crate::world::{machine::Running, state::World};

/// What a node's status says that is not so; none if it is true.
pub(crate) async fn untrue(world: &World, running: &Running) -> Option<String> {
    let machine = running.machine;
    let node = running.node.clone();
    let status = match running.life.run(async move { node.status().await }).await? {
        Ok(status) => status,
        Err(error) => {
            return Some(format!(
                "machine {machine} has no status: {}",
                error.chain()
            ));
        }
    };
    let present = world.present();
    let up = status
        .nodes
        .iter()
        .filter(|node| node.health == Health::Up)
        .count();
    if up != present.len() || status.nodes.len() != up {
        return Some(format!(
            "machine {machine} says that {up} of {} are up, and {} are",
            status.nodes.len(),
            present.len()
        ));
    }
    let held = present.iter().flat_map(|machine| {
        machine.disk.look(|contents| {
            let ids = contents.songs().map(kadenza_contract::Song::id);
            let held = ids.filter(|id| contents.card(id).is_some_and(|card| card.is_held()));
            held.collect::<Vec<SongId>>()
        })
    });
    let songs = held.collect::<BTreeSet<SongId>>().len() as u64;
    let told = status
        .replication
        .map_or(0, |replication| replication.complete);
    if status.songs != songs || told != songs {
        return Some(format!(
            "machine {machine} counts {} songs, {told} of them complete, and there are {songs}",
            status.songs
        ));
    }
    None
}
