//! How one server is: how fast, and whether it is in or out. Pure: no clock, no socket, no dice.
//!
//! Speed is an exponentially weighted mean of the time to an answer, after Finagle's *Peak EWMA*:
//! it grows with the requests under way, and fades while the server is not asked, so that one that
//! was slow long ago is asked again. A failure counts as slow, however quick it was; otherwise a
//! broken server, which fails fast, would draw all requests.
//!
//! A server is put *out* at once when it cannot be reached or dies in the middle of a song, and
//! after three other failures in a row. It comes back by one probe at a time (the half-open state
//! of a circuit breaker), with exponential back-off between them.

use std::time::Duration;

use super::dice::chance;

/// The weight of a new time in the mean: about the last six requests count.
const WEIGHT: f64 = 0.3;
/// After how long without requests a mean has faded to half.
const HALF_LIFE: Duration = Duration::from_secs(10);
/// The least time that a failure counts as. A second is slow for any request of this interface.
const FAILURE_MS: f64 = 1000.0;
/// The mean of a server that is not known yet or just came back: the lowest, so that it is tried.
const UNKNOWN_MS: f64 = 0.0;
/// Below this, in milliseconds, servers count as equally fast.
const FASTEST_MS: f64 = 0.1;
/// How many failures in a row put a server out.
const FAILURES_MAX: u32 = 3;
/// How long a server is out at first, and at most.
const OUT_MIN: Duration = Duration::from_millis(500);
const OUT_MAX: Duration = Duration::from_secs(30);
/// How long a server must have stayed in for its earlier falls to be forgotten.
const FORGIVEN_AFTER: Duration = Duration::from_secs(30);
/// After how long a probe without an answer is given up.
const PROBE_PATIENCE: Duration = Duration::from_secs(5);
/// The longest rest that a busy server can ask for.
pub(crate) const REST_MAX: Duration = Duration::from_secs(30);

/// How many of the last times are kept for each kind of request.
const RECENT_MAX: usize = 64;
/// From how many times on they say anything about the slowest twentieth.
const RECENT_MIN: usize = 20;

/// The kind of a question. Kinds differ in how long an answer usually takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Song,
    Search,
    Browse,
    Artwork,
    Audio,
    Status,
    Account,
}

const KINDS: usize = 7;

/// How a request to a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With an answer, be it that the request was wrong.
    Answered { took: Duration },
    /// With an answer whose time says nothing about the server, such as to an upload.
    Alive,
    /// With a failure that another server may not have.
    Failed { took: Duration },
    /// There is no connection to the server, or it broke or fell silent in the middle of a song.
    Gone { took: Duration },
    /// The server is well, and asks to be left alone for a while.
    Busy { rest: Duration },
    /// The caller gave it up: it took at least this long.
    GivenUp { took: Duration },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It is asked.
    In { since: Duration },
    /// It is only asked when all are out. From `probe_at` on, a probe may see how it is.
    Out { probe_at: Duration },
    /// One probe is under way; if it is lost, another may go at `given_up_at`.
    Probing { given_up_at: Duration },
}

/// The health of one server.
#[derive(Debug)]
pub(crate) struct Health {
    standing: Standing,
    /// Failures in a row.
    failures: u32,
    /// Times out in a row, without having stayed in for long.
    falls: u32,
    rest_until: Duration,
    mean_ms: f64,
    measured_at: Duration,
    under_way: u32,
    recent: [Recent; KINDS],
}

impl Health {
    pub(crate) fn new(now: Duration) -> Health {
        Health {
            standing: Standing::In { since: now },
            failures: 0,
            falls: 0,
            rest_until: Duration::ZERO,
            mean_ms: UNKNOWN_MS,
            measured_at: now,
            under_way: 0,
            recent: Default::default(),
        }
    }

    /// Whether the server is asked in preference to those that are out or resting.
    pub(crate) fn is_in(&self, now: Duration) -> bool {
        matches!(self.standing, Standing::In { .. }) && self.rest_until <= now
    }

    /// Whether the server was found gone or failing.
    pub(crate) fn is_out(&self) -> bool {
        !matches!(self.standing, Standing::In { .. })
    }

    /// When a server that is not in may be in again.
    pub(crate) fn ready_at(&self) -> Duration {
        match self.standing {
            Standing::In { .. } => self.rest_until,
            Standing::Out { probe_at: at } | Standing::Probing { given_up_at: at } => {
                at.max(self.rest_until)
            }
        }
    }

    /// Until when the server asked to be left alone.
    pub(crate) fn rest_until(&self) -> Duration {
        self.rest_until
    }

    /// The expected cost of one more request, in milliseconds, waiting for the others included.
    pub(crate) fn cost_ms(&self, now: Duration) -> f64 {
        self.faded_ms(now).max(FASTEST_MS) * f64::from(self.under_way + 1)
    }

    /// The time that nineteen of twenty answers of this kind took at most, if enough are known.
    pub(crate) fn slowest_twentieth(&self, kind: Kind) -> Option<Duration> {
        self.recent[kind as usize].slowest_twentieth()
    }

