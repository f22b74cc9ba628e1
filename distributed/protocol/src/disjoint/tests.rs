use std::collections::{BTreeSet, HashSet, VecDeque};

use proptest::prelude::*;

use super::*;

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

fn number(contact: &Contact) -> u16 {
    contact.address.port()
}

fn lookup(want: usize, paths: usize, seeds: impl IntoIterator<Item = u16>) -> DisjointLookup {
    DisjointLookup::new(OWN, TARGET, want, paths, nodes(seeds))
}

/// What becomes of a request.
#[derive(Debug, Clone)]
enum Course {
    Tells(Vec<u16>),
    Fails,
    /// It is late, and answers when all others have.
    IsLate(Vec<u16>),
}

/// Runs a lookup to its end, and gives whom it asked. No node may be asked twice.
fn run(lookup: &mut DisjointLookup, of: impl Fn(u16) -> Course) -> Vec<u16> {
    let mut asks = VecDeque::from(lookup.start());
    let (mut asked, mut seen, mut late) = (Vec::new(), HashSet::new(), VecDeque::new());
    loop {
        let Some(contact) = asks.pop_front() else {
            match late.pop_front() {
                Some((contact, told)) => asks.extend(lookup.answered(&contact, &nodes(told), true)),
                None => break,
            }
            continue;
        };
        assert!(seen.insert(contact), "{contact:?} is asked twice");
        asked.push(number(&contact));
        asks.extend(match of(number(&contact)) {
            Course::Tells(told) => lookup.answered(&contact, &nodes(told), true),
            Course::Fails => lookup.failed(&contact),
            Course::IsLate(told) => {
                late.push_back((contact, told));
                lookup.late(&contact)
            }
        });
    }
    assert!(lookup.is_done());
    asked
}

#[test]
fn who_knows_few_nodes_goes_one_path() {
    for (seeds, paths) in [(0, 1), (9, 1), (10, 2), (19, 3), (20, 4), (60, 4)] {
        assert_eq!(lookup(3, 4, 1..=seeds).paths(), paths, "{seeds} seeds");
    }
}

#[test]
fn paths_begin_near_the_target_each_with_others() {
    let mut lookup = lookup(3, 4, 1..=20);
    let asks: BTreeSet<u16> = lookup.start().iter().map(number).collect();
    assert_eq!(asks, (1..=12).collect());
    assert_eq!((lookup.waiting(), lookup.asked()), (12, 12));
}

#[test]
fn what_one_path_is_told_misleads_no_other() {
    // The hostile one tells of many that are not there, closer than any other; the honest ones know the closest.
    let of = |number| match number {
        101 => Course::Tells((1..=20).collect()),
        1..=20 => Course::Fails,
        _ => Course::Tells(vec![50, 51, 52]),
    };
    let mut misled = lookup(3, 4, 101..=120);
    let asked = run(&mut misled, of);
    assert_eq!(misled.result(), nodes([50, 51, 52]));
    assert!(asked.contains(&1), "the path itself is misled");
    // Even where it is the only one that tells its path anything.
    let silent = |number| match number {
        50..=52 => Course::Tells(Vec::new()),
        102 => Course::Tells(vec![50, 51, 52]),
        101 | 1..=20 => of(number),
        _ => Course::Fails,
    };
    let mut lonely = lookup(3, 4, 101..=120);
    run(&mut lonely, silent);
    assert_eq!(lonely.result(), nodes([50, 51, 52]));
}

#[test]
fn what_another_path_asked_is_waited_for_and_not_asked() {
    // All tell of the same one, which only the first that heard of it asks.
    let mut lookup = lookup(1, 2, 101..=110);
    let asks = lookup.start();
    let (first, second) = (asks[0], asks[1]);
    let asks = lookup.answered(&first, &nodes([5]), true);
    assert_eq!(asks, nodes([5]));
    assert_eq!(lookup.answered(&second, &nodes([5]), true), []);
    // It fails, and both paths go on without it.
    let mut asks = VecDeque::from(lookup.failed(&node(5)));
    while let Some(ask) = asks.pop_front() {
        assert_ne!(ask, node(5));
        asks.extend(lookup.answered(&ask, &[], true));
    }
    assert!(lookup.is_done());
    assert_eq!(lookup.result(), [first]);
}

#[test]
fn answers_that_nobody_asked_for_change_nothing() {
    let mut lookup = lookup(3, 2, 101..=110);
    let asks = lookup.start();
    assert_eq!(lookup.answered(&node(7), &nodes([1]), true), []);
    let told = lookup.answered(&asks[0], &nodes([8]), true);
    assert_eq!(told, nodes([8]));
    assert_eq!(lookup.answered(&asks[0], &nodes([1]), true), []);
    assert_eq!(lookup.failed(&asks[0]), []);
    assert!(lookup.told().all(|contact| contact != node(1)));
}

proptest! {
    /// In a network in which some fail and some are late the paths find what one finds that knows everybody.
    #[test]
    fn all_paths_together_find_the_closest_that_answer(
        seeds in proptest::collection::btree_set(1u16..400, 1..30),
        courses in proptest::collection::vec(0u8..6, 400),
        want in 1usize..8,
        paths in 1usize..6,
    ) {
        // Each knows all others.
        let all: Vec<u16> = (1..400).collect();
        let near: Vec<u16> = all[..20].to_vec();
        let of = |number: u16| match courses[usize::from(number)] {
            0 => Course::Fails,
            1 => Course::IsLate(near.clone()),
            _ => Course::Tells(near.clone()),
        };
        let mut lookup = lookup(want, paths, seeds.iter().copied());
        run(&mut lookup, of);
        let found: Vec<u16> = lookup.result().iter().map(number).collect();
        let is_prompt = |number: &&u16| courses[usize::from(**number)] > 1;
        // Unless nobody told of anybody.
        prop_assume!(seeds.iter().any(|seed| is_prompt(&seed)));
        // A late one that answered before the end may have taken a place.
        let is_beyond = |one: &u16| found.len() >= want && found.last().is_some_and(|last| last < one);
        let mut prompt = near.iter().filter(is_prompt);
        prop_assert!(prompt.all(|one| found.contains(one) || is_beyond(one)), "{found:?}");
        prop_assert!(found.len() <= want);
        prop_assert!(found.is_sorted() && found.iter().all(|one| courses[usize::from(*one)] > 0));
    }
}
