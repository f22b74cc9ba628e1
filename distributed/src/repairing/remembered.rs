//! What was found out a moment ago, so that a question that comes again at once costs nothing.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use kadenza_contract::SongId;
use tokio::time::Instant;

use crate::{Key, replicas::replica::Report};

/// How old a report may be. Every node whose status is asked has all others report.
const REPORT_AGE_MAX: Duration = Duration::from_secs(2);
/// How many times as long as it took to find them unconfirmed songs are taken for the same.
const GOOD_FOR: u32 = 20;

/// What a report is made of: the store, the layout, and the nodes that are not heard.
pub(crate) type ReportedOf = (u64, [u8; 32], BTreeSet<Key>);

/// What this node said of itself last.
#[derive(Debug)]
pub(crate) struct Reported {
    at: Instant,
    of: ReportedOf,
    report: Report,
}

impl Reported {
    /// A report that was begun at a time.
    pub(crate) fn new(at: Instant, of: ReportedOf, report: Report) -> Reported {
        Reported { at, of, report }
    }

    /// The report, unless something changed or it is old.
    pub(crate) fn still(&self, of: &ReportedOf) -> Option<Report> {
        let is_good = self.of == *of && self.at.elapsed() < REPORT_AGE_MAX;
        is_good.then(|| self.report.clone())
    }
}

/// What songs are unconfirmed for: a layout, the nodes that are silent, and those that are not heard.
pub(super) type UnconfirmedOf = ([u8; 32], BTreeSet<Key>, BTreeSet<Key>);

/// The songs that nobody could confirm.
#[derive(Debug)]
pub(super) struct Unconfirmed {
    of: UnconfirmedOf,
    until: Instant,
    songs: Arc<Vec<SongId>>,
}

impl Unconfirmed {
    /// Songs that were looked for since a time until now.
    pub(super) fn new(since: Instant, of: UnconfirmedOf, songs: Arc<Vec<SongId>>) -> Unconfirmed {
        let until = Instant::now() + since.elapsed() * GOOD_FOR;
        Unconfirmed { of, until, songs }
    }

    /// The songs, while they may count.
    pub(super) fn still(&self, of: &UnconfirmedOf) -> Option<Arc<Vec<SongId>>> {
        let is_good = self.of == *of && Instant::now() < self.until;
        is_good.then(|| Arc::clone(&self.songs))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use kadenza_contract::{Health, NodeStatus};
    use tokio::time::advance;

    use super::*;

    fn report() -> Report {
        Report {
            node: NodeStatus {
                id: String::new(),
                rpc: String::new(),
                http: None,
                health: Health::Up,
                songs: 7,
                cards: 7,
                bytes: 7,
                lacks: 0,
                storage: None,
            },
            primary: 7,
            complete: 7,
            lacking: BTreeMap::new(),
            missing_bytes: 0,
            bytes_per_second: 0,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_report_is_good_for_two_seconds_and_until_a_change() {
        let key = Key::from_bytes([1; 32]);
        let of = (1, [0; 32], BTreeSet::new());
        let last = Reported::new(Instant::now(), of.clone(), report());
        advance(Duration::from_millis(1900)).await;
        assert_eq!(last.still(&of).map(|report| report.primary), Some(7));
        for changed in [
            (2, [0; 32], BTreeSet::new()),
            (1, [1; 32], BTreeSet::new()),
            (1, [0; 32], BTreeSet::from([key])),
        ] {
            assert!(last.still(&changed).is_none(), "{changed:?}");
        }
        advance(Duration::from_millis(100)).await;
        assert!(last.still(&of).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_pass_over_all_songs_takes_a_twentieth_of_the_time() {
        let of = ([0; 32], BTreeSet::new(), BTreeSet::new());
        let begun = Instant::now();
        advance(Duration::from_secs(1)).await;
        let last = Unconfirmed::new(begun, of.clone(), Arc::default());
        advance(Duration::from_secs(19)).await;
        assert!(last.still(&of).is_some());
        assert!(last.still(&([1; 32], of.1.clone(), of.2.clone())).is_none());
        advance(Duration::from_secs(1)).await;
        assert!(last.still(&of).is_none());
    }
}
