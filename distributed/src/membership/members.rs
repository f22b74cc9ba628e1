//! The nodes that were ever met: they count when a majority is taken.
//!
//! A machine that is down is still a member, for however long: a lone survivor of five would else be a majority
//! of itself, and clocks jump. One that says goodbye is none any more, and so is one that the operator forgets.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use crate::{Contact, Key};

/// The most members that are remembered; a bound on memory and on the file.
const MEMBERS_MAX: usize = 4096;
/// How many of those that are gone are told to machines that were away meanwhile.
const GONE_MAX: usize = 16;
/// So long a machine that said goodbye may still be heard: its process ends within seconds. Who speaks later has
/// come back.
const LINGERS: Duration = Duration::from_secs(30);
/// The file in the data directory.
const FILE: &str = "members.json";

/// A node as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    pub(crate) contact: Contact,
    /// The base URL under which it speaks HTTP.
    pub(crate) http: Option<String>,
    /// Whether it said that it has taken over its share. Not kept: a restarted node asks again.
    #[serde(skip)]
    pub(crate) settled: bool,
}

/// What is kept in the file.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    /// Whether the directory belongs to a network: it began one, or met one.
    belongs: bool,
    members: Vec<Member>,
    #[serde(default)]
    gone: VecDeque<Key>,
}

impl Kept {
    /// What a file says.
    fn read(path: &Path) -> io::Result<Kept> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Kept::default()),
            Err(error) => return Err(error),
        };
        // Programs of before kept the list alone; whoever had one was a network, be it of itself.
        let list = serde_json::from_slice(&bytes).map(|members| Kept {
            belongs: true,
            members,
            gone: VecDeque::new(),
        });
        let kept = list.or_else(|_| serde_json::from_slice(&bytes));
        kept.map_err(|wrong| {
            let told =
                format!("{FILE} is damaged ({wrong}): join the network through another node");
            io::Error::new(io::ErrorKind::InvalidData, told)
        })
    }
}

/// Those that are members no longer.
#[derive(Debug, Default)]
struct Gone {
    /// The last ones.
    ids: VecDeque<Key>,
    /// Those that said goodbye just now.
    lingering: Vec<(Key, Instant)>,
}

impl Gone {
    fn add(&mut self, id: Key) {
        self.ids.retain(|gone| *gone != id);
        self.ids.push_back(id);
        if self.ids.len() > GONE_MAX {
            self.ids.pop_front();
        }
    }

    fn lingers(&mut self, id: &Key) -> bool {
        self.lingering
            .retain(|(_, since)| since.elapsed() < LINGERS);
        self.lingering.iter().any(|(gone, _)| gone == id)
    }
}

/// The machines that were met.
#[derive(Debug)]
pub(crate) struct Members {
    path: PathBuf,
    known: Mutex<HashMap<Key, Member>>,
    gone: Mutex<Gone>,
    /// Whether the directory belongs to a network.
    belongs: AtomicBool,
    /// Whether one of the network was met since the start, or there is no other.
    met: watch::Sender<bool>,
    /// Whether a node came, left or moved since the last saving.
    changed: AtomicBool,
    /// Wakes the task that saves them.
    came: Notify,
}

impl Members {
    /// The members that a directory remembers.
    ///
    /// # Errors
    ///
    /// If what it remembers cannot be read. Taken for nothing, it would make the node a network of its own.
    pub(crate) fn remembered(directory: &Path) -> io::Result<Members> {
        let kept = Kept::read(&directory.join(FILE))?;
        Ok(Members::of(directory, kept))
    }

    /// No members, whatever a directory remembers.
    pub(crate) fn none(directory: &Path) -> Members {
        Members::of(directory, Kept::default())
    }

    fn of(directory: &Path, kept: Kept) -> Members {
        let Kept {
            belongs,
            members,
            gone,
        } = kept;
        let is_alone = belongs && members.is_empty();
        let known = members
            .into_iter()
            .take(MEMBERS_MAX)
            .map(|member| (member.contact.id, member));
        Members {
            path: directory.join(FILE),
            known: Mutex::new(known.collect()),
            gone: Mutex::new(Gone {
                ids: gone,
                lingering: Vec::new(),
            }),
            belongs: AtomicBool::new(belongs),
            met: watch::Sender::new(is_alone),
            changed: AtomicBool::new(false),
            came: Notify::new(),
        }
    }

