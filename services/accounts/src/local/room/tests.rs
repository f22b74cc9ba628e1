//! What hostile members and strangers take, and what is left for the others.

use super::*;
use crate::{
    entry::{Change, testing::token_until},
    ids::{AccountId, Stamp},
    names::UserName,
    role::Role,
    signatures::testing::Hashed,
};

const NOW_MS: u64 = 1_800_000_000_000;

/// Knows the writers below this number, whose names are numbers.
#[derive(Debug)]
struct Below(u32);

impl Vouching for Below {
    fn vouches(&self, writer: WriterId) -> bool {
        let [a, b, c, d, ..] = *writer.as_bytes();
        u32::from_be_bytes([a, b, c, d]) < self.0
    }
}

fn numbered<const N: usize>(number: u32) -> [u8; N] {
    let mut bytes = [0; N];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    bytes
}

fn signed(account: u32, change: Change, writer: u32, counter: u32) -> Entry {
    let mut entry = Entry {
        account: AccountId(numbered(account)),
        change,
        stamp: Stamp {
            wall_ms: NOW_MS,
            counter,
            writer: WriterId(numbered(writer)),
        },
        actor: None,
        signature: Vec::new(),
    };
    entry.signature = Hashed(0).sign(&entry.message());
    entry
}

/// Takes in what there is room for, and gives how many that were.
fn take(directory: &mut Directory, vouching: &dyn Vouching, entries: Vec<Entry>) -> usize {
    let room = Room::new(directory, Some(vouching));
    let taken = room.gather(entries, NOW_MS, &Hashed(0)).taken;
    for entry in &taken {
        directory.restore(entry.clone()).unwrap();
    }
    taken.len()
}

fn some_token() -> Change {
    token_until(NOW_MS + 1_000_000)
}

/// The entries of a person.
fn person(account: u32, writer: u32) -> Vec<Entry> {
    let name = UserName::try_from(format!("user {account}")).unwrap();
    let changes = [Change::Name(name), Change::Role(Role::Listen), some_token()];
    let entries = changes.into_iter().zip(1..);
    let entries = entries.map(|(change, counter)| signed(account, change, writer, counter));
    entries.collect()
}

#[test]
fn a_member_that_floods_fills_no_memory() {
    let members = Below(10);
    let mut directory = Directory::default();
    assert_eq!(take(&mut directory, &members, person(7, 1)), 3);
    // A hostile member fills what it may, in one message, and as many strangers as it likes to be.
    let deleted = |number: u32| signed(1_000_000 + number, Change::Deleted, 2, 1);
    let flood = (0..100_100).map(deleted).collect();
    assert_eq!(take(&mut directory, &members, flood), ENTRIES_OF_MEMBER_MAX);
    assert_eq!(take(&mut directory, &members, vec![deleted(200_000)]), 0);
    let strange = |number: u32| signed(2_000_000 + number, Change::Deleted, 100 + number, 1);
    let strangers = (0..25_100).map(strange).collect();
    let taken = take(&mut directory, &members, strangers);
    assert_eq!(taken, ENTRIES_OF_STRANGERS_MAX);
    // The others have room, and what takes something away from whoever is there is always taken.
    assert_eq!(take(&mut directory, &members, person(8, 3)), 3);
    let away = [Change::Disabled, Change::TokensEnded];
    for writer in [2, 200] {
        let away = away
            .clone()
            .map(|change| signed(8, change, writer, 1000 + writer));
        assert_eq!(take(&mut directory, &members, away.to_vec()), 2);
    }
    assert!(
        directory
            .account(AccountId(numbered(8)))
            .unwrap()
            .is_disabled
    );
    // A restart loses nothing of it.
    let mut restored = Directory::default();
    for entry in directory.entries() {
        restored.restore(entry.clone()).unwrap();
    }
    assert_eq!(restored, directory);
}

#[test]
fn an_account_has_a_bounded_number_of_tokens() {
    let members = Below(10);
    let mut directory = Directory::default();
    let tokens = (0..5000).map(|n| signed(1, some_token(), 1, n)).collect();
    assert_eq!(take(&mut directory, &members, tokens), TOKEN_SLOTS_MAX);
    let more = signed(1, some_token(), 1, 6000);
    assert_eq!(take(&mut directory, &members, vec![more]), 0);
    // Its owner gets in again by ending all.
    let ended = signed(1, Change::TokensEnded, 1, 7000);
    assert_eq!(take(&mut directory, &members, vec![ended]), 1);
    assert_eq!(directory.entries().count(), 1);
}

#[test]
fn only_what_its_writer_signed_is_merged() {
    let members = Below(10);
    let good = signed(1, Change::Role(Role::Listen), 1, 1);
    let unsigned = Entry {
        signature: Vec::new(),
        ..good.clone()
    };
    // Another change under the same signature, which would win.
    let mut forged = good.clone();
    forged.change = Change::Role(Role::Admin);
    forged.stamp.counter = 2;
    let mut directory = Directory::default();
    let room = Room::new(&directory, Some(&members));
    let gathered = room.gather(vec![unsigned, good.clone(), forged], NOW_MS, &Hashed(0));
    let why = (good.stamp.writer, Refused::Unsigned.to_string());
    assert_eq!(gathered.refused, BTreeMap::from([(why, 2)]));
    assert_eq!(gathered.taken, [good]);
    assert_eq!(take(&mut directory, &members, gathered.taken), 1);
}
