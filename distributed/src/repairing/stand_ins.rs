//! Copies for which a node has no room go to others that stand in for it.
//!
//! They hold them as what only others must hold: it is offered to the node again and again, and dropped once that one
//! has it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    vec,
};

use kadenza_contract::{Error, Result, SongId};
use kadenza_protocol::{Item, Key};
use parking_lot::Mutex;

use super::ledger::{Ledger, version};
use crate::{Contact, Holding, cluster::Cluster};

/// A copy for which a node has no room, and who has not been asked yet to stand in for it.
struct Displaced {
    item: Item,
    others: vec::IntoIter<Key>,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Placed {
    /// How many songs others took that they did not have.
    pub(super) taken: usize,
    /// Whether nobody has room for one of them.
    pub(super) is_short: bool,
}

impl Cluster {
    /// Gives the audio of these songs to those that stand in for a full node.
    pub(super) async fn give_to_stand_ins(
        self: &Arc<Self>,
        ledger: &Mutex<Ledger>,
        full: &Contact,
        songs: &BTreeSet<SongId>,
    ) -> Result<Placed> {
        let mut displaced = Vec::new();
        for id in songs {
            let Some(card) = self.store().card(id).await? else {
                continue;
            };
            if let Some(version) = version(Holding::Audio, &card) {
                let item = Item { id: *id, version };
                let others = ledger.lock().stand_ins(*id, &full.id).into_iter();
                displaced.push(Displaced { item, others });
            }
        }
        let mut placed = Placed::default();
        while !displaced.is_empty() {
            let mut by_node: BTreeMap<Key, Vec<Displaced>> = BTreeMap::new();
            for mut one in displaced.drain(..) {
                match one.others.next() {
                    Some(node) => by_node.entry(node).or_default().push(one),
                    None => placed.is_short = true,
                }
            }
            for (node, mut of_node) in by_node {
                let items: Vec<Item> = of_node.iter().map(|one| one.item).collect();
                match self.give_instead(&node, &items).await {
                    Ok((taken, refused)) => {
                        placed.taken += taken;
                        of_node.retain(|one| refused.contains(&one.item.id));
                    }
                    Err(error) => {
                        let error = error.chain();
                        tracing::debug!(peer = %node, error, "it does not stand in for a full node");
                    }
                }
                displaced.append(&mut of_node);
            }
        }
        Ok(placed)
    }

    /// Gives a node what it lacks of these. How many it took, and those that are not there and not on their way.
    async fn give_instead(
        self: &Arc<Self>,
        node: &Key,
        items: &[Item],
    ) -> Result<(usize, BTreeSet<SongId>)> {
        let contact = self.members().view().layout().contact(node);
        let contact = contact.filter(|_| !self.members().is_unheard(node));
        let contact = contact.ok_or(Error::Busy)?;
        let missing = self.offer(&contact, Holding::Audio, items).await?;
        let peer = self.replica(contact);
        let (mut taken, mut refused) = (0, BTreeSet::new());
        for (id, given) in self.give_audio_of(peer.as_ref(), &missing).await {
            match given {
                Ok(was_new) => taken += usize::from(was_new),
                // Somebody else is giving it the very same.
                Err(Error::Busy) => {}
                Err(_) => drop(refused.insert(id)),
            }
        }
        Ok((taken, refused))
    }
}
