use proptest::prelude::*;

use super::super::{entry::State, maintenance::Due};
use super::*;
use crate::parameters::K;

const OWN: Key = Key::from_bytes([0; 32]);

/// A node in the farthest bucket of [`OWN`], one of 32,768.
fn far(number: u16) -> Contact {
    near(0, number)
}

/// A node that shares exactly `depth` (below 8) bits with [`OWN`].
fn near(depth: usize, number: u16) -> Contact {
    let mut bytes = [0; 32];
    bytes[0] = 0x80 >> depth;
    bytes[1..3].copy_from_slice(&number.to_be_bytes());
    Contact {
        id: Key::from_bytes(bytes),
        address: ([10, 0, 0, 1], 1 + number).into(),
    }
}

fn elsewhere(contact: Contact) -> Contact {
    Contact {
        address: ([10, 6, 6, 6], contact.address.port()).into(),
        ..contact
    }
}

fn table_of(k: usize, contacts: impl IntoIterator<Item = Contact>) -> RoutingTable {
    let mut table = RoutingTable::new(OWN, k);
    for contact in contacts {
        assert_eq!(table.answered(0, contact).change, TableChange::Inserted);
    }
    table
}

fn good(table: &RoutingTable) -> Vec<Contact> {
    let good = table.entries().filter(|entry| entry.is_good());
    good.map(Entry::contact).collect()
}

#[test]
fn the_node_itself_is_never_an_entry() {
    let mut table = RoutingTable::new(OWN, K);
    let own = Contact {
        id: OWN,
        address: ([10, 0, 0, 9], 9).into(),
    };
    assert_eq!(table.answered(0, own).change, TableChange::Own);
    assert_eq!(table.heard_from(0, own), None);
    assert!(!table.heard_of(0, own));
    table.restore([own]);
    assert_eq!(table.due(0, &mut || 0), []);
    assert_eq!(table.entries().count(), 0);
}

#[test]
fn a_bucket_holds_exactly_k_for_any_k() {
    for k in [1, 2, 3, 20, 500, 2000] {
        let mut table = RoutingTable::new(OWN, k);
        for number in 0..2100 {
            table.answered(0, far(number));
        }
        assert_eq!(table.len(), k);
        table.answered(0, near(1, 0));
        assert_eq!(table.len(), k + 1, "the next bucket has places of its own");
    }
}

#[test]
fn a_newcomer_never_pushes_out_a_node_that_answers() {
    let mut table = table_of(3, (0..3).map(far));
    let heard = table.answered(20_000, far(3));
    assert_eq!(heard, TableChange::Waits.and_ping(Some(far(0))));
    assert_eq!(
        table.answered(20_001, far(4)),
        TableChange::Waits.and_ping(None),
        "one ping is enough"
    );
    table.answered(20_002, far(0));
    assert_eq!(good(&table), [far(1), far(2), far(0)]);
    assert_eq!(
        table.answered(20_003, far(5)),
        TableChange::Waits.and_ping(Some(far(1)))
    );
}

#[test]
fn a_dead_node_is_replaced_by_the_newest_spare_that_answers() {
    let mut table = table_of(3, (0..3).map(far));
    table.answered(100, far(3));
    table.answered(200, far(4));
    for probe in 1..=3 {
        table.failed(probe * 10_000, &far(0), Failure::Refused);
    }
    assert_eq!(good(&table), [far(1), far(2)]);
    let pings = table.due(30_001, &mut || 0);
    assert!(pings.contains(&Due::Ping(far(4))) && !pings.contains(&Due::Ping(far(3))));
    assert_eq!(
        table.len(),
        2,
        "a node that waits is no entry before it answers"
    );
    table.failed(30_002, &far(4), Failure::Refused);
    assert!(table.due(31_000, &mut || 0).contains(&Due::Ping(far(3))));
    table.answered(31_001, far(3));
    assert_eq!(good(&table), [far(1), far(2), far(3)]);
}

