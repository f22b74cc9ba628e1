//! The status as it was a moment ago. However many ask for it, the service below is asked once at a time, and again
//! after a while only: there all machines are asked, and a database counts its rows.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};
use kadenza_api::StatusJson;
use kadenza_contract::{Error, Failure, MusicService, Result};
use parking_lot::Mutex;

/// How old an answer may be, counted from the question.
const AGE_MAX: Duration = Duration::from_secs(2);

type Answer = std::result::Result<Bytes, Arc<Error>>;

/// The last status, as JSON.
#[derive(Default)]
pub(crate) struct Snapshot(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    last: Option<(Instant, Bytes)>,
    /// The question that is under way, for as long as anybody waits for it.
    asking: Option<WeakShared<BoxFuture<'static, Answer>>>,
    /// Counts what made older answers wrong.
    epoch: u64,
}

impl Snapshot {
    /// The status.
    ///
    /// # Errors
    ///
    /// Those of the service. They are not kept.
    pub(crate) async fn status(&self, service: &Arc<dyn MusicService>) -> Result<Bytes> {
        let asking = {
            let mut state = self.0.lock();
            if let Some((at, body)) = &state.last
                && at.elapsed() < AGE_MAX
            {
                return Ok(body.clone());
            }
            let under_way = state.asking.as_ref().and_then(WeakShared::upgrade);
            under_way.unwrap_or_else(|| self.ask(&mut state, service))
        };
        // An error belongs to all who waited: each gets one that means the same.
        asking
            .await
            .map_err(|error| Failure::from(&*error).into_error("the service"))
    }

    /// What was added here is in each status from now on.
    pub(crate) fn forget(&self) {
        let mut state = self.0.lock();
        state.last = None;
        state.asking = None;
        state.epoch += 1;
    }

    fn ask(
        &self,
        state: &mut State,
        service: &Arc<dyn MusicService>,
    ) -> Shared<BoxFuture<'static, Answer>> {
        let (begun, epoch) = (Instant::now(), state.epoch);
        let (service, kept) = (Arc::clone(service), Arc::clone(&self.0));
        let asking = async move {
            let status = service.status().await?;
            let body = serde_json::to_vec(&StatusJson::new(status));
            let body = Bytes::from(body.expect("texts and numbers are always JSON"));
            let mut state = kept.lock();
            if state.epoch == epoch {
                state.last = Some((begun, body.clone()));
            }
            Ok(body)
        };
        let asking = asking.map(|answer: Result<Bytes>| answer.map_err(Arc::new));
        let asking = asking.boxed().shared();
        state.asking = asking.downgrade();
        asking
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").finish_non_exhaustive()
    }
}
