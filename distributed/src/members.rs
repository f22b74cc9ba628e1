//! The nodes that were ever met: they count when a majority is taken.
//!
//! A machine that is down is still a member, or else a lone survivor of five would be a majority of
//! itself. One that says goodbye is none any more; one that has been silent for a day is forgotten.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::{Contact, Key};

/// After this long without a sign of life a machine no longer counts. A day: longer than a reboot or
/// an evening without power, short enough that a shrunken cluster takes uploads again.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
/// The most members that are remembered; a bound on memory and on the file.
const MEMBERS_MAX: usize = 4096;
/// The file in the data directory.
const FILE: &str = "members.json";

/// A node as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    pub(crate) contact: Contact,
    /// The base URL under which it speaks HTTP.
    pub(crate) http: Option<String>,
    /// When it last answered, in seconds since 1970.
    pub(crate) heard_unix_s: u64,
    /// Whether it said that it has taken over its share. Not kept: a restarted node asks again.
    #[serde(skip)]
    pub(crate) settled: bool,
}

/// The machines that were met.
#[derive(Debug)]
pub(crate) struct Members {
    path: PathBuf,
    known: Mutex<HashMap<Key, Member>>,
    /// Whether a node came, left or moved since the last saving.
    changed: AtomicBool,
    /// Wakes the task that saves them.
    came: Notify,
}

impl Members {
    /// The members that a directory remembers. A file that cannot be read is the same as none: it
    /// is only a memory, and joining refills it.
    pub(crate) fn remembered(directory: &Path) -> Members {
        let path = directory.join(FILE);
        let members: Vec<Member> = std::fs::read(&path)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        let known = members
            .into_iter()
            .take(MEMBERS_MAX)
            .map(|member| (member.contact.id, member));
        Members {
            path,
            known: Mutex::new(known.collect()),
            changed: AtomicBool::new(false),
            came: Notify::new(),
        }
    }

    /// Notes a proven sign of life.
    pub(crate) fn heard_from(&self, contact: Contact) {
        let mut known = self.known.lock();
        if known.len() >= MEMBERS_MAX && !known.contains_key(&contact.id) {
            return;
        }
        let member = known.entry(contact.id).or_insert_with(|| Member {
            contact,
            http: None,
            heard_unix_s: 0,
            settled: false,
        });
        if member.heard_unix_s == 0 || member.contact != contact {
            self.changed.store(true, Ordering::Relaxed);
            self.came.notify_one();
        }
        (member.contact, member.heard_unix_s) = (contact, now_unix_s());
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

    /// Forgets one that said goodbye.
    pub(crate) fn remove(&self, id: &Key) {
        self.known.lock().remove(id);
        self.changed.store(true, Ordering::Relaxed);
    }

    /// Waits until one comes or moves.
    pub(crate) async fn newcomer(&self) {
        self.came.notified().await;
    }

    /// Whether something changed since the last saving.
    pub(crate) fn have_changed(&self) -> bool {
        self.changed.load(Ordering::Relaxed)
    }

    /// How many count, this machine not among them.
    pub(crate) fn count(&self) -> usize {
        let oldest = now_unix_s().saturating_sub(FORGOTTEN_AFTER.as_secs());
        self.known
            .lock()
            .values()
            .filter(|member| member.heard_unix_s >= oldest)
            .count()
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<Member> {
        self.known.lock().values().cloned().collect()
    }

    /// Saves them for the next start.
    pub(crate) fn save(&self) -> std::io::Result<()> {
        self.changed.store(false, Ordering::Relaxed);
        let oldest = now_unix_s().saturating_sub(FORGOTTEN_AFTER.as_secs());
        let mut members = self.all();
        members.retain(|member| member.heard_unix_s >= oldest);
        members.sort_by_key(|member| member.contact.id);
        crate::keep::write_durably(&self.path, &serde_json::to_vec(&members)?)
    }
}

fn now_unix_s() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact(id: u8) -> Contact {
        Contact {
            id: Key::from_bytes([id; 32]),
            address: ([127, 0, 0, 1], u16::from(id)).into(),
        }
    }

    #[test]
    fn members_survive_a_restart_and_those_long_silent_do_not_count() {
        let directory = tempfile::tempdir().unwrap();
        let members = Members::remembered(directory.path());
        members.heard_from(contact(1));
        members.heard_from(contact(2));
        members
            .known
            .lock()
            .get_mut(&contact(2).id)
            .unwrap()
            .heard_unix_s = 1;
        assert_eq!(members.count(), 1);
        members.save().unwrap();
        let again = Members::remembered(directory.path());
        assert_eq!(
            again
                .all()
                .into_iter()
                .map(|m| m.contact)
                .collect::<Vec<_>>(),
            [contact(1)]
        );
    }

    #[test]
    fn one_that_says_goodbye_counts_no_more() {
        let directory = tempfile::tempdir().unwrap();
        let members = Members::remembered(directory.path());
        members.heard_from(contact(1));
        members.remove(&contact(1).id);
        assert_eq!(members.count(), 0);
    }
}
