use proptest::prelude::*;

use super::super::entry::Failure;
use super::*;
use crate::parameters::K;

const OWN: Key = Key::from_bytes([0; 32]);

fn contact(number: u16) -> Contact {
    let mut bytes = [0x80; 32];
    bytes[1..3].copy_from_slice(&number.to_be_bytes());
    Contact {
        id: Key::from_bytes(bytes),
        address: ([10, 0, 0, 1], 1 + number).into(),
    }
}

fn table_of(count: u16) -> RoutingTable {
    let mut table = RoutingTable::new(OWN, K);
    for number in 0..count {
        table.answered(0, contact(number));
    }
    table
}

/// Everything that comes due from `from_ms` to `to_ms`, with its time, one call a second.
fn due(table: &mut RoutingTable, from_ms: u64, to_ms: u64) -> Vec<(u64, Due)> {
    let mut numbers = 0_u64;
    let mut random = move || {
        numbers += 1;
        numbers.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    };
    let mut all = Vec::new();
    for now_ms in (from_ms..=to_ms).step_by(1000) {
        all.extend(
            table
                .due(now_ms, &mut random)
                .into_iter()
                .map(|due| (now_ms, due)),
        );
    }
    all
}

fn pings(due: &[(u64, Due)], to: Contact) -> Vec<u64> {
    due.iter()
        .filter(|(_, due)| *due == Due::Ping(to))
        .map(|(at_ms, _)| *at_ms)
        .collect()
}

#[test]
fn a_quiet_node_is_pinged_after_30_s_and_a_talkative_one_never() {
    let mut table = table_of(2);
    let mut all = Vec::new();
    for turn in 0..60 {
        all.extend(due(&mut table, turn * 1000, turn * 1000));
        table.answered(turn * 1000, contact(1));
    }
    let quiet = pings(&all, contact(0));
    assert_eq!(quiet.len(), 1);
    assert!((30_000..=36_000).contains(&quiet[0]), "{quiet:?}");
    assert_eq!(pings(&all, contact(1)), [0; 0]);
}

#[test]
fn a_node_that_was_late_is_soon_pinged() {
    let mut table = table_of(2);
    table.late(5000, &contact(0));
    let at = pings(&due(&mut table, 5000, 20_000), contact(0));
    assert!(at.len() == 1 && (6000..=11_000).contains(&at[0]), "{at:?}");
}

#[test]
fn pings_do_not_come_in_beats() {
    let mut table = table_of(20);
    let all = due(&mut table, 0, 40_000);
    let at: Vec<u64> = (0..20)
        .flat_map(|number| pings(&all, contact(number)))
        .collect();
    assert_eq!(at.len(), 20);
    let most = at
        .iter()
        .map(|ms| at.iter().filter(|other| *other == ms).count())
        .max();
    assert!(most <= Some(10), "{at:?}");
}

#[test]
fn a_suspect_gets_one_probe_in_ten_to_thirty_seconds() {
    let mut table = table_of(3);
    table.late(0, &contact(0));
    table.late(1000, &contact(0));
    let at = pings(&due(&mut table, 1000, 300_000), contact(0));
    assert!(at.len() >= 9, "{at:?}");
    let first = std::iter::once(&1000);
    for (before, after) in first.chain(&at).zip(&at) {
        assert!((10_000..=31_000).contains(&(after - before)), "{at:?}");
    }
}

#[test]
fn a_refusing_node_is_dead_about_a_minute_after_its_last_word() {
    for number in 0..20 {
        let mut table = table_of(20);
        let mut now_ms = 0;
        while table.get(&contact(number).id).is_some() {
            now_ms += 1000;
            assert!(now_ms <= 70_000, "node {number}");
            for one in table.due(now_ms, &mut || 0) {
                match one {
                    Due::Ping(to) if to == contact(number) => {
                        table.failed(now_ms, &to, Failure::Refused);
                    }
                    Due::Ping(to) => {
                        table.answered(now_ms, to);
                    }
                    Due::Refresh(_) | Due::Rejoin => {}
                }
            }
        }
    }
}

#[test]
fn a_node_looks_for_itself_every_two_minutes_unless_it_just_did() {
    let mut table = table_of(20);
    let itself = |all: Vec<(u64, Due)>| -> Vec<u64> {
        all.iter()
            .filter(|(_, due)| *due == Due::Refresh(OWN))
            .map(|(at_ms, _)| *at_ms)
            .collect()
    };
    assert_eq!(itself(due(&mut table, 0, 250_000)), [120_000, 240_000]);
    table.looked_up(300_000, &OWN);
    assert_eq!(itself(due(&mut table, 300_000, 430_000)), [420_000]);
}

#[test]
fn an_idle_bucket_is_refreshed_by_a_key_of_its_own() {
    let mut table = table_of(20);
    let far = |all: Vec<(u64, Due)>| -> Vec<u64> {
        let refreshes = all.iter().filter(|(_, due)| match due {
            Due::Refresh(key) if *key != OWN => key.as_bytes()[0] >= 0x80,
            _ => false,
        });
        refreshes.map(|(at_ms, _)| *at_ms).collect()
    };
    assert_eq!(far(due(&mut table, 0, 650_000)), [600_000]);
    table.looked_up(700_000, &contact(500).id);
    assert_eq!(far(due(&mut table, 700_000, 1_350_000)), [1_300_000]);
}

