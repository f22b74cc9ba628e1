//! The deadlines of one connection: for whom it waits, and since when.
//!
//! Readers, writers and bodies report here what happened; whoever drives the connection asks now
//! and then whether it has waited too long. Reporting costs an atomic store, and no timer is moved
//! for it. The clock comes in as an argument, so that the rules can be tested without waiting.
//!
//! Reports come from the connection's task and, with HTTP/2, from the tasks of its streams. Each
//! report stands alone, and so relaxed ordering is enough: a verdict that misses the latest one is
//! given again at the next look.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use tokio::time::Instant;

/// Writes up to this size are not progress: pings, acknowledgements and window updates of HTTP/2
/// (at most 17 bytes each) would keep a dead connection alive. A guess with room.
const CHATTER_BYTES_MAX: usize = 64;

/// How long a connection may wait for its client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadlines {
    pub(crate) header: Duration,
    pub(crate) idle: Duration,
    pub(crate) write: Duration,
}

/// The result of a look at a connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All is well; look again at this time.
    LookAgain(Instant),
    /// The client took too long over this.
    Over(&'static str),
}

/// The state of one connection. Times are milliseconds since `origin`.
#[derive(Debug)]
pub(crate) struct Watch {
    origin: Instant,
    deadlines: Deadlines,
    /// Requests whose answer is not finished.
    in_flight: AtomicUsize,
    /// Pieces of bodies that were handed to the connection and not asked beyond: it is the client
    /// that is being waited for.
    handed: AtomicUsize,
    /// Whether the last write would have blocked.
    blocked: AtomicBool,
    /// When a write last got somewhere, or began to wait.
    moved_at: AtomicU64,
    /// When the connection began to wait for a request.
    waiting_since: AtomicU64,
    /// Whether part of a request has come, as opposed to nothing since the last answer.
    head_begun: AtomicBool,
    http2: AtomicBool,
    /// Whether a request's body was left unread.
    unread: AtomicBool,
}

impl Watch {
    /// A connection that was just accepted: its first request must be there by the header deadline.
    pub(crate) fn new(deadlines: Deadlines, now: Instant) -> Watch {
        Watch {
            origin: now,
            deadlines,
            in_flight: AtomicUsize::new(0),
            handed: AtomicUsize::new(0),
            blocked: AtomicBool::new(false),
            moved_at: AtomicU64::new(0),
            waiting_since: AtomicU64::new(0),
            head_begun: AtomicBool::new(true),
            http2: AtomicBool::new(false),
            unread: AtomicBool::new(false),
        }
    }

