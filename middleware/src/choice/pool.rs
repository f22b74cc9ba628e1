//! The servers that are known, and which of them to ask. Pure: time and random numbers come in.
//!
//! Among the servers that are in, two are drawn and the one with the lower expected cost is asked
//! (the power of two choices: Mitzenmacher, 2001). With two servers that is simply the better one;
//! with five it prefers the better ones without sending everything to a single one, and measures
//! them all. When no server is in, they are asked all the same: first those that only asked for a
//! rest, then the one that may be back first. With the last server out, nothing is lost by trying.

use std::{sync::Arc, time::Duration};

use super::health::{Ending, Health, Kind};
use crate::base::Base;

/// For how long a learned server may stay out of reach before it is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);

/// A server of this pool; never used again for another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ServerId(u32);

/// A server, as it is asked.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) id: ServerId,
    pub(crate) base: Arc<Base>,
}

#[derive(Debug)]
struct Entry {
    server: Server,
    /// Told of by the user, and so never forgotten.
    configured: bool,
    health: Health,
    last_well: Duration,
}

/// The servers that are known.
#[derive(Debug)]
pub(crate) struct Pool {
    servers: Vec<Entry>,
    next_id: u32,
    servers_max: usize,
}

impl Pool {
    /// No servers yet; at most `servers_max` are learned beside those that are configured.
    pub(crate) fn new(servers_max: usize) -> Pool {
        Pool {
            servers: Vec::new(),
            next_id: 0,
            servers_max,
        }
    }

    /// Takes a server in that the user told of.
    pub(crate) fn configure(&mut self, now: Duration, base: Base) {
        if !self.knows(&base) {
            self.push(now, base, true);
        }
    }

    /// Takes a server in that another one told of. There may be no room for it.
    pub(crate) fn learn(&mut self, now: Duration, base: Base) {
        if self.has_room() && !self.knows(&base) {
            self.push(now, base, false);
        }
    }

    fn push(&mut self, now: Duration, base: Base, configured: bool) {
        self.servers.push(Entry {
            server: Server {
                id: ServerId(self.next_id),
                base: Arc::new(base),
            },
            configured,
            health: Health::new(now),
            last_well: now,
        });
        self.next_id += 1;
    }

    /// Whether a server is known already.
    pub(crate) fn knows(&self, base: &Base) -> bool {
        self.servers.iter().any(|entry| *entry.server.base == *base)
    }

    /// Whether another server could be learned.
    pub(crate) fn has_room(&self) -> bool {
        self.servers.len() < self.servers_max
    }

    /// How many servers are known.
    pub(crate) fn len(&self) -> usize {
        self.servers.len()
    }

    /// The first server that the user told of.
    pub(crate) fn first(&self) -> Option<Server> {
        self.servers.first().map(|entry| entry.server.clone())
    }

    /// All servers, the one to ask first in front.
    pub(crate) fn ranked(&self, now: Duration) -> Vec<Server> {
        let mut servers: Vec<&Entry> = self.servers.iter().collect();
        servers.sort_by(|a, b| {
            let key = |entry: &Entry| (!entry.health.is_in(now), entry.health.is_out());
            key(a).cmp(&key(b)).then_with(|| {
                let cost = |entry: &Entry| entry.health.cost_ms(now);
                cost(a).total_cmp(&cost(b))
            })
        });
        servers
            .into_iter()
            .map(|entry| entry.server.clone())
            .collect()
    }

    /// The server to ask next, and none only if all were tried.
    pub(crate) fn choose(&self, now: Duration, tried: &[ServerId], dice: u64) -> Option<Server> {
        self.choose_in(now, tried, dice).or_else(|| {
            self.untried(tried)
                .min_by(|a, b| {
                    let ready = |entry: &Entry| (entry.health.is_out(), entry.health.ready_at());
                    ready(a).cmp(&ready(b)).then_with(|| {
                        let cost = |entry: &Entry| entry.health.cost_ms(now);
                        cost(a).total_cmp(&cost(b))
                    })
                })
                .map(|entry| entry.server.clone())
        })
    }

    /// The server to ask next among those that are in.
    pub(crate) fn choose_in(&self, now: Duration, tried: &[ServerId], dice: u64) -> Option<Server> {
        let ready: Vec<&Entry> = self
            .untried(tried)
            .filter(|entry| entry.health.is_in(now))
            .collect();
        let one = draw(ready.len(), dice)?;
        let mut best = ready[one];
        if let Some(step) = draw(ready.len() - 1, dice.rotate_left(32)) {
            let other = ready[(one + 1 + step) % ready.len()];
            if other.health.cost_ms(now) < best.health.cost_ms(now) {
                best = other;
            }
        }
        Some(best.server.clone())
    }

