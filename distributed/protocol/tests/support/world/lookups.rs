//! Lookups of the nodes of a world, from their first request to what is made of their result.

use kadenza_protocol::{Contact, K, Key};

use super::{
    super::{faulty::Search, watch::Watch},
    World,
    errand::{Errand, LookupResult, Purpose, Running},
};

impl World {
    pub(super) fn begin(&mut self, by: usize, target: Key, want: usize, purpose: Purpose) {
        let now_ms = self.now_ms();
        let node = &mut self.nodes[by];
        if purpose != Purpose::Measured {
            node.table.inner.looked_up(now_ms, &target);
        }
        let own = node.contact.id;
        let seeds = node.table.closest(now_ms, &target, K, &[own]);
        let doubted = node.table.inner.doubtful(now_ms, &target, K);
        let is_plain = self.paths == 1 && !self.misleads;
        let watched = is_plain && (self.watchful || purpose == Purpose::Measured);
        let watch = watched.then(|| Watch::new(own, target, want, &seeds, &doubted));
        let paths = self.paths;
        let mut search = Search::new(self.fault, paths, own, target, want, seeds, &doubted);
        let asks = search.start();
        self.next += 1;
        let id = self.next;
        let began_us = self.now_us;
        self.running.insert(
            id,
            Running {
                by,
                target,
                want,
                search,
                watch,
                began_us,
                purpose,
            },
        );
        self.advance(id, &asks);
    }

    pub(super) fn advance(&mut self, id: u64, asks: &[Contact]) {
        let Some(running) = self.running.get_mut(&id) else {
            return;
        };
        if let Some(watch) = &mut running.watch {
            let seen = watch.asks(asks).and_then(|()| watch.check(&running.search));
            if let Err(what) = seen {
                let what = format!("lookup of {}: {what}", running.by);
                return self.violated(what);
            }
        }
        let (by, target, done) = (running.by, running.target, running.search.is_done());
        for contact in asks {
            self.send(by, *contact, Errand::Lookup(id), target);
        }
        if done && let Some(running) = self.running.remove(&id) {
            self.ended(running);
        }
    }

    fn ended(&mut self, running: Running) {
        let Running {
            by,
            target,
            want,
            search,
            began_us,
            purpose,
            ..
        } = running;
        let now_ms = self.now_ms();
        for contact in search.told() {
            if self.nodes[by].table.heard_of(now_ms, contact) {
                self.send(by, contact, Errand::Ping, contact.id);
            }
        }
        match purpose {
            Purpose::Measured => self.found.push(LookupResult {
                by,
                target,
                want,
                result: search.result(),
                requests: search.asked(),
                took_us: self.now_us - began_us,
            }),
            Purpose::Joining => {
                let dice = &mut self.dice;
                let table = &mut self.nodes[by].table.inner;
                for key in table.refresh_all(now_ms, &mut || dice.number()) {
                    self.begin(by, key, K, Purpose::Filling);
                }
                self.nodes[by].settled = true;
            }
            Purpose::Filling => {}
        }
    }
}
