//! A cluster of processes that are killed in turns, one at a time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use async_trait::async_trait;
use kadenza_contract::MusicService;
use kadenza_middleware::{Client, ClientConfig};

use super::text;
use crate::{
    conformance::{Running, Stack},
    processes::{Cluster, Server},
};

/// How many nodes there are, and how many copies they keep: an acknowledged song survives the loss
/// of one node at once.
const NODES: usize = 5;
const COPIES: usize = 3;
/// How long a node stays dead.
const DEAD: Duration = Duration::from_millis(700);

/// Middleware over the views of five nodes, of which one after the other is killed (SIGKILL) and
/// started again. The next one dies when the last one has caught up. Tells how many died.
#[derive(Debug, Default)]
pub struct OverDyingNodes {
    /// How many nodes were killed so far.
    pub deaths: Arc<AtomicUsize>,
}

struct Dying {
    client: Arc<dyn MusicService>,
    enough: Arc<AtomicBool>,
    killer: Option<JoinHandle<()>>,
}

#[async_trait]
impl Stack for OverDyingNodes {
    async fn start(&self) -> Result<Box<dyn Running>, String> {
        let cluster = tokio::task::spawn_blocking(|| Cluster::start(NODES, COPIES));
        let cluster = cluster.await.map_err(text)?;
        let urls = cluster.nodes.iter().map(Server::url);
        let client = Client::new(urls, ClientConfig::default()).map_err(text)?;
        let enough = Arc::new(AtomicBool::new(false));
        let (until, deaths) = (Arc::clone(&enough), Arc::clone(&self.deaths));
        let killer = thread::spawn(move || kill_in_turns(cluster, &until, &deaths));
        Ok(Box::new(Dying {
            client: Arc::new(client),
            enough,
            killer: Some(killer),
        }))
    }
}

fn kill_in_turns(mut cluster: Cluster, enough: &AtomicBool, deaths: &AtomicUsize) {
    // Not in the order of their ages, and each as often as another.
    for turn in 0.. {
        if enough.load(Ordering::Relaxed) {
            return;
        }
        let node = turn * 2 % NODES;
        cluster.nodes[node].kill();
        deaths.fetch_add(1, Ordering::Relaxed);
        thread::sleep(DEAD);
        cluster.nodes[node].restart();
        cluster.wait_until_caught_up(enough);
    }
}

#[async_trait]
impl Running for Dying {
    fn service(&self) -> Arc<dyn MusicService> {
        Arc::clone(&self.client)
    }

    async fn restart(&mut self) -> Result<bool, String> {
        // Its nodes do little else.
        Ok(false)
    }

    async fn stop(mut self: Box<Self>) {
        self.enough.store(true, Ordering::Relaxed);
        if let Some(killer) = self.killer.take() {
            let ended = tokio::task::spawn_blocking(|| killer.join());
            let ended = ended.await.expect("a thread can be waited for");
            ended.expect("every node that was killed comes back");
        }
    }
}
