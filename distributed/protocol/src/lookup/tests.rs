use super::*;

mod oracle;

const OWN: Key = Key::from_bytes([0xee; 32]);
const TARGET: Key = Key::from_bytes([0; 32]);

/// The node whose id begins with this number, by which it is ordered from [`TARGET`] on.
fn node(number: u16) -> Contact {
    let mut bytes = [0; 32];
    bytes[..2].copy_from_slice(&number.to_be_bytes());
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

impl Lookup {
    /// The nodes that are late and closer than the last of the result: if they are alive, they
    /// belong to it.
    fn unresponsive(&self) -> Vec<Contact> {
        let mut places = self.want;
        let mut late = Vec::new();
        for candidate in &self.candidates {
            match candidate.stage {
                _ if places == 0 => break,
                Stage::Answered { counts } => places -= usize::from(counts),
                Stage::Late => late.push(candidate.contact),
                Stage::Known | Stage::Waiting | Stage::Failed | Stage::Elsewhere(_) => {}
            }
        }
        late
    }
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
fn nodes_that_differ_in_their_last_bits_only_are_told_apart() {
    let last = |number: u8| {
        let mut bytes = [0; 32];
        bytes[31] = number;
        Contact {
            id: Key::from_bytes(bytes),
            ..node(0)
        }
    };
    let mut lookup = Lookup::new(OWN, TARGET, 3, [5, 1, 4, 2, 3, 1].map(last));
    assert_eq!(run(&mut lookup, |_| true), [1, 2, 3].map(last));
    assert_eq!(lookup.result(), [1, 2, 3].map(last));
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
fn three_are_asked_at_once_and_six_when_it_comes_no_closer() {
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
fn six_are_asked_at_once_as_soon_as_one_is_late_or_gone() {
    for trouble in [Lookup::late, Lookup::failed] {
        let mut lookup = lookup(20, 1..=20);
        let _ = lookup.start();
        assert_eq!(trouble(&mut lookup, &node(1)), nodes(4..=7));
        assert_eq!(lookup.waiting(), 6);
    }
}

#[test]
fn an_answer_that_helps_brings_it_back_to_three_at_once() {
    let mut lookup = lookup(20, 100..120);
    let _ = lookup.start();
    for (turn, told) in [None, None, Some(1), None, None].into_iter().enumerate() {
        let from = node(100 + turn as u16);
        let asks = lookup.answered(&from, &nodes(told), true);
        assert_eq!((asks.len(), lookup.waiting()), (1, 3), "turn {turn}");
    }
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
    let mut lookup = lookup(3, [5, 6]).doubting([elsewhere(node(1))]);
    let _ = lookup.start();
    assert_eq!(lookup.answered(&node(5), &[elsewhere(node(1))], true), []);
    assert_eq!(lookup.answered(&node(6), &[node(1)], true), nodes([1]));
}

#[test]
fn a_doubted_address_is_no_other_address_to_try() {
    let mut lookup = lookup(3, [2, 5]).doubting([elsewhere(node(2))]);
    let _ = lookup.start();
    assert_eq!(lookup.answered(&node(5), &[elsewhere(node(2))], true), []);
    assert_eq!(lookup.late(&node(2)), []);
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
fn a_forged_address_hides_no_node_that_others_know() {
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
    assert_eq!((lookup.waiting, lookup.late), (1, 0));
    assert_eq!(lookup.answered(&node(1), &[], true), []);
    assert!(lookup.is_done());
    assert_eq!(lookup.result(), nodes([1, 5]));
}

#[test]
fn an_address_that_was_tried_is_not_tried_again() {
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
fn nodes_that_invent_nodes_do_not_keep_a_lookup_going() {
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
fn of_too_many_nodes_the_closest_are_remembered_in_any_order() {
    let order: [Vec<u16>; 2] = [(1..=1000).collect(), (1..=1000).rev().collect()];
    for seeds in order {
        let mut lookup = lookup(20, seeds);
        let closest = nodes(1..=CANDIDATES_MAX as u16);
        assert_eq!(lookup.told().collect::<Vec<_>>(), closest);
        assert_eq!(run(&mut lookup, |_| true), nodes(1..=20));
    }
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