#[test]
fn a_bucket_that_lost_half_is_refreshed_soon_but_not_always() {
    let mut table = table_of(20);
    for number in 0..12 {
        table.remove(100_000, &contact(number).id);
    }
    let all = due(&mut table, 100_000, 300_000);
    let refreshes = all
        .iter()
        .filter(|(_, due)| matches!(due, Due::Refresh(key) if *key != OWN));
    assert_eq!(
        refreshes.map(|(at_ms, _)| *at_ms).collect::<Vec<_>>(),
        [100_000]
    );
    table.remove(310_000, &contact(12).id);
    table.remove(311_000, &contact(13).id);
    let all = due(&mut table, 311_000, 330_000);
    assert!(
        all.iter()
            .any(|(_, due)| matches!(due, Due::Refresh(key) if *key != OWN))
    );
}

#[test]
fn a_table_without_nodes_asks_to_join_again_ever_more_rarely() {
    let mut table = table_of(20);
    assert!(!table.is_low());
    for number in 0..13 {
        table.remove(1000, &contact(number).id);
    }
    assert!(table.is_low(), "seven are left of twenty");
    let rejoin = |table: &mut RoutingTable, from_ms, to_ms| -> Vec<u64> {
        let all = due(table, from_ms, to_ms);
        all.iter()
            .filter(|(_, due)| *due == Due::Rejoin)
            .map(|(at_ms, _)| *at_ms)
            .collect()
    };
    let at = rejoin(&mut table, 0, 4_000_000);
    let pauses: Vec<u64> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(at[0], 30_000);
    assert_eq!(
        pauses[..6],
        [60_000, 120_000, 240_000, 480_000, 600_000, 600_000]
    );
    table.answered(4_000_000, contact(0));
    assert_eq!(
        rejoin(&mut table, 4_001_000, 5_000_000),
        [0; 0],
        "eight are enough"
    );
}

#[test]
fn a_node_that_knows_nobody_asks_to_join_and_for_nothing_else() {
    let mut table = RoutingTable::new(OWN, K);
    let all = due(&mut table, 0, 130_000);
    assert_eq!(all, [(30_000, Due::Rejoin), (90_000, Due::Rejoin)]);
}

#[test]
fn dead_nodes_are_called_now_and_then_to_heal_a_split_network() {
    let mut table = table_of(20);
    table.remove(0, &contact(3).id);
    table.remove(0, &contact(4).id);
    let all = due(&mut table, 0, 1_200_000);
    let calls = pings(&all, contact(3)).len() + pings(&all, contact(4)).len();
    assert_eq!(calls, 20);
    assert!(!pings(&all, contact(3)).is_empty() && !pings(&all, contact(4)).is_empty());
}

#[test]
fn one_call_gives_some_pings_and_the_next_ones_the_rest() {
    let mut table = RoutingTable::new(OWN, 500);
    for number in 0..500 {
        table.answered(0, contact(number));
    }
    let mut pinged = Vec::new();
    for now_ms in 40_000..40_100 {
        let due = table.due(now_ms, &mut || 0);
        let pings = due.iter().filter(|due| matches!(due, Due::Ping(_)));
        assert!(pings.clone().count() <= 33);
        pinged.extend(pings.copied());
    }
    assert_eq!(pinged.len(), 500);
}

#[test]
fn a_node_that_joins_is_given_a_key_for_each_bucket() {
    let mut table = RoutingTable::new(OWN, K);
    assert_eq!(table.refresh_all(0, &mut || 5), []);
    let mut near = contact(0);
    near.id = Key::from_bytes([0x10; 32]);
    table.answered(0, near);
    let keys = table.refresh_all(0, &mut || 5);
    let depths: Vec<_> = keys.iter().map(|key| table.depth(key)).collect();
    assert_eq!(depths, [Some(0), Some(1), Some(2), Some(3)]);
}

proptest! {
    #[test]
    fn a_random_key_for_a_bucket_lies_in_it(
        own in any::<[u8; 32]>(), depth in 0..256_usize, words in any::<[u64; 4]>(),
    ) {
        let own = Key::from_bytes(own);
        let mut words = words.into_iter();
        let key = key_in_bucket(&own, depth, &mut || words.next().unwrap());
        prop_assert_eq!(own.distance(&key).bucket(), Some(255 - depth));
    }

    #[test]
    fn buckets_do_not_overlap_and_cover_every_key_but_ones_own(a in any::<[u8; 32]>(), b in any::<[u8; 32]>()) {
        let (own, key) = (Key::from_bytes(a), Key::from_bytes(b));
        let depth = RoutingTable::new(own, K).depth(&key);
        let shared = (0..256).take_while(|bit| {
            let mask = 0x80_u8 >> (bit % 8);
            (a[bit / 8] ^ b[bit / 8]) & mask == 0
        });
        prop_assert_eq!(depth, Some(shared.count()).filter(|bits| *bits < 256));
    }
}
