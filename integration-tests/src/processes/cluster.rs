//! Several nodes, each a process with a directory of its own.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use kadenza_services::{Health, Status};
use tempfile::TempDir;

use super::{PATIENCE, Server};

/// A cluster of `kadenza serve` processes.
#[derive(Debug)]
pub struct Cluster {
    /// The nodes. One that was killed keeps its place, to be restarted.
    pub nodes: Vec<Server>,
    directory: TempDir,
}

impl Cluster {
    /// Starts so many nodes that keep so many copies.
    ///
    /// # Panics
    ///
    /// If one does not become ready.
    #[must_use]
    pub fn start(nodes: usize, replication: usize) -> Cluster {
        let directory = TempDir::new().expect("a temporary directory can be made");
        let mut cluster = Cluster {
            nodes: Vec::new(),
            directory,
        };
        for _ in 0..nodes {
            cluster.add(replication);
        }
        cluster
    }

    /// Starts one more node, which joins through all that run.
    ///
    /// # Panics
    ///
    /// If it does not become ready.
    pub fn add(&mut self, replication: usize) {
        let data = self
            .directory
            .path()
            .join(format!("node-{}", self.nodes.len()));
        let replication = replication.to_string();
        let mut args: Vec<String> = ["serve", "--data", path(&data), "--http", "127.0.0.1:0"]
            .map(str::to_owned)
            .to_vec();
        args.extend(["--rpc", "127.0.0.1:0", "--replication", &replication].map(str::to_owned));
        for node in &self.nodes {
            args.extend(["--join".to_owned(), node.rpc().to_string()]);
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        self.nodes.push(Server::start(&args));
    }

    /// Kills these nodes, as nearly at once as can be.
    pub fn kill(&mut self, which: &[usize]) {
        for node in which {
            self.nodes[*node].kill();
        }
    }

    /// The nodes that run.
    pub fn survivors(&mut self) -> Vec<&Server> {
        let up = self
            .nodes
            .iter_mut()
            .filter_map(|node| node.is_up().then_some(&*node));
        up.collect()
    }

    /// Waits until all nodes that run see each other, and so many songs have all their copies.
    ///
    /// # Panics
    ///
    /// If that does not come about.
    pub fn wait_until_complete(&mut self, songs: u64) -> Status {
        self.wait_until(|status| status.songs == songs)
    }

    /// Waits until all nodes that run see each other, and all songs have all their copies.
    ///
    /// # Panics
    ///
    /// If that does not come about.
    pub fn wait_until_all_copies_are_there(&mut self) -> Status {
        self.wait_until(|_| true)
    }

    fn wait_until(&mut self, and: impl Fn(&Status) -> bool) -> Status {
        let survivors = self.survivors();
        let up = survivors.len();
        let mut last = String::new();
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            last = survivors[0].ask(&["status", "--json"]).stdout;
            if let Ok(status) = serde_json::from_str::<Status>(&last)
                && is_complete(&status, up)
                && and(&status)
            {
                return status;
            }
            thread::sleep(Duration::from_millis(200));
        }
        panic!("not all copies are there: {last}");
    }
}

fn is_complete(status: &Status, up: usize) -> bool {
    let nodes = status.nodes.iter().filter(|node| node.health == Health::Up);
    let copies = status.replication;
    nodes.count() == up
        && copies.is_some_and(|copies| copies.complete == status.songs && copies.incomplete == 0)
}

fn path(path: &Path) -> &str {
    path.to_str()
        .expect("temporary directories are named in text")
}
