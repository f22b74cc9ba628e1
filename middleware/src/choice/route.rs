//! The way of one request through the servers: whom to ask next, when, and when to give up.
//!
//! Pure: the pool, the budget, the time and the dice come in as arguments. In a round each server
//! is asked at most once; between rounds there is a pause that doubles, or the rest that a busy
//! server asked for. The first request is free and earns; every further one is paid for.

use std::time::Duration;

use super::{
    budget::Budget,
    dice::chance,
    pool::{Pool, Server, ServerId},
};

/// The pause before the second round; it doubles with each further one.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// The longest pause between rounds.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// The next step on the way.
#[derive(Debug)]
pub(crate) enum Step {
    /// Ask this server now.
    Ask(Server),
    /// Ask again what to do, after this long.
    Wait(Duration),
    /// Give up.
    Over,
}

/// The choice for a budget that is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhenSpent {
    /// The request fails. Right for a question that its asker can ask again.
    GiveUp,
    /// The request waits until the budget has a repeat by time. Right where much would be lost.
    Wait,
}

/// The way of one request.
#[derive(Debug)]
pub(crate) struct Route {
    tried: Vec<ServerId>,
    asked: u32,
    asked_max: u32,
    round: u32,
    rested: bool,
    when_spent: WhenSpent,
}

impl Route {
    /// A way of at most `asked_max` requests.
    pub(crate) fn new(asked_max: u32, when_spent: WhenSpent) -> Route {
        Route {
            tried: Vec::new(),
            asked: 0,
            asked_max,
            round: 0,
            rested: false,
            when_spent,
        }
    }

    /// Asks this server last: it just failed in what is to be done.
    pub(crate) fn avoid(&mut self, id: ServerId) {
        if !self.tried.contains(&id) {
            self.tried.push(id);
        }
    }

    /// The next step.
    pub(crate) fn next(
        &mut self,
        now: Duration,
        pool: &Pool,
        budget: &mut Budget,
        dice: u64,
    ) -> Step {
        if self.asked >= self.asked_max {
            return Step::Over;
        }
        let Some(server) = pool.choose(now, &self.tried, dice) else {
            if self.tried.is_empty() {
                return Step::Over;
            }
            self.tried.clear();
            self.rested = false;
            self.round += 1;
            return Step::Wait(pause(self.round, dice));
        };
        // A server that asked for a rest is only asked before its end if it was not asked yet, or
        // if others are worse off.
        let rest = pool.rest_until(server.id).saturating_sub(now);
        if self.round > 0 && !rest.is_zero() && !self.rested {
            self.rested = true;
            return Step::Wait(rest);
        }
        if self.asked == 0 {
            budget.earn(now);
        } else if !budget.spend(now) {
            return match self.when_spent {
                WhenSpent::GiveUp => Step::Over,
                WhenSpent::Wait => Step::Wait(budget.wait(now).max(PAUSE_MIN)),
            };
        }
        self.asked += 1;
        self.tried.push(server.id);
        Step::Ask(server)
    }

    /// A second server to ask beside one that is slow: one that is in, and only if it is paid for.
    pub(crate) fn hedge(
        &mut self,
        now: Duration,
        pool: &Pool,
        budget: &mut Budget,
        dice: u64,
    ) -> Option<Server> {
        self.one_more(now, pool, dice, || budget.spend(now))
    }

    /// Another server that may know what one left out: one that is in, and only if failures can spare it.
    pub(crate) fn for_the_whole(
        &mut self,
        now: Duration,
        pool: &Pool,
        budget: &mut Budget,
        dice: u64,
    ) -> Option<Server> {
        self.one_more(now, pool, dice, || budget.spend_spare(now))
    }

    fn one_more(
        &mut self,
        now: Duration,
        pool: &Pool,
        dice: u64,
        pay: impl FnOnce() -> bool,
    ) -> Option<Server> {
        if self.asked >= self.asked_max {
            return None;
        }
        let server = pool.choose_in(now, &self.tried, dice)?;
        if !pay() {
            return None;
        }
        self.asked += 1;
        self.tried.push(server.id);
        Some(server)
    }
}

/// The pause before a round, with jitter of up to a half.
fn pause(round: u32, dice: u64) -> Duration {
    let doubled = PAUSE_MIN.saturating_mul(1 << (round - 1).min(8));
    doubled.mul_f64(1.0 + chance(dice) / 2.0).min(PAUSE_MAX)
}
