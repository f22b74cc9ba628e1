//! Whether servers ask who it is.
//!
//! All are asked, since each answers for itself here: where one of them asks for an account, everybody needs one.
//! What a server said counts until it says something else, so that none becomes open by being out of reach; one that
//! has never said anything does not count, as it gives nothing either.

use std::{collections::HashMap, time::Duration};

use futures_util::future::join_all;
use kadenza_api::{MeJson, paths};
use kadenza_contract::Error;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::remote::BODY_BYTES_MAX;
use crate::{
    asker::Asker,
    choice::{Ending, Kind, Server, ServerId},
    http::exchange::{self, Failed},
};

/// How long what they said counts before they are asked again.
const ASKED_EVERY: Duration = Duration::from_secs(5);
/// The same where none has ever answered.
const UNKNOWN_FOR: Duration = Duration::from_millis(300);
/// How long a server may take to answer in a round.
const ROUND_MAX: Duration = Duration::from_secs(1);

/// What servers have said.
#[derive(Debug, Default)]
pub(super) struct Doors {
    verdict: Mutex<Option<(Verdict, Instant)>>,
    /// Whether each server is open, as it said last. Locked for as long as a round takes.
    said: tokio::sync::Mutex<HashMap<ServerId, bool>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Open,
    Closed,
    Unknown,
}

impl Doors {
    /// Whether all of them are open.
    ///
    /// # Errors
    ///
    /// No server has said anything.
    pub(super) async fn are_open(&self, asker: &Asker) -> Result<bool, Error> {
        let verdict = match self.known() {
            Some(verdict) => verdict,
            None => self.round(asker).await,
        };
        match verdict {
            Verdict::Open => Ok(true),
            Verdict::Closed => Ok(false),
            Verdict::Unknown => Err(Error::Unreachable {
                place: "a server that says whether it asks for accounts".to_owned(),
                cause: "none answers".into(),
            }),
        }
    }

    fn known(&self) -> Option<Verdict> {
        let (verdict, at) = (*self.verdict.lock())?;
        let lasts = match verdict {
            Verdict::Open | Verdict::Closed => ASKED_EVERY,
            Verdict::Unknown => UNKNOWN_FOR,
        };
        (at.elapsed() < lasts).then_some(verdict)
    }

    /// Asks all servers that are well, or all if none is. Callers that come meanwhile wait for the answer.
    async fn round(&self, asker: &Asker) -> Verdict {
        let mut said = self.said.lock().await;
        if let Some(verdict) = self.known() {
            return verdict;
        }
        let begun = Instant::now();
        let (all, mut asked) = asker.with(|state, now| {
            let all = state.pool.ranked(now);
            let asked: Vec<Server> = state.pool.all_in(now);
            (all, asked)
        });
        if asked.is_empty() {
            asked.clone_from(&all);
        }
        let answers = join_all(asked.iter().map(|server| ask(asker, server))).await;
        for (server, answer) in asked.iter().zip(answers) {
            if let Ok(open) = answer {
                said.insert(server.id, open);
            }
        }
        said.retain(|id, _| all.iter().any(|server| server.id == *id));
        let verdict = if said.is_empty() {
            Verdict::Unknown
        } else if said.values().all(|open| *open) {
            Verdict::Open
        } else {
            Verdict::Closed
        };
        *self.verdict.lock() = Some((verdict, begun));
        verdict
    }
}

async fn ask(asker: &Asker, server: &Server) -> Result<bool, Failed> {
    let flight = asker.flight(server, Some(Kind::Account));
    let asking = async {
        let request = asker.get(&server.base, paths::ME);
        let response = exchange::send(&server.base, request).await?;
        let body = exchange::body(&server.base, response, BODY_BYTES_MAX).await?;
        let me: MeJson =
            kadenza_api::read(&body).map_err(|what| Failed::nonsense(&server.base, what))?;
        Ok(me.open)
    };
    let answer = asker.within(server, ROUND_MAX, asking).await.flatten();
    let took = flight.took();
    flight.land(match &answer {
        Ok(_) => Ending::Answered { took },
        Err(failed) => failed.ending(took),
    });
    answer
}
