use std::collections::{BTreeMap, BTreeSet, HashMap};

use proptest::{prelude::*, sample::Index};

use super::*;

const OWN: Key = Key::from_bytes([0xee; 32]);
const TARGET: Key = Key::from_bytes([0; 32]);

/// The node whose id is this number, and so its distance from [`TARGET`].
fn node(number: u16) -> Contact {
    let mut bytes = [0; 32];
    bytes[30..].copy_from_slice(&number.to_be_bytes());
    Contact {
        id: Key::from_bytes(bytes),
        address: ([10, 0, 0, 1], number).into(),
    }
}

fn nodes(numbers: impl IntoIterator<Item = u16>) -> Vec<Contact> {
    numbers.into_iter().map(node).collect()
}

fn lookup(want: usize, seeds: impl IntoIterator<Item = u16>) -> Lookup {
    Lookup::new(OWN, TARGET, want, nodes(seeds))
}

fn elsewhere(contact: Contact) -> Contact {
    Contact {
        address: ([10, 6, 6, 6], contact.address.port()).into(),
        ..contact
    }
}

/// Answers every request at once until the lookup ends, nodes for which `alive` is false failing.
fn run(lookup: &mut Lookup, alive: impl Fn(&Contact) -> bool) -> Vec<Contact> {
    let mut asked = lookup.start();
    let mut next = 0;
    while let Some(contact) = asked.get(next).copied() {
        next += 1;
        asked.extend(if alive(&contact) {
            lookup.answered(&contact, &[], true)
        } else {
            lookup.failed(&contact)
        });
    }
    assert!(lookup.is_done());
    asked
}

#[test]
fn it_begins_with_the_three_closest_and_nobody_asked() {
    let mut lookup = lookup(20, [9, 3, 7, 1, 5]);
    assert_eq!((lookup.waiting(), lookup.asked()), (0, 0));
    assert_eq!(lookup.told().collect::<Vec<_>>(), nodes([1, 3, 5, 7, 9]));
    assert_eq!(lookup.start(), nodes([1, 3, 5]));
    assert_eq!((lookup.waiting(), lookup.asked()), (3, 3));
}

#[test]
fn a_lookup_that_knows_nobody_is_done_and_finds_nobody() {
    let mut lookup = lookup(20, []);
    assert_eq!(lookup.start(), []);
    assert!(lookup.is_done());
    assert_eq!(lookup.result(), []);
}

#[test]
fn nobody_beyond_the_wanted_is_asked() {
    let mut lookup = lookup(3, 1..=20);
    assert_eq!(run(&mut lookup, |_| true), nodes([1, 2, 3]));
    assert_eq!(lookup.result(), nodes([1, 2, 3]));
}

#[test]
fn those_that_fail_are_replaced_by_the_next_closest() {
    let mut lookup = lookup(3, 1..=20);
    assert_eq!(
        run(&mut lookup, |contact| contact.address.port() % 2 == 0),
        nodes(1..=6)
    );
    assert_eq!(lookup.result(), nodes([2, 4, 6]));
}

#[test]
fn a_node_that_is_joining_is_found_but_takes_nobodys_place() {
    let mut lookup = lookup(2, 1..=5);
    let _ = lookup.start();
    assert_eq!(lookup.answered(&node(1), &[], false), nodes([3]));
    assert_eq!(lookup.answered(&node(2), &[], true), []);
    assert_eq!(lookup.answered(&node(3), &[], true), []);
    assert!(lookup.is_done());
    assert_eq!(lookup.result(), nodes([1, 2, 3]));
}

#[test]
fn three_are_asked_at_once_while_it_comes_closer_and_six_once_it_does_not() {
    let mut lookup = lookup(20, 100..120);
    assert_eq!(lookup.start().len(), 3);
    for turn in 0..3 {
        let closer = node(50 - turn);
        assert_eq!(
            lookup.answered(&node(100 + turn), &[closer], true),
            [closer]
        );
        assert_eq!(lookup.waiting(), 3);
    }
    for turn in 0..2 {
        assert_eq!(lookup.answered(&node(50 - turn), &[], true).len(), 1);
    }
    assert_eq!(lookup.answered(&node(48), &[], true).len(), 4);
    assert_eq!(lookup.waiting(), 6);
}

#[test]
fn a_late_node_holds_no_place_and_its_late_answer_is_taken() {
    let mut lookup = lookup(3, 1..=10);
    let _ = lookup.start();
    assert_eq!(lookup.late(&node(1)), nodes([4]));
    assert_eq!(lookup.waiting(), 3);
    assert_eq!(lookup.late(&node(1)), [], "once is enough");
    let _ = lookup.answered(&node(2), &[], true);
    let _ = lookup.answered(&node(3), &[], true);
    assert!(!lookup.is_done());
    assert_eq!(lookup.answered(&node(1), &[], true), []);
    assert!(lookup.is_done(), "node 4 is not among the three any more");
    assert_eq!(lookup.result(), nodes([1, 2, 3]));
    assert_eq!(lookup.unresponsive(), []);
}

