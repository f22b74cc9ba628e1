//! One run after the other: the same library, and a stack with a new cache for each.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use indicatif::ProgressBar;
use kadenza_contract::SongId;
use kadenza_services::cache::{CachedConfig, Capacity, Embedded, Policy, Store, optimum};
use kadenza_stack::{Cache, HttpListener, Stack};
use kadenza_views::{Readiness, ViewsConfig};
use tokio_util::sync::CancellationToken;

use super::{
    asking::{ask_below, hash_of},
    backend::{Backend, Filled, LibraryKind},
    drive::{AnswerContent, drive},
    nodes::Nodes,
    sizing::Sizing,
};
use crate::{
    error::EvaluateError,
    plan::Cell,
    questions::{About, Question},
    record::{Configuration, NodeKind, RequestResult, Run},
    table::Row,
};

/// A free port of this machine.
const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The library, and the facts that were found out about it.
#[derive(Debug)]
pub(crate) struct Rig {
    backend: Backend,
    config: CachedConfig,
    sizing: Sizing,
    /// The ids that the library itself answers with, in their order, hashed.
    truths: HashMap<About, u64>,
}

impl Rig {
    /// Starts the layers below the cache. The caches of all runs remember searches for `ttl`.
    pub(crate) async fn start(library: LibraryKind, ttl: Duration) -> Result<Rig, EvaluateError> {
        Ok(Rig {
            backend: Backend::start(library).await?,
            config: CachedConfig {
                lists: ttl,
                ..CachedConfig::default()
            },
            sizing: Sizing::default(),
            truths: HashMap::new(),
        })
    }

    /// The kind of the library, for people.
    pub(crate) fn description(&self) -> &str {
        &self.backend.description
    }

    /// Adds a song for each row; `one_done` is called after each.
    pub(crate) async fn fill(
        &self,
        rows: Vec<Row>,
        one_done: impl Fn(),
    ) -> Result<Filled, EvaluateError> {
        self.backend.fill(rows, one_done).await
    }

    /// Sends a load through a stack of its own. The bar moves on by one for each request.
    ///
    /// # Errors
    ///
    /// If the stack cannot be set up. A request that fails is counted, and ends nothing.
    pub(crate) async fn run(
        &mut self,
        cell: &Cell,
        clients: usize,
        bar: &ProgressBar,
    ) -> Result<Run, EvaluateError> {
        let (setup, load) = (&cell.setup, &cell.load);
        let below = Arc::clone(&self.backend.client);
        let (nodes, cache) = match setup.configuration {
            Configuration::Off => (None, None),
            _ => {
                let mut bytes = Vec::new();
                if setup.kind == NodeKind::Redis {
                    for entries in &cell.shares {
                        let sizing = &mut self.sizing;
                        bytes.push(sizing.bytes(&below, load, self.config, *entries).await?);
                    }
                }
                let nodes = Nodes::start(setup, &cell.shares, &bytes)?;
                let cache = Cache {
                    answers: nodes.store(),
                    covers: no_covers(),
                    config: self.config,
                };
                (Some(nodes), Some(cache))
            }
        };
        let stack = Stack::over(below, cache, ViewsConfig::default());
        let listener = HttpListener::bind(LOOPBACK, None)
            .map_err(|cause| EvaluateError::io("cannot serve HTTP on loopback", cause))?;
        // Served until this is dropped.
        let serving = listener.serve(stack.router, Readiness::default(), CancellationToken::new());
        let base = serving.address();
        let (answered, took) = drive(base, cell, clients, nodes.as_ref(), bar).await?;

        let held = match &nodes {
            Some(nodes) => nodes.entries().await,
            None => 0,
        };
        tracing::debug!(?setup, held, "a run is done");
        let mut answers = Vec::with_capacity(answered.len());
        for (mut answer, seen) in answered {
            let question = &load.questions[answer.question as usize];
            let is_right = match seen {
                AnswerContent::Expected => true,
                AnswerContent::Wrong => false,
                AnswerContent::Ids(ids) => self.truth(question).await? == ids,
            };
            if !is_right {
                answer.result = RequestResult::Failed;
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

    /// The answer of the library itself to a question.
    async fn truth(&mut self, question: &Question) -> Result<u64, EvaluateError> {
        if let Some(truth) = self.truths.get(&question.about) {
            return Ok(*truth);
        }
        let ids = ask_below(&*self.backend.client, question).await?;
        let truth = hash_of(ids.iter().map(SongId::to_string));
        self.truths.insert(question.about.clone(), truth);
        Ok(truth)
    }
}

/// A store for covers, which no load asks for.
fn no_covers() -> Arc<dyn Store> {
    let capacity = Capacity {
        bytes: 1 << 20,
        entries: 1,
    };
    Arc::new(Embedded::new("covers", capacity, Policy::default()))
}
