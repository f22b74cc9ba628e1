//! The nodes that are responsible for something, and when enough of them agree.

use std::{collections::HashSet, sync::Arc};

use kadenza_protocol::{
    Contact, Key,
    layout::{Demand, Slot, View},
};

/// What a question is about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum About {
    /// A song or a term, by its key.
    Key(Key),
    /// All that there is.
    Everything,
}

/// The nodes responsible for something under one layout, also those that are away.
#[derive(Debug, Clone)]
pub(crate) struct Responsible {
    /// The layout.
    pub(crate) view: Arc<View>,
    /// The closest first. Those of earlier versions that are not over are among them.
    pub(crate) nodes: Vec<Contact>,
    /// What each version demands, the one in force first; none where it is about everything.
    demands: Option<Vec<Demand>>,
}

impl Responsible {
    pub(crate) fn of(view: Arc<View>, about: About) -> Responsible {
        let demands: Option<Vec<Demand>> = match about {
            About::Key(key) => Some(view.demands(Slot::of(&key)).collect()),
            About::Everything => None,
        };
        let nodes = match &demands {
            None => view.layout().contacts().collect(),
            Some(demands) => {
                let mut seen = HashSet::new();
                let all = demands.iter().flat_map(|demand| &demand.nodes);
                let new = all.filter(|id| seen.insert(**id));
                new.filter_map(|id| view.layout().contact(id)).collect()
            }
        };
        Responsible {
            view,
            nodes,
            demands,
        }
    }

    /// Whether these nodes together know everything that was ever written here.
    pub(crate) fn deny(&self, answered: &HashSet<Key>) -> bool {
        match &self.demands {
            // The usual case needs no counting.
            None if self.nodes.iter().all(|node| answered.contains(&node.id)) => true,
            None => self.view.covers(|node| answered.contains(node)),
            Some(demands) => demands
                .iter()
                .all(|demand| demand.count(|node| answered.contains(node)) >= demand.to_deny),
        }
    }

    /// The nodes that have not answered and may know what those that have do not.
    pub(crate) fn missing(&self, answered: &HashSet<Key>) -> Vec<Contact> {
        let mut wanted: HashSet<Key> = HashSet::new();
        let mut look_at = |demand: &Demand| {
            if demand.count(|node| answered.contains(node)) < demand.to_deny {
                wanted.extend(&demand.nodes);
            }
        };
        match &self.demands {
            Some(demands) => demands.iter().for_each(look_at),
            None => Slot::all()
                .flat_map(|slot| self.view.demands(slot))
                .for_each(|demand| look_at(&demand)),
        }
        let mut missing = self.nodes.clone();
        missing.retain(|node| wanted.contains(&node.id) && !answered.contains(&node.id));
        missing
    }

    /// Whether something counts as written that is on these nodes: by the version in force, and as long as others
    /// may still go by earlier ones, by these as well.
    pub(crate) fn is_written(&self, on: &[Key], is_established: bool) -> bool {
        let Some(demands) = &self.demands else {
            return false;
        };
        let counted = if is_established { 1 } else { demands.len() };
        let mut demands = demands.iter().take(counted);
        self.needed() > 0
            && demands.all(|demand| demand.count(|node| on.contains(node)) >= demand.to_write)
    }

    /// How many nodes must answer for a "no", for people.
    pub(crate) fn needed_to_deny(&self) -> usize {
        let demands = self.demands.iter().flatten();
        let most = demands.map(|demand| demand.to_deny).max();
        most.unwrap_or(self.nodes.len())
    }

    /// On how many nodes something must be, for people.
    pub(crate) fn needed(&self) -> usize {
        let demand = self.demands.iter().flatten().next();
        demand.map_or(1, |demand| demand.to_write)
    }
}

#[cfg(test)]
mod tests {
    use kadenza_protocol::layout::Layout;

    use super::*;

    fn contact(id: u8) -> Contact {
        Contact {
            id: Key::from_bytes([id * 40; 32]),
            address: ([127, 0, 0, 1], u16::from(id)).into(),
        }
    }

    #[test]
    fn who_matters_is_missing_and_nobody_else() {
        let others: Vec<Contact> = (1..5).map(contact).collect();
        let mut layout = Layout::without_shares(contact(0), &others, 3);
        layout.end_before(1);
        let view = Arc::new(View::new(layout));

        let holders = Responsible::of(Arc::clone(&view), About::Key(Key::from_bytes([9; 32])));
        let ids: Vec<Key> = holders.nodes.iter().map(|node| node.id).collect();
        assert_eq!(ids.len(), 3);
        let one = HashSet::from([ids[0]]);
        assert_eq!(holders.missing(&one), holders.nodes[1..]);
        // Two of three are enough, and so nobody asks where the third is, or two that hold nothing of it.
        let two = HashSet::from([ids[0], ids[1]]);
        assert!(holders.deny(&two) && holders.missing(&two).is_empty());

        let all = Responsible::of(view, About::Everything);
        let first = |count| -> HashSet<Key> { (0..count).map(|id| contact(id).id).collect() };
        assert!(all.deny(&first(4)) && all.missing(&first(4)).is_empty());
        assert!(!all.deny(&first(3)));
        assert_eq!(all.missing(&first(3)), [contact(3), contact(4)]);
        assert_eq!(all.missing(&first(1)), others);
    }
}
