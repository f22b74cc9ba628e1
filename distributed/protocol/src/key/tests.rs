use proptest::prelude::*;

use super::*;

fn keys() -> impl Strategy<Value = Key> {
    any::<[u8; 32]>().prop_map(Key::from_bytes)
}

/// A number of 257 bits: the carry and the digits, the highest first.
fn sum(a: Distance, b: Distance) -> (bool, [u8; 32]) {
    let mut digits = [0; 32];
    let mut carry = 0;
    for at in (0..32).rev() {
        let sum = u16::from(a.0[at]) + u16::from(b.0[at]) + carry;
        digits[at] = sum.to_be_bytes()[1];
        carry = sum >> 8;
    }
    (carry > 0, digits)
}

fn flipped(key: Key, bit: usize) -> Key {
    let mut bytes = *key.as_bytes();
    bytes[31 - bit / 8] ^= 1 << (bit % 8);
    Key::from_bytes(bytes)
}

proptest! {
    #[test]
    fn a_key_is_at_no_distance_from_itself_only(a in keys(), b in keys()) {
        prop_assert_eq!(a.distance(&a), Distance([0; 32]));
        prop_assert_eq!(a.distance(&b) == Distance([0; 32]), a == b);
    }

    #[test]
    fn the_way_there_is_as_long_as_the_way_back(a in keys(), b in keys()) {
        prop_assert_eq!(a.distance(&b), b.distance(&a));
    }

    #[test]
    fn a_detour_is_never_shorter(a in keys(), b in keys(), c in keys()) {
        let detour = sum(a.distance(&b), b.distance(&c));
        prop_assert!((false, a.distance(&c).0) <= detour);
    }

    #[test]
    fn at_each_distance_there_is_exactly_one_key(a in keys(), distance in any::<[u8; 32]>()) {
        let there = Key::from_bytes(a.distance(&Key::from_bytes(distance)).0);
        prop_assert_eq!(a.distance(&there), Distance(distance));
    }

    #[test]
    fn distances_are_ordered_as_numbers(a in any::<u128>(), b in any::<u128>(), low in any::<bool>()) {
        let number = |number: u128| {
            let mut bytes = [0; 32];
            let at = if low { 16 } else { 0 };
            bytes[at..at + 16].copy_from_slice(&number.to_be_bytes());
            Distance(bytes)
        };
        prop_assert_eq!(number(a).cmp(&number(b)), a.cmp(&b));
    }

    #[test]
    fn a_bucket_is_named_by_the_highest_bit_that_differs(
        a in keys(), bit in 0..Key::BITS, lower in any::<[u8; 32]>(),
    ) {
        let mut b = flipped(a, bit);
        for (below, flip) in (0..bit).zip(lower.iter().cycle()) {
            if flip & 1 == 1 {
                b = flipped(b, below);
            }
        }
        prop_assert_eq!(a.distance(&b).bucket(), Some(bit));
    }

    #[test]
    fn a_key_in_text_is_64_digits_and_reads_as_itself(a in keys()) {
        let text = a.to_string();
        prop_assert_eq!(text.len(), 64);
        prop_assert_eq!(text.parse::<Key>().unwrap(), a);
        let json = serde_json::to_string(&a).unwrap();
        prop_assert_eq!(&json, &format!("\"{text}\""));
        prop_assert_eq!(serde_json::from_str::<Key>(&json).unwrap(), a);
    }

    #[test]
    fn text_of_another_length_is_no_key(text in "[0-9a-f]{0,63}|[0-9a-f]{65,80}") {
        prop_assert!(text.parse::<Key>().is_err());
    }

    #[test]
    fn text_with_other_than_hex_digits_is_no_key(a in keys(), at in 0..64_usize, odd in "[g-zäé \\-+]") {
        let mut text: Vec<String> = a.to_string().chars().map(String::from).collect();
        text[at] = odd;
        prop_assert!(text.concat().parse::<Key>().is_err());
    }
}

#[test]
fn the_farthest_key_has_all_bits_flipped() {
    let key = Key::of_term("some term");
    let farthest = Key::from_bytes(key.as_bytes().map(|byte| !byte));
    assert_eq!(key.distance(&farthest), Distance([255; 32]));
    assert_eq!(key.distance(&farthest).bucket(), Some(255));
}

#[test]
fn the_nearest_key_is_in_bucket_0_and_the_key_itself_in_none() {
    let key = Key::of_term("some term");
    assert_eq!(key.distance(&flipped(key, 0)).bucket(), Some(0));
    assert_eq!(key.distance(&key).bucket(), None);
}

#[test]
fn a_term_has_one_key_and_it_is_not_the_hash_of_its_letters() {
    assert_eq!(Key::of_term("love"), Key::of_term("love"));
    assert_ne!(Key::of_term("love"), Key::of_term("lover"));
    assert_ne!(
        Key::of_term("love").as_bytes(),
        blake3::hash(b"love").as_bytes()
    );
}

#[test]
fn subtrees_in_a_row_cover_the_space() {
    let mut start = Key::from_bytes([0; 32]);
    let mut seen = 1;
    while let Some(next) = start.behind_subtree(253) {
        assert!(next > start);
        start = next;
        seen += 1;
    }
    assert_eq!((seen, start.as_bytes()[0]), (8, 0b1110_0000));
    assert_eq!(Key::from_bytes([0xff; 32]).behind_subtree(0), None);
}
