//! The network: latency, loss, cuts in one direction or both, bandwidth, and machines that are off or another node now.
//!
//! It is as TCP is beneath the real transport. A lost packet is a delay. What was sent into a cut may still arrive once
//! the cut is healed, long after whoever sent it has given up. A process that died refuses at once, and a machine that
//! is off is silent. A request is handled by whoever listens at the address now; that the answer comes from another
//! node than the one that was asked is for the asker to see.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use kadenza_distributed::{
    Reply, Request,
    rpc::{Evidence, Handled, Handler, Peer, PeerId, ReplyResult},
};
use parking_lot::Mutex;
use tokio::{sync::oneshot, time::sleep};

use super::{lane::Lane, life::Life};
use crate::base::{dice::Dice, log::Log};

/// How long what was sent into a cut may still arrive.
const HELD_MAX: Duration = Duration::from_secs(20);
/// How often a held message looks whether the cut is healed.
const HELD_LOOKS: Duration = Duration::from_millis(300);
/// How long it takes to find out that nobody takes a connection.
const DIAL: Duration = Duration::from_secs(3);
/// The bytes of a message beside its attachment.
const ENVELOPE_BYTES: u64 = 300;

/// How a network is while nobody meddles with it.
#[derive(Debug, Clone)]
pub(crate) struct Weather {
    pub(crate) latency_ms: (u64, u64),
    /// How many packets of all are lost.
    pub(crate) loss: f64,
    pub(crate) bytes_per_ms: u64,
}

/// From where to where a message goes, and what it is about.
type Way = (SocketAddr, SocketAddr, Lane);

/// What a nemesis does to messages of one kind in one direction between two machines.
#[derive(Debug, Clone, Copy, Default)]
struct Trouble {
    is_cut: bool,
    more_ms: u64,
}

/// How much was sent since it was looked at last.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Traffic {
    pub(crate) messages: u64,
    /// Of audio, on its way to be stored.
    pub(crate) stored_bytes: u64,
}

/// Where a node listens.
#[derive(Clone)]
struct Listener {
    peer: Peer,
    life: Arc<Life>,
    handler: Arc<dyn Handler<Request>>,
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.peer.fmt(f)
    }
}

/// What comes back of a request.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "it goes through a channel once, and nearly all are answers"
)]
pub(super) enum Back {
    /// An answer, and from whom.
    Answered(Peer, ReplyResult<Reply>),
    /// Nobody listens there.
    Refused,
    /// No connection can be made.
    NoWay,
}

/// A request on its way.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) from: Peer,
    pub(super) to: SocketAddr,
    pub(super) request: Request,
    pub(super) attachment: Bytes,
    /// How long the asker waits.
    pub(super) hard: Duration,
    pub(super) tell: oneshot::Sender<Back>,
}

#[derive(Debug, Default)]
struct State {
    listeners: BTreeMap<SocketAddr, Listener>,
    off: BTreeSet<SocketAddr>,
    troubles: BTreeMap<Way, Trouble>,
    traffic: Traffic,
}

/// The network of a world.
#[derive(Debug)]
pub(crate) struct Network {
    state: Mutex<State>,
    weather: Mutex<Weather>,
    dice: Dice,
    log: Arc<Log>,
}

impl Network {
    pub(crate) fn new(weather: Weather, dice: Dice, log: Arc<Log>) -> Arc<Network> {
        Arc::new(Network {
            state: Mutex::default(),
            weather: Mutex::new(weather),
            dice,
            log,
        })
    }

    /// A node listens here from now on.
    pub(super) fn listen(&self, peer: Peer, life: Arc<Life>, handler: Arc<dyn Handler<Request>>) {
        let listener = Listener {
            peer,
            life,
            handler,
        };
        let mut state = self.state.lock();
        state.off.remove(&peer.address);
        state.listeners.insert(peer.address, listener);
    }

    /// The node with this id listens no longer.
    pub(super) fn deaf(&self, peer: &Peer) {
        let mut state = self.state.lock();
        let listener = state.listeners.get(&peer.address);
        if listener.is_some_and(|listener| listener.peer.id == peer.id) {
            state.listeners.remove(&peer.address);
        }
    }

    /// The process on a machine is gone; the machine too, if it is off.
    pub(crate) fn killed(&self, address: SocketAddr, is_off: bool) {
        let mut state = self.state.lock();
        state.listeners.remove(&address);
        if is_off {
            state.off.insert(address);
        }
    }

    /// Whether the machine at an address is off.
    pub(super) fn is_off(&self, address: &SocketAddr) -> bool {
        self.state.lock().off.contains(address)
    }

    /// Lets nothing through in one direction, or everything again.
    pub(crate) fn cut(&self, from: SocketAddr, to: SocketAddr, is_cut: bool) {
        for lane in Lane::ALL {
            self.cut_lane(from, to, lane, is_cut);
        }
    }

    /// The same, of what is about one thing.
    pub(crate) fn cut_lane(&self, from: SocketAddr, to: SocketAddr, lane: Lane, is_cut: bool) {
        let mut state = self.state.lock();
        state.troubles.entry((from, to, lane)).or_default().is_cut = is_cut;
    }

    /// Makes one direction slower.
    pub(crate) fn slow(&self, from: SocketAddr, to: SocketAddr, more_ms: u64) {
        for lane in Lane::ALL {
            self.slow_lane(from, to, lane, more_ms);
        }
    }

