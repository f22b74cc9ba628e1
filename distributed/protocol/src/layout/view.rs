//! A layout, and what follows from it.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use crate::{
    key::Key,
    layout::{Layout, Shares, Slot, Standing, Version},
};

/// What one version of the layout demands for a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// The nodes that the version makes responsible and that still count, the closest first.
    pub nodes: Vec<Key>,
    /// On how many of them something must be to count as written.
    pub to_write: usize,
    /// How many of them must answer so that nothing is missed that counts as written.
    pub to_deny: usize,
}

impl Demand {
    /// How many of the nodes are among some.
    pub fn count(&self, is_among: impl Fn(&Key) -> bool) -> usize {
        self.nodes.iter().filter(|node| is_among(node)).count()
    }
}

/// A layout with the shares of each of its versions.
#[derive(Debug, Clone)]
pub struct View {
    layout: Layout,
    digest: [u8; 32],
    /// Of the versions, the one in force first.
    shares: Vec<(Version, Arc<Shares>)>,
}

impl View {
    /// What follows from a layout.
    #[must_use]
    pub fn new(layout: Layout) -> View {
        View::after(layout, &[])
    }

    /// What follows from the layout that comes after this one. Shares that both have are not computed anew.
    #[must_use]
    pub fn then(&self, layout: Layout) -> View {
        let is_alike = layout.replication() == self.layout.replication();
        View::after(layout, if is_alike { &self.shares } else { &[] })
    }

    fn after(layout: Layout, earlier: &[(Version, Arc<Shares>)]) -> View {
        let shares = layout.versions().cloned().map(|version| {
            let known = earlier.iter().find(|(of, _)| of.placed == version.placed);
            let shares = known
                .map(|(_, shares)| Arc::clone(shares))
                .unwrap_or_else(|| {
                    let placed = version.placed.iter().map(|(id, gib)| (*id, *gib));
                    Arc::new(Shares::new(placed, layout.replication()))
                });
            (version, shares)
        });
        View {
            digest: layout.digest(),
            shares: shares.collect(),
            layout,
        }
    }