    /// A request was sent.
    pub(crate) fn begun(&mut self) {
        self.under_way += 1;
    }

    /// A request ended. `dice` is a random number for the jitter of the back-off.
    pub(crate) fn ended(&mut self, now: Duration, kind: Option<Kind>, ending: Ending, dice: u64) {
        self.under_way = self.under_way.saturating_sub(1);
        self.note(now, kind, ending, dice);
    }

    /// Something became known beside the requests that were counted.
    pub(crate) fn note(&mut self, now: Duration, kind: Option<Kind>, ending: Ending, dice: u64) {
        match ending {
            Ending::Answered { took } => {
                self.measure(now, took.as_secs_f64() * 1000.0);
                if let Some(kind) = kind {
                    self.recent[kind as usize].push(took);
                }
                self.well(now);
            }
            Ending::Alive => self.well(now),
            Ending::Busy { rest } => {
                self.rest_until = self.rest_until.max(now + rest.min(REST_MAX));
                self.well(now);
            }
            Ending::Failed { took } => {
                self.measure(now, (took.as_secs_f64() * 1000.0).max(FAILURE_MS));
                self.failures += 1;
                if self.failures >= FAILURES_MAX {
                    self.put_out(now, dice);
                }
            }
            Ending::Gone { took } => {
                self.measure(now, (took.as_secs_f64() * 1000.0).max(FAILURE_MS));
                self.failures += 1;
                self.put_out(now, dice);
            }
            Ending::GivenUp { took } => {
                let took_ms = took.as_secs_f64() * 1000.0;
                if took_ms > self.faded_ms(now) {
                    self.measure(now, took_ms);
                }
            }
        }
    }

    /// Whether a probe is due; if so, it counts as sent, and none other is due until it ended or
    /// is given up.
    pub(crate) fn take_probe(&mut self, now: Duration) -> bool {
        let due = match self.standing {
            Standing::In { .. } => false,
            Standing::Out { probe_at: at } | Standing::Probing { given_up_at: at } => now >= at,
        };
        if due {
            self.standing = Standing::Probing {
                given_up_at: now + PROBE_PATIENCE,
            };
        }
        due
    }

    /// A probe ended.
    pub(crate) fn probed(&mut self, now: Duration, well: bool, dice: u64) {
        if well {
            self.well(now);
        } else if self.is_out() {
            self.fall(now, dice);
        }
    }

    fn well(&mut self, now: Duration) {
        self.failures = 0;
        if self.is_out() {
            self.standing = Standing::In { since: now };
            // The failures that put it out say nothing about how fast it is now.
            self.mean_ms = UNKNOWN_MS;
        }
    }

    /// A server that is out already stays as it is: the many requests that were under way when it
    /// fell must not each lengthen the back-off.
    fn put_out(&mut self, now: Duration, dice: u64) {
        if let Standing::In { since } = self.standing {
            if now.saturating_sub(since) >= FORGIVEN_AFTER {
                self.falls = 0;
            }
            self.fall(now, dice);
        }
    }

    fn fall(&mut self, now: Duration, dice: u64) {
        let doubled = OUT_MIN.saturating_mul(1 << self.falls.min(16));
        // Jitter of up to a half keeps many clients from probing a server at the same moment.
        let out = doubled.mul_f64(1.0 + chance(dice) / 2.0).min(OUT_MAX);
        self.falls = self.falls.saturating_add(1);
        self.standing = Standing::Out {
            probe_at: now + out,
        };
    }

    fn measure(&mut self, now: Duration, took_ms: f64) {
        self.mean_ms = self.faded_ms(now) * (1.0 - WEIGHT) + took_ms * WEIGHT;
        self.measured_at = self.measured_at.max(now);
    }

    fn faded_ms(&self, now: Duration) -> f64 {
        let idle = now.saturating_sub(self.measured_at).as_secs_f64();
        self.mean_ms * 0.5f64.powf(idle / HALF_LIFE.as_secs_f64())
    }
}

/// The last times of one kind of request, in a ring.
#[derive(Debug, Default)]
struct Recent {
    times: Vec<Duration>,
    next: usize,
}

impl Recent {
    fn push(&mut self, took: Duration) {
        if self.times.len() < RECENT_MAX {
            self.times.push(took);
        } else {
            self.times[self.next] = took;
        }
        self.next = (self.next + 1) % RECENT_MAX;
    }