    /// The same, of what is about one thing.
    pub(crate) fn slow_lane(&self, from: SocketAddr, to: SocketAddr, lane: Lane, more_ms: u64) {
        let mut state = self.state.lock();
        state.troubles.entry((from, to, lane)).or_default().more_ms = more_ms;
    }

    /// How many packets are lost everywhere.
    pub(crate) fn lose(&self, loss: f64) {
        self.weather.lock().loss = loss;
    }

    /// Ends all cuts and delays.
    pub(crate) fn heal(&self) {
        self.state.lock().troubles.clear();
        self.lose(0.0);
    }

    /// What was sent since this was asked last.
    pub(crate) fn take_traffic(&self) -> Traffic {
        std::mem::take(&mut self.state.lock().traffic)
    }

    /// Carries a request. The answer, or that there is none, is told.
    pub(super) fn ask(self: &Arc<Self>, asked: Asked) {
        self.count(&asked);
        let network = Arc::clone(self);
        tokio::spawn(async move { network.carry(asked).await });
    }

    fn count(&self, asked: &Asked) {
        let mut state = self.state.lock();
        state.traffic.messages += 1;
        if matches!(asked.request, Request::StoreChunk { .. }) {
            state.traffic.stored_bytes += asked.attachment.len() as u64;
        }
    }

    async fn carry(self: Arc<Self>, asked: Asked) {
        let (from, to) = (asked.from.address, asked.to);
        let bytes = asked.attachment.len() as u64;
        let lane = Lane::of(&asked.request);
        if !self.travels((from, to, lane), bytes).await || self.is_off(&to) {
            // Whoever has a connection already waits; whoever has none learns that there is no way.
            if self.dice.happens(0.5) {
                sleep(DIAL).await;
                let _ = asked.tell.send(Back::NoWay);
            } else {
                sleep(asked.hard + DIAL).await;
            }
            return;
        }
        let listener = self.state.lock().listeners.get(&to).cloned();
        self.log.mix(&mixed(&asked, listener.is_some()));
        let Some(listener) = listener else {
            if self.travels((to, from, lane), 0).await {
                let _ = asked.tell.send(Back::Refused);
            }
            return;
        };
        let life = Arc::clone(&listener.life);
        life.spawn(Box::pin(self.handled(listener, asked)));
    }

    async fn handled(self: Arc<Self>, listener: Listener, asked: Asked) {
        let Asked {
            from,
            request,
            attachment,
            hard,
            tell,
            ..
        } = asked;
        let handler = listener.handler;
        let lane = Lane::of(&request);
        if from.id != listener.peer.id {
            handler.heard_from(from, Evidence::Announced);
        }
        let result = match handler.handle(from, request, attachment) {
            Handled::Now(result) => result,
            Handled::Later(result) => result.await,
        };
        let answerer = listener.peer;
        tokio::spawn(async move {
            let bytes = match &result {
                Ok((_, attachment)) => attachment.len() as u64,
                Err(_) => 0,
            };
            let way = (answerer.address, from.address, lane);
            if self.travels(way, bytes).await {
                self.log.mix(answerer.id.as_bytes());
                let _ = tell.send(Back::Answered(answerer, result));
            } else {
                sleep(hard + DIAL).await;
            }
        });
    }

    /// Waits as long as a message travels. Says whether it arrives.
    async fn travels(&self, way: Way, bytes: u64) -> bool {
        if self.trouble(way).is_cut && !self.is_through_later(way).await {
            return false;
        }
        let weather = self.weather.lock().clone();
        let (low, high) = weather.latency_ms;
        let mut ms = self.dice.between(low, high) + self.trouble(way).more_ms;
        ms += (bytes + ENVELOPE_BYTES) / weather.bytes_per_ms;
        let mut again = 200;
        while self.dice.happens(weather.loss) && again < 10_000 {
            ms += again;
            again *= 2;
        }
        sleep(Duration::from_millis(ms)).await;
        // It may have been cut meanwhile.
        !self.trouble(way).is_cut || self.is_through_later(way).await
    }

    /// Whether what was sent into a cut arrives once it is healed.
    async fn is_through_later(&self, way: Way) -> bool {
        if self.dice.happens(0.7) {
            return false;
        }
        let mut waited = Duration::ZERO;
        while waited < HELD_MAX {
            sleep(HELD_LOOKS).await;
            waited += HELD_LOOKS;
            if !self.trouble(way).is_cut {
                return true;
            }
        }
        false
    }

    fn trouble(&self, way: Way) -> Trouble {
        let troubles = &self.state.lock().troubles;
        troubles.get(&way).copied().unwrap_or_default()
    }
}

/// What of a request goes into the log.
fn mixed(asked: &Asked, is_heard: bool) -> Vec<u8> {
    let mut bytes = format!("{:?}{is_heard}", asked.request).into_bytes();
    bytes.extend(asked.from.id.as_bytes());
    bytes.extend(blake3::hash(&asked.attachment).as_bytes());
    bytes
}

/// The id of a node for the transport.
pub(crate) fn peer(id: [u8; 32], address: SocketAddr) -> Peer {
    Peer {
        id: PeerId::from_bytes(id),
        address,
    }
}
