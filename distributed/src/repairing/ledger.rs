//! The ledger: what this node holds and must hold, by the nodes that must hold it too.
//!
//! It is made once a layout from all cards, and then follows each change, so that an upload costs the same however
//! much there is. Two nodes that share the responsibility for an item both count it, so that in a settled network
//! their digests are equal, and one hash says that nothing is missing.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use kadenza_contract::SongId;
use kadenza_library::{Card, CardChanges, Outrun};
use kadenza_protocol::{
    Digests, Item, Key, Placement,
    layout::{Shares, Slot},
};

use crate::{Holding, outside::store::Store};

/// Cards that are counted before other tasks have their turn.
const CARDS_AT_ONCE: usize = 500;

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

/// What this node and another one must both hold.
#[derive(Debug, Default)]
struct Shared {
    audio: Digests,
    cards: Digests,
    /// The digest of both, once it was asked for.
    root: Option<Key>,
}

/// What this node holds, under one placement.
#[derive(Debug)]
pub(crate) struct Ledger {
    own: Key,
    placement: Placement,
    changes: CardChanges,
    shared: BTreeMap<Key, Shared>,
    /// How many cards there are in each slot of song ids.
    cards: HashMap<Slot, u64>,
    /// The songs whose audio this node must hold, and does not hold whole.
    lacking: BTreeSet<SongId>,
    /// What is held here and only others must hold.
    surplus: BTreeSet<(SongId, Holding)>,
    /// How often something was added to the surplus.
    surplus_grew: u64,
    /// How often that had been when each node had all of it that it must have, and the songs for whose audio it had no
    /// room.
    confirmed: BTreeMap<Key, (u64, BTreeSet<SongId>)>,
    /// The songs with damaged audio that only others must hold.
    spoiled: BTreeSet<SongId>,
    /// The nodes that hold audio which was lost here.
    doubted: BTreeSet<Key>,
}

impl Ledger {
    /// Goes through everything that the store has.
    pub(crate) async fn of(store: &dyn Store, own: Key, placement: Placement) -> Ledger {
        let following = store.follow();
        let mut ledger = Ledger {
            own,
            placement,
            changes: following.changes,
            shared: BTreeMap::new(),
            cards: HashMap::new(),
            lacking: BTreeSet::new(),
            surplus: BTreeSet::new(),
            surplus_grew: 0,
            confirmed: BTreeMap::new(),
            spoiled: BTreeSet::new(),
            doubted: BTreeSet::new(),
        };
        let mut after = None;
        loop {
            let cards = following.cards.after(after, CARDS_AT_ONCE);
            let Some(last) = cards.last() else {
                return ledger;
            };
            after = Some(last.song.id());
            cards.iter().for_each(|card| ledger.count(card, true));
            tokio::task::yield_now().await;
        }
    }

