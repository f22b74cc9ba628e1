//! Who applies at the moment, and who gives way when there are too many.
//!
//! A member has a place of its own, so that strangers keep no revocation from it. Of strangers, the oldest that is idle
//! gives way to the next one: who holds a place and says nothing keeps nobody out.

use std::{net::IpAddr, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::peer::PeerId;

/// How many strangers may apply at once. Each of them is given some memory.
const STRANGERS_MAX: usize = 16;
/// How many of them from one address.
const STRANGERS_PER_IP_MAX: usize = 4;

/// Those that apply.
#[derive(Debug, Default, Clone)]
pub(super) struct Applicants(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    /// The oldest first.
    places: Vec<Entry>,
    next: u64,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    id: PeerId,
    ip: IpAddr,
    is_member: bool,
    is_answered: bool,
    /// Dropped when it has to give way.
    _stays: oneshot::Sender<()>,
}

/// The place of an applicant, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    table: Applicants,
    number: u64,
}

/// Resolves when a place has to be given to another one.
pub(super) type GivesWay = oneshot::Receiver<()>;

impl Applicants {
    /// A place for a node that has proven its id. An older applicant may have to give way: of a member, that of the same
    /// node; of a stranger, an idle stranger. None if there is no idle one.
    pub(super) fn admit(
        &self,
        id: PeerId,
        ip: IpAddr,
        is_member: bool,
    ) -> Option<(Place, GivesWay)> {
        let mut table = self.0.lock();
        if is_member {
            table.places.retain(|one| !(one.is_member && one.id == id));
        } else {
            table.make_room(STRANGERS_PER_IP_MAX, |one| one.ip == ip)?;
            table.make_room(STRANGERS_MAX, |_| true)?;
        }
        table.next += 1;
        let number = table.next;
        let (sender, stays) = oneshot::channel();
        table.places.push(Entry {
            number,
            id,
            ip,
            is_member,
            is_answered: false,
            _stays: sender,
        });
        let table = self.clone();
        Some((Place { table, number }, stays))
    }
}

impl Table {
    /// Ends the oldest idle stranger of these if they are as many as may be.
    fn make_room(&mut self, max: usize, of: impl Fn(&Entry) -> bool) -> Option<()> {
        let is_one = |one: &Entry| !one.is_member && of(one);
        if self.places.iter().filter(|one| is_one(one)).count() < max {
            return Some(());
        }
        let mut places = self.places.iter();
        let oldest = places.position(|one| is_one(one) && !one.is_answered)?;
        self.places.remove(oldest);
        Some(())
    }
}

impl Place {
    /// It has said everything, and gives way to nobody while its answer is made.
    pub(super) fn set_answered(&self, is_answered: bool) {
        let mut table = self.table.0.lock();
        let own = table
            .places
            .iter_mut()
            .find(|one| one.number == self.number);
        if let Some(own) = own {
            own.is_answered = is_answered;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.table.0.lock();
        table.places.retain(|one| one.number != self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn ip(number: u8) -> IpAddr {
        Ipv4Addr::new(192, 0, 2, number).into()
    }

    fn id(number: u8) -> PeerId {
        PeerId::from_bytes([number; 32])
    }

    fn has_to_go((_, gives_way): &mut (Place, GivesWay)) -> bool {
        gives_way.try_recv() == Err(oneshot::error::TryRecvError::Closed)
    }

    #[test]
    fn the_oldest_idle_stranger_gives_way_and_no_member() {
        let table = Applicants::default();
        let mut member = table.admit(id(1), ip(0), true).unwrap();
        let strangers = (0..16).map(|number| table.admit(id(2), ip(number), false).unwrap());
        let mut strangers: Vec<_> = strangers.collect();
        strangers[0].0.set_answered(true);
        let next = table.admit(id(2), ip(99), false).unwrap();
        let gone: Vec<bool> = strangers.iter_mut().map(has_to_go).collect();
        assert_eq!(gone.iter().filter(|gone| **gone).count(), 1);
        assert!(gone[1], "the first one is being answered");
        assert!(!has_to_go(&mut member));
        // A member needs no place of a stranger, and has one.
        let _other = table.admit(id(3), ip(0), true).unwrap();
        let _again = table.admit(id(1), ip(0), true).unwrap();
        assert!(has_to_go(&mut member));
        assert_eq!(table.0.lock().places.len(), 18);
        // Where all are being answered, the next one has to come again.
        for place in strangers.iter().chain([&next]) {
            place.0.set_answered(true);
        }
        assert!(table.admit(id(2), ip(98), false).is_none());
        drop((member, strangers, next));
        assert_eq!(table.0.lock().places.len(), 2);
    }

    #[test]
    fn one_address_has_few_places() {
        let table = Applicants::default();
        let mut elsewhere = table.admit(id(1), ip(1), false).unwrap();
        let places = (0..4).map(|number| table.admit(id(number), ip(2), false).unwrap());
        let mut places: Vec<_> = places.collect();
        let _next = table.admit(id(9), ip(2), false).unwrap();
        assert!(has_to_go(&mut places[0]) && !has_to_go(&mut elsewhere));
    }
}
