//! The machines as they are, or with one deliberate fault that the simulation must notice.

use kadenza_protocol::{
    Contact, DisjointLookup, Due, Failure, Heard, Key, RoutingTable, TableChange,
};

/// What can be wrong with a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    // Of the lookup.
    StopsEarly,
    AsksItself,
    LateOnesHoldPlaces,
    LateAnswersAreLost,
    LateOnesAreAskedAgain,
    JoiningOnesCount,
    AsksBeyondTheWanted,
    AsksTooManyAtOnce,
    BelievesStrangers,
    WaitsForTheFailed,
    ResultNamesTheFailed,
    ResultIsUnsorted,
    ResultRepeatsItself,
    // Of the table.
    EvictsTheLiving,
    TakesAnyAddress,
    BlamesTheName,
    BelievesHearsay,
    BelievesWords,
    NeverSuspects,
    NeverForgives,
    HandsOutSuspects,
    NamesTheAsker,
    AnswersHalf,
    LosesNewcomers,
    NoMaintenance,
    NeverCallsThePast,
}

impl Fault {
    pub(crate) const ALL: [Fault; 26] = [
        Fault::StopsEarly,
        Fault::AsksItself,
        Fault::LateOnesHoldPlaces,
        Fault::LateAnswersAreLost,
        Fault::LateOnesAreAskedAgain,
        Fault::JoiningOnesCount,
        Fault::AsksBeyondTheWanted,
        Fault::AsksTooManyAtOnce,
        Fault::BelievesStrangers,
        Fault::WaitsForTheFailed,
        Fault::ResultNamesTheFailed,
        Fault::ResultIsUnsorted,
        Fault::ResultRepeatsItself,
        Fault::EvictsTheLiving,
        Fault::TakesAnyAddress,
        Fault::BlamesTheName,
        Fault::BelievesHearsay,
        Fault::BelievesWords,
        Fault::NeverSuspects,
        Fault::NeverForgives,
        Fault::HandsOutSuspects,
        Fault::NamesTheAsker,
        Fault::AnswersHalf,
        Fault::LosesNewcomers,
        Fault::NoMaintenance,
        Fault::NeverCallsThePast,
    ];
}

/// A lookup.
#[derive(Debug)]
pub(crate) struct Search {
    inner: DisjointLookup,
    fault: Option<Fault>,
    want: usize,
    late: Vec<Contact>,
    /// What a faulty one adds to its result.
    extra: Vec<Contact>,
    answers: usize,
    stopped: bool,
}

impl Search {
    pub(crate) fn new(
        fault: Option<Fault>,
        paths: usize,
        own: Key,
        target: Key,
        want: usize,
        seeds: Vec<Contact>,
        doubted: &[Contact],
    ) -> Search {
        let own = match fault {
            Some(Fault::AsksItself) => Key::from_bytes([0; 32]),
            _ => own,
        };
        let wider = match fault {
            Some(Fault::AsksBeyondTheWanted) => want + 5,
            _ => want,
        };
        let inner = DisjointLookup::new(own, target, wider, paths, seeds).doubting(doubted);
        Search {
            inner,
            fault,
            want,
            late: Vec::new(),
            extra: Vec::new(),
            answers: 0,
            stopped: false,
        }
    }

    pub(crate) fn start(&mut self) -> Vec<Contact> {
        let mut asks = self.inner.start();
        if self.fault == Some(Fault::AsksTooManyAtOnce) {
            for contact in asks.clone() {
                asks.extend(self.inner.late(&contact));
            }
        }
        asks
    }

    pub(crate) fn answered(
        &mut self,
        from: &Contact,
        nodes: &[Contact],
        counts: bool,
    ) -> Vec<Contact> {
        if self.fault == Some(Fault::LateAnswersAreLost) && self.late.contains(from) {
            return Vec::new();
        }
        self.answers += 1;
        if self.fault == Some(Fault::StopsEarly) && self.answers == 6 {
            self.stopped = true;
            return Vec::new();
        }
        let counts = counts || self.fault == Some(Fault::JoiningOnesCount);
        self.inner.answered(from, nodes, counts)
    }

    /// An answer from a node that was not asked.
    pub(crate) fn stray(&mut self, from: &Contact, nodes: &[Contact]) -> Vec<Contact> {
        if self.fault == Some(Fault::BelievesStrangers) && !self.inner.is_done() {
            self.extra.push(*from);
        }
        self.inner.answered(from, nodes, true)
    }

    pub(crate) fn late(&mut self, from: &Contact) -> Vec<Contact> {
        self.late.push(*from);
        if self.fault == Some(Fault::LateOnesHoldPlaces) {
            return Vec::new();
        }
        let mut asks = self.inner.late(from);
        if self.fault == Some(Fault::LateOnesAreAskedAgain) && !self.inner.is_done() {
            asks.push(*from);
        }
        asks
    }

    pub(crate) fn failed(&mut self, from: &Contact) -> Vec<Contact> {
        match self.fault {
            Some(Fault::WaitsForTheFailed) => return Vec::new(),
            Some(Fault::ResultNamesTheFailed) if !self.is_done() => self.extra.push(*from),
            _ => {}
        }
        self.inner.failed(from)
    }

