//! A status tells the truth: all machines are up, and all songs have all copies.

use std::collections::BTreeSet;

use kadenza_contract::{Health, MusicService, Song};

use crate::{
    outside::contents::Contents,
    world::{
        machine::{Machine, Running},
        state::World,
    },
};

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
    // What was not acknowledged may have lost its only audio. Then its card says so for ever.
    let (mut known, mut lost) = (BTreeSet::new(), BTreeSet::new());
    for machine in &present {
        for card in machine.disk.look(Contents::cards) {
            known.insert(card.song.id());
            let is_lost = !is_good_anywhere(&present, &card.song) || !card.damaged.is_empty();
            if is_lost {
                lost.insert(card.song.id());
            }
        }
    }
    let (songs, whole) = (known.len(), known.len() - lost.len());
    let told = status
        .replication
        .map_or(0, |replication| replication.complete);
    if status.songs != songs as u64 || told != whole as u64 {
        return Some(format!(
            "machine {machine} counts {} songs, {told} of them complete, and there are {songs} and {whole}",
            status.songs
        ));
    }
    None
}

fn is_good_anywhere(machines: &[Machine], song: &Song) -> bool {
    let mut recordings = song.recordings().iter();
    recordings.any(|recording| {
        let is_good = |contents: &Contents| contents.is_good(&song.id(), &recording.content);
        machines.iter().any(|machine| machine.disk.look(is_good))
    })
}