#[test]
fn a_bucket_that_is_not_full_drops_its_dead_too() {
    let mut table = table_of(K, [far(0), far(1)]);
    for probe in 1..=3 {
        table.failed(probe * 10_000, &far(0), Failure::Refused);
    }
    assert_eq!(
        table.entries().map(Entry::contact).collect::<Vec<_>>(),
        [far(1)]
    );
}

#[test]
fn one_failure_or_two_deadlines_make_a_suspect_until_it_answers() {
    let mut table = table_of(K, [far(0)]);
    table.late(1000, &far(0));
    assert!(table.contains(&far(0).id));
    table.answered(1200, far(0));
    table.late(2000, &far(0));
    assert!(table.contains(&far(0).id), "an answer came between");
    table.late(2050, &far(0));
    assert!(table.contains(&far(0).id), "these two were sent together");
    table.late(2400, &far(0));
    assert_eq!(table.get(&far(0).id).unwrap().state(), State::Suspect);
    table.answered(2500, far(0));
    assert!(table.contains(&far(0).id));
    table.failed(3000, &far(0), Failure::Silent);
    assert!(!table.contains(&far(0).id));
}

#[test]
fn four_silences_or_three_refusals_kill_but_not_at_once() {
    for (failure, deadly) in [(Failure::Silent, 4), (Failure::Refused, 3)] {
        let mut table = table_of(K, [far(0)]);
        for turn in 1..=deadly {
            assert!(table.get(&far(0).id).is_some(), "{failure:?}, turn {turn}");
            // Requests that fail together tell no more than one.
            for moment in 0..10 {
                table.failed(turn * 10_000 + moment, &far(0), failure);
            }
        }
        assert!(table.get(&far(0).id).is_none(), "{failure:?}");
    }
}

#[test]
fn suspects_are_not_handed_out_but_named_among_the_doubtful() {
    let mut table = table_of(K, (0..5).map(far));
    table.failed(1000, &far(2), Failure::Refused);
    let closest = table.closest(&far(2).id, K, &[]);
    assert_eq!(closest.len(), 4);
    assert!(!closest.contains(&far(2)));
    assert_eq!(table.doubtful(1000, &OWN, K), [far(2)]);
}

#[test]
fn the_dead_are_doubted_for_a_minute_whoever_tells_of_them() {
    let mut table = table_of(K, [far(0), far(1)]);
    for probe in 1..=3 {
        table.failed(probe * 10_000, &far(0), Failure::Refused);
    }
    assert_eq!(table.doubtful(30_000, &OWN, K), [far(0)]);
    assert!(!table.heard_of(80_000, far(0)));
    assert_eq!(
        table.heard_from(80_000, far(0)),
        Some(far(0)),
        "if it says so itself it is worth a ping",
    );
    assert!(
        !table.contains(&far(0).id),
        "but its words reach us, and ours may not reach it"
    );
    assert!(table.doubtful(90_000, &OWN, K).is_empty());
    assert!(table.heard_of(120_000, far(0)));
    table.failed(120_001, &far(0), Failure::Refused);
    assert!(!table.heard_of(160_000, far(0)), "it was tried just now");
}

#[test]
fn a_stranger_that_was_late_is_doubted_until_it_answers() {
    let mut table = table_of(1, [far(0)]);
    table.late(1000, &far(1));
    table.failed(1000, &far(2), Failure::Refused);
    assert_eq!(table.doubtful(1000, &OWN, K), [far(1), far(2)]);
    table.answered(1100, far(1));
    assert_eq!(table.doubtful(1100, &OWN, K), [far(2)]);
    assert!(table.doubtful(61_000, &OWN, K).is_empty());
}

#[test]
fn a_stranger_that_fails_again_and_again_is_remembered_once() {
    let mut table = RoutingTable::new(OWN, K);
    table.failed(0, &far(1), Failure::Refused);
    for turn in 0..200 {
        table.failed(turn, &far(2), Failure::Refused);
    }
    assert_eq!(table.doubtful(200, &OWN, K), [far(1), far(2)]);
}