    /// All servers that are in.
    pub(crate) fn all_in(&self, now: Duration) -> Vec<Server> {
        let all = self.untried(&[]).filter(|entry| entry.health.is_in(now));
        all.map(|entry| entry.server.clone()).collect()
    }

    /// All servers that are in, but one.
    pub(crate) fn others_in(&self, now: Duration, but: ServerId) -> Vec<Server> {
        let tried = [but];
        let others = self.untried(&tried).filter(|entry| entry.health.is_in(now));
        others.map(|entry| entry.server.clone()).collect()
    }

    fn untried(&self, tried: &[ServerId]) -> impl Iterator<Item = &Entry> {
        self.servers
            .iter()
            .filter(|entry| !tried.contains(&entry.server.id))
    }

    /// Until when a server asked to be left alone; zero if it did not.
    pub(crate) fn rest_until(&self, id: ServerId) -> Duration {
        self.get(id)
            .map_or(Duration::ZERO, |entry| entry.health.rest_until())
    }

    /// The time that nineteen of twenty answers of a server took at most, if enough are known.
    pub(crate) fn slowest_twentieth(&self, id: ServerId, kind: Kind) -> Option<Duration> {
        self.get(id)?.health.slowest_twentieth(kind)
    }

    /// A request to a server was sent.
    pub(crate) fn begun(&mut self, id: ServerId) {
        if let Some(entry) = self.get_mut(id) {
            entry.health.begun();
        }
    }

    /// A request to a server ended. Says whether that put the server out.
    pub(crate) fn ended(
        &mut self,
        now: Duration,
        id: ServerId,
        kind: Option<Kind>,
        ending: Ending,
        dice: u64,
    ) -> bool {
        self.settle(now, id, ending, |health| {
            health.ended(now, kind, ending, dice);
        })
    }

    /// Something became known of a server beside the requests that were counted, such as that it
    /// died in the middle of a song. Says whether that put the server out.
    pub(crate) fn note(&mut self, now: Duration, id: ServerId, ending: Ending, dice: u64) -> bool {
        self.settle(now, id, ending, |health| {
            health.note(now, None, ending, dice);
        })
    }

    fn settle(
        &mut self,
        now: Duration,
        id: ServerId,
        ending: Ending,
        change: impl FnOnce(&mut Health),
    ) -> bool {
        let Some(entry) = self.get_mut(id) else {
            return false;
        };
        let was_out = entry.health.is_out();
        change(&mut entry.health);
        if matches!(
            ending,
            Ending::Answered { .. } | Ending::Alive | Ending::Busy { .. }
        ) {
            entry.last_well = now;
        }
        !was_out && entry.health.is_out()
    }

    /// The servers that a probe should look after now. Each probe counts as sent.
    pub(crate) fn take_probes(&mut self, now: Duration) -> Vec<Server> {
        self.servers
            .iter_mut()
            .filter_map(|entry| entry.health.take_probe(now).then(|| entry.server.clone()))
            .collect()
    }

    /// A probe ended. A learned server that has been out for long is forgotten.
    pub(crate) fn probed(&mut self, now: Duration, id: ServerId, well: bool, dice: u64) {
        let Some(entry) = self.get_mut(id) else {
            return;
        };
        entry.health.probed(now, well, dice);
        if well {
            entry.last_well = now;
        } else if !entry.configured && now.saturating_sub(entry.last_well) > FORGOTTEN_AFTER {
            self.servers.retain(|entry| entry.server.id != id);
        }
    }

    fn get(&self, id: ServerId) -> Option<&Entry> {
        self.servers.iter().find(|entry| entry.server.id == id)
    }

    fn get_mut(&mut self, id: ServerId) -> Option<&mut Entry> {
        self.servers.iter_mut().find(|entry| entry.server.id == id)
    }
}

/// One of `count`, by a random number; the bias of the remainder is below one in a billion.
fn draw(count: usize, dice: u64) -> Option<usize> {
    let count = u64::try_from(count).ok().filter(|&count| count > 0)?;
    usize::try_from(dice % count).ok()
}

#[cfg(test)]
mod tests;
