//! Nothing acknowledged is ever denied: no song is unknown, and no list lacks one without saying that it may.

use kadenza_contract::{Browse, Entry, Group, Page, Query, Song, SongId, order::SLIP};

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
pub(crate) fn list(world: &World, machine: usize, asked: u64, query: &Query, hits: &Page<Entry>) {
    if hits.partial.is_some() {
        world.count("lists that say that they may lack something");
        if world.plan.nemeses.is_empty() {
            world.wrong(format!(
                "machine {machine} knows no whole list, and nothing is the matter"
            ));
        }
        return;
    }
    let acknowledged = world.history.before(asked);
    let songs = acknowledged.values().map(|known| known.song.clone());
    let expected = query.page(songs).items;
    // A song that was not acknowledged may be a better hit, and then hits with a wrong letter are left out.
    let is_slip = |hit: &Entry| query.key(hit).is_some_and(|key| key.rank() >= SLIP);
    let no_slips = hits.items.iter().any(|hit| !is_slip(hit));
    let missing = |hit: &&Entry| {
        let mut given = hits.items.iter();
        let is_left_out = no_slips && is_slip(hit);
        !is_left_out && given.all(|given| given.song().id() != hit.song().id())
    };
    if let Some(hit) = expected.iter().find(missing) {
        world.wrong(format!(
            "machine {machine} gives a list for {:?} that lacks {:.8} and does not say so",
            query.text,
            hit.song().id()
        ));
    }
}

/// A node gave a list of groups to its end.
pub(crate) fn groups(
    world: &World,
    machine: usize,
    asked: u64,
    browse: &Browse,
    given: &Page<Group>,
) {
    let acknowledged = world.history.before(asked);
    let expected = browse.page(acknowledged.values().map(|known| &known.song));
    let missing = |group: &&Group| {
        let mut others = given.items.iter();
        others.all(|other| other.name != group.name)
    };
    if given.partial.is_none()
        && let Some(group) = expected.items.iter().find(missing)
    {
        world.wrong(format!(
            "machine {machine} gives a list of groups that lacks {group:?} and does not say so"
        ));
    }
}