    pub(crate) fn is_done(&self) -> bool {
        self.stopped || self.inner.is_done()
    }

    pub(crate) fn waiting(&self) -> usize {
        self.inner.waiting()
    }

    pub(crate) fn asked(&self) -> usize {
        self.inner.asked()
    }

    pub(crate) fn told(&self) -> Vec<Contact> {
        self.inner.told().collect()
    }

    pub(crate) fn result(&self) -> Vec<Contact> {
        let mut result = self.inner.result();
        match self.fault {
            Some(Fault::AsksBeyondTheWanted) => result.truncate(self.want),
            Some(Fault::ResultIsUnsorted) if result.len() > 1 => result.swap(0, 1),
            Some(Fault::ResultRepeatsItself) => result.extend(result.last().copied()),
            _ => {}
        }
        result.extend(&self.extra);
        result
    }
}

/// A routing table.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) inner: RoutingTable,
    fault: Option<Fault>,
}

impl Table {
    pub(crate) fn new(fault: Option<Fault>, own: Key, k: usize) -> Table {
        Table {
            inner: RoutingTable::new(own, k),
            fault,
        }
    }

    pub(crate) fn answered(&mut self, now_ms: u64, contact: Contact) -> Heard {
        let known = self
            .inner
            .get(&contact.id)
            .map(|entry| (entry.contact(), entry.is_good()));
        let nothing = Heard {
            change: TableChange::Waits,
            ping: None,
        };
        match (self.fault, known) {
            (Some(Fault::TakesAnyAddress), Some((old, _))) if old != contact => {
                self.inner.remove(now_ms, &contact.id);
            }
            (Some(Fault::NeverForgives), Some((_, false))) => return nothing,
            _ => {}
        }
        let heard = self.inner.answered(now_ms, contact);
        if self.fault == Some(Fault::EvictsTheLiving) && heard.change == TableChange::Waits {
            let own = *self.inner.own();
            let bucket = |id: &Key| own.distance(id).bucket();
            let mut ids = self.inner.entries().map(|entry| entry.contact().id);
            let oldest = ids.find(|id| bucket(id) == bucket(&contact.id));
            drop(ids);
            if let Some(oldest) = oldest {
                self.inner.remove(now_ms, &oldest);
                return self.inner.answered(now_ms, contact);
            }
        }
        heard
    }

    pub(crate) fn heard_from(&mut self, now_ms: u64, contact: Contact) -> Option<Contact> {
        match self.fault {
            Some(Fault::LosesNewcomers) => None,
            Some(Fault::BelievesWords) => self.inner.answered(now_ms, contact).ping,
            _ => self.inner.heard_from(now_ms, contact),
        }
    }

    pub(crate) fn heard_of(&mut self, now_ms: u64, contact: Contact) -> bool {
        match self.fault {
            Some(Fault::LosesNewcomers) => false,
            Some(Fault::BelievesHearsay) => {
                self.inner.answered(now_ms, contact);
                false
            }
            _ => self.inner.heard_of(now_ms, contact),
        }
    }

    pub(crate) fn late(&mut self, now_ms: u64, contact: &Contact) {
        if self.fault != Some(Fault::NeverSuspects) {
            self.inner.late(now_ms, &self.blamed(contact));
        }
    }

    pub(crate) fn failed(&mut self, now_ms: u64, contact: &Contact, failure: Failure) {
        if self.fault != Some(Fault::NeverSuspects) {
            self.inner.failed(now_ms, &self.blamed(contact), failure);
        }
    }

    fn blamed(&self, contact: &Contact) -> Contact {
        let known = self.inner.get(&contact.id).map(|entry| entry.contact());
        match self.fault {
            Some(Fault::BlamesTheName) => known.unwrap_or(*contact),
            _ => *contact,
        }
    }

    pub(crate) fn closest(
        &self,
        now_ms: u64,
        target: &Key,
        n: usize,
        exclude: &[Key],
    ) -> Vec<Contact> {
        match self.fault {
            Some(Fault::NamesTheAsker) => self.inner.closest(target, n, &[]),
            Some(Fault::AnswersHalf) => self.inner.closest(target, n / 2, exclude),
            Some(Fault::HandsOutSuspects) => {
                let mut all = self.inner.closest(target, n, exclude);
                all.extend(self.inner.doubtful(now_ms, target, n));
                all.retain(|contact| !exclude.contains(&contact.id));
                all.sort_by_key(|contact| contact.id.distance(target));
                all.truncate(n);
                all
            }
            _ => self.inner.closest(target, n, exclude),
        }
    }

    pub(crate) fn due(&mut self, now_ms: u64, random: &mut dyn FnMut() -> u64) -> Vec<Due> {
        let mut due = self.inner.due(now_ms, random);
        match self.fault {
            Some(Fault::NoMaintenance) => due.clear(),
            Some(Fault::NeverCallsThePast) => due.retain(|due| match due {
                Due::Ping(contact) => self.inner.get(&contact.id).is_some(),
                Due::Refresh(_) | Due::Rejoin => true,
            }),
            _ => {}
        }
        due
    }
}
