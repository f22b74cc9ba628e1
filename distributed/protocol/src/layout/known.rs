//! The layout as one node knows it, and how two nodes come to know the same.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    contact::Contact,
    key::Key,
    layout::{CAPACITY_UNSAID_GIB, Member, Standing, Version},
};

/// The name of a network, drawn by chance when it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NetworkId(pub u64);

/// A layout is of another network, with which this one never merges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OtherNetwork;

/// Everything that a node knows of its network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    network: Option<NetworkId>,
    replication: usize,
    members: BTreeMap<Key, Member>,
    current: Version,
    history: BTreeSet<Version>,
    /// All versions with a lower number are over: what was written under them is where it must be now.
    floor: u64,
}

impl Layout {
    /// A network that begins with one node, and keeps so many copies of everything.
    #[must_use]
    pub fn beginning(network: NetworkId, own: Contact, replication: usize) -> Layout {
        let mut layout = Layout::joining(own, replication);
        layout.begin(network, own.id);
        layout
    }

    /// A network begins with a node that belonged to none.
    pub fn begin(&mut self, network: NetworkId, own: Key) {
        self.network = Some(network);
        self.say(own, |member| member.standing = Standing::Up);
    }

    /// A node that belongs to no network yet.
    #[must_use]
    pub fn joining(own: Contact, replication: usize) -> Layout {
        let member = Member {
            incarnation: 0,
            standing: Standing::Joining,
            address: own.address,
            capacity_gib: CAPACITY_UNSAID_GIB,
        };
        Layout {
            network: None,
            replication,
            members: BTreeMap::from([(own.id, member)]),
            current: Version::none(),
            history: BTreeSet::new(),
            floor: 0,
        }
    }

    /// A node of a network of before there were shares, and the other members that it knew. Until all have given what
    /// they have to those that are responsible now, any of them may have anything.
    #[must_use]
    pub fn without_shares(own: Contact, others: &[Contact], replication: usize) -> Layout {
        let mut layout = Layout::joining(own, replication);
        for other in others {
            let member = Member {
                incarnation: 0,
                standing: Standing::Joining,
                address: other.address,
                capacity_gib: CAPACITY_UNSAID_GIB,
            };
            layout.members.insert(other.id, member);
        }
        layout.admit(|_| true);
        let earlier = Version {
            number: 0,
            anywhere: true,
            ..layout.current.clone()
        };
        layout.history.insert(earlier);
        layout
    }

    /// The network; none if the node belongs to none.
    #[must_use]
    pub fn network(&self) -> Option<NetworkId> {
        self.network
    }

    /// How many copies the network keeps.
    #[must_use]
    pub fn replication(&self) -> usize {
        self.replication
    }

    /// All nodes that are known, those that are gone among them.
    #[must_use]
    pub fn members(&self) -> &BTreeMap<Key, Member> {
        &self.members
    }

    /// How a node stands; none if it is not known.
    #[must_use]
    pub fn standing(&self, id: &Key) -> Option<Standing> {
        self.members.get(id).map(|member| member.standing)
    }

