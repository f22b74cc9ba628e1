//! Who belongs to a cluster, and who does not.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use kadenza_rpc::{NodeKey, PeerId};
use kadenza_trust::{
    Chain, ClusterId, ClusterKey, Invitation, Member, Record, Refused, Revocation, Revocations,
    Seconds, Subject,
};
use serde_json::Value;

const NOW: Seconds = 1_800_000_000;
const DAY: Seconds = 24 * 60 * 60;

fn key(number: u8) -> NodeKey {
    NodeKey::from_secret(&[number; 32])
}

fn cluster_key() -> ClusterKey {
    ClusterKey::from_secret(&[100; 32])
}

fn cluster() -> ClusterId {
    cluster_key().cluster()
}

fn subject(number: u8) -> Subject {
    Subject {
        key: key(number).public(),
        name: format!("node {number}"),
        address: "127.0.0.1:1".to_owned(),
    }
}

fn rooted(number: u8) -> Chain {
    Chain::rooted(&cluster_key(), subject(number), true, NOW)
}

fn verified(chain: &Chain, number: u8) -> Result<Member, Refused> {
    chain.verify(&key(number).id(), cluster(), &Revocations::default(), NOW)
}

/// The chain of a node that another one lets in.
fn invited(by: (u8, &Chain), number: u8, may_invite: bool) -> Option<Chain> {
    let own = verified(by.1, by.0).unwrap();
    by.1.extended(&key(by.0), &own, subject(number), may_invite, NOW)
}

fn revocations(of: &[(u8, &[u8])]) -> Revocations {
    let mut known = Revocations::default();
    let signed = of.iter().map(|(node, spared)| {
        let revocation = Revocation {
            cluster: cluster(),
            node: key(*node).id(),
            spared: spared.iter().map(|node| key(*node).id()).collect(),
        };
        revocation.sign(&cluster_key())
    });
    known.add(cluster(), signed.collect());
    known
}

/// The chain with its JSON changed.
fn changed(chain: &Chain, change: impl FnOnce(&mut Vec<Value>)) -> Chain {
    let mut records: Vec<Value> =
        serde_json::from_value(serde_json::to_value(chain).unwrap()).unwrap();
    change(&mut records);
    serde_json::from_value(Value::from(records)).unwrap()
}

#[test]
fn a_chain_of_three_records_is_the_longest() {
    let first = rooted(1);
    let member = verified(&first, 1).unwrap();
    assert_eq!(
        (member.may_invite, member.signers.as_slice()),
        (true, &[][..])
    );
    let second = invited((1, &first), 2, true).unwrap();
    let third = invited((2, &second), 3, true).unwrap();
    let member = verified(&third, 3).unwrap();
    assert_eq!(member.signers, [key(2).id(), key(1).id()]);
    assert_eq!(member.record.subject, subject(3));
    assert!(!member.may_invite, "its chain is full");
    assert!(invited((3, &third), 4, false).is_none());
}

#[test]
fn nobody_is_let_in_by_who_may_let_nobody_in() {
    let second = invited((1, &rooted(1)), 2, false).unwrap();
    assert!(!verified(&second, 2).unwrap().may_invite);
    assert!(invited((2, &second), 3, false).is_none());
    // Not by signing nevertheless, with what it believes of itself.
    let mut own = verified(&second, 2).unwrap();
    own.may_invite = true;
    let third = second
        .extended(&key(2), &own, subject(3), false, NOW)
        .unwrap();
    assert_eq!(verified(&third, 3), Err(Refused::NoInviter));
}