    /// All nodes among which it is placed but this one.
    pub(crate) fn others(&self) -> impl Iterator<Item = Key> + '_ {
        let nodes = self.placement.nodes().iter().copied();
        nodes.filter(|node| *node != self.own)
    }

    /// Whether it is made for these shares.
    pub(crate) fn is_of(&self, shares: &Arc<Shares>) -> bool {
        Arc::ptr_eq(self.placement.shares(), shares)
    }

    /// Takes in all changes since.
    pub(crate) fn catch_up(&mut self) -> Result<(), Outrun> {
        while let Some(changes) = self.changes.take()? {
            for change in changes.iter() {
                let (before, after) = (change.before.as_ref(), change.after.as_ref());
                if before == after {
                    continue;
                }
                before.inspect(|card| self.count(card, false));
                after.inspect(|card| self.count(card, true));
                before.inspect(|before| self.note_loss(before, after));
            }
        }
        Ok(())
    }

    fn note_loss(&mut self, before: &Card, after: Option<&Card>) {
        let is_here = |content| after.is_some_and(|after| after.held.contains(content));
        let nodes = self.placement.of_audio(before.song.id());
        if nodes.contains(&self.own) && !before.held.iter().all(is_here) {
            self.doubted.extend(nodes);
            self.doubted.remove(&self.own);
        }
    }

    /// Counts a card, or counts it no longer.
    fn count(&mut self, card: &Card, is_added: bool) {
        let id = card.song.id();
        let audio_nodes: BTreeSet<Key> = self.placement.of_audio(id).into_iter().collect();
        let card_nodes = self.placement.of_card(&card.song);
        self.count_item(card, Holding::Audio, &audio_nodes, is_added);
        self.count_item(card, Holding::Card, &card_nodes, is_added);
        let cards = self.cards.entry(Slot::of(&id.into())).or_default();
        *cards = if is_added {
            *cards + 1
        } else {
            cards.saturating_sub(1)
        };
        let is_ours = audio_nodes.contains(&self.own);
        let is_whole = !card.held.is_empty() && card.damaged.is_empty();
        set(&mut self.lacking, id, is_added && is_ours && !is_whole);
        let is_spoiled = !is_ours && !card.damaged.is_empty();
        set(&mut self.spoiled, id, is_added && is_spoiled);
    }

    fn count_item(&mut self, card: &Card, holding: Holding, nodes: &BTreeSet<Key>, is_added: bool) {
        let id = card.song.id();
        let is_ours = nodes.contains(&self.own);
        let Some(version) = version(holding, card) else {
            return;
        };
        if !is_ours {
            set(&mut self.surplus, (id, holding), is_added);
            self.surplus_grew += u64::from(is_added);
            return;
        }
        for node in nodes.iter().filter(|node| **node != self.own) {
            let shared = self.shared.entry(*node).or_default();
            let digests = match holding {
                Holding::Audio => &mut shared.audio,
                Holding::Card => &mut shared.cards,
            };
            digests.toggle(&Item { id, version });
            shared.root = None;
        }
    }

    /// The digests of what is held here and a node must hold as well as this one.
    pub(crate) fn shared_with(&mut self, node: &Key, holding: Holding) -> &Digests {
        let shared = self.shared.entry(*node).or_default();
        match holding {
            Holding::Audio => &shared.audio,
            Holding::Card => &shared.cards,
        }
    }

    /// The digest of all of it.
    pub(crate) fn root_with(&mut self, node: &Key) -> Key {
        let shared = self.shared.entry(*node).or_default();
        *shared.root.get_or_insert_with(|| {
            let mut hasher = blake3::Hasher::new();
            hasher.update(&shared.audio.root());
            hasher.update(&shared.cards.root());
            Key::from_bytes(*hasher.finalize().as_bytes())
        })
    }

    /// The line of a card in an offer to a node, if both nodes must hold it, or with `surplus` if only that one must.
    pub(crate) fn item_for(
        &self,
        node: &Key,
        card: &Card,
        holding: Holding,
        surplus: bool,
    ) -> Option<Item> {
        let nodes = self.nodes_of(card, holding);
        let is_wanted = nodes.contains(node) && nodes.contains(&self.own) != surplus;
        let version = version(holding, card).filter(|_| is_wanted)?;
        let id = card.song.id();
        Some(Item { id, version })
    }

    /// The nodes that must hold something of a song.
    pub(crate) fn nodes_of(&self, card: &Card, holding: Holding) -> BTreeSet<Key> {
        match holding {
            Holding::Audio => self
                .placement
                .of_audio(card.song.id())
                .into_iter()
                .collect(),
            Holding::Card => self.placement.of_card(&card.song),
        }
    }

    /// Who stands in for a node that must hold the audio of a song and has no room for it.
    pub(crate) fn stand_ins(&self, id: SongId, full: &Key) -> Vec<Key> {
        self.placement.stand_ins(id, full)
    }

    /// How many songs there are whose first responsible node that is here is this one.
    pub(crate) fn primaries(&self, is_here: impl Fn(&Key) -> bool) -> u64 {
        let cards = self.cards.iter();
        let cards = cards.filter(|(slot, _)| self.is_primary_of(**slot, &is_here));
        cards.map(|(_, cards)| cards).sum()
    }

    /// Whether this node answers for the songs of a slot: it is the first responsible one that is here.
    pub(crate) fn is_primary_of(&self, slot: Slot, is_here: impl Fn(&Key) -> bool) -> bool {
        let mut nodes = self.placement.shares().of(slot);
        nodes.find(|node| *node == self.own || is_here(node)) == Some(self.own)
    }

    /// The songs whose audio this node must hold, and does not hold whole.
    pub(crate) fn lacking(&self) -> &BTreeSet<SongId> {
        &self.lacking
    }

    /// What is held here and only others must hold.
    pub(crate) fn surplus(&self) -> &BTreeSet<(SongId, Holding)> {
        &self.surplus
    }

    /// How often something was added to the surplus.
    pub(crate) fn surplus_grew(&self) -> u64 {
        self.surplus_grew
    }

    /// How often something had been added when a node had all of it that it must have.
    fn confirmed_surplus(&self, node: &Key) -> Option<u64> {
        self.confirmed.get(node).map(|(grew, _)| *grew)
    }

    /// The nodes that may lack something of the surplus.
    pub(crate) fn unconfirmed(&self) -> BTreeSet<Key> {
        let is_unknown = |node: &Key| self.confirmed_surplus(node) != Some(self.surplus_grew);
        let others = self.others().filter(|_| !self.surplus.is_empty());
        others.filter(is_unknown).collect()
    }

    /// A node has all of the surplus that it must have, as it was when it had grown so often, but the audio of the songs
    /// for which it has no room.
    pub(crate) fn confirm_surplus(&mut self, node: Key, grew: u64, refused: BTreeSet<SongId>) {
        self.confirmed.insert(node, (grew, refused));
    }

    /// A node lacks something of the surplus that it once had.
    pub(crate) fn doubt_surplus_of(&mut self, node: &Key) {
        self.confirmed.remove(node);
    }

    /// Whether a node has all of the surplus that it must have.
    pub(crate) fn knows_surplus(&self, node: &Key) -> bool {
        let confirmed = self.confirmed.get(node);
        confirmed.is_some_and(|(grew, refused)| *grew == self.surplus_grew && refused.is_empty())
    }

    /// Whether some node has no room for the audio of a song of the surplus.
    pub(crate) fn is_refused(&self, id: &SongId) -> bool {
        let mut confirmed = self.confirmed.values();
        confirmed.any(|(_, refused)| refused.contains(id))
    }

    /// Whether all others have all of it that they must have. Where all members have left, nobody has.
    pub(crate) fn is_surplus_confirmed(&self) -> bool {
        let mut others = self.others().peekable();
        others.peek().is_some()
            && others.all(|node| self.confirmed_surplus(&node) == Some(self.surplus_grew))
    }

    /// The songs with damaged audio that only others must hold.
    pub(crate) fn spoiled(&self) -> &BTreeSet<SongId> {
        &self.spoiled
    }

    /// The nodes that hold audio which was lost here since this was asked last.
    pub(crate) fn take_doubted(&mut self) -> BTreeSet<Key> {
        std::mem::take(&mut self.doubted)
    }
}

fn set<T: Ord>(of: &mut BTreeSet<T>, item: T, is_in: bool) {
    if is_in {
        of.insert(item);
    } else {
        of.remove(&item);
    }
}