    /// The layout.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The digest of the layout.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// The nodes that are responsible for a slot in the version in force, the closest first.
    pub fn responsible(&self, slot: Slot) -> impl Iterator<Item = Key> + '_ {
        self.shares[0].1.of(slot)
    }

    /// The shares of the version in force.
    #[must_use]
    pub fn shares(&self) -> &Arc<Shares> {
        &self.shares[0].1
    }

    /// What each version demands for a slot, the one in force first.
    pub fn demands(&self, slot: Slot) -> impl Iterator<Item = Demand> + '_ {
        self.shares
            .iter()
            .map(move |(version, shares)| self.demand(version, shares, slot))
    }

    fn demand(&self, version: &Version, shares: &Shares, slot: Slot) -> Demand {
        let mut nodes: Vec<Key> = match version.anywhere {
            true => version.voters.iter().copied().collect(),
            false => shares.of(slot).collect(),
        };
        let responsible = nodes.len();
        nodes.retain(|node| self.counts(node));
        let needed = version.needed(self.layout.replication());
        Demand {
            to_write: needed.min(nodes.len()),
            // Whatever was written is on `needed` of them at least; those that are gone may be among these.
            to_deny: (responsible + 1).saturating_sub(needed).min(nodes.len()),
            nodes,
        }
    }

    /// The members of a version that still count. Whom the operator gave up cannot be waited for.
    pub fn voters<'a>(&'a self, version: &'a Version) -> impl Iterator<Item = &'a Key> {
        version.voters.iter().filter(|node| self.counts(node))
    }

    fn counts(&self, node: &Key) -> bool {
        self.layout.standing(node) != Some(Standing::Gone)
    }

    /// Those of these nodes, which do not answer, without which a slot has too few to be written: others must take
    /// over from them at once.
    #[must_use]
    pub fn missed(&self, silent: &BTreeSet<Key>) -> BTreeSet<Key> {
        let (version, shares) = &self.shares[0];
        let needed = version.needed(self.layout.replication());
        let mut missed = BTreeSet::new();
        for slot in Slot::all().filter(|_| !silent.is_empty()) {
            let nodes: Vec<Key> = shares.of(slot).collect();
            let here = nodes.iter().filter(|node| !silent.contains(node)).count();
            if here < needed.min(nodes.len()) {
                missed.extend(nodes.into_iter().filter(|node| silent.contains(node)));
            }
        }
        missed
    }

    /// Whether what all these nodes know together is everything that was ever written.
    pub fn covers(&self, is_among: impl Fn(&Key) -> bool) -> bool {
        let mut versions = self.shares.iter();
        versions.all(|(version, shares)| self.is_covered(version, shares, &is_among))
    }

    fn is_covered(
        &self,
        version: &Version,
        shares: &Shares,
        is_among: impl Fn(&Key) -> bool,
    ) -> bool {
        shares.differing().iter().all(|slot| {
            let demand = self.demand(version, shares, *slot);
            demand.count(&is_among) >= demand.to_deny
        })
    }

    /// The lowest number of a version that is not over yet. `synced` are the numbers of the versions in force under
    /// which members last found that whatever they have is where it must be.
    #[must_use]
    pub fn first_needed(&self, synced: &HashMap<Key, u64>) -> u64 {
        let current = self.layout.current().number;
        let earlier = self.shares.iter().skip(1);
        let open = earlier.filter(|(version, shares)| {
            let has_given = |node: &Key| synced.get(node).is_some_and(|at| *at > version.number);
            !self.is_covered(version, shares, has_given)
        });
        open.map(|(version, _)| version.number)
            .fold(current, u64::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Contact, layout::contact};

    #[test]
    fn before_there_were_shares_anything_may_be_anywhere() {
        let others: Vec<Contact> = (1..8).map(contact).collect();
        let layout = Layout::without_shares(contact(0), &others, 3);
        let view = View::new(layout.clone());
        let slot = Slot::all().next().unwrap();
        let demands: Vec<Demand> = view.demands(slot).collect();
        assert_eq!((demands.len(), demands[0].nodes.len()), (2, 3));
        // Two of eight have what was acknowledged: all but one must answer.
        assert_eq!((demands[1].nodes.len(), demands[1].to_deny), (8, 7));
        // Once so many have given what they have, it is where it must be.
        let mut synced: HashMap<Key, u64> = (1..7).map(|id| (contact(id).id, 1)).collect();
        assert_eq!(view.first_needed(&synced), 0);
        synced.insert(contact(7).id, 1);
        assert_eq!(view.first_needed(&synced), 1);
        let mut ended = layout;
        ended.end_before(1);
        assert!(ended.history().is_empty());
    }

    #[test]
    fn who_is_silent_is_missed_where_too_few_are_left() {
        let missed = |nodes: u8, replication, silent: &[u8]| -> Vec<u8> {
            let others: Vec<Contact> = (1..nodes).map(contact).collect();
            let mut layout = Layout::without_shares(contact(0), &others, replication);
            layout.end_before(1);
            let silent = silent.iter().map(|id| contact(*id).id).collect();
            let missed = View::new(layout).missed(&silent);
            let is_missed = |id: &u8| missed.contains(&contact(*id).id);
            (0..nodes).filter(is_missed).collect()
        };
        // Two of three are a majority; one is not.
        assert!(missed(3, 3, &[1]).is_empty());
        assert_eq!(missed(3, 3, &[1, 2]), [1, 2]);
        assert!(missed(8, 3, &[4]).is_empty());
        assert_eq!(missed(8, 3, &[4, 5]), [4, 5]);
        // Of two copies both must be written, of one that one.
        assert_eq!(missed(4, 2, &[1]), [1]);
        assert_eq!(missed(4, 1, &[1]), [1]);
        assert!(missed(4, 1, &[]).is_empty());
    }

    #[test]
    fn who_is_gone_is_not_waited_for() {
        let others: Vec<Contact> = (1..3).map(contact).collect();
        let mut layout = Layout::without_shares(contact(0), &others, 3);
        layout.end_before(1);
        let slot = Slot::all().next().unwrap();
        let to_deny = |layout: &Layout| -> Vec<usize> {
            let view = View::new(layout.clone());
            view.demands(slot).map(|demand| demand.to_deny).collect()
        };
        assert_eq!(to_deny(&layout), [2]);
        // Of two that are left of three, either may have what was acknowledged; of one that is left, all there is.
        layout.say(contact(1).id, |member| member.standing = Standing::Gone);
        assert_eq!(to_deny(&layout), [1, 2]);
        layout.say(contact(2).id, |member| member.standing = Standing::Gone);
        assert_eq!(to_deny(&layout).into_iter().max(), Some(1));
    }
}