#[test]
fn strangers_without_end_do_not_displace_those_who_died() {
    let mut table = table_of(K, [far(0)]);
    table.remove(0, &far(0).id);
    for number in 1..1000 {
        table.failed(0, &far(number), Failure::Refused);
    }
    let doubtful = table.doubtful(0, &OWN, 1000);
    assert_eq!(doubtful.len(), 129);
    assert!(doubtful.contains(&far(0)));
}

#[test]
fn a_node_that_was_only_told_of_is_no_entry_and_worth_one_ping() {
    let mut table = table_of(3, (0..2).map(far));
    assert!(table.heard_of(0, far(7)));
    assert!(!table.heard_of(1, far(7)), "its ping is under way");
    assert_eq!(table.closest(&far(7).id, K, &[]).len(), 2);
    assert!(!table.heard_of(2, far(0)), "it is an entry");
    table.answered(3, far(7));
    assert!(table.contains(&far(7).id));
    assert!(!table.heard_of(4, far(8)), "there is no place for it");
}

#[test]
fn pings_to_nodes_told_of_are_bounded() {
    let mut table = RoutingTable::new(OWN, 10_000);
    let pings = |table: &mut RoutingTable, now_ms| {
        (0..5000)
            .filter(|number| table.heard_of(now_ms, far(*number)))
            .count()
    };
    assert_eq!(pings(&mut table, 0), 256);
    assert_eq!(pings(&mut table, 1000), 0);
    assert_eq!(
        pings(&mut table, 31_000),
        256,
        "the unanswered are forgotten"
    );
}

#[test]
fn a_claim_does_not_change_the_address_of_a_node_that_answers() {
    let mut table = table_of(K, [far(0)]);
    assert_eq!(
        table.answered(100, elsewhere(far(0))),
        TableChange::Refused.and_ping(None)
    );
    assert_eq!(table.heard_from(100, elsewhere(far(0))), None);
    assert_eq!(good(&table), [far(0)]);
    assert_eq!(
        table.heard_from(20_000, elsewhere(far(0))),
        Some(far(0)),
        "the claim is reason to see whether the old address is alive",
    );
}

#[test]
fn a_node_that_moved_is_taken_once_its_old_address_is_silent() {
    let mut table = table_of(K, [far(0)]);
    table.failed(20_000, &far(0), Failure::Refused);
    assert_eq!(
        table.heard_from(20_100, elsewhere(far(0))),
        Some(elsewhere(far(0)))
    );
    assert_eq!(
        table.answered(20_200, elsewhere(far(0))).change,
        TableChange::Updated
    );
    assert_eq!(good(&table), [elsewhere(far(0))]);
}

#[test]
fn a_forged_address_that_does_not_answer_harms_only_itself() {
    let mut table = table_of(K, [far(0)]);
    for turn in 1..10 {
        table.late(turn * 10_000, &elsewhere(far(0)));
        table.failed(turn * 10_000, &elsewhere(far(0)), Failure::Refused);
    }
    assert_eq!(good(&table), [far(0)]);
}

#[test]
fn a_request_is_reason_for_a_ping_and_for_nothing_more() {
    let mut table = table_of(K, [far(0)]);
    assert_eq!(
        table.heard_from(500, far(0)),
        None,
        "there is no doubt about it"
    );
    assert_eq!(table.heard_from(500, far(1)), Some(far(1)));
    assert_eq!(table.heard_from(600, far(1)), None, "its ping is under way");
    table.failed(1000, &far(0), Failure::Silent);
    assert_eq!(
        table.heard_from(1001, far(0)),
        None,
        "it failed a moment ago"
    );
    assert_eq!(table.heard_from(2000, far(0)), Some(far(0)));
    assert!(table.is_empty());
    table.answered(2001, far(0));
    assert_eq!(good(&table), [far(0)]);
}

