//! The wire of one run of a node, into the simulated network.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use kadenza_distributed::{
    Reply, Request, Wire,
    rpc::{Answer, CallError, Evidence, Handler, Peer, PeerId, Request as _},
};
use parking_lot::Mutex;
use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};

use super::{
    hostile::Hostile,
    life::Life,
    network::{Asked, Back, Network},
};
use crate::base::dice::Dice;

/// The way of one node to the others.
pub(crate) struct SimulatedWire {
    network: Arc<Network>,
    own: Peer,
    life: Arc<Life>,
    is_hostile: Arc<AtomicBool>,
    dice: Dice,
    handler: OnceLock<Arc<dyn Handler<Request>>>,
    is_closed: AtomicBool,
}

impl std::fmt::Debug for SimulatedWire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.own.fmt(f)
    }
}

impl SimulatedWire {
    pub(crate) fn new(
        network: Arc<Network>,
        own: Peer,
        life: Arc<Life>,
        is_hostile: Arc<AtomicBool>,
        dice: Dice,
    ) -> SimulatedWire {
        SimulatedWire {
            network,
            own,
            life,
            is_hostile,
            dice,
            handler: OnceLock::new(),
            is_closed: AtomicBool::new(false),
        }
    }

    async fn ask(
        &self,
        peer: Option<PeerId>,
        to: SocketAddr,
        request: &Request,
        attachment: Bytes,
        hard: Duration,
    ) -> Result<Answer<Reply>, CallError> {
        if self.is_closed.load(Relaxed) {
            return Err(CallError::Closed);
        }
        let began = Instant::now();
        let (tell, told) = oneshot::channel();
        self.network.ask(Asked {
            from: self.own,
            to,
            request: request.clone(),
            attachment,
            hard,
            tell,
        });
        let answered = async {
            match told.await {
                // Like one with an id that nobody waits for.
                Ok(Back::Answered(from, _)) if peer.is_some_and(|peer| peer != from.id) => {
                    std::future::pending().await
                }
                Ok(Back::Answered(from, result)) => Ok((from, result)),
                Ok(Back::Refused) => Err(io::ErrorKind::ConnectionRefused),
                Ok(Back::NoWay) => Err(io::ErrorKind::TimedOut),
                // It died over the request. Of a machine that is off, nobody hears that.
                Err(_) if self.network.is_off(&to) => std::future::pending().await,
                Err(_) => Err(io::ErrorKind::ConnectionReset),
            }
        };
        let (from, result) = match timeout(hard, answered).await {
            Err(_) => return Err(CallError::Timeout(hard)),
            Ok(Err(kind)) => {
                return Err(CallError::Unreachable {
                    address: to,
                    cause: Arc::new(kind.into()),
                });
            }
            Ok(Ok(answered)) => answered,
        };
        if from.id == self.own.id {
            return Err(CallError::Ourselves);
        }
        if let Some(handler) = self.handler.get() {
            handler.answered(&from.id, request.class(), began.elapsed());
            let evidence = match from.address == to {
                true => Evidence::Proven,
                false => Evidence::Announced,
            };
            handler.heard_from(from, evidence);
        }
        let (reply, attachment) = result.map_err(CallError::Failed)?;
        Ok(Answer {
            reply,
            attachment,
            from,
        })
    }
}

#[async_trait]
impl Wire for SimulatedWire {
    fn peer(&self) -> Peer {
        self.own
    }

    fn serve(&self, handler: Arc<dyn Handler<Request>>) {
        if self.handler.set(Arc::clone(&handler)).is_ok() {
            let life = Arc::clone(&self.life);
            let heard = Hostile {
                honest: handler,
                is_hostile: Arc::clone(&self.is_hostile),
                dice: self.dice.fork(),
                heard_of: Mutex::default(),
            };
            self.network.listen(self.own, life, Arc::new(heard));
        }
    }

    async fn call(
        &self,
        to: &Peer,
        request: &Request,
        attachment: Bytes,
        hard: Duration,
    ) -> Result<Answer<Reply>, CallError> {
        if to.id == self.own.id {
            return Err(CallError::Ourselves);
        }
        self.ask(Some(to.id), to.address, request, attachment, hard)
            .await
    }

    async fn introduce(
        &self,
        address: SocketAddr,
        request: &Request,
        hard: Duration,
    ) -> Result<Peer, CallError> {
        let answer = self.ask(None, address, request, Bytes::new(), hard);
        Ok(answer.await?.from)
    }

    /// A name is the addresses that it stands for.
    async fn resolve(&self, name: &str) -> Vec<SocketAddr> {
        let addresses = name.split('+').map(str::parse);
        addresses.filter_map(Result::ok).collect()
    }

    async fn shutdown(&self) {
        self.is_closed.store(true, Relaxed);
        self.network.deaf(&self.own);
    }
}
