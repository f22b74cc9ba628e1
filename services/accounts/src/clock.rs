//! A hybrid logical clock (Kulkarni and others, 2014): near the clock on the wall, and never behind what was seen.

use crate::ids::{Stamp, WriterId};

/// How far a stamp may be ahead of the own clock. Clocks of home servers differ by seconds; one that is
/// ahead by more would win over all others' changes for as long.
pub(crate) const AHEAD_MS_MAX: u64 = 10 * 60 * 1000;

/// The clock of one writer.
#[derive(Debug)]
pub(crate) struct Clock {
    writer: WriterId,
    last: (u64, u32),
}

impl Clock {
    pub(crate) fn new(writer: WriterId) -> Clock {
        Clock {
            writer,
            last: (0, 0),
        }
    }

    /// What was seen: the next stamp is later.
    pub(crate) fn saw(&mut self, stamp: Stamp) {
        self.last = self.last.max((stamp.wall_ms, stamp.counter));
    }

    /// A stamp that is later than all before.
    pub(crate) fn stamp(&mut self, now_ms: u64) -> Stamp {
        let (wall_ms, counter) = self.last;
        self.last = match now_ms > wall_ms {
            true => (now_ms, 0),
            false => match counter.checked_add(1) {
                Some(counter) => (wall_ms, counter),
                None => (wall_ms + 1, 0),
            },
        };
        Stamp {
            wall_ms: self.last.0,
            counter: self.last.1,
            writer: self.writer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_later_than_all_that_was_seen() {
        let mut clock = Clock::new(WriterId([1; 32]));
        let first = clock.stamp(1000);
        let second = clock.stamp(900);
        assert!(second > first && second.wall_ms == 1000);
        let seen = Stamp {
            wall_ms: 5000,
            counter: u32::MAX,
            writer: WriterId([9; 32]),
        };
        clock.saw(seen);
        assert!(clock.stamp(1000) > seen);
        assert_eq!(clock.stamp(9000).wall_ms, 9000);
    }
}
