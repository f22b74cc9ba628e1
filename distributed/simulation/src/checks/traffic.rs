//! Nothing is sent for no reason: bytes follow what changed, and a network at rest says little, however large its
//! library is.

use crate::{outside::network::Traffic, world::state::World};

/// How many messages a node at rest sends to each other one in a minute: a ping and its answer, and the rest to look
/// after the routing table.
const MESSAGES_A_PAIR: u64 = 12;

/// How many times the bytes that must be stored may be sent where nothing befalls a world. A guess: a client may
/// upload the same again while it is still under way, and a machine that joins late gets its share twice.
const TIMES_MOVED: u64 = 2;

/// Looks at all that was sent in a world that nothing befell.
pub(crate) fn of_calm(world: &World, all: Traffic) {
    let copies = world.plan.replication as u64;
    let most = TIMES_MOVED * copies * world.history.bytes_uploaded();
    if all.stored_bytes > most {
        world.wrong(format!(
            "{} bytes of audio were sent, and {most} at most are needed",
            all.stored_bytes
        ));
    }
}

/// Looks at a minute in which nothing happened.
pub(crate) fn at_rest(world: &World, minute: Traffic) {
    let nodes = world.present().len() as u64;
    let most = MESSAGES_A_PAIR * nodes * nodes;
    if minute.messages > most {
        world.wrong(format!(
            "{nodes} nodes at rest sent {} messages in a minute, more than {most}",
            minute.messages
        ));
    }
    if minute.stored_bytes > 0 {
        world.wrong(format!(
            "{} bytes of audio were moved at rest",
            minute.stored_bytes
        ));
    }
}
