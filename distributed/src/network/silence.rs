//! Machines that have fallen silent: nobody waits for them until they are heard again.
//!
//! A frozen machine keeps its connections and answers nothing, and looks like a slow one until each
//! call's deadline. The difference is a ping, which every machine answers from memory however busy its
//! disk is. A call that takes long has the machine pinged; if that is not answered either, this call
//! and all others to the machine fail at once, until it answers one of the pings that go on.
//!
//! Silence is counted in ticks of this process and not by the clock: if this machine itself was
//! stopped or starved, hours may have passed, and yet nobody else was silent.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use kadenza_contract::chain;
use kadenza_protocol::{Contact, Key};
use kadenza_rpc::CallError;
use parking_lot::Mutex;
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval, sleep},
};

use super::{message::Request, peers};
use crate::outside::{
    env::{Env, begin},
    wire::Wire,
};

/// After this long without an answer to a call, the machine is pinged. Most answers come sooner, also
/// from a busy disk, so that pings are rare.
pub(super) const PINGED_AFTER: Duration = Duration::from_millis(250);
/// The length of a tick, and after how many of them without an answer a machine is silent. With
/// [`PINGED_AFTER`] a frozen machine costs a caller 0.85 s; a machine under heavy load answers a
/// ping within a tenth of that.
const TICK: Duration = Duration::from_millis(50);
const TICKS: u32 = 12;
/// How long one ping waits. When the machine goes on, it finds the last one and answers it at once.
const PING_HARD: Duration = Duration::from_secs(2);
/// The pause before the next ping where one could not even be sent.
const PAUSE: Duration = Duration::from_millis(200);
/// After this long nobody pings it any more. By then the routing table has dropped it, and it makes
/// itself known when it comes back.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(600);

/// What is known of a machine that is being pinged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It did not answer a call so far.
    Pinged,
    /// It did not answer the pings either.
    Silent,
    /// It answered, or its address says by itself that it is gone.
    Over,
}

/// The machines that are being pinged because they did not answer a call.
#[derive(Debug, Default)]
pub(super) struct Silence {
    pinged: Mutex<HashMap<Key, watch::Receiver<Standing>>>,
}

impl Silence {
    /// Whether a machine is known to be silent.
    pub(super) fn is_silent(&self, node: &Key) -> bool {
        let pinged = self.pinged.lock();
        pinged
            .get(node)
            .is_some_and(|standing| *standing.borrow() == Standing::Silent)
    }

    /// Has a machine pinged no longer: it is gone for good.
    pub(super) fn give_up(&self, node: &Key) {
        self.pinged.lock().remove(node);
    }

    /// Has a machine pinged, if that does not happen already.
    pub(super) fn suspect(
        self: &Arc<Self>,
        wire: &Arc<dyn Wire>,
        env: &Arc<dyn Env>,
        node: &Contact,
    ) {
        self.standing(wire, env, node);
    }

    /// Has a machine pinged, and ends once it has turned out to be silent; never if it answers.
    pub(super) async fn of(
        self: &Arc<Self>,
        wire: &Arc<dyn Wire>,
        env: &Arc<dyn Env>,
        node: &Contact,
    ) {
        let mut standing = self.standing(wire, env, node);
        let silent = standing.wait_for(|standing| *standing == Standing::Silent);
        if silent.await.is_err() {
            // It answered: then it is as slow as it is.
            std::future::pending::<()>().await;
        }
    }

    fn standing(
        self: &Arc<Self>,
        wire: &Arc<dyn Wire>,
        env: &Arc<dyn Env>,
        node: &Contact,
    ) -> watch::Receiver<Standing> {
        let mut pinged = self.pinged.lock();
        if let Some(standing) = pinged.get(&node.id) {
            return standing.clone();
        }
        let (tell, standing) = watch::channel(Standing::Pinged);
        pinged.insert(node.id, standing.clone());
        let (silence, wire, node) = (self.clone(), Arc::clone(wire), *node);
        begin(env, async move {
            silence.ping(wire.as_ref(), &node, &tell).await;
            silence.pinged.lock().remove(&node.id);
        });
        standing
    }

    /// Pings until there is an answer.
    async fn ping(&self, wire: &dyn Wire, node: &Contact, tell: &watch::Sender<Standing>) {
        let peer = peers::peer(node);
        let begun = Instant::now();
        let mut ticks = 0;
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let is_wanted = || self.pinged.lock().contains_key(&node.id);
        while begun.elapsed() < GIVEN_UP_AFTER && is_wanted() {
            let attempt = async {
                let answer = wire
                    .call(&peer, &Request::Ping, Bytes::new(), PING_HARD)
                    .await;
                if answer.as_ref().is_err_and(|error| !error.is_answer()) && !is_over(&answer) {
                    sleep(PAUSE).await;
                }
                answer
            };
            tokio::pin!(attempt);
            let answer = loop {
                tokio::select! {
                    biased;
                    answer = &mut attempt => break answer,
                    _ = tick.tick(), if ticks <= TICKS => {
                        ticks += 1;
                        if ticks > TICKS {
                            tracing::warn!(
                                peer = %node.address,
                                "a machine has fallen silent; it is not waited for until it answers"
                            );
                            tell.send_replace(Standing::Silent);
                        }
                    }
                }
            };
            match answer {
                Err(error) if !error.is_answer() && !is_over(&Err::<(), _>(error.clone())) => {
                    tracing::debug!(peer = %node.address, error = chain(&error), "still silent");
                }
                _ => break,
            }
        }
        if *tell.borrow() == Standing::Silent {
            tracing::info!(peer = %node.address, "a silent machine is heard again, or gone");
        }
        tell.send_replace(Standing::Over);
    }
}

/// Whether further pings are pointless: nobody listens at the address, so that calls fail at once by
/// themselves, or this node ends.
fn is_over<T>(answer: &Result<T, CallError>) -> bool {
    match answer {
        Err(CallError::Unreachable { cause, .. }) => {
            cause.kind() == std::io::ErrorKind::ConnectionRefused
        }
        Err(CallError::Closed | CallError::Ourselves) => true,
        _ => false,
    }
}

/// The error of a call to a machine that is silent.
pub(super) fn silent(node: &Contact) -> CallError {
    CallError::Unreachable {
        address: node.address,
        cause: Arc::new(std::io::Error::new(
            std::io::ErrorKind::TimedOut,
            "it has fallen silent, and is not waited for until it answers",
        )),
    }
}