#[test]
fn a_record_is_signed_by_the_node_above_it_in_the_same_cluster() {
    let own = verified(&rooted(1), 1).unwrap();
    // By a stranger's key in the place of the inviter's.
    let forged = rooted(1)
        .extended(&key(9), &own, subject(2), false, NOW)
        .unwrap();
    assert_eq!(verified(&forged, 2), Err(Refused::Signature));
    // By another cluster's key.
    let other = ClusterKey::from_secret(&[101; 32]);
    let elsewhere = Chain::rooted(&other, subject(1), true, NOW);
    assert_eq!(verified(&elsewhere, 1), Err(Refused::Signature));
    // Of another cluster, signed by a node of this one.
    let mut own = own;
    own.record.cluster = other.cluster();
    let strange = rooted(1)
        .extended(&key(1), &own, subject(2), false, NOW)
        .unwrap();
    assert_eq!(verified(&strange, 2), Err(Refused::Signature));
    // Shown by another node.
    assert_eq!(verified(&rooted(1), 2), Err(Refused::OfAnother));
}

#[test]
fn nothing_of_a_chain_can_be_changed_left_out_or_repeated() {
    let chain = invited((1, &rooted(1)), 2, true).unwrap();
    assert!(verified(&chain, 2).is_ok());
    let bad = |change: fn(&mut Vec<Value>)| verified(&changed(&chain, change), 2).unwrap_err();
    assert_eq!(bad(|records| records.clear()), Refused::Length);
    assert_eq!(
        bad(|records| records.extend(records.clone())),
        Refused::Length
    );
    for change in [
        (|records: &mut Vec<Value>| drop(records.pop())) as fn(&mut Vec<Value>),
        |records| drop(records.remove(0)),
        |records| records.reverse(),
        |records| {
            let statement = records[0]["statement"].as_str().unwrap();
            records[0]["statement"] = statement.replace("node 2", "node 3").into();
        },
        |records| records[0]["signature"] = records[1]["signature"].clone(),
        |records| records[0]["statement"] = "{}".into(),
    ] {
        let refused = bad(change);
        assert!(
            matches!(refused, Refused::Signature | Refused::OfAnother),
            "{refused}"
        );
    }
}

#[test]
fn a_revocation_is_no_record_and_the_other_way_round() {
    let revocation = Revocation {
        cluster: cluster(),
        node: key(2).id(),
        spared: Vec::new(),
    };
    let signed = serde_json::to_value(revocation.sign(&cluster_key())).unwrap();
    let chain: Chain = serde_json::from_value(Value::from(vec![signed])).unwrap();
    assert_eq!(verified(&chain, 2), Err(Refused::Signature));
}

#[test]
fn a_record_is_valid_for_its_time_and_the_error_of_clocks() {
    let chain = invited((1, &rooted(1)), 2, false).unwrap();
    let at = |now| {
        let none = Revocations::default();
        chain
            .verify(&key(2).id(), cluster(), &none, now)
            .map(|_| ())
    };
    let until = verified(&chain, 2).unwrap().until;
    assert_eq!(until, NOW + 180 * DAY);
    assert_eq!(at(NOW - 2 * DAY), Err(Refused::Time));
    assert_eq!(at(NOW - DAY), Ok(()));
    assert_eq!(at(until + DAY), Ok(()));
    assert_eq!(at(until + 2 * DAY), Err(Refused::Time));
    // Whoever renews it looks at the rest.
    let none = Revocations::default();
    assert!(
        chain
            .verify_at_any_time(&key(2).id(), cluster(), &none)
            .is_ok()
    );
    // A record lasts no longer than that of the inviter.
    let mut own = verified(&rooted(1), 1).unwrap();
    own.until = NOW + DAY;
    let short = rooted(1)
        .extended(&key(1), &own, subject(2), false, NOW)
        .unwrap();
    assert_eq!(verified(&short, 2).unwrap().until, NOW + DAY);
}

