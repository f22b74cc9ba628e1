//! The inventory: everything that this node holds, by the other nodes that must hold it too. Repair
//! compares it and offers from it.
//!
//! Two nodes that share the responsibility for an item both list it, so that in a settled network
//! their digests are equal and one small message per pair says that nothing is missing
//! (Merkle-style anti-entropy: Demers et al., "Epidemic algorithms for replicated database
//! maintenance", 1987).

use std::collections::HashMap;

use kadenza_contract::{ContentHash, Result, SongId};
use kadenza_library::Card;
use kadenza_protocol::{Item, Key, Placement};

use crate::{Holding, outside::store::Store};

/// Cards that are read from the library at a time.
const CARDS_AT_ONCE: usize = 1000;

/// A hash of what is held of a song: equal exactly where two nodes hold the same of it. None if
/// nothing of the kind is held.
pub(crate) fn version(holding: Holding, card: &Card) -> Option<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    match holding {
        Holding::Card => {
            for recording in card.song.recordings() {
                hasher.update(recording.content.as_bytes());
                hasher.update(&recording.added_at.as_millisecond().to_be_bytes());
                // What a later reader says of the same audio reaches all.
                hasher.update(&recording.reader.to_be_bytes());
            }
        }
        Holding::Audio if card.held.is_empty() => return None,
        Holding::Audio => {
            let mut held = card.held.clone();
            held.sort_unstable();
            for content in held {
                hasher.update(content.as_bytes());
            }
        }
    }
    Some(*hasher.finalize().as_bytes())
}

/// A song for which this node is the closest one that is up, and the other nodes that must hold it.
#[derive(Debug)]
pub(crate) struct Primary {
    pub(crate) id: SongId,
    /// Whether this node itself has its audio, and none of it is damaged.
    pub(crate) is_whole: bool,
    /// Those that must hold its audio or its card.
    pub(crate) others: Vec<Key>,
}

/// Damaged audio of a song for which only other nodes are responsible.
#[derive(Debug)]
pub(crate) struct Spoiled {
    pub(crate) id: SongId,
    pub(crate) recordings: Vec<ContentHash>,
    /// The nodes that are responsible for it.
    pub(crate) others: Vec<Key>,
}

/// Everything that this node holds at one moment, under one placement.
#[derive(Debug)]
pub(crate) struct Inventory {
    shared: HashMap<(Key, Holding), Vec<Item>>,
    surplus: HashMap<(Key, Holding), Vec<Item>>,
    /// Songs to answer for in a status.
    pub(crate) primaries: Vec<Primary>,
    /// Copies that are held here although only closer nodes are responsible for them.
    pub(crate) not_ours: Vec<(SongId, Holding)>,
    /// Copies that are damaged, and that nobody will bring again, since only others need them.
    pub(crate) spoiled: Vec<Spoiled>,
    /// The placement that it was taken under.
    pub(crate) placement: Placement,
}

impl Inventory {
    /// Goes through the whole store.
    pub(crate) async fn take(
        store: &dyn Store,
        own: Key,
        placement: Placement,
        is_here: impl Fn(&Key) -> bool,
    ) -> Result<Inventory> {
        let mut inventory = Inventory {
            shared: HashMap::new(),
            surplus: HashMap::new(),
            primaries: Vec::new(),
            not_ours: Vec::new(),
            spoiled: Vec::new(),
            placement,
        };
        let mut after = None;
        loop {
            let cards = store.cards_after(after, CARDS_AT_ONCE).await?;
            let Some(last) = cards.last() else { break };
            after = Some(last.song.id());
            for card in &cards {
                let id = card.song.id();
                let audio_nodes = inventory.placement.of_audio(id);
                let card_nodes = inventory.placement.of_card(&card.song);
                let card_nodes: Vec<Key> = card_nodes.into_iter().collect();
                inventory.note(own, card, Holding::Audio, &audio_nodes);
                inventory.note(own, card, Holding::Card, &card_nodes);
                if !card.damaged.is_empty() && !audio_nodes.contains(&own) {
                    inventory.spoiled.push(Spoiled {
                        id,
                        recordings: card.damaged.clone(),
                        others: audio_nodes.clone(),
                    });
                }
                if audio_nodes.iter().find(|node| is_here(node)) == Some(&own) {
                    let others = card_nodes.into_iter().filter(|node| *node != own).collect();
                    let is_whole = !card.held.is_empty() && card.damaged.is_empty();
                    inventory.primaries.push(Primary {
                        id,
                        is_whole,
                        others,
                    });
                }
            }
            // A long library must not keep a thread from its other tasks.
            tokio::task::yield_now().await;
        }
        Ok(inventory)
    }

    fn note(&mut self, own: Key, card: &Card, holding: Holding, nodes: &[Key]) {
        let id = card.song.id();
        let Some(version) = version(holding, card) else {
            return;
        };
        let ours = nodes.contains(&own);
        let lists = if ours {
            &mut self.shared
        } else {
            &mut self.surplus
        };
        for node in nodes.iter().filter(|node| **node != own) {
            lists
                .entry((*node, holding))
                .or_default()
                .push(Item { id, version });
        }
        if !ours {
            self.not_ours.push((id, holding));
        }
    }

    /// The items held here that a node must hold too, in the order of their ids.
    pub(crate) fn shared_with(&self, node: &Key, holding: Holding) -> &[Item] {
        self.shared
            .get(&(*node, holding))
            .map_or(&[], Vec::as_slice)
    }

    /// The items held here that a node must hold and this one need not.
    pub(crate) fn surplus_for(&self, node: &Key, holding: Holding) -> &[Item] {
        self.surplus
            .get(&(*node, holding))
            .map_or(&[], Vec::as_slice)
    }
}