    /// Begins a network, unless the directory belongs to one. Durable when this returns.
    pub(crate) fn begin(&self) -> io::Result<()> {
        if self.belongs.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        self.met.send_replace(true);
        self.save()
    }

    /// Notes that a node answered which belongs to a network: so does this one then.
    pub(crate) fn met_network(&self) {
        if !self.belongs.swap(true, Ordering::AcqRel) {
            self.changed.store(true, Ordering::Relaxed);
            self.came.notify_one();
        }
        self.met
            .send_if_modified(|met| !std::mem::replace(met, true));
    }

    /// Whether the directory belongs to a network.
    pub(crate) fn are_of_a_network(&self) -> bool {
        self.belongs.load(Ordering::Acquire)
    }

    /// Whether there are or should be others, and none of the network was met since the start.
    pub(crate) fn are_awaited(&self) -> bool {
        !*self.met.borrow()
    }

    /// Waits until the network was met.
    pub(crate) async fn met(&self) {
        // The sender lives as long as this does.
        let _ = self.met.subscribe().wait_for(|met| *met).await;
    }

    /// Notes a proven sign of life. Says whether it is a member by that: one that just said goodbye is not.
    pub(crate) fn heard_from(&self, contact: Contact) -> bool {
        {
            let mut gone = self.gone.lock();
            if gone.lingers(&contact.id) {
                return false;
            }
            gone.ids.retain(|id| *id != contact.id);
        }
        let mut known = self.known.lock();
        if known.len() >= MEMBERS_MAX && !known.contains_key(&contact.id) {
            return true;
        }
        let member = known.entry(contact.id);
        let is_news = match &member {
            Entry::Occupied(member) => member.get().contact != contact,
            Entry::Vacant(_) => true,
        };
        let member = member.or_insert_with(|| Member {
            contact,
            http: None,
            settled: false,
        });
        member.contact = contact;
        if is_news {
            self.changed.store(true, Ordering::Relaxed);
            self.came.notify_one();
        }
        true
    }

    /// Notes what a machine said of itself.
    pub(crate) fn said(&self, id: &Key, settled: bool, http: Option<Option<String>>) {
        if let Some(member) = self.known.lock().get_mut(id) {
            member.settled = settled;
            if let Some(http) = http {
                member.http = http;
            }
        }
    }

    /// Whether this one said that it has taken over its share.
    pub(crate) fn is_settled(&self, id: &Key) -> bool {
        self.known
            .lock()
            .get(id)
            .is_some_and(|member| member.settled)
    }

    /// The member with this id.
    pub(crate) fn get(&self, id: &Key) -> Option<Member> {
        self.known.lock().get(id).cloned()
    }

    /// Forgets one that said goodbye.
    pub(crate) fn left(&self, id: &Key) {
        self.gone.lock().lingering.push((*id, Instant::now()));
        self.give_up(id);
    }

    /// Forgets one that does not come back. If it does, it is a member again as soon as it is heard from.
    pub(crate) fn give_up(&self, id: &Key) {
        self.gone.lock().add(*id);
        let mut known = self.known.lock();
        known.remove(id);
        if known.is_empty() && self.are_of_a_network() {
            // Whoever is left is the network.
            self.met.send_replace(true);
        }
        drop(known);
        self.changed.store(true, Ordering::Relaxed);
        self.came.notify_one();
    }

    /// Those that left or were given up lately, for machines that were away then.
    pub(crate) fn gone(&self) -> Vec<Key> {
        self.gone.lock().ids.iter().copied().collect()
    }

    /// Another machine says that these are gone. Members that this one hears from are not.
    pub(crate) fn told_gone(&self, ids: &[Key], is_heard: impl Fn(&Key) -> bool) {
        for id in ids.iter().take(GONE_MAX) {
            if self.get(id).is_some() && !is_heard(id) {
                self.give_up(id);
            }
        }
    }