#[test]
fn a_node_that_said_goodbye_does_not_come_back_by_hearsay() {
    let mut table = table_of(K, [far(0), far(1)]);
    assert!(table.remove(1000, &far(0).id));
    assert!(!table.remove(1001, &far(0).id));
    assert_eq!(good(&table), [far(1)]);
    assert!(!table.heard_of(1002, far(0)));
    table.answered(1003, far(0));
    assert!(table.contains(&far(0).id), "it came back itself");
}

#[test]
fn a_restored_table_knows_nobody_until_they_answer() {
    let before = table_of(K, (0..5).map(far));
    let mut table = RoutingTable::new(OWN, K);
    table.restore(good(&before));
    assert!(table.is_empty() && table.closest(&OWN, K, &[]).is_empty());
    let due = table.due(0, &mut || 0);
    let pings: Vec<Due> = good(&before).into_iter().map(Due::Ping).collect();
    assert!(pings.iter().all(|ping| due.contains(ping)));
    table.answered(1, far(3));
    assert_eq!(good(&table), [far(3)]);
}

#[test]
fn an_answer_leaves_out_the_excluded_and_is_still_full() {
    let table = table_of(
        K,
        (0..20).map(far).chain((0..5).map(|number| near(1, number))),
    );
    let exclude = [far(0).id, near(1, 0).id];
    let closest = table.closest(&OWN, K, &exclude);
    assert_eq!(closest.len(), K);
    assert!(closest.iter().all(|contact| !exclude.contains(&contact.id)));
    assert_eq!(table.closest(&OWN, 0, &[]), []);
}

#[derive(Debug, Clone)]
enum Action {
    Answered(Contact),
    HeardFrom(Contact),
    HeardOf(Contact),
    Late(Contact),
    Failed(Contact, Failure),
    Remove(Key),
    Due,
}

fn contacts() -> impl Strategy<Value = Contact> {
    (0..4_usize, 0..8_u16, prop::bool::weighted(0.2)).prop_map(|(depth, number, moved)| {
        let contact = near(depth, number);
        if moved { elsewhere(contact) } else { contact }
    })
}

fn actions() -> impl Strategy<Value = Action> {
    let failures = prop_oneof![Just(Failure::Refused), Just(Failure::Silent)];
    prop_oneof![
        6 => contacts().prop_map(Action::Answered),
        4 => contacts().prop_map(Action::HeardFrom),
        2 => contacts().prop_map(Action::HeardOf),
        3 => contacts().prop_map(Action::Late),
        4 => (contacts(), failures).prop_map(|(contact, failure)| Action::Failed(contact, failure)),
        1 => contacts().prop_map(|contact| Action::Remove(contact.id)),
        1 => Just(Action::Due),
    ]
}

/// What was seen of a node by an onlooker who knows nothing of buckets.
#[derive(Debug, Default)]
struct Seen {
    proven: Vec<Contact>,
    /// Late and failed requests at each address since the last answer there.
    unanswered: Vec<(Contact, bool)>,
}

impl Seen {
    fn note(&mut self, action: &Action) {
        match action {
            Action::Answered(contact) => {
                self.proven.push(*contact);
                self.unanswered.retain(|(other, _)| other != contact);
            }
            Action::Late(contact) => self.unanswered.push((*contact, false)),
            Action::Failed(contact, _) => self.unanswered.push((*contact, true)),
            Action::HeardFrom(_) | Action::HeardOf(_) | Action::Remove(_) | Action::Due => {}
        }
    }

