//! The connections that others made to this node, and how many there may be.
//!
//! An idle connection is kept: it is how a peer will answer next time. When there are too many, the
//! one that was quiet for longest is closed; its owner notices and dials again when it has something
//! to say. Those whose other end has proven nothing have a quarter of the places: beyond it one of them
//! has to go, so that strangers from many addresses do not push out nodes that are quiet.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use parking_lot::Mutex;
use tokio::task::AbortHandle;

use crate::peer::PeerId;

/// The accepted connections.
#[derive(Debug)]
pub(crate) struct Connections {
    table: Mutex<Table>,
    /// How often something was heard, on any of them.
    heard: AtomicU64,
    max: usize,
    per_ip_max: usize,
}

#[derive(Debug, Default)]
struct Table {
    open: HashMap<u64, Entry>,
    next: u64,
    closed: bool,
}

#[derive(Debug)]
struct Entry {
    ip: IpAddr,
    /// Who has proven to be at the other end.
    id: Option<PeerId>,
    last_heard: Arc<AtomicU64>,
    task: Option<AbortHandle>,
}

impl Connections {
    pub(crate) fn new(max: usize, per_ip_max: usize) -> Connections {
        Connections {
            table: Mutex::default(),
            heard: AtomicU64::new(0),
            max: max.max(1),
            per_ip_max: per_ip_max.max(1),
        }
    }

    /// Takes a new connection in; an older one may have to go.
    pub(crate) fn admit(self: &Arc<Self>, ip: IpAddr) -> Admission {
        let mut table = self.table.lock();
        if table.open.values().filter(|entry| entry.ip == ip).count() >= self.per_ip_max {
            table.close_quietest(|entry| entry.ip == ip);
        } else if table.open.len() >= self.max {
            let is_unproven = |entry: &Entry| entry.id.is_none();
            let unproven = table.open.values().filter(|entry| is_unproven(entry));
            match unproven.count() * 4 >= self.max {
                true => table.close_quietest(is_unproven),
                false => table.close_quietest(|_| true),
            }
        }
        table.next += 1;
        let number = table.next;
        let last_heard = Arc::new(AtomicU64::new(self.next_heard()));
        let entry = Entry {
            ip,
            id: None,
            last_heard: last_heard.clone(),
            task: None,
        };
        table.open.insert(number, entry);
        Admission {
            connections: self.clone(),
            number,
            last_heard,
        }
    }

    /// Tells how the task that reads a connection is ended. It is ended at once if the connection
    /// had to go in the meantime.
    pub(crate) fn runs(&self, number: u64, task: AbortHandle) {
        let mut table = self.table.lock();
        let closed = table.closed;
        match table.open.get_mut(&number) {
            Some(entry) if !closed && !task.is_finished() => entry.task = Some(task),
            _ => task.abort(),
        }
    }

    fn next_heard(&self) -> u64 {
        self.heard.fetch_add(1, Relaxed)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.table.lock().open.len()
    }

    /// Closes those of a node.
    pub(crate) fn cut(&self, id: &PeerId) {
        let mut table = self.table.lock();
        for (_, entry) in table.open.extract_if(|_, entry| entry.id == Some(*id)) {
            if let Some(task) = entry.task {
                task.abort();
            }
        }
    }

    /// Closes all, and those that come later.
    pub(crate) fn close(&self) {
        let mut table = self.table.lock();
        table.closed = true;
        for entry in std::mem::take(&mut table.open).into_values() {
            if let Some(task) = entry.task {
                task.abort();
            }
        }
    }
}

impl Table {
    fn close_quietest(&mut self, among: impl Fn(&Entry) -> bool) {
        let quietest = self
            .open
            .iter()
            .filter(|(_, entry)| among(entry))
            .min_by_key(|(_, entry)| entry.last_heard.load(Relaxed))
            .map(|(number, _)| *number);
        if let Some(entry) = quietest.and_then(|number| self.open.remove(&number))
            && let Some(task) = entry.task
        {
            task.abort();
        }
    }
}

/// A connection that was admitted. It counts until this is dropped.
#[derive(Debug)]
pub(crate) struct Admission {
    connections: Arc<Connections>,
    pub(crate) number: u64,
    last_heard: Arc<AtomicU64>,
}

impl Admission {
    /// A node has proven to be at the other end.
    pub(crate) fn proven(&self, id: PeerId) {
        if let Some(entry) = self.connections.table.lock().open.get_mut(&self.number) {
            entry.id = Some(id);
        }
    }

    /// Something was heard on it.
    pub(crate) fn heard(&self) {
        let number = self.connections.next_heard();
        self.last_heard.store(number, Relaxed);
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.connections.table.lock().open.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinHandle;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn address(number: u8) -> IpAddr {
        IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, number))
    }

    #[tokio::test]
    async fn strangers_push_out_no_node_that_is_quiet() {
        let connections = Arc::new(Connections::new(8, 8));
        let admit = |number| admitted(&connections, address(number));
        let nodes: Vec<_> = (0..7).map(admit).collect();
        for (number, (admission, _task)) in (0..).zip(&nodes) {
            admission.proven(PeerId::from_bytes([number; 32]));
        }
        let strangers: Vec<_> = (100..200).map(admit).collect();
        // They had one place, and took another one from the node that was quiet for longest.
        let is_node = |entry: &&Entry| entry.id.is_some();
        let left = connections
            .table
            .lock()
            .open
            .values()
            .filter(is_node)
            .count();
        assert_eq!((left, connections.len()), (6, 8));
        assert_eq!((nodes.len(), strangers.len()), (7, 100));
    }

    /// A connection, and the task that would read it.
    fn admitted(connections: &Arc<Connections>, ip: IpAddr) -> (Admission, JoinHandle<()>) {
        let admission = connections.admit(ip);
        let task = tokio::spawn(std::future::pending());
        connections.runs(admission.number, task.abort_handle());
        (admission, task)
    }

    async fn ended(task: JoinHandle<()>) -> bool {
        task.await.is_err_and(|error| error.is_cancelled())
    }

    #[tokio::test]
    async fn the_connection_that_was_quiet_for_longest_makes_room() {
        let connections = Arc::new(Connections::new(3, 2));
        let admit = |ip| admitted(&connections, ip);
        let (_c, c_task) = admit(THERE);
        let (a, a_task) = admit(HERE);
        let (_b, b_task) = admit(HERE);
        a.heard();
        // A third one from the same machine: of these, b was quiet for longest.
        let (_d, d_task) = admit(HERE);
        assert!(ended(b_task).await);
        assert_eq!(connections.len(), 3);
        // One from elsewhere: of all, c was quiet for longest.
        let elsewhere = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 3));
        let (_e, e_task) = admit(elsewhere);
        assert!(ended(c_task).await);
        assert_eq!(connections.len(), 3);
        connections.close();
        for task in [a_task, d_task, e_task] {
            assert!(ended(task).await);
        }
        assert_eq!(connections.len(), 0);
        let (_late, late_task) = admit(HERE);
        assert!(ended(late_task).await, "none is taken in after the end");
    }
}
