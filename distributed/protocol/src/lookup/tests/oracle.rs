//! Lookups in any network, held against an oracle that works everything out anew at each step.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{prelude::*, sample::Index};

use super::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Answers,
    AnswersLate,
    FailsLate,
    Fails,
    Joining,
}

fn fates() -> impl Strategy<Value = Fate> {
    prop_oneof![
        6 => Just(Fate::Answers),
        1 => Just(Fate::AnswersLate),
        1 => Just(Fate::FailsLate),
        1 => Just(Fate::Fails),
        1 => Just(Fate::Joining),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    Asked,
    Late,
    Answered { counts: bool },
    Failed,
}

/// What a lookup must do, worked out anew at each step from all that happened.
struct Oracle {
    want: usize,
    told: BTreeSet<u16>,
    course: BTreeMap<u16, Course>,
}

impl Oracle {
    /// Those that the lookup must hear, as far as is known: `want` that count or may.
    fn horizon(&self) -> Vec<u16> {
        let mut places = 0;
        let mut horizon = Vec::new();
        for number in &self.told {
            let course = self.course.get(number);
            if places == self.want {
                break;
            }
            if !matches!(course, Some(Course::Late | Course::Failed)) {
                horizon.push(*number);
                places += usize::from(course != Some(&Course::Answered { counts: false }));
            }
        }
        horizon
    }

    fn count(&self, wanted: Course) -> usize {
        self.course
            .values()
            .filter(|course| **course == wanted)
            .count()
    }

    fn answered(&self, number: &u16) -> bool {
        matches!(self.course.get(number), Some(Course::Answered { .. }))
    }

    fn asked(&mut self, asks: &[Contact]) {
        let horizon = self.horizon();
        for contact in asks {
            let number = contact.address.port();
            assert!(
                horizon.contains(&number),
                "{number} is beyond those wanted: {horizon:?}"
            );
            assert_eq!(
                self.course.insert(number, Course::Asked),
                None,
                "{number} asked twice"
            );
        }
    }

    fn check(&self, lookup: &Lookup) {
        let (waiting, late) = (self.count(Course::Asked), self.count(Course::Late));
        assert_eq!(lookup.waiting(), waiting);
        assert!(waiting <= ALPHA_STALLED && waiting + late <= UNANSWERED_MAX);

        let horizon = self.horizon();
        let all_answered = horizon.iter().all(|number| self.answered(number));
        let any_answered = self.told.iter().any(|number| self.answered(number));
        let done = all_answered && (any_answered || late == 0);
        assert_eq!(
            lookup.is_done(),
            done,
            "horizon {horizon:?}, course {:?}",
            self.course
        );
        if !done {
            let idle = horizon
                .iter()
                .any(|number| !self.course.contains_key(number));
            assert!(
                !idle || waiting >= ALPHA,
                "a slot is free, and somebody to ask is known"
            );
        } else {
            assert_eq!(lookup.result(), nodes(horizon.iter().copied()));
            let last = horizon
                .last()
                .copied()
                .filter(|_| self.counting(&horizon) == self.want);
            let late = self
                .course
                .iter()
                .filter(|(_, course)| **course == Course::Late);
            let closer = late
                .map(|(number, _)| *number)
                .filter(|n| last.is_none_or(|last| *n < last));
            assert_eq!(lookup.unresponsive(), nodes(closer));
        }
    }

    fn counting(&self, numbers: &[u16]) -> usize {
        let counts =
            |number: &&u16| self.course.get(number) == Some(&Course::Answered { counts: true });
        numbers.iter().filter(counts).count()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 256 } else { 5000 }))]

    #[test]
    fn in_any_network_and_order_it_does_what_the_oracle_says(
        want in 1..25_usize,
        fates in prop::collection::vec(fates(), 1..80),
        tables in prop::collection::vec(prop::collection::vec(any::<Index>(), 0..30), 80),
        seeds in prop::collection::vec(any::<Index>(), 0..25),
        order in prop::collection::vec((any::<Index>(), 0..10_u8), 1000),
    ) {
        let number = |index: &Index| 1 + index.index(fates.len()) as u16;
        let seeds: Vec<u16> = seeds.iter().map(number).collect();
        let mut oracle = Oracle {
            want,
            told: seeds.iter().copied().collect(),
            course: BTreeMap::new(),
        };
        let mut lookup = lookup(want, seeds);
        let asks = lookup.start();
        oracle.asked(&asks);
        oracle.check(&lookup);

        // What is still to happen: to whom, and whether it was late already.
        let mut under_way: Vec<(u16, bool)> = asks.iter().map(|one| (one.address.port(), false)).collect();
        let mut order = order.iter().cycle();
        while !under_way.is_empty() {
            let (index, noise) = order.next().unwrap();
            let (who, was_late) = under_way.swap_remove(index.index(under_way.len()));
            let asked = node(who);
            let fate = fates[usize::from(who) - 1];
            let over = lookup.is_done();

            let asks = match fate {
                Fate::AnswersLate | Fate::FailsLate if !was_late => {
                    under_way.push((who, true));
                    if !over { oracle.course.insert(who, Course::Late); }
                    lookup.late(&asked)
                }
                Fate::Fails | Fate::FailsLate => {
                    if !over { oracle.course.insert(who, Course::Failed); }
                    lookup.failed(&asked)
                }
                Fate::Answers | Fate::AnswersLate | Fate::Joining => {
                    let known: Vec<u16> = tables[usize::from(who) - 1].iter().map(number).collect();
                    let counts = fate != Fate::Joining;
                    if !over {
                        oracle.course.insert(who, Course::Answered { counts });
                        oracle.told.extend(known.iter().take(K));
                    }
                    let mut told = nodes(known);
                    if *noise == 0 {
                        told.insert(0, Contact { id: OWN, ..asked });
                        if !over && told.len() > K {
                            // The lie about ourselves took the place of the last.
                            told.swap(0, K);
                        }
                    }
                    let asks = lookup.answered(&asked, &told, counts);
                    if *noise == 1 {
                        assert_eq!(lookup.answered(&asked, &nodes(1..=20), true), [], "a second answer");
                    }
                    asks
                }
            };
            assert!(!over || asks.is_empty());
            if *noise == 2 {
                let stranger = node(10_000 + who);
                assert_eq!(lookup.answered(&stranger, &nodes(1..=20), true), []);
            }
            oracle.asked(&asks);
            oracle.check(&lookup);
            under_way.extend(asks.iter().map(|contact| (contact.address.port(), false)));
        }
        prop_assert!(lookup.is_done());
    }

    #[test]
    fn liars_about_addresses_do_not_change_the_result(
        count in 2..60_u16, liars in prop::collection::hash_set(1..60_u16, 0..4),
        // More than there are liars, so that somebody truthful is asked.
        want in 4..20_usize,
    ) {
        // Everybody knows everybody; a liar tells of addresses at which nobody listens.
        let mut lookup = lookup(want, [count, count - 1]);
        let mut asked = lookup.start();
        let mut next = 0;
        while let Some(contact) = asked.get(next).copied() {
            next += 1;
            let number = contact.address.port();
            asked.extend(if contact != node(number) {
                lookup.failed(&contact)
            } else if liars.contains(&number) {
                let forged: Vec<Contact> = nodes(1..=count).into_iter().map(elsewhere).collect();
                lookup.answered(&contact, &forged, true)
            } else {
                lookup.answered(&contact, &nodes(1..=count), true)
            });
        }
        prop_assert!(lookup.is_done());
        // Of two seeds that lie there is nothing true to learn.
        if !liars.contains(&count) || !liars.contains(&(count - 1)) {
            prop_assert_eq!(lookup.result(), nodes(1..=count.min(want as u16)));
        }
    }
}
