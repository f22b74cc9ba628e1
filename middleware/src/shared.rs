//! The state that all calls of a client share: the pool, the budget, the connections, and the clock and dice
//! that the pure parts are given.

use std::{collections::HashSet, sync::Arc, time::Duration};

use kadenza_api::paths;
use kadenza_contract::{ContentHash, Error, Recording, Result, SongId};
use parking_lot::Mutex;
use quick_cache::sync::Cache;
use reqwest::{Method, RequestBuilder, Response};
use tokio::time::Instant;

use crate::{
    base::Base,
    choice::{Budget, Ending, Kind, Learning, Pool, Server, ServerId},
    config::ClientConfig,
    http::exchange,
    spool::Room,
};

/// How many recordings are remembered, so that a seek in a song costs one request and not two.
const RECORDINGS_MAX: usize = 256;

/// The state that all calls of a client share.
#[derive(Debug)]
pub(crate) struct Shared {
    http: reqwest::Client,
    pub(crate) config: ClientConfig,
    started: Instant,
    state: Mutex<State>,
    recordings: Cache<(SongId, ContentHash), Recording>,
    /// The memory and the disk that all uploads under way share.
    pub(crate) spools: Arc<Room>,
}

/// The state that changes with every request. It is never locked across an await.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) pool: Pool,
    pub(crate) budget: Budget,
    pub(crate) learning: Learning,
    /// The servers that are just being asked whether they live.
    pub(crate) suspects: HashSet<ServerId>,
}

impl Shared {
    pub(crate) fn new(servers: Vec<Base>, config: ClientConfig) -> Result<Shared> {
        let http = exchange::http(&config).map_err(|error| Error::Storage {
            doing: "setting up the HTTP client",
            cause: error,
        })?;
        let now = Duration::ZERO;
        let mut pool = Pool::new(servers.len() + config.servers_max);
        for base in servers {
            pool.configure(now, base);
        }
        let learning = Learning::new(config.learn_every);
        let spools = Room::new(config.spools_memory, config.spools_file);
        Ok(Shared {
            http,
            config,
            started: Instant::now(),
            state: Mutex::new(State {
                pool,
                budget: Budget::new(now),
                learning,
                suspects: HashSet::new(),
            }),
            recordings: Cache::new(RECORDINGS_MAX),
            spools: Arc::new(spools),
        })
    }

    /// A request that does not show who asks.
    pub(crate) fn request(&self, method: Method, server: &Base, path: &str) -> RequestBuilder {
        self.http.request(method, server.resource(path))
    }

    /// Asks a server for its health, which it tells everybody.
    pub(crate) fn health(
        &self,
        server: &Base,
    ) -> impl Future<Output = reqwest::Result<Response>> + use<> {
        self.request(Method::GET, server, paths::HEALTH).send()
    }

    /// Looks at the state or changes it, at this moment.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut State, Duration) -> T) -> T {
        let now = self.started.elapsed();
        act(&mut self.state.lock(), now)
    }

    /// Something became known of a server beside its answers to requests.
    pub(crate) fn note(&self, server: &Server, ending: Ending) {
        self.settle(server, ending, |pool, now, dice| {
            pool.note(now, server.id, ending, dice)
        });
    }

    /// A request that is being sent.
    pub(crate) fn flight(self: &Arc<Self>, server: &Server, kind: Option<Kind>) -> Flight {
        self.with(|state, _| state.pool.begun(server.id));
        Flight {
            shared: Arc::clone(self),
            server: server.clone(),
            kind,
            began: Instant::now(),
            landed: false,
        }
    }

    fn settle(
        &self,
        server: &Server,
        ending: Ending,
        tell: impl FnOnce(&mut Pool, Duration, u64) -> bool,
    ) {
        let fell = self.with(|state, now| {
            let fell = tell(&mut state.pool, now, rand::random());
            if fell {
                // It may be gone for good, and others may have come.
                state.learning.hurry(now);
            }
            fell
        });
        if fell {
            tracing::warn!(server = %server.base, ?ending, "a server is out");
        }
    }

    /// A recording that was seen before. What a content hash stands for never changes.
    pub(crate) fn remembered(&self, song: &SongId, content: &ContentHash) -> Option<Recording> {
        self.recordings.get(&(*song, *content))
    }

    /// Remembers a recording; another one may be forgotten for it.
    pub(crate) fn remember(&self, song: SongId, recording: Recording) {
        self.recordings.insert((song, recording.content), recording);
    }
}

/// A request under way. However it ends, the pool hears of it: dropped, it counts as given up.
#[derive(Debug)]
pub(crate) struct Flight {
    shared: Arc<Shared>,
    server: Server,
    kind: Option<Kind>,
    began: Instant,
    landed: bool,
}

impl Flight {
    /// How long it has been under way.
    pub(crate) fn took(&self) -> Duration {
        self.began.elapsed()
    }

    /// The request ended.
    pub(crate) fn land(mut self, ending: Ending) {
        self.report(ending);
    }

    fn report(&mut self, ending: Ending) {
        self.landed = true;
        let Flight { server, kind, .. } = self;
        self.shared.settle(server, ending, |pool, now, dice| {
            pool.ended(now, server.id, *kind, ending, dice)
        });
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if !self.landed {
            // How long an upload took says nothing of the server, ended or not.
            let took = match self.kind {
                Some(_) => self.took(),
                None => Duration::ZERO,
            };
            self.report(Ending::GivenUp { took });
        }
    }
}
