//! Who belongs to a cluster: chains of records, revocations and invitations, as strangers and members show them.

use kadenza_rpc::{NodeKey, PeerId};
use kadenza_trust::{
    Chain, ClusterId, ClusterKey, Invitation, Record, Revocation, Revocations, Seconds, Signed,
    Subject,
};

use crate::target::Target;

const NOW: Seconds = 1_800_000_000;

const WORDS: &[&str] = &[
    "\\\"mayInvite\\\":true",
    "\\\"until\\\":18446744073709551615",
    "{\"statement\":\"",
    "\",\"signature\":\"",
    "null",
    "[]",
    "\\u0000",
    "00000000",
    "\\\"spared\\\":[]",
    "\\\"name\\\":\\\"\\\"",
];

pub(super) const RECORDS: Target = Target {
    name: "records",
    about: "the chain of records that a node shows",
    seeds: || chains().iter().map(json).collect(),
    words: WORDS,
    bytes_max: 16 << 10,
    memory_max: 1 << 20,
    open: || {
        let known: Vec<Record> = (1..=3).filter_map(record).collect();
        Box::new(move |bytes| hear_chain(&known, bytes))
    },
};

pub(super) const REVOCATIONS: Target = Target {
    name: "revocations",
    about: "the revocations that a node tells",
    seeds: || {
        let [one, two] = revocations();
        [vec![], vec![one.clone()], vec![one, two]]
            .iter()
            .map(json)
            .collect()
    },
    words: WORDS,
    bytes_max: 16 << 10,
    memory_max: 1 << 20,
    open: || Box::new(hear_revocations),
};

pub(super) const TOKENS: Target = Target {
    name: "tokens",
    about: "invitations",
    seeds: || {
        vec![
            invitation().token().into_bytes(),
            format!(" {}\n", invitation().token()).into_bytes(),
        ]
    },
    words: &[
        "kadenza-invitation-",
        "7b7d",
        "22",
        "5b",
        " ",
        "\n",
        "\u{feff}",
    ],
    bytes_max: 4 << 10,
    memory_max: 1 << 20,
    open: || Box::new(hear_token),
};

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
        address: "192.0.2.1:4534".to_owned(),
    }
}

/// The chains of three nodes, each let in by the one before.
fn chains() -> [Chain; 3] {
    let first = Chain::rooted(&cluster_key(), subject(1), true, NOW);
    let next = |chain: &Chain, number: u8| {
        let own = chain.verify(&key(number).id(), cluster(), &Revocations::default(), NOW);
        let own = own.expect("it was signed here");
        let next = chain.extended(&key(number), &own, subject(number + 1), true, NOW);
        next.expect("it may invite")
    };
    let second = next(&first, 1);
    let third = next(&second, 2);
    [first, second, third]
}

/// The record of one of the nodes.
fn record(number: u8) -> Option<Record> {
    let chain = &chains()[usize::from(number) - 1];
    let member = chain.verify(&key(number).id(), cluster(), &Revocations::default(), NOW);
    Some(member.ok()?.record)
}

fn revocations() -> [Signed; 2] {
    let sign = |node: u8, spared: &[u8]| {
        let revocation = Revocation {
            cluster: cluster(),
            node: key(node).id(),
            spared: spared.iter().map(|node| key(*node).id()).collect(),
        };
        revocation.sign(&cluster_key())
    };
    [sign(1, &[2]), sign(9, &[])]
}

fn invitation() -> Invitation {
    let address = "192.0.2.1:4534".to_owned();
    Invitation::new(cluster(), key(1).id(), address, [5; 32])
}

fn json(of: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(of).expect("it is JSON")
}

/// A chain that somebody changed shows nothing that was not signed.
fn hear_chain(known: &[Record], bytes: &[u8]) -> String {
    let Ok(chain) = serde_json::from_slice::<Chain>(bytes) else {
        return "no chain".to_owned();
    };
    let again: Chain = serde_json::from_slice(&json(&chain)).expect("it was written here");
    assert_eq!(
        again, chain,
        "it is another one when it is written and read"
    );
    let _claimed = chain.cluster();
    let mut told = String::new();
    for number in 1..=3 {
        let id = key(number).id();
        let shown = chain.verify_at_any_time(&id, cluster(), &Revocations::default());
        if let Ok(member) = &shown {
            assert!(
                known.contains(&member.record),
                "{:?} was never signed",
                member.record
            );
            assert!(
                member.record.subject.key.id() == id,
                "it is of another node"
            );
            let mut revoked = Revocations::default();
            revoked.add(cluster(), revocations().to_vec());
            let is_shut_out = chain.verify_at_any_time(&id, cluster(), &revoked).is_err();
            // The second is spared, and with it the one that it let in.
            assert_eq!(is_shut_out, number == 1, "who is revoked is let in");
        }
        told.push_str(&match shown {
            Ok(member) => format!("{} {}", member.may_invite, member.signers.len()),
            Err(why) => format!("{why:?}"),
        });
    }
    told
}

/// Nobody is shut out but by the key of the cluster.
fn hear_revocations(bytes: &[u8]) -> String {
    let Ok(signed) = serde_json::from_slice::<Vec<Signed>>(bytes) else {
        return "none".to_owned();
    };
    let again: Vec<Signed> = serde_json::from_slice(&json(&signed)).expect("it was written here");
    assert_eq!(
        again, signed,
        "they are others when they are written and read"
    );
    let mut revoked = Revocations::default();
    let new = revoked.add(cluster(), signed.clone());
    let known: [PeerId; 2] = [key(1).id(), key(9).id()];
    assert!(
        new.iter().all(|node| known.contains(node)),
        "somebody else is shut out"
    );
    let spared = revoked.spares(&key(1).id(), &key(2).id());
    assert_eq!(
        spared,
        revoked.has(&key(1).id()),
        "who was spared is shut out"
    );
    let before = revoked.digest();
    assert!(revoked.add(cluster(), signed).is_empty() && revoked.digest() == before);
    format!("{}", revoked.len())
}

fn hear_token(bytes: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return "no text".to_owned();
    };
    let Ok(read) = text.parse::<Invitation>() else {
        return "no invitation".to_owned();
    };
    let again = read.token().parse::<Invitation>();
    assert!(
        again.as_ref() == Ok(&read),
        "it is another one when it is written and read"
    );
    let (node, binding) = (key(3).id(), [8; 32]);
    let proof = read.prove(&node, &binding);
    assert!(read.is_proven(&proof, &node, &binding));
    // Who guesses a secret proves nothing.
    if read.id() != invitation().id() {
        assert!(!invitation().is_proven(&proof, &node, &binding));
    }
    format!("{}", read.cluster == cluster())
}
