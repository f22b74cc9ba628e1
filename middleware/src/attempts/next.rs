//! The next server to ask, when it is its turn.

use tokio::time::Instant;

use crate::{
    asker::Asker,
    choice::{Route, Server, Step},
};

impl Asker {
    /// The next server on a way; waits where the way says so, but not beyond the deadline.
    pub(crate) async fn next(&self, route: &mut Route, deadline: Instant) -> Option<Server> {
        loop {
            let step = self
                .with(|state, now| route.next(now, &state.pool, &mut state.budget, rand::random()));
            match step {
                Step::Ask(server) => {
                    self.look_after_servers();
                    return Some(server);
                }
                Step::Wait(pause) if Instant::now() + pause < deadline => {
                    tokio::time::sleep(pause).await;
                }
                Step::Wait(_) | Step::Over => return None,
            }
        }
    }
}