    /// The members that count, and where they listen.
    pub fn contacts(&self) -> impl Iterator<Item = Contact> + '_ {
        let counts = |(_, member): &(&Key, &Member)| {
            matches!(member.standing, Standing::Up | Standing::Away)
        };
        let members = self.members.iter().filter(counts);
        members.filter_map(|(id, _)| self.contact(id))
    }

    /// Where a node listens; none if it is not known.
    #[must_use]
    pub fn contact(&self, id: &Key) -> Option<Contact> {
        let address = self.members.get(id)?.address;
        Some(Contact { id: *id, address })
    }

    /// A hash of the layout: two nodes with the same one know the same.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let json = serde_json::to_vec(self).unwrap_or_default();
        *blake3::hash(&json).as_bytes()
    }

    /// The version in force.
    #[must_use]
    pub fn current(&self) -> &Version {
        &self.current
    }

    /// The earlier versions that are not over yet.
    #[must_use]
    pub fn history(&self) -> &BTreeSet<Version> {
        &self.history
    }

    /// All versions that count, the one in force first.
    pub fn versions(&self) -> impl Iterator<Item = &Version> {
        std::iter::once(&self.current).chain(&self.history)
    }

    /// Notes something of a member. A node that is not known is left alone.
    pub fn say(&mut self, id: Key, what: impl FnOnce(&mut Member)) {
        if let Some(member) = self.members.get_mut(&id) {
            what(member);
            self.follow();
        }
    }

    /// Takes all in at once that are joining and are here.
    pub fn admit(&mut self, is_here: impl Fn(&Key) -> bool) {
        for (id, member) in &mut self.members {
            if member.standing == Standing::Joining && is_here(id) {
                member.standing = Standing::Up;
            }
        }
        self.follow();
    }

    /// Ends all versions with a lower number.
    pub fn end_before(&mut self, number: u64) {
        self.floor = self.floor.max(number.min(self.current.number));
        self.forget_ended();
    }

    /// Learns what another node knows. In which order nodes learn from each other makes no difference.
    ///
    /// # Errors
    ///
    /// [`OtherNetwork`] if both belong to networks, and not to the same one. Nothing is learned then.
    pub fn merge(&mut self, other: &Layout) -> Result<(), OtherNetwork> {
        match (self.network, other.network) {
            (Some(ours), Some(theirs)) if ours != theirs => return Err(OtherNetwork),
            (None, Some(_)) => {
                self.network = other.network;
                self.replication = other.replication;
            }
            _ => {}
        }
        for (id, member) in &other.members {
            let known = self.members.entry(*id).or_insert(*member);
            *known = (*known).max(*member);
        }
        // It ends versions, and none before they begin.
        self.floor = self.floor.max(other.floor.min(other.current.number));
        self.history.extend(other.history.iter().cloned());
        if self.current != other.current {
            // Two versions of the same number are both earlier than the one that knows of both.
            let tie = self.current.number == other.current.number;
            if self.current.number < other.current.number {
                let earlier = std::mem::replace(&mut self.current, other.current.clone());
                self.history.insert(earlier);
            } else {
                self.history.insert(other.current.clone());
            }
            if tie {
                self.history.insert(self.current.clone());
                self.current = self.made(self.current.next_number());
            }
        }
        self.follow();
        Ok(())
    }

    /// Begins a new version if the members are no longer those of the one in force.
    fn follow(&mut self) {
        let next = self.made(self.current.next_number());
        if !next.has_same_members(&self.current) {
            let earlier = std::mem::replace(&mut self.current, next);
            self.history.insert(earlier);
        }
        self.forget_ended();
    }

    fn made(&self, number: u64) -> Version {
        let up = self.members.iter();
        let up = up.filter(|(_, member)| member.standing == Standing::Up);
        Version {
            number,
            voters: self.contacts().map(|member| member.id).collect(),
            placed: up.map(|(id, member)| (*id, member.capacity_gib)).collect(),
            anywhere: false,
        }
    }

    fn forget_ended(&mut self) {
        let (floor, current) = (self.floor, &self.current);
        self.history.retain(|version| {
            version.number >= floor && version != current && !version.voters.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::layout::contact;

    fn network(of: u8) -> Layout {
        let mut layout = Layout::beginning(NetworkId(7), contact(0), 3);
        for id in 1..of {
            layout.merge(&Layout::joining(contact(id), 3)).unwrap();
        }
        layout.admit(|_| true);
        layout
    }

    #[test]
    fn who_joins_is_a_member_once_it_is_admitted() {
        let mut layout = Layout::beginning(NetworkId(7), contact(0), 3);
        assert_eq!((layout.current().number, layout.history().len()), (1, 0));
        layout.merge(&Layout::joining(contact(1), 2)).unwrap();
        assert_eq!((layout.current().number, layout.contacts().count()), (1, 1));
        layout.admit(|id| *id == contact(1).id);
        assert_eq!((layout.current().number, layout.contacts().count()), (2, 2));
        assert_eq!((layout.history().len(), layout.replication()), (1, 3));
        // What it learns is the same network.
        let mut other = Layout::joining(contact(1), 2);
        other.merge(&layout).unwrap();
        assert_eq!(other, layout);
    }

    #[test]
    fn networks_never_merge() {
        let mut layout = network(2);
        let before = layout.clone();
        let other = Layout::beginning(NetworkId(8), contact(9), 3);
        assert_eq!(layout.merge(&other), Err(OtherNetwork));
        assert_eq!(layout, before);
    }

    #[test]
    fn a_member_contradicts_what_is_said_of_it() {
        let mut layout = network(3);
        let id = contact(2).id;
        layout.say(id, |member| member.standing = Standing::Away);
        assert_eq!(layout.current().placed.len(), 2);
        assert_eq!(layout.current().voters.len(), 3);
        layout.say(id, |member| *member = member.back(member.address));
        assert_eq!(layout.current().placed.len(), 3);
        layout.say(id, |member| member.standing = Standing::Gone);
        layout.say(id, |member| *member = member.back(member.address));
        // It has to ask again.
        assert_eq!(layout.standing(&id), Some(Standing::Joining));
        assert_eq!(layout.current().voters.len(), 2);
    }

    /// The numbers after it began anew with 0: an older version would have been taken for the newer one.
    #[test]
    fn the_number_of_a_version_never_begins_anew() {
        let ours = network(2);
        let claims = |number: u64, floor: u64| {
            let mut json = serde_json::to_value(network(3)).unwrap();
            json["current"]["number"] = number.into();
            json["floor"] = floor.into();
            serde_json::from_value::<Layout>(json)
        };
        assert!(claims(u64::MAX, 0).is_err() && claims((1 << 62) + 1, 0).is_err());
        let mut layout = ours.clone();
        layout.merge(&claims(1 << 62, u64::MAX).unwrap()).unwrap();
        assert_eq!((layout.current().number, layout.floor), (1 << 62, 1 << 62));
        layout.say(contact(2).id, |member| member.standing = Standing::Away);
        assert_eq!(
            (layout.current().number, layout.current().placed.len()),
            (1 << 62, 2)
        );
        // What is kept can be read.
        let kept = serde_json::to_vec(&layout).unwrap();
        assert_eq!(serde_json::from_slice::<Layout>(&kept).unwrap(), layout);
        // Who claims to have ended what never began ends nothing by it.
        let mut layout = ours.clone();
        layout.merge(&claims(1, u64::MAX).unwrap()).unwrap();
        assert_eq!(layout.floor, 1);
    }

    /// What may happen to a layout.
    fn change(layout: &mut Layout, (what, id): (u8, u8)) {
        let key = contact(id).id;
        let set = |layout: &mut Layout, standing: Standing| {
            layout.say(key, |member| {
                member.standing = member.standing.max(standing);
            });
        };
        match what {
            0 => layout.merge(&Layout::joining(contact(id), 3)).unwrap(),
            1 => layout.admit(|_| true),
            2 => set(layout, Standing::Away),
            3 => set(layout, Standing::Gone),
            4 => layout.say(key, |member| *member = member.back(member.address)),
            _ => layout.end_before(layout.current().number.saturating_sub(u64::from(id % 3))),
        }
    }

    #[test]
    fn a_member_that_grows_is_responsible_for_more() {
        let mut layout = network(2);
        let number = layout.current().number;
        layout.say(contact(1).id, |member| {
            *member = member.back(member.address);
        });
        assert_eq!(layout.current().number, number);
        layout.say(contact(1).id, |member| member.capacity_gib = 4096);
        assert_eq!(layout.current().number, number + 1);
        assert_eq!(layout.current().placed[&contact(1).id], 4096);
    }

    /// A layout of before members had capacities.
    #[test]
    fn members_that_say_no_capacity_are_alike() {
        let layout = network(2);
        let mut json = serde_json::to_value(&layout).unwrap();
        for member in json["members"].as_object_mut().unwrap().values_mut() {
            member.as_object_mut().unwrap().remove("capacity_gib");
        }
        let placed = json["current"]["placed"].as_object().unwrap().clone();
        json["current"]["placed"] = placed.into_iter().map(|(id, _)| id).collect();
        json["history"] = serde_json::Value::Array(Vec::new());
        let mut now = layout;
        now.end_before(u64::MAX);
        let mut read: Layout = serde_json::from_value(json).unwrap();
        read.end_before(u64::MAX);
        assert_eq!(read, now);
    }

    proptest! {
        /// Nodes that told each other all know the same, in whatever order.
        #[test]
        fn layouts_merge(changes in proptest::collection::vec((0u8..3, (0u8..6, 0u8..8)), 0..40)) {
            let mut nodes = [network(3), network(3), network(3)];
            for (node, what) in changes {
                change(&mut nodes[usize::from(node)], what);
            }
            let [a, b, c] = nodes;
            let told = |mut to: Layout, from: &[&Layout]| {
                from.iter().for_each(|layout| to.merge(layout).unwrap());
                to
            };
            prop_assert_eq!(told(a.clone(), &[&b]), told(b.clone(), &[&a]));
            // Merging in another order may number the last version otherwise; once more, and all agree.
            let (x, y) = (told(a.clone(), &[&b, &c]), told(c.clone(), &[&b, &a]));
            let (x, y) = (told(x.clone(), &[&y]), told(y, &[&x]));
            prop_assert_eq!(&x, &y);
            prop_assert_eq!(&told(x.clone(), &[&a, &b, &c]), &x);
            // Nobody's version in force is forgotten without being over, if it had members.
            for version in [a.current(), b.current(), c.current()] {
                let is_over = version.number < x.floor || version.voters.is_empty();
                prop_assert!(is_over || x.versions().any(|kept| kept == version));
            }
        }
    }
}