#[test]
fn who_is_revoked_is_out_with_those_it_let_in_but_the_spared() {
    let second = invited((1, &rooted(1)), 2, true).unwrap();
    let third = invited((2, &second), 3, true).unwrap();
    let refused = |chain: &Chain, number: u8, known: &Revocations| {
        chain.verify(&key(number).id(), cluster(), known, NOW).err()
    };
    let known = revocations(&[(2, &[])]);
    assert_eq!(refused(&rooted(1), 1, &known), None);
    assert_eq!(refused(&second, 2, &known), Some(Refused::Revoked));
    assert_eq!(refused(&third, 3, &known), Some(Refused::Revoked));
    // Those that were let in before are named. What its thief signs afterwards is worth nothing, whatever its date.
    let known = revocations(&[(2, &[3])]);
    let spared = third.verify(&key(3).id(), cluster(), &known, NOW).unwrap();
    assert!(spared.is_spared && !spared.may_invite);
    let own = verified(&second, 2).unwrap();
    let later = second
        .extended(&key(2), &own, subject(4), false, NOW - DAY)
        .unwrap();
    assert_eq!(refused(&later, 4, &known), Some(Refused::Revoked));
    // The one at the top as well, over two steps.
    let known = revocations(&[(1, &[2])]);
    assert_eq!(refused(&third, 3, &known), None);
    assert_eq!(
        refused(&third, 3, &revocations(&[(1, &[])])),
        Some(Refused::Revoked)
    );
}

#[test]
fn the_cluster_key_alone_revokes_and_the_set_only_grows() {
    let of = |key: &ClusterKey, node: u8, spared: Vec<PeerId>| {
        let node = self::key(node).id();
        let cluster = cluster();
        Revocation {
            cluster,
            node,
            spared,
        }
        .sign(key)
    };
    let mut known = Revocations::default();
    let other = ClusterKey::from_secret(&[101; 32]);
    assert!(known.add(cluster(), vec![of(&other, 1, vec![])]).is_empty());
    assert!(known.is_empty());
    let wide = of(&cluster_key(), 1, vec![key(2).id(), key(3).id()]);
    let narrow = of(&cluster_key(), 1, vec![key(3).id()]);
    assert_eq!(known.add(cluster(), vec![wide.clone()]), [key(1).id()]);
    assert!(known.add(cluster(), vec![wide.clone()]).is_empty(), "again");
    // In either order the same is known in the end.
    known.add(cluster(), vec![narrow.clone()]);
    let mut other_way = Revocations::default();
    other_way.add(cluster(), vec![narrow]);
    other_way.add(cluster(), vec![wide]);
    assert_eq!(known, other_way);
    assert_eq!(known.digest(), other_way.digest());
    assert!(!known.spares(&key(1).id(), &key(2).id()));
    assert!(known.spares(&key(1).id(), &key(3).id()));
    assert_ne!(known.digest(), Revocations::default().digest());
    assert_eq!((known.len(), known.signed().count()), (1, 1));
}

#[test]
fn an_invitation_is_proven_by_one_node_on_one_connection() {
    let inviter = key(1).id();
    let new = |secret| Invitation::new(cluster(), inviter, "a.example:1".to_owned(), secret);
    let invitation: Invitation = new([5; 32]).token().parse().unwrap();
    assert_eq!(invitation, new([5; 32]));
    let (invited, binding) = (key(2).id(), [6; 32]);
    let proof = invitation.prove(&invited, &binding);
    assert!(invitation.is_proven(&proof, &invited, &binding));
    assert!(!invitation.is_proven(&proof, &key(3).id(), &binding));
    assert!(!invitation.is_proven(&proof, &invited, &[7; 32]));
    assert!(!new([8; 32]).is_proven(&proof, &invited, &binding));
    assert_ne!(new([8; 32]).id(), invitation.id());
    let shown = format!("{invitation:?} {}", invitation.id());
    assert!(!shown.contains(&hex_of(5)), "{shown}");
    let token = invitation.token();
    for wrong in ["", "x", &token[1..], &token[..token.len() - 2]] {
        assert!(wrong.parse::<Invitation>().is_err(), "{wrong}");
    }
}

fn hex_of(byte: u8) -> String {
    format!("{byte:02x}").repeat(32)
}

