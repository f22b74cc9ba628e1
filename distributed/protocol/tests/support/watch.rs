//! An onlooker of one lookup: works out, slowly and obviously, what it may do.

use std::collections::{BTreeMap, HashMap, HashSet};

use kadenza_protocol::{ALPHA, ALPHA_STALLED, Contact, Distance, K, Key};

use super::faulty::Search;

/// Requests without an answer that a lookup may have at once, late ones among them.
const UNANSWERED_MAX: usize = 24;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    Asked,
    Late,
    Answered { counts: bool },
    Failed,
}

#[derive(Debug)]
pub(crate) struct Watch {
    own: Key,
    target: Key,
    want: usize,
    /// Those doubted, at the addresses at which they are.
    doubted: HashSet<Contact>,
    told: BTreeMap<Distance, Key>,
    /// Those of whom an address was told about which there is no doubt.
    hopeful: HashSet<Key>,
    asked: HashSet<Contact>,
    /// Those of them that failed: no answer can come any more.
    gone: HashSet<Contact>,
    /// At which address each was last asked.
    current: HashMap<Key, Contact>,
    course: HashMap<Key, Course>,
}

impl Watch {
    pub(crate) fn new(
        own: Key,
        target: Key,
        want: usize,
        seeds: &[Contact],
        doubted: &[Contact],
    ) -> Watch {
        let mut watch = Watch {
            own,
            target,
            want,
            doubted: doubted.iter().copied().collect(),
            hopeful: HashSet::new(),
            told: BTreeMap::new(),
            asked: HashSet::new(),
            gone: HashSet::new(),
            current: HashMap::new(),
            course: HashMap::new(),
        };
        watch.told(seeds);
        watch
    }

    fn told(&mut self, nodes: &[Contact]) {
        for node in nodes.iter().take(K).filter(|node| node.id != self.own) {
            self.told.insert(node.id.distance(&self.target), node.id);
            if !self.doubted.contains(node) {
                self.hopeful.insert(node.id);
            }
        }
    }

    pub(crate) fn answered(&mut self, from: &Contact, nodes: &[Contact], counts: bool) {
        self.course.insert(from.id, Course::Answered { counts });
        self.told(nodes);
    }

    /// Whether an answer from this node is still to be taken.
    pub(crate) fn awaits(&self, from: &Contact) -> bool {
        let course = self.course.get(&from.id);
        let answered = matches!(course, Some(Course::Answered { .. }));
        self.asked.contains(from) && !answered && !self.gone.contains(from)
    }

    pub(crate) fn late(&mut self, from: &Contact) {
        if self.current.get(&from.id) == Some(from) {
            self.course.insert(from.id, Course::Late);
        }
    }

    pub(crate) fn failed(&mut self, from: &Contact) {
        self.gone.insert(*from);
        if self.current.get(&from.id) == Some(from) {
            self.course.insert(from.id, Course::Failed);
        }
    }

    pub(crate) fn asks(&mut self, asks: &[Contact]) -> Result<(), String> {
        for contact in asks {
            if contact.id == self.own {
                return Err("asks itself".into());
            }
            if !self.asked.insert(*contact) {
                return Err(format!("asks {contact:?} twice"));
            }
            let nobody = self.count(|course| matches!(course, Course::Answered { .. })) == 0;
            if self.doubted.contains(contact) {
                if !nobody {
                    return Err(format!("asks the doubted {contact:?}"));
                }
                let doubted: Vec<Contact> = self.doubted.drain().collect();
                doubted.chunks(K).for_each(|doubted| self.told(doubted));
                self.hopeful.extend(self.told.values());
            }
            self.current.insert(contact.id, *contact);
            let known = self.course.insert(contact.id, Course::Asked);
            let again = matches!(known, Some(Course::Late | Course::Failed));
            if !again && !nobody && !self.horizon().contains(&contact.id) {
                return Err(format!("asks {contact:?}, beyond those wanted"));
            }
        }
        Ok(())
    }

    /// The `want` closest that answered or still may, as far as is known.
    fn horizon(&self) -> Vec<Key> {
        let mut places = self.want;
        let mut horizon = Vec::new();
        for id in self.told.values() {
            if places == 0 {
                break;
            }
            let takes = match self.course.get(id) {
                None => self.hopeful.contains(id),
                Some(Course::Asked) => true,
                Some(Course::Answered { counts }) => *counts,
                Some(Course::Late | Course::Failed) => false,
            };
            places -= usize::from(takes);
            if takes {
                horizon.push(*id);
            }
        }
        horizon
    }

    fn count(&self, wanted: impl Fn(&Course) -> bool) -> usize {
        self.course.values().filter(|course| wanted(course)).count()
    }

    pub(crate) fn check(&self, search: &Search) -> Result<(), String> {
        let waiting = self.count(|course| *course == Course::Asked);
        let late = self.count(|course| *course == Course::Late);
        if search.is_done() {
            return self.check_result(&search.result());
        }
        if waiting > ALPHA_STALLED || waiting + late > UNANSWERED_MAX {
            return Err(format!("{waiting} waiting and {late} late at once"));
        }
        let idle = self
            .horizon()
            .iter()
            .filter(|id| !self.course.contains_key(*id))
            .count();
        if waiting < ALPHA && idle > 0 && waiting + late < UNANSWERED_MAX {
            return Err(format!("idle: {waiting} waiting, {idle} still to ask"));
        }
        if search.waiting() != waiting {
            return Err(format!(
                "says that {} are waiting: {waiting}",
                search.waiting()
            ));
        }
        if waiting + late == 0 {
            return Err("goes on with nobody to wait for".into());
        }
        Ok(())
    }

    fn check_result(&self, result: &[Contact]) -> Result<(), String> {
        let mut wanted = Vec::new();
        let mut places = self.want;
        for id in self.told.values() {
            if places == 0 {
                break;
            }
            match self.course.get(id) {
                Some(Course::Answered { counts }) => {
                    wanted.push(*id);
                    places -= usize::from(*counts);
                }
                None if !self.hopeful.contains(id) => {}
                None => return Err(format!("ended without asking {id:?}")),
                Some(Course::Asked) => return Err(format!("ended without waiting for {id:?}")),
                Some(Course::Late | Course::Failed) => {}
            }
        }
        let ids: Vec<Key> = result.iter().map(|contact| contact.id).collect();
        if ids != wanted {
            return Err(format!("found {ids:?}, not {wanted:?}"));
        }
        Ok(())
    }
}
