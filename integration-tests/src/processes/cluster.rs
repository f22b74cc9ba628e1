//! Several nodes, each a process with a directory of its own.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use kadenza_contract::{Health, Status};
use tempfile::TempDir;

use super::{PATIENCE, Server, run};

/// A cluster of `kadenza serve` processes.
#[derive(Debug)]
pub struct Cluster {
    /// The nodes. One that was killed keeps its place, to be restarted.
    pub nodes: Vec<Server>,
    directory: TempDir,
}

/// The flags with which a machine joins that the running node of this data directory invites.
///
/// # Panics
///
/// If that node invites nobody.
#[must_use]
pub fn invited(by: &Path) -> [String; 2] {
    let given = run(&["invite", "--data", path(by), "--may-invite"]);
    assert_eq!(given.status, 0, "{given:?}");
    let token = given.stdout.trim();
    let file = by.join(&token[token.len() - 16..]);
    fs::write(&file, given.stdout).expect("a file can be written");
    ["--invite".to_owned(), path(&file).to_owned()]
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
        match self.nodes.iter_mut().position(Server::is_up) {
            None => args.push("--bootstrap".to_owned()),
            Some(up) => args.extend(invited(&self.directory.path().join(format!("node-{up}")))),
        }
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

    /// Waits until all nodes that run see each other, and no song lacks a copy at one moment, while
    /// others may be uploaded; or until it is enough.
    ///
    /// # Panics
    ///
    /// If that does not come about.
    pub fn wait_until_caught_up(&mut self, enough: &AtomicBool) {
        let up = self.survivors().len();
        let begun = Instant::now();
        while !enough.load(Ordering::Relaxed) {
            let (status, told) = self.status();
            if status.is_some_and(|status| is_complete(&status, up)) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "nobody catches up: {told}");
            thread::sleep(LOOK_EVERY);
        }
    }

    fn wait_until(&mut self, and: impl Fn(&Status) -> bool) -> Status {
        let up = self.survivors().len();
        let begun = Instant::now();
        loop {
            let (status, told) = self.status();
            if let Some(status) = status.filter(|status| is_complete(status, up) && and(status)) {
                return status;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "not all copies are there: {told}"
            );
            thread::sleep(LOOK_EVERY);
        }
    }

    /// The status of all nodes, as the first node that runs gives it.
    fn status(&mut self) -> (Option<Status>, String) {
        let ended = self.survivors()[0].ask(&["status", "--json"]);
        (
            serde_json::from_str(&ended.stdout).ok(),
            ended.stdout + &ended.stderr,
        )
    }
}

/// How often is looked how the copies are.
const LOOK_EVERY: Duration = Duration::from_millis(200);

fn is_complete(status: &Status, up: usize) -> bool {
    let nodes = status.nodes.iter().filter(|node| node.health == Health::Up);
    let copies = status.replication;
    nodes.count() == up && copies.is_some_and(|copies| copies.incomplete == 0)
}

fn path(path: &Path) -> &str {
    path.to_str()
        .expect("temporary directories are named in text")
}
