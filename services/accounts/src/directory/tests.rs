//! Entries in any order, from friends and from a hostile member.

use proptest::prelude::*;

use super::*;
use crate::{
    entry::TokenKind,
    ids::{SecretHash, WriterId},
    signatures::testing::Hashed,
};

const NOW_MS: u64 = 1_000_000_000;

fn stamp(ms: u64, writer: u8) -> Stamp {
    Stamp {
        wall_ms: NOW_MS + ms,
        counter: 0,
        writer: WriterId([writer; 32]),
    }
}

fn entry(change: Change, stamp: Stamp) -> Entry {
    Entry {
        account: AccountId([1; 16]),
        change,
        stamp,
        actor: None,
        signature: Vec::new(),
    }
}

fn some_token() -> Change {
    Change::Token(Token {
        hash: SecretHash([3; 32]),
        kind: TokenKind::App,
        scope: Role::Listen,
        label: "a player".into(),
        expires_ms: NOW_MS + 1_000_000,
    })
}

fn change() -> impl Strategy<Value = Change> {
    let time = || (0..8_u64, 0..3_u8).prop_map(|(ms, writer)| stamp(ms, writer));
    prop_oneof![
        "[a-c]{1,2}".prop_map(|name| Change::Name(UserName::try_from(name).unwrap())),
        "[a-c]{0,2}".prop_map(Change::Shown),
        prop_oneof![Just(Role::Listen), Just(Role::Upload), Just(Role::Admin)]
            .prop_map(Change::Role),
        Just(Change::Disabled),
        time().prop_map(|lifts| Change::Enabled { lifts }),
        Just(Change::TokensEnded),
        Just(some_token()),
        time().prop_map(|made| Change::TokenGone {
            made,
            expires_ms: NOW_MS + 5
        }),
        Just(Change::Deleted),
    ]
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let entry =
        (0..3_u8, change(), 0..10_u64, 0..3_u8).prop_map(|(account, change, ms, writer)| Entry {
            account: AccountId([account; 16]),
            ..entry(change, stamp(ms, writer))
        });
    prop::collection::vec(entry, 0..40)
}

fn merged<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Directory {
    let mut directory = Directory::default();
    for entry in entries {
        let _ = directory.merge(entry.clone(), NOW_MS);
    }
    directory
}

proptest! {
    #[test]
    fn entries_in_any_order_make_one_directory(
        (entries, shuffled) in entries().prop_flat_map(|e| (Just(e.clone()), Just(e).prop_shuffle())),
        cut in 0..40_usize,
    ) {
        let one = merged(&entries);
        prop_assert_eq!(&one, &merged(&shuffled));
        prop_assert_eq!(&one, &merged(entries.iter().chain(&shuffled)));
        // Two sides of a cut, each with what it kept of its part.
        let (left, right) = entries.split_at(cut.min(entries.len()));
        let (left, right) = (merged(left), merged(right));
        let mut both = left.clone();
        let theirs = left.digests(NOW_MS);
        let ours = right.digests(NOW_MS).into_iter();
        let differ = ours.filter(|(part, digest)| theirs.get(part) != Some(digest));
        for entry in right.of_parts(&differ.map(|(part, _)| part).collect(), NOW_MS).into_values() {
            let _ = both.merge(entry.clone(), NOW_MS);
        }
        prop_assert_eq!(&both, &one);
        prop_assert_eq!(both.digests(NOW_MS), one.digests(NOW_MS));
        prop_assert_eq!(one.entries, one.entries().count());
    }

    #[test]
    fn no_text_breaks_the_parser_of_entries(text in "\\PC{0,200}|[\\[\\]{}\",:0-9a-f]{0,300}") {
        if let Ok(entry) = serde_json::from_str::<Entry>(&text) {
            let _ = entry.check();
        }
    }
}

#[test]
fn disabling_wins_over_enabling_at_the_same_time() {
    let before = [
        entry(
            Change::Name(UserName::try_from("ada".to_owned()).unwrap()),
            stamp(0, 1),
        ),
        entry(Change::Role(Role::Admin), stamp(0, 1)),
        entry(Change::Disabled, stamp(1, 1)),
        entry(Change::Enabled { lifts: stamp(1, 1) }, stamp(9, 1)),
    ];
    let ada = |directory: &Directory| directory.account(AccountId([1; 16])).unwrap();
    assert!(!ada(&merged(&before)).is_disabled);
    // The other side did not see the enabling, which has the later time.
    let meanwhile = entry(Change::Disabled, stamp(5, 2));
    assert!(ada(&merged(before.iter().chain([&meanwhile]))).is_disabled);
}

