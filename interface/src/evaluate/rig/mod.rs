//! The real stack, with real sockets, for one load after the other.
//!
//! Top to bottom: an HTTP client, the views, the cache (or none), gRPC, the library. The library and
//! its songs stay for all runs; the cache is new for each.

mod drive;
mod ground;
mod headers;
mod nodes;
mod sizing;
mod wav;

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use indicatif::ProgressBar;
use kadenza_services::{
    MusicService, Query, SongId,
    cache::{Cached, CachedConfig, Capacity, Embedded, Policy, optimum},
};
use kadenza_views::{Server, ServerConfig, ViewsConfig};
use tokio::task::JoinSet;

pub(super) use self::ground::{Filled, LibraryKind};
use self::{drive::Seen, ground::Ground, nodes::Nodes, sizing::Sizing};
use super::{
    plan::Cell,
    questions::{About, Question},
    record::{Configuration, NodeKind, Outcome, Run},
    table::Row,
};
use crate::fault::Fault;

/// The library, and what is known of it.
#[derive(Debug)]
pub(super) struct Rig {
    ground: Ground,
    config: CachedConfig,
    sizing: Sizing,
    /// The ids that the library itself answers with, in their order, hashed.
    truths: HashMap<About, u64>,
}

impl Rig {
    /// Starts what is below the cache. Searches are remembered for so long.
    pub(super) async fn start(library: LibraryKind, ttl: Duration) -> Result<Rig, Fault> {
        Ok(Rig {
            ground: Ground::start(library).await?,
            config: CachedConfig {
                lists: ttl,
                ..CachedConfig::default()
            },
            sizing: Sizing::default(),
            truths: HashMap::new(),
        })
    }

    /// What the library is, for people.
    pub(super) fn told(&self) -> &str {
        &self.ground.told
    }

    /// Adds a song for each row; `one_done` is called after each.
    pub(super) async fn fill(&self, rows: Vec<Row>, one_done: impl Fn()) -> Result<Filled, Fault> {
        self.ground.fill(rows, one_done).await
    }

    /// Sends a load through a stack of its own. The bar moves on by one for each request.
    ///
    /// # Errors
    ///
    /// If the stack cannot be set up. What goes wrong with a request is counted.
    pub(super) async fn run(
        &mut self,
        cell: &Cell,
        clients: usize,
        bar: &ProgressBar,
    ) -> Result<Run, Fault> {
        let (setup, load) = (&cell.setup, &cell.load);
        let below = Arc::clone(&self.ground.client);
        let (nodes, service): (Option<Nodes>, Arc<dyn MusicService>) = match setup.configuration {
            Configuration::Off => (None, below),
            _ => {
                let mut bytes = Vec::new();
                if setup.kind == NodeKind::Redis {
                    for entries in &cell.shares {
                        let sizing = &mut self.sizing;
                        bytes.push(sizing.bytes(&below, load, self.config, *entries).await?);
                    }
                }
                let nodes = Nodes::start(setup, &cell.shares, &bytes)?;
                let cached = Cached::new(below, nodes.store(), no_covers(), self.config);
                (Some(nodes), Arc::new(cached))
            }
        };
        let (base, _serving) = serve(service)?;
        let (answered, took) = drive::drive(base, cell, clients, nodes.as_ref(), bar).await?;

        let held = match &nodes {
            Some(nodes) => nodes.entries().await,
            None => 0,
        };
        tracing::debug!(?setup, held, "a run is done");
        let mut answers = Vec::with_capacity(answered.len());
        for (mut answer, seen) in answered {
            let question = &load.questions[answer.question as usize];
            let is_right = match seen {
                Seen::Expected => true,
                Seen::Wrong => false,
                Seen::Ids(ids) => self.truth(question).await? == ids,
            };
            if !is_right {
                answer.outcome = Outcome::Failed;
            }
            answers.push(answer);
        }
        // Redis is bounded by bytes, and may hold a few entries more than were meant.
        let optimum = optimum(&load.order, setup.entries.max(held));
        Ok(Run {
            setup: setup.clone(),
            answers,
            optimum,
            took,
        })
    }

    /// What the library itself answers to a question.
    async fn truth(&mut self, question: &Question) -> Result<u64, Fault> {
        if let Some(truth) = self.truths.get(&question.about) {
            return Ok(*truth);
        }
        let ids = ask_below(&*self.ground.client, question).await?;
        let truth = hash_of(ids.iter().map(SongId::to_string));
        self.truths.insert(question.about.clone(), truth);
        Ok(truth)
    }
}

/// Nobody asks for covers here.
fn no_covers() -> Arc<Embedded> {
    let capacity = Capacity {
        bytes: 1 << 20,
        entries: 1,
    };
    Arc::new(Embedded::new("covers", capacity, Policy::default()))
}

/// Offers a service over HTTP until the tasks are dropped.
fn serve(service: Arc<dyn MusicService>) -> Result<(SocketAddr, JoinSet<usize>), Fault> {
    let cannot = |cause| Fault::io("cannot serve HTTP on loopback", cause);
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let server = Server::bind(loopback, ServerConfig::default()).map_err(cannot)?;
    let base = server.local_addr().map_err(cannot)?;
    let router = kadenza_views::router(service, ViewsConfig::default());
    let mut serving = JoinSet::new();
    serving.spawn(server.serve(router, std::future::pending()));
    Ok((base, serving))
}

/// Asks a question as the views do; gives the ids of the answer.
async fn ask_below(service: &dyn MusicService, question: &Question) -> Result<Vec<SongId>, Fault> {
    match &question.about {
        About::Song(id) => {
            let song = service.song(id).await?;
            Ok(song.map(|song| song.id()).into_iter().collect())
        }
        About::Words(words) => {
            let page = service.search(&Query::words(words)?).await?;
            Ok(page.items.iter().map(|song| song.id()).collect())
        }
    }
}

/// Ids in their order, as one number.
fn hash_of(ids: impl Iterator<Item = impl AsRef<str>>) -> u64 {
    let mut hasher = DefaultHasher::new();
    for id in ids {
        id.as_ref().hash(&mut hasher);
    }
    hasher.finish()
}