    fn ms(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.origin).as_millis()).unwrap_or(u64::MAX)
    }

    fn at(&self, ms: u64) -> Instant {
        self.origin + Duration::from_millis(ms)
    }

    /// Bytes came from the client.
    pub(crate) fn received(&self) {
        // A ping on an idle HTTP/2 connection is not the beginning of a request.
        if self.in_flight.load(Relaxed) == 0
            && !self.head_begun.load(Relaxed)
            && !self.http2.load(Relaxed)
        {
            self.waiting_since.store(self.ms(Instant::now()), Relaxed);
            self.head_begun.store(true, Relaxed);
        }
    }

    /// The client took so many bytes.
    pub(crate) fn wrote(&self, bytes: usize) {
        // The clock is only asked where the answer can matter: a write that was not waited for
        // leaves nothing to wait for, save with HTTP/2, whose windows wait unseen.
        let waited = self.blocked.load(Relaxed) && self.blocked.swap(false, Relaxed);
        if bytes > CHATTER_BYTES_MAX && (waited || self.is_http2()) {
            self.moved_at.store(self.ms(Instant::now()), Relaxed);
        }
    }

    /// The client takes no more for now.
    pub(crate) fn write_blocked(&self) {
        if !self.blocked.swap(true, Relaxed) {
            self.moved_at.store(self.ms(Instant::now()), Relaxed);
        }
    }

    /// A request is there in full up to its body.
    pub(crate) fn request_begun(&self, http2: bool) {
        self.in_flight.fetch_add(1, Relaxed);
        self.head_begun.store(false, Relaxed);
        if http2 {
            self.http2.store(true, Relaxed);
        }
    }

    /// The answer to a request was handed over to its end, or given up.
    pub(crate) fn request_ended(&self) {
        if self.in_flight.fetch_sub(1, Relaxed) == 1 {
            self.waiting_since.store(self.ms(Instant::now()), Relaxed);
        }
    }

    /// A piece of an HTTP/2 answer was handed to the connection. With HTTP/1 the socket tells it all.
    pub(crate) fn piece_handed(&self) {
        if self.handed.fetch_add(1, Relaxed) == 0 {
            self.moved_at.store(self.ms(Instant::now()), Relaxed);
        }
    }

    /// The connection asks for more behind a piece, or drops the body.
    pub(crate) fn piece_taken(&self) {
        self.handed.fetch_sub(1, Relaxed);
    }

    /// The body of a request was left unread.
    pub(crate) fn body_left_unread(&self) {
        self.unread.store(true, Relaxed);
    }

    pub(crate) fn has_unread_body(&self) -> bool {
        self.unread.load(Relaxed)
    }

    pub(crate) fn is_http2(&self) -> bool {
        self.http2.load(Relaxed)
    }

    /// Whether no request is under way and all answers are with the client's kernel.
    pub(crate) fn is_idle(&self) -> bool {
        self.in_flight.load(Relaxed) == 0 && !self.blocked.load(Relaxed)
    }

    /// Whether the client has taken too long, and if not, when to look again.
    pub(crate) fn verdict(&self, now: Instant) -> Verdict {
        let Deadlines {
            header,
            idle,
            write,
        } = self.deadlines;
        let moved_at = self.moved_at.load(Relaxed);
        let waiting_since = self.waiting_since.load(Relaxed);
        let in_flight = self.in_flight.load(Relaxed);
        let writing =
            self.blocked.load(Relaxed) || (in_flight > 0 && self.handed.load(Relaxed) > 0);
        let (until, what) = if writing {
            (Some(self.at(moved_at) + write), "took none of the answer")
        } else if in_flight > 0 {
            (None, "")
        } else if self.head_begun.load(Relaxed) {
            (
                Some(self.at(waiting_since) + header),
                "sent no whole request",
            )
        } else {
            let since = self.at(waiting_since.max(moved_at));
            (Some(since + idle), "sent no further request")
        };
        // The state may change into one with a shorter deadline right after this look.
        let latest = now + header.min(idle).min(write);
        match until {
            Some(until) if until <= now => Verdict::Over(what),
            Some(until) => Verdict::LookAgain(until.min(latest)),
            None => Verdict::LookAgain(latest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Duration = Duration::from_secs(10);
    const IDLE: Duration = Duration::from_secs(60);
    const WRITE: Duration = Duration::from_secs(120);

    fn watch() -> Watch {
        let deadlines = Deadlines {
            header: HEADER,
            idle: IDLE,
            write: WRITE,
        };
        Watch::new(deadlines, Instant::now())
    }

    /// Looks when told to until the connection is over, and says after how long that was.
    async fn over_after(watch: &Watch) -> (Duration, &'static str) {
        let begun = Instant::now();
        loop {
            match watch.verdict(Instant::now()) {
                Verdict::Over(what) => return (begun.elapsed(), what),
                Verdict::LookAgain(at) => tokio::time::sleep_until(at).await,
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_that_trickle_in_do_not_move_the_header_deadline() {
        let watch = watch();
        tokio::time::advance(HEADER / 2).await;
        watch.received();
        assert_eq!(
            over_after(&watch).await,
            (HEADER / 2, "sent no whole request")
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_has_longer_until_it_begins_a_request() {
        let watch = watch();
        watch.request_begun(false);
        watch.request_ended();
        assert_eq!(over_after(&watch).await, (IDLE, "sent no further request"));
        let watch = self::watch();
        watch.request_begun(false);
        watch.request_ended();
        tokio::time::advance(IDLE / 2).await;
        watch.received();
        assert_eq!(over_after(&watch).await, (HEADER, "sent no whole request"));
    }

    #[tokio::test(start_paused = true)]
    async fn pings_do_not_keep_an_idle_http2_connection() {
        let watch = watch();
        watch.request_begun(true);
        watch.request_ended();
        tokio::time::advance(IDLE / 2).await;
        watch.received();
        watch.wrote(17);
        assert_eq!(over_after(&watch).await.0, IDLE / 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_thinks_is_waited_for() {
        let watch = watch();
        watch.request_begun(false);
        let long = WRITE * 100;
        assert!(
            tokio::time::timeout(long, over_after(&watch))
                .await
                .is_err()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_given_up_a_slow_one_is_not() {
        let watch = watch();
        watch.request_begun(false);
        for _ in 0..10 {
            watch.write_blocked();
            tokio::time::advance(WRITE - Duration::from_secs(1)).await;
            assert!(matches!(
                watch.verdict(Instant::now()),
                Verdict::LookAgain(_)
            ));
            watch.wrote(1000);
        }
        watch.write_blocked();
        assert_eq!(over_after(&watch).await, (WRITE, "took none of the answer"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_closed_http2_window_counts_like_a_full_socket() {
        let watch = watch();
        watch.request_begun(true);
        tokio::time::advance(WRITE * 2).await;
        watch.piece_handed();
        watch.wrote(17);
        assert_eq!(over_after(&watch).await, (WRITE, "took none of the answer"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_an_answer_still_in_the_socket_is_not_idleness() {
        let watch = watch();
        watch.request_begun(false);
        watch.write_blocked();
        watch.request_ended();
        assert!(!watch.is_idle());
        assert_eq!(over_after(&watch).await.0, WRITE);
    }
}
