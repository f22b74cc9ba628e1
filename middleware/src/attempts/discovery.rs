//! Learning of more servers, and looking after those that are out.
//!
//! Both happen beside calls, and only while there are calls: an idle client is silent. A server
//! that another one tells of is only taken in after it has said itself that it is well, so what is
//! no server never gets into the list. The list is asked for on behalf of the caller beside whose call it is, since
//! servers may tell it to people with an account alone.

use std::time::Duration;

use kadenza_api::{PageJson, paths};
use reqwest::Response;
use tokio::time::timeout;

use crate::{
    asker::Asker,
    base::Base,
    choice::Server,
    http::exchange::{self, Failed},
};

/// The largest list of servers that is read, in bytes.
const LIST_BYTES_MAX: usize = 64 << 10;
/// How many entries of a list are looked at.
const ENTRIES_MAX: usize = 128;
/// How long a server may take to say that it is well.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a round of learning may last before another one may begin.
const ROUND_MAX: Duration = Duration::from_secs(30);

impl Asker {
    /// Starts the probes that are due, and learns if it is time. Returns at once.
    pub(crate) fn look_after_servers(&self) {
        let (probes, learn) =
            self.with(|state, now| (state.pool.take_probes(now), state.learning.take(now)));
        for server in probes {
            let asker = self.clone();
            tokio::spawn(async move { asker.probe(&server).await });
        }
        if learn {
            let asker = self.clone();
            tokio::spawn(async move {
                // A round that takes too long ends, and keeps the servers that it has learned.
                let _ = timeout(ROUND_MAX, asker.learn()).await;
            });
        }
    }

    async fn probe(&self, server: &Server) {
        let well = self.is_well(&server.base).await;
        tracing::debug!(server = %server.base, well, "probed a server that was out");
        self.with(|state, now| state.pool.probed(now, server.id, well, rand::random()));
    }

    /// Asks the servers, the best first, until one gives a list.
    async fn learn(&self) {
        for teller in self.with(|state, now| state.pool.ranked(now)) {
            let listed = match self.list(&teller.base).await {
                Ok(listed) => listed,
                Err(failed) if failed.error.is_about_caller() => {
                    // The next one who asks may be told.
                    self.with(|state, now| state.learning.hurry(now));
                    return;
                }
                Err(_) => continue,
            };
            for text in listed.items.iter().take(ENTRIES_MAX) {
                let Some(base) = Base::told_by(&teller.base, text) else {
                    continue;
                };
                let wanted =
                    self.with(|state, _| state.pool.has_room() && !state.pool.knows(&base));
                if wanted && self.is_well(&base).await {
                    tracing::info!(server = %base, "learned of a server");
                    self.with(|state, now| state.pool.learn(now, base));
                }
            }
            return;
        }
    }

    async fn list(&self, server: &Base) -> Result<PageJson<String>, Failed> {
        let read = async {
            let request = self.get(server, paths::SERVERS);
            let response = exchange::send(server, request).await?;
            let body = exchange::body(server, response, LIST_BYTES_MAX).await?;
            kadenza_api::read(&body).map_err(|what| Failed::nonsense(server, what))
        };
        match timeout(PROBE_TIMEOUT, read).await {
            Ok(listed) => listed,
            Err(_) => Err(Failed::timeout(PROBE_TIMEOUT)),
        }
    }

    async fn is_well(&self, server: &Base) -> bool {
        let answer = timeout(PROBE_TIMEOUT, self.health(server)).await;
        matches!(answer, Ok(Ok(response)) if is_ok(&response))
    }
}

fn is_ok(response: &Response) -> bool {
    response.status().is_success()
}