#[test]
fn it_ends_without_those_that_stay_silent_and_names_them() {
    let mut lookup = lookup(3, 1..=10);
    let mut asked = lookup.start();
    asked.extend(lookup.late(&node(2)));
    for number in [1, 3, 4] {
        asked.extend(lookup.answered(&node(number), &[], true));
    }
    assert!(lookup.is_done());
    assert_eq!(lookup.result(), nodes([1, 3, 4]));
    assert_eq!(lookup.unresponsive(), nodes([2]));
    assert_eq!(
        lookup.answered(&node(2), &nodes([0]), true),
        [],
        "it is over"
    );
    assert_eq!(lookup.result(), nodes([1, 3, 4]));
}

#[test]
fn when_all_are_late_it_waits_for_them_rather_than_find_nobody() {
    let mut lookup = lookup(3, [1, 2]);
    let _ = lookup.start();
    let _ = lookup.late(&node(1));
    let _ = lookup.late(&node(2));
    assert!(!lookup.is_done());
    let _ = lookup.failed(&node(1));
    assert!(!lookup.is_done());
    assert_eq!(lookup.answered(&node(2), &nodes([3]), true), nodes([3]));
    assert!(!lookup.is_done());
    let _ = lookup.failed(&node(3));
    assert!(lookup.is_done());
    assert_eq!(lookup.result(), nodes([2]));
}

#[test]
fn the_doubted_are_not_asked_even_when_others_tell_of_them() {
    let mut lookup = lookup(3, [5]).doubting(nodes([1, 2]));
    assert_eq!(lookup.start(), nodes([5]));
    assert_eq!(
        lookup.answered(&node(5), &nodes([1, 2, 7]), true),
        nodes([7])
    );
    assert_eq!(lookup.answered(&node(7), &nodes([1, 2]), true), []);
    assert!(lookup.is_done());
    assert_eq!(lookup.result(), nodes([5, 7]));
}

#[test]
fn a_doubt_about_an_address_is_none_about_the_node_at_another() {
    let mut lookup = lookup(3, [2, 5]).doubting([elsewhere(node(1)), elsewhere(node(2))]);
    assert_eq!(lookup.start(), nodes([2, 5]));
    assert_eq!(lookup.answered(&node(5), &[node(1)], true), nodes([1]));
    assert_eq!(
        lookup.late(&node(2)),
        [],
        "a doubted address is no other address to try"
    );
}

#[test]
fn the_doubted_are_asked_when_nobody_else_answered() {
    let mut lookup = lookup(3, [5]).doubting(nodes([1, 2]));
    let _ = lookup.start();
    assert_eq!(lookup.failed(&node(5)), nodes([1, 2]));
    assert_eq!(lookup.answered(&node(1), &nodes([9]), true), nodes([9]));
}

#[test]
fn answers_nobody_asked_for_and_second_answers_are_ignored() {
    let mut lookup = lookup(3, 1..=10);
    let _ = lookup.start();
    assert_eq!(
        lookup.answered(&node(7), &nodes([0]), true),
        [],
        "known, but not asked"
    );
    assert_eq!(
        lookup.answered(&node(99), &nodes([0]), true),
        [],
        "never heard of"
    );
    assert_eq!(lookup.failed(&node(7)), []);
    assert_eq!(lookup.late(&node(7)), []);
    assert_eq!(lookup.waiting(), 3);
    let _ = lookup.answered(&node(1), &[], true);
    assert_eq!(lookup.answered(&node(1), &nodes([0]), true), []);
    assert_eq!(lookup.failed(&node(1)), []);
    assert_eq!(lookup.waiting(), 2);
    assert!(!lookup.told().any(|contact| contact == node(0)));
}

#[test]
fn a_lookup_never_asks_its_own_node() {
    let own = Contact { id: OWN, ..node(1) };
    let mut lookup = Lookup::new(OWN, OWN, 3, [own, node(1)]);
    assert_eq!(lookup.start(), nodes([1]));
    assert_eq!(lookup.answered(&node(1), &[own, elsewhere(own)], true), []);
    assert!(lookup.is_done());
}

#[test]
fn a_search_for_a_value_ends_with_the_value() {
    let mut lookup = lookup(20, 1..=10);
    let _ = lookup.start();
    let _ = lookup.answered(&node(2), &[], true);
    lookup.finish();
    assert!(lookup.is_done());
    assert_eq!(lookup.answered(&node(1), &nodes([0]), true), []);
    assert_eq!(lookup.result(), nodes([2]));
}

#[test]
fn a_forged_address_does_not_hide_a_node_that_others_tell_of_truly() {
    for late_first in [false, true] {
        let mut lookup = lookup(3, [5, 6]);
        let _ = lookup.start();
        assert_eq!(
            lookup.answered(&node(5), &[elsewhere(node(1))], true),
            [elsewhere(node(1))]
        );
        assert_eq!(lookup.answered(&node(6), &[node(1)], true), []);
        let next = if late_first {
            lookup.late(&elsewhere(node(1)))
        } else {
            lookup.failed(&elsewhere(node(1)))
        };
        assert_eq!(next, nodes([1]));
        assert_eq!(
            lookup.failed(&elsewhere(node(1))),
            [],
            "that address was given up"
        );
        assert_eq!(lookup.waiting(), 1);
        let _ = lookup.answered(&node(1), &[], true);
        assert!(lookup.is_done());
        assert_eq!(lookup.result(), nodes([1, 5, 6]));
    }
}

