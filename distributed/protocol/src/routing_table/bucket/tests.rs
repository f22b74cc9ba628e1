use proptest::prelude::*;

use super::super::entry::{Failure, State};
use super::*;

const K: usize = 4;

fn contact(id: u8) -> Contact {
    Contact {
        id: Key::from_bytes([id; 32]),
        address: ([127, 0, 0, 1], 1000 + u16::from(id)).into(),
    }
}

fn key(id: u8) -> Key {
    contact(id).id
}

fn filled(ids: impl IntoIterator<Item = u8>) -> Bucket {
    let mut bucket = Bucket::new(0);
    ids.into_iter()
        .for_each(|id| bucket.insert(Entry::new(0, contact(id))));
    bucket
}

fn ids(bucket: &Bucket) -> Vec<u8> {
    bucket
        .entries()
        .iter()
        .map(|entry| entry.id().as_bytes()[0])
        .collect()
}

#[test]
fn the_one_that_answered_least_recently_comes_first() {
    let mut bucket = filled([1, 2, 3, 4]);
    bucket.touch(&key(2));
    assert_eq!(ids(&bucket), [1, 3, 4, 2]);
    bucket.touch(&key(1));
    assert_eq!(ids(&bucket), [3, 4, 2, 1]);
    bucket.touch(&key(9));
    assert_eq!(ids(&bucket), [3, 4, 2, 1]);
}

#[test]
fn a_newcomer_challenges_the_oldest_but_not_again_at_once() {
    let mut bucket = filled([1, 2, 3, 4]);
    assert_eq!(bucket.challenge(9_999), None, "all were just seen");
    assert_eq!(bucket.challenge(10_000), Some(contact(1)));
    assert_eq!(bucket.challenge(10_001), None);
    assert_eq!(bucket.challenge(20_000), Some(contact(1)));
}

#[test]
fn a_newcomer_challenges_a_suspect_before_a_good_one() {
    let mut bucket = filled([1, 2, 3, 4]);
    bucket.get_mut(&key(3)).unwrap().failed(0, Failure::Refused);
    assert_eq!(bucket.get(&key(3)).unwrap().state(), State::Suspect);
    assert_eq!(bucket.challenge(10_000), Some(contact(3)));
}

#[test]
fn a_free_place_goes_to_the_newest_spares_that_answer() {
    let mut bucket = filled([1, 2, 3, 4]);
    for id in 5..=9 {
        bucket.spare(contact(id), K);
    }
    assert_eq!(bucket.promote(K), [], "there is no place");
    bucket.remove(&key(2), K);
    assert_eq!(bucket.promote(K), [contact(9)]);
    assert_eq!(bucket.promote(K), [], "it was pinged");
    bucket.drop_spare(&contact(9));
    assert_eq!(bucket.promote(K), [contact(8)]);
    bucket.insert(Entry::new(0, contact(8)));
    bucket.remove(&key(3), K);
    bucket.remove(&key(4), K);
    // The fifth oldest gave way, and 8 has its place.
    assert_eq!(bucket.promote(K), [contact(7), contact(6)]);
    assert_eq!(ids(&bucket), [1, 8]);
}

#[test]
fn a_bucket_wants_a_refill_once_it_has_lost_more_than_half() {
    let mut bucket = filled([1, 2, 3]);
    bucket.remove(&key(1), K);
    assert!(!bucket.wants_refill);
    bucket.remove(&key(2), K);
    assert!(bucket.wants_refill);
}

proptest! {
    #[test]
    fn a_change_of_state_leaves_the_order_of_the_others(
        order in Just([1_u8, 2, 3, 4]).prop_shuffle(), changed in 1_u8..=4, refused in any::<bool>(),
    ) {
        let mut bucket = filled(order);
        let entry = bucket.get_mut(&key(changed)).unwrap();
        if refused {
            entry.failed(0, Failure::Refused);
        } else {
            entry.late(0);
            entry.late(1000);
        }
        prop_assert_eq!(ids(&bucket), order);
        bucket.touch(&key(changed));
        let others = |ids: &[u8]| ids.iter().copied().filter(|id| *id != changed).collect::<Vec<_>>();
        prop_assert_eq!(others(&ids(&bucket)), others(&order));
        prop_assert_eq!(ids(&bucket)[3], changed);
    }

    #[test]
    fn spares_are_a_set_of_at_most_k_and_the_newest(told in prop::collection::vec(10_u8..30, 0..60)) {
        let mut bucket = filled([]);
        let mut newest: Vec<u8> = Vec::new();
        for id in told {
            bucket.spare(contact(id), K);
            newest.retain(|known| *known != id);
            newest.insert(0, id);
            newest.truncate(K);
        }
        let promoted: Vec<u8> = bucket.promote(K).iter().map(|spare| spare.id.as_bytes()[0]).collect();
        prop_assert_eq!(promoted, newest);
    }
}
