//! Nothing acknowledged is ever denied: no song is unknown and no list is empty that must have something.

use kadenza_contract::{Browse, Entry, Query, Song, SongId};

use crate::world::state::World;

/// A node said that there is no such song.
pub(crate) fn song(world: &World, machine: usize, asked: u64, id: &SongId) {
    if world.history.is_before(id, asked) {
        world.wrong(format!(
            "machine {machine} denies song {id:.8}, which was acknowledged"
        ));
    }
}

/// A node gave a song: one that somebody uploaded, as far as it is the one that was asked for.
pub(crate) fn given(world: &World, machine: usize, id: &SongId, song: &Song) {
    let is_made_up = |content| world.history.bytes(id, content).is_none();
    let mut contents = song.recordings().iter().map(|recording| &recording.content);
    if song.id() != *id || contents.any(is_made_up) {
        world.wrong(format!(
            "machine {machine} gives a song that nobody uploaded: {song:?}"
        ));
    }
}

/// A node gave a list to its end.
pub(crate) fn list(world: &World, machine: usize, asked: u64, query: &Query, hits: &[Entry]) {
    let acknowledged = world.history.before(asked);
    let songs = acknowledged.values().map(|known| known.song.clone());
    let expected = query.page(songs).items;
    let missing = |hit: &&Entry| {
        hits.iter()
            .all(|given| given.song().id() != hit.song().id())
    };
    if hits.is_empty() && !expected.is_empty() {
        world.wrong(format!(
            "machine {machine} gives an empty list for {:?}, and {} songs were acknowledged that fit",
            query.text,
            expected.len()
        ));
    } else if expected.iter().any(|hit| missing(&hit)) {
        // Whether a list may lack something is not told yet.
        world.count("lists that lack something");
        if world.plan.nemeses.is_empty() {
            world.wrong(format!(
                "machine {machine} gives a list that lacks something"
            ));
        }
    }
}

/// A node gave a list of groups to its end.
pub(crate) fn groups(world: &World, machine: usize, asked: u64, browse: &Browse, given: usize) {
    let acknowledged = world.history.before(asked);
    let expected = browse.page(acknowledged.values().map(|known| &known.song));
    if given == 0 && !expected.items.is_empty() {
        world.wrong(format!(
            "machine {machine} gives no groups, and there are some"
        ));
    }
}