#[test]
fn a_slow_node_is_not_lost_to_a_forged_address() {
    let mut lookup = lookup(2, [1, 5]);
    let _ = lookup.start();
    let _ = lookup.answered(&node(5), &[elsewhere(node(1))], true);
    assert_eq!(lookup.late(&node(1)), [elsewhere(node(1))]);
    assert_eq!(lookup.answered(&node(1), &[], true), []);
    assert!(lookup.is_done());
    assert_eq!(lookup.result(), nodes([1, 5]));
}

#[test]
fn an_address_that_was_tried_is_not_tried_again_whoever_tells_of_it() {
    let mut lookup = lookup(3, [1, 5, 6]);
    let _ = lookup.start();
    let _ = lookup.answered(&node(5), &[elsewhere(node(1))], true);
    assert_eq!(lookup.late(&node(1)), [elsewhere(node(1))]);
    let _ = lookup.answered(&node(6), &[node(1)], true);
    assert_eq!(lookup.failed(&elsewhere(node(1))), []);
    assert!(lookup.is_done(), "node 1 is late as far as is known");
}

#[test]
fn one_node_is_looked_for_at_three_addresses_at_most() {
    let forged = |turn: u16| Contact {
        address: ([10, 9, 9, 9], turn).into(),
        ..node(1)
    };
    let mut lookup = lookup(20, 100..110);
    let mut asked = lookup.start();
    let mut next = 0;
    while let Some(contact) = asked.get(next).copied() {
        next += 1;
        asked.extend(if contact.id == node(1).id {
            lookup.failed(&contact)
        } else {
            lookup.answered(
                &contact,
                &[forged(next as u16), forged(next as u16 + 1)],
                true,
            )
        });
    }
    assert!(lookup.is_done());
    assert_eq!(
        asked
            .iter()
            .filter(|contact| contact.id == node(1).id)
            .count(),
        3
    );
}

#[test]
fn nodes_that_invent_nodes_without_end_do_not_keep_it_going_without_end() {
    // Each answers, and tells of fifty that are closer still; twenty of them are taken.
    let mut lookup = lookup(20, [u16::MAX]);
    let mut asked = lookup.start();
    let mut next = 0;
    while let Some(contact) = asked.get(next).copied() {
        next += 1;
        let closer = contact.address.port().saturating_sub(50)..contact.address.port();
        asked.extend(lookup.answered(&contact, &nodes(closer), false));
        assert!(lookup.candidates.len() <= CANDIDATES_MAX);
        assert!(lookup.waiting() <= ALPHA_STALLED);
    }
    assert!(lookup.is_done());
    assert_eq!(asked.len(), ASKED_MAX);
}

#[test]
fn of_too_many_nodes_the_closest_are_remembered() {
    let mut lookup = lookup(20, (1..=1000).rev());
    assert_eq!(
        lookup.told().collect::<Vec<_>>(),
        nodes(1..=CANDIDATES_MAX as u16)
    );
    assert_eq!(run(&mut lookup, |_| true), nodes(1..=20));
}

#[test]
fn when_everybody_is_silent_the_unanswered_are_bounded() {
    let mut lookup = lookup(20, 1..=200);
    let mut asked = lookup.start();
    let mut next = 0;
    while let Some(contact) = asked.get(next).copied() {
        next += 1;
        asked.extend(lookup.late(&contact));
    }
    assert_eq!(asked.len(), UNANSWERED_MAX);
    assert!(!lookup.is_done());
    let more = lookup.failed(&node(1));
    assert_eq!(more.len(), 1, "a failure makes room");
}

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
    fn in_any_network_and_any_order_of_events_it_does_what_the_oracle_says(
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
        let liars: HashMap<u16, ()> = liars.into_iter().map(|liar| (liar, ())).collect();
        let mut lookup = lookup(want, [count, count - 1]);
        let mut asked = lookup.start();
        let mut next = 0;
        while let Some(contact) = asked.get(next).copied() {
            next += 1;
            let number = contact.address.port();
            asked.extend(if contact != node(number) {
                lookup.failed(&contact)
            } else if liars.contains_key(&number) {
                let forged: Vec<Contact> = nodes(1..=count).into_iter().map(elsewhere).collect();
                lookup.answered(&contact, &forged, true)
            } else {
                lookup.answered(&contact, &nodes(1..=count), true)
            });
        }
        prop_assert!(lookup.is_done());
        // Of two seeds that lie there is nothing true to learn.
        if !liars.contains_key(&count) || !liars.contains_key(&(count - 1)) {
            prop_assert_eq!(lookup.result(), nodes(1..=count.min(want as u16)));
        }
    }
}