#[test]
fn a_revoked_token_never_comes_back() {
    let made = entry(some_token(), stamp(1, 1));
    let gone = Change::TokenGone {
        made: made.stamp,
        expires_ms: NOW_MS + 1_000_000,
    };
    let gone = entry(gone, stamp(2, 1));
    for order in [[&made, &gone, &made], [&gone, &made, &made]] {
        let directory = merged(order);
        assert_eq!(directory.tokens(made.account, NOW_MS).count(), 0);
    }
    let ended = entry(Change::TokensEnded, stamp(3, 1));
    assert_eq!(
        merged([&ended, &made]).tokens(made.account, NOW_MS).count(),
        0
    );
    assert_eq!(
        merged([&made, &ended]).tokens(made.account, NOW_MS).count(),
        0
    );
    assert_eq!(merged([&made]).tokens(made.account, NOW_MS).count(), 1);
}

#[test]
fn a_deleted_account_never_comes_back() {
    let role = entry(Change::Role(Role::Admin), stamp(500, 1));
    let deleted = entry(Change::Deleted, stamp(1, 1));
    for order in [[&role, &deleted], [&deleted, &role]] {
        assert_eq!(merged(order).entries().collect::<Vec<_>>(), [&deleted]);
    }
}

#[test]
fn a_hostile_entry_is_refused() {
    let refused = |change, at| {
        Directory::default()
            .merge(entry(change, at), NOW_MS)
            .unwrap_err()
    };
    assert_eq!(
        refused(Change::Disabled, stamp(AHEAD_MS_MAX + 1, 1)),
        Refused::Ahead
    );
    let huge = Stamp {
        wall_ms: u64::MAX,
        counter: u32::MAX,
        writer: WriterId([255; 32]),
    };
    assert_eq!(refused(Change::Disabled, huge), Refused::Ahead);
    for bad in [
        Change::Shown("x".repeat(257)),
        Change::Shown("a\nb".into()),
        Change::Password("plain".into()),
        // A check of this one would take 4 GiB of memory.
        Change::Password("$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHRzb21l$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI".into()),
        Change::Enabled { lifts: stamp(2, 1) },
        Change::TokenGone { made: stamp(2, 1), expires_ms: u64::MAX },
    ] {
        assert!(matches!(refused(bad.clone(), stamp(1, 1)), Refused::Malformed(_)), "{bad:?}");
    }
    let long_ago = Change::TokenGone {
        made: stamp(0, 1),
        expires_ms: 1,
    };
    assert_eq!(refused(long_ago, stamp(1, 1)), Refused::Ended);
}

#[test]
fn a_member_that_floods_fills_no_memory() {
    let mut directory = Directory::default();
    let mut refused = 0;
    for n in 0..ACCOUNTS_MAX as u32 + 10 {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&n.to_be_bytes());
        let entry = Entry {
            account: AccountId(id),
            ..entry(Change::Disabled, stamp(1, 1))
        };
        refused += usize::from(directory.merge(entry, NOW_MS) == Err(Refused::Full));
    }
    assert_eq!(refused, 10);
    let mut directory = Directory::default();
    let full = (0..5000).find(|n| {
        directory
            .merge(entry(some_token(), stamp(*n, 1)), NOW_MS)
            .is_err()
    });
    assert_eq!(full, Some(TOKEN_SLOTS_MAX as u64));
    // Its owner gets in again by ending all.
    let ended = directory.merge(entry(Change::TokensEnded, stamp(6000, 1)), NOW_MS);
    assert_eq!(ended, Ok(Merged::New));
    assert_eq!(directory.entries().count(), 1);
}

#[test]
fn only_what_its_writer_signed_is_merged() {
    let mut entry = entry(Change::Role(Role::Listen), stamp(1, 1));
    let mut directory = Directory::default();
    let refused = directory.merge_signed(entry.clone(), NOW_MS, &Hashed(1));
    assert_eq!(refused, Err(Refused::Unsigned));
    entry.signature = Hashed(1).sign(&entry.message());
    assert!(
        directory
            .merge_signed(entry.clone(), NOW_MS, &Hashed(1))
            .is_ok()
    );
    // Another change under the same signature, which would win.
    entry.change = Change::Role(Role::Admin);
    entry.stamp = stamp(2, 1);
    assert!(directory.merge_signed(entry, NOW_MS, &Hashed(1)).is_err());
}

#[test]
fn what_ended_long_ago_is_no_difference() {
    let token = |expires_ms| match some_token() {
        Change::Token(token) => Change::Token(Token {
            expires_ms,
            ..token
        }),
        other => other,
    };
    let mut kept = merged(&[entry(Change::Role(Role::Listen), stamp(1, 1))]);
    let dropped = kept.clone();
    assert!(
        kept.merge(entry(token(NOW_MS), stamp(2, 1)), NOW_MS)
            .is_ok()
    );
    assert_ne!(kept.digests(NOW_MS), dropped.digests(NOW_MS));
    let later = NOW_MS + MARGIN_MS + 1;
    assert_eq!(kept.digests(later), dropped.digests(later));
}