    fn gives_reason_to_doubt(&self, contact: &Contact) -> bool {
        let of_it = || self.unanswered.iter().filter(|(other, _)| other == contact);
        of_it().any(|(_, failed)| *failed) || of_it().count() >= 2
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 128 } else { 2000 }))]

    #[test]
    fn whatever_happens_the_table_stays_sound(
        k in 1..5_usize,
        steps in prop::collection::vec((actions(), prop_oneof![0..10_u64, 0..15_000_u64]), 1..300),
    ) {
        let mut table = RoutingTable::new(OWN, k);
        let mut seen = Seen::default();
        let mut now_ms = 0;
        for (action, pause_ms) in steps {
            now_ms += pause_ms;
            seen.note(&action);
            let (before, generation) = (good(&table), table.generation());
            let mut touched = None;
            match &action {
                Action::Answered(contact) => { table.answered(now_ms, *contact); }
                Action::HeardFrom(contact) => { table.heard_from(now_ms, *contact); }
                Action::HeardOf(contact) => { table.heard_of(now_ms, *contact); }
                Action::Late(contact) => { touched = Some(*contact); table.late(now_ms, contact); }
                Action::Failed(contact, failure) => {
                    touched = Some(*contact);
                    table.failed(now_ms, contact, *failure);
                }
                Action::Remove(id) => {
                    touched = table.get(id).map(Entry::contact);
                    table.remove(now_ms, id);
                }
                Action::Due => { table.due(now_ms, &mut || 7); }
            }
            let after = good(&table);

            // A good one is lost only by what happened to itself, at its own address.
            for lost in before.iter().filter(|contact| !after.contains(contact)) {
                prop_assert_eq!(touched, Some(*lost), "lost by {:?}", action);
            }
            for entry in table.entries() {
                prop_assert!(seen.proven.contains(&entry.contact()), "hearsay is no entry");
                prop_assert!(entry.is_good() || seen.gives_reason_to_doubt(&entry.contact()));
            }
            let mut changed = [before, after.clone()];
            changed.iter_mut().for_each(|contacts| contacts.sort_by_key(|contact| contact.id));
            prop_assert_eq!(generation != table.generation(), changed[0] != changed[1]);
            prop_assert_eq!(table.len(), after.len());

            let mut ids: Vec<Key> = table.entries().map(|entry| entry.contact().id).collect();
            ids.sort();
            ids.dedup();
            prop_assert_eq!(ids.len(), table.entries().count(), "an id twice");
            for bucket in &table.buckets {
                prop_assert!(bucket.entries().len() <= k);
                prop_assert!(bucket.entries().is_sorted_by_key(Entry::answered_ms));
            }
        }
    }

    #[test]
    fn closest_is_what_sorting_everybody_gives(
        ids in prop::collection::vec(any::<[u8; 32]>(), 0..300),
        suspect in prop::collection::vec(any::<prop::sample::Index>(), 0..30),
        target in any::<[u8; 32]>(), n in 0..40_usize, own in any::<[u8; 32]>(), alike in 0..32_usize,
    ) {
        // Real ids differ in their first bits; these may differ only in their last.
        let ids: Vec<[u8; 32]> = ids.into_iter().map(|mut id| {
            id[..alike].copy_from_slice(&own[..alike]);
            id
        }).collect();
        let mut table = RoutingTable::new(Key::from_bytes(own), K);
        let contact = |id: &[u8; 32]| Contact { id: Key::from_bytes(*id), ..far(0) };
        for id in &ids {
            table.answered(0, contact(id));
        }
        for index in suspect.iter().filter(|_| !ids.is_empty()) {
            table.failed(0, &contact(index.get(&ids)), Failure::Refused);
        }
        let target = Key::from_bytes(target);
        let mut all = good(&table);
        all.sort_by_key(|contact| contact.id.distance(&target));
        let exclude: Vec<Key> = all.iter().take(2).map(|contact| contact.id).collect();
        all.truncate(n);
        prop_assert_eq!(&table.closest(&target, n, &[]), &all);
        let without = table.closest(&target, n, &exclude);
        prop_assert!(without.iter().all(|contact| !exclude.contains(&contact.id)));
        prop_assert_eq!(without.len(), n.min(table.len() - exclude.len()));
    }
}