    fn slowest_twentieth(&self) -> Option<Duration> {
        if self.times.len() < RECENT_MIN {
            return None;
        }
        let mut times = self.times.clone();
        let at = times.len() * 19 / 20;
        Some(*times.select_nth_unstable(at).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn out_for(health: &mut Health, now: Duration) -> Duration {
        (1..100_000)
            .map(|ms| ms * MS)
            .find(|&wait| health.take_probe(now + wait))
            .unwrap()
    }

    #[test]
    fn a_refused_connection_puts_a_server_out_until_a_probe() {
        let mut health = Health::new(Duration::ZERO);
        health.note(MS, None, Ending::Gone { took: MS }, 0);
        assert!(health.is_out());
        assert!(!health.take_probe(MS * 400));
        assert!(health.take_probe(MS * 501));
        assert!(!health.take_probe(MS * 502), "one probe at a time");
        health.probed(MS * 510, true, 0);
        assert!(health.is_in(MS * 510));
    }

    #[test]
    fn a_lost_probe_is_followed_by_another() {
        let mut health = Health::new(Duration::ZERO);
        health.note(MS, None, Ending::Gone { took: MS }, 0);
        assert!(health.take_probe(MS * 1000));
        assert!(!health.take_probe(MS * 5999));
        assert!(health.take_probe(MS * 6000));
    }

    #[test]
    fn the_back_off_doubles_to_half_a_minute_and_is_forgiven() {
        let mut health = Health::new(Duration::ZERO);
        let mut now = MS;
        health.note(now, None, Ending::Gone { took: MS }, 0);
        let mut waits = Vec::new();
        for _ in 0..8 {
            let wait = out_for(&mut health, now);
            waits.push(wait.as_millis());
            now += wait;
            health.probed(now, false, 0);
        }
        assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000]);
        let wait = out_for(&mut health, now);
        now += wait;
        health.probed(now, true, 0);
        // It falls again right away: the back-off goes on.
        health.note(now + MS, None, Ending::Gone { took: MS }, 0);
        assert_eq!(out_for(&mut health, now + MS), OUT_MAX);
        health.probed(now, true, 0);
        now += FORGIVEN_AFTER;
        health.note(now, None, Ending::Gone { took: MS }, 0);
        assert_eq!(out_for(&mut health, now), OUT_MIN);
    }

    #[test]
    fn jitter_lengthens_the_back_off_by_up_to_a_half() {
        let mut health = Health::new(Duration::ZERO);
        health.note(MS, None, Ending::Gone { took: MS }, u64::MAX);
        let wait = out_for(&mut health, MS).as_millis();
        assert!((745..=750).contains(&wait), "{wait}");
    }

    #[test]
    fn many_failures_at_one_moment_are_one_fall() {
        let mut health = Health::new(Duration::ZERO);
        for _ in 0..50 {
            health.note(MS, None, Ending::Gone { took: MS }, 0);
        }
        assert_eq!(out_for(&mut health, MS), OUT_MIN);
    }

    #[test]
    fn only_three_failures_in_a_row_put_a_server_out() {
        let mut health = Health::new(Duration::ZERO);
        let failed = Ending::Failed { took: MS };
        for ending in [
            failed,
            failed,
            Ending::Answered { took: MS },
            failed,
            failed,
        ] {
            health.note(MS, None, ending, 0);
            assert!(health.is_in(MS));
        }
        health.note(MS, None, failed, 0);
        assert!(health.is_out());
    }

    #[test]
    fn a_quick_failure_counts_as_slow() {
        let (mut failing, mut slow) = (Health::new(MS), Health::new(MS));
        failing.note(MS, None, Ending::Failed { took: MS }, 0);
        slow.note(MS, None, Ending::Answered { took: MS * 200 }, 0);
        assert!(failing.cost_ms(MS) > slow.cost_ms(MS));
    }

    #[test]
    fn a_busy_server_rests_for_as_long_as_it_asks_but_not_for_ever() {
        let mut health = Health::new(Duration::ZERO);
        health.note(MS, None, Ending::Busy { rest: MS * 100 }, 0);
        assert!(!health.is_in(MS * 50) && !health.is_out());
        assert!(health.is_in(MS * 101));
        health.note(
            MS * 200,
            None,
            Ending::Busy {
                rest: Duration::MAX,
            },
            0,
        );
        assert!(health.is_in(MS * 200 + REST_MAX));
    }

    #[test]
    fn a_server_that_was_slow_long_ago_is_cheap_again() {
        let mut health = Health::new(Duration::ZERO);
        health.note(MS, None, Ending::Answered { took: MS * 2000 }, 0);
        let at_once = health.cost_ms(MS);
        assert!(health.cost_ms(Duration::from_secs(60)) < at_once / 32.0);
    }

    #[test]
    fn a_request_given_up_never_makes_a_server_look_faster() {
        let mut health = Health::new(Duration::ZERO);
        health.note(MS, None, Ending::Answered { took: MS * 100 }, 0);
        let before = health.cost_ms(MS);
        health.note(MS, None, Ending::GivenUp { took: MS }, 0);
        assert!((health.cost_ms(MS) - before).abs() < 1e-9);
        health.note(MS, None, Ending::GivenUp { took: MS * 900 }, 0);
        assert!(health.cost_ms(MS) > before);
    }

    #[test]
    fn the_slowest_twentieth_is_told_apart_by_kind() {
        let mut health = Health::new(Duration::ZERO);
        for n in 0..100u32 {
            health.note(
                MS,
                Some(Kind::Song),
                Ending::Answered { took: MS * (n + 1) },
                0,
            );
        }
        // The last 64 took 37 to 100 ms.
        assert_eq!(health.slowest_twentieth(Kind::Song), Some(MS * 97));
        assert_eq!(health.slowest_twentieth(Kind::Search), None);
    }
}