    /// Waits until one comes, moves or goes.
    pub(crate) async fn newcomer(&self) {
        self.came.notified().await;
    }

    /// Whether something changed since the last saving.
    pub(crate) fn have_changed(&self) -> bool {
        self.changed.load(Ordering::Relaxed)
    }

    /// How many there are, this machine not among them.
    pub(crate) fn count(&self) -> usize {
        self.known.lock().len()
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<Member> {
        self.known.lock().values().cloned().collect()
    }

    /// Saves them for the next start.
    pub(crate) fn save(&self) -> io::Result<()> {
        self.changed.store(false, Ordering::Relaxed);
        let mut members = self.all();
        members.sort_by_key(|member| member.contact.id);
        let kept = Kept {
            belongs: self.are_of_a_network(),
            members,
            gone: self.gone.lock().ids.clone(),
        };
        crate::keep::write_durably(&self.path, &serde_json::to_vec(&kept)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remembered(directory: &tempfile::TempDir) -> Members {
        Members::remembered(directory.path()).unwrap()
    }

    fn contact(id: u8) -> Contact {
        Contact {
            id: Key::from_bytes([id; 32]),
            address: ([127, 0, 0, 1], u16::from(id)).into(),
        }
    }

    #[test]
    fn members_survive_a_restart_however_long_it_takes() {
        let directory = tempfile::tempdir().unwrap();
        let members = remembered(&directory);
        members.heard_from(contact(1));
        members.heard_from(contact(2));
        members.save().unwrap();
        let again = remembered(&directory);
        assert_eq!((again.count(), again.are_awaited()), (2, true));
        // One that waits for the network as well is not the network.
        again.heard_from(contact(1));
        assert!(again.are_awaited());
        again.met_network();
        assert!(!again.are_awaited());
    }

    #[test]
    fn a_goodbye_is_the_last_word_and_others_are_told() {
        let directory = tempfile::tempdir().unwrap();
        let members = remembered(&directory);
        members.heard_from(contact(1));
        members.left(&contact(1).id);
        // Its last messages are still on their way.
        assert!(!members.heard_from(contact(1)));
        assert_eq!(members.count(), 0);
        // One that was away meanwhile hears of it, unless it hears from that machine itself.
        let other = remembered(&tempfile::tempdir().unwrap());
        other.heard_from(contact(1));
        other.told_gone(&members.gone(), |_| true);
        assert_eq!(other.count(), 1);
        other.told_gone(&members.gone(), |_| false);
        assert_eq!((other.count(), other.gone()), (0, members.gone()));
        // One that was given up is a member again when it is heard from, and nobody is told otherwise.
        members.give_up(&contact(2).id);
        assert!(members.heard_from(contact(2)));
        assert_eq!((members.count(), members.gone()), (1, vec![contact(1).id]));
        members.met_network();
        members.give_up(&contact(2).id);
        // The last of a network is the network.
        members.save().unwrap();
        assert!(!remembered(&directory).are_awaited());
    }

    #[test]
    fn a_fresh_directory_belongs_to_no_network() {
        let directory = tempfile::tempdir().unwrap();
        let fresh = || remembered(&directory);
        assert!(!fresh().are_of_a_network());
        assert!(fresh().are_awaited());
        fresh().save().unwrap();
        assert!(!fresh().are_of_a_network());
        fresh().begin().unwrap();
        assert_eq!(
            (fresh().are_of_a_network(), fresh().are_awaited()),
            (true, false)
        );
    }

    #[test]
    fn the_list_of_an_older_program_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let member = serde_json::to_value(contact(1)).unwrap();
        let list = serde_json::json!([{"contact": member, "http": null, "heard_unix_s": 7}]);
        std::fs::write(directory.path().join(FILE), list.to_string()).unwrap();
        let members = remembered(&directory);
        assert_eq!((members.count(), members.are_awaited()), (1, true));
        std::fs::write(directory.path().join(FILE), "[]").unwrap();
        assert!(!remembered(&directory).are_awaited());
        // One that is damaged is not taken for a network without others.
        std::fs::write(directory.path().join(FILE), "[{").unwrap();
        let damaged = Members::remembered(directory.path());
        assert_eq!(damaged.unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
