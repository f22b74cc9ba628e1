//! What all calls of a client share: the pool, the budget, the connections, and the clock and dice
//! that the pure parts are given.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use kadenza_contract::{ContentHash, Error, Recording, Result, SongId};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{
    base::Base,
    budget::Budget,
    config::ClientConfig,
    discovery::Discovery,
    exchange,
    health::{Kind, Outcome},
    pool::{Place, Pool},
    route::{Route, Step},
    spool::Memory,
};

/// How many recordings are remembered, so that a seek in a song costs one request and not two.
const RECORDINGS_MAX: usize = 256;

/// What all calls of a client share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) http: reqwest::Client,
    pub(crate) config: ClientConfig,
    started: Instant,
    state: Mutex<State>,
    recordings: Mutex<VecDeque<(SongId, Recording)>>,
    /// What the uploads under way may hold in memory together.
    pub(crate) spools: Arc<Memory>,
}

/// What is changed by what happens. Never locked across an await.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) pool: Pool,
    pub(crate) budget: Budget,
    pub(crate) discovery: Discovery,
}

impl Shared {
    pub(crate) fn new(servers: Vec<Base>, config: ClientConfig) -> Result<Shared> {
        let http = exchange::http(&config).map_err(|error| Error::Storage {
            doing: "setting up the HTTP client",
            cause: Box::new(error),
        })?;
        let now = Duration::ZERO;
        let mut pool = Pool::new(servers.len() + config.servers_max);
        for base in servers {
            pool.configure(now, base);
        }
        let discovery = Discovery::new(config.learn_every);
        let spools = Memory::new(config.spools_memory);
        Ok(Shared {
            http,
            config,
            started: Instant::now(),
            state: Mutex::new(State {
                pool,
                budget: Budget::new(now),
                discovery,
            }),
            recordings: Mutex::default(),
            spools: Arc::new(spools),
        })
    }

    /// Looks at the state or changes it, at this moment.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut State, Duration) -> T) -> T {
        let now = self.started.elapsed();
        act(&mut self.state.lock(), now)
    }

    /// The next server on a way; waits where the way says so, but not beyond the deadline.
    pub(crate) async fn next(
        self: &Arc<Self>,
        route: &mut Route,
        deadline: Instant,
    ) -> Option<Place> {
        loop {
            let step = self
                .with(|state, now| route.next(now, &state.pool, &mut state.budget, rand::random()));
            match step {
                Step::Ask(place) => {
                    self.look_after_servers();
                    return Some(place);
                }
                Step::Wait(pause) if Instant::now() + pause < deadline => {
                    tokio::time::sleep(pause).await;
                }
                Step::Wait(_) | Step::Over => return None,
            }
        }
    }

    /// Something became known of a server beside its answers to requests.
    pub(crate) fn note(&self, place: &Place, outcome: Outcome) {
        self.settle(place, outcome, |pool, now, dice| {
            pool.note(now, place.id, outcome, dice)
        });
    }

    /// A request that is being sent.
    pub(crate) fn flight(self: &Arc<Self>, place: &Place, kind: Option<Kind>) -> Flight {
        self.with(|state, _| state.pool.begun(place.id));
        Flight {
            shared: Arc::clone(self),
            place: place.clone(),
            kind,
            began: Instant::now(),
            landed: false,
        }
    }

    fn settle(
        &self,
        place: &Place,
        outcome: Outcome,
        tell: impl FnOnce(&mut Pool, Duration, u64) -> bool,
    ) {
        let fell = self.with(|state, now| {
            let fell = tell(&mut state.pool, now, rand::random());
            if fell {
                // It may be gone for good, and others may have come.
                state.discovery.hurry(now);
            }
            fell
        });
        if fell {
            tracing::warn!(server = %place.base, ?outcome, "a server is out");
        }
    }

    /// A recording that was seen before. What a content hash stands for never changes.
    pub(crate) fn remembered(&self, song: &SongId, content: &ContentHash) -> Option<Recording> {
        let recordings = self.recordings.lock();
        let mut found = recordings
            .iter()
            .filter(|(id, recording)| id == song && recording.content == *content);
        found.next().map(|(_, recording)| recording.clone())
    }

    /// Remembers a recording; the oldest one is forgotten for it.
    pub(crate) fn remember(&self, song: SongId, recording: Recording) {
        let mut recordings = self.recordings.lock();
        if recordings.len() >= RECORDINGS_MAX {
            recordings.pop_front();
        }
        recordings.push_back((song, recording));
    }
}

/// A request under way. However it ends, the pool hears of it: dropped, it counts as given up.
#[derive(Debug)]
pub(crate) struct Flight {
    shared: Arc<Shared>,
    place: Place,
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
    pub(crate) fn land(mut self, outcome: Outcome) {
        self.report(outcome);
    }

    fn report(&mut self, outcome: Outcome) {
        self.landed = true;
        let Flight { place, kind, .. } = self;
        self.shared.settle(place, outcome, |pool, now, dice| {
            pool.ended(now, place.id, *kind, outcome, dice)
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
            self.report(Outcome::GivenUp { took });
        }
    }
}