#[test]
fn texts_of_a_record_keep_to_their_bounds() {
    let sound = verified(&rooted(1), 1).unwrap();
    for (name, address) in [
        ("n".repeat(65), "a.example:1".to_owned()),
        ("line\nbreak".to_owned(), "a.example:1".to_owned()),
        ("\u{1b}[2J".to_owned(), "a.example:1".to_owned()),
        ("node".to_owned(), "a".repeat(400)),
    ] {
        let subject = Subject {
            name,
            address,
            ..subject(2)
        };
        assert!(
            rooted(1)
                .extended(&key(1), &sound, subject.clone(), false, NOW)
                .is_none()
        );
        let chain = Chain::rooted(&cluster_key(), subject, false, NOW);
        assert_eq!(verified(&chain, 2), Err(Refused::Signature));
    }
    let _: &Record = &sound.record;
}

/// The chain of a member that renews its record at another one.
fn renewed(at: (u8, &Chain), number: u8, chain: &Chain) -> Option<Chain> {
    let (own, member) = (
        verified(at.1, at.0).unwrap(),
        verified(chain, number).unwrap(),
    );
    at.1.renewed(&key(at.0), &own, subject(number), &member, NOW)
}

fn refused(chain: &Chain, number: u8, known: &Revocations) -> Option<Refused> {
    chain.verify(&key(number).id(), cluster(), known, NOW).err()
}

#[test]
fn who_renews_elsewhere_is_out_with_who_let_it_in() {
    let (one, two, other) = (rooted(1), rooted(2), rooted(5));
    let member = invited((1, &one), 3, true).unwrap();
    let moved = renewed((2, &two), 3, &member).unwrap();
    assert_eq!(verified(&moved, 3).unwrap().signers, [key(2).id()]);
    let known = revocations(&[(1, &[])]);
    assert_eq!(refused(&moved, 3, &known), Some(Refused::Revoked));
    // However often it moves on, and back.
    let moved = renewed((5, &other), 3, &moved).unwrap();
    let moved = renewed((2, &two), 3, &moved).unwrap();
    for revoked in [1, 5, 2] {
        let known = revocations(&[(revoked, &[])]);
        assert_eq!(refused(&moved, 3, &known), Some(Refused::Revoked));
    }
    // With it those that it let in, which renew elsewhere as well.
    let third = invited((3, &moved), 4, false).unwrap();
    let third_moved = renewed((5, &other), 4, &third).unwrap();
    for revoked in [1, 3] {
        let known = revocations(&[(revoked, &[])]);
        assert_eq!(refused(&third, 4, &known), Some(Refused::Revoked));
        assert_eq!(refused(&third_moved, 4, &known), Some(Refused::Revoked));
    }
    // The spared stay. A record that another one signed since is as good as any.
    let known = revocations(&[(1, &[3])]);
    let spared = moved.verify(&key(3).id(), cluster(), &known, NOW).unwrap();
    assert!(!spared.is_spared && spared.may_invite);
    assert_eq!(refused(&third_moved, 4, &known), None);
    assert_eq!(refused(&third_moved, 4, &revocations(&[(3, &[4])])), None);
}

#[test]
fn a_way_has_a_bound_and_a_full_chain_gives_no_right() {
    let mut chain = invited((1, &rooted(1)), 50, true).unwrap();
    let moved = (2..40).find(|by| match renewed((*by, &rooted(*by)), 50, &chain) {
        Some(moved) => {
            chain = moved;
            false
        }
        None => true,
    });
    assert_eq!(
        moved,
        Some(26),
        "after twenty-four steps that are remembered"
    );
    // A record at the end of a full chain that says it may invite, by a thief who writes what he likes.
    let second = invited((1, &rooted(1)), 2, true).unwrap();
    let third = invited((2, &second), 3, true).unwrap();
    let mut member = verified(&third, 3).unwrap();
    member.record.may_invite = true;
    let at = rooted(4);
    let own = verified(&at, 4).unwrap();
    let moved = at.renewed(&key(4), &own, subject(3), &member, NOW).unwrap();
    assert!(!verified(&moved, 3).unwrap().may_invite);
}

#[test]
fn records_from_before_the_way_was_kept_are_read() {
    let record = verified(&rooted(1), 1).unwrap().record;
    let said = serde_json::to_value(&record).unwrap();
    assert!(said.get("byWayOf").is_none());
    assert_eq!(serde_json::from_value::<Record>(said).unwrap(), record);
}
