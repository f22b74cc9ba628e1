//! A listener hears what was uploaded, bit for bit, or an error.

use kadenza_contract::{ContentHash, SongId};

use crate::world::state::World;

/// A node gave audio from its beginning on, to the end or to an error.
pub(crate) fn bytes(
    world: &World,
    machine: usize,
    (id, content): (&SongId, &ContentHash),
    heard: &[u8],
    is_whole: bool,
) {
    let right = world.history.bytes(id, content);
    let is_right = right.is_some_and(|right| match is_whole {
        true => right == heard,
        false => right.starts_with(heard),
    });
    if !is_right {
        world.wrong(format!(
            "machine {machine} gives other audio than was uploaded for {id:.8}"
        ));
    }
}
