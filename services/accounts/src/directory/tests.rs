//! Entries in any order, from friends and from a hostile member.

use proptest::prelude::*;

use super::*;
use crate::{entry::testing::token_until, ids::WriterId};

const NOW_MS: u64 = 1_000_000_000;
const OLD: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21l$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI";
const NEW: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21m$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI";

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
    token_until(NOW_MS + 1_000_000)
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

/// What is there after a restart.
fn restored(directory: &Directory) -> Directory {
    let mut restored = Directory::default();
    for entry in directory.entries() {
        restored.restore(entry.clone()).unwrap();
    }
    // Accounts without an entry are not loaded.
    for id in directory.accounts.keys() {
        restored.accounts.entry(*id).or_default();
    }
    restored
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
        prop_assert_eq!(one.counts.all(), one.entries().count());
        prop_assert_eq!(&one, &restored(&one));
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

#[test]
fn a_token_ends_within_ten_years() {
    let token = |days: u64| match some_token() {
        Change::Token(token) => Change::Token(Token {
            expires_ms: NOW_MS + days * MARGIN_MS,
            ..token
        }),
        other => other,
    };
    let merge = |change| Directory::default().merge(entry(change, stamp(0, 1)), NOW_MS);
    assert_eq!(merge(token(3650)), Ok(Merged::New));
    assert!(matches!(merge(token(3651)), Err(Refused::Malformed(_))));
}

#[test]
fn a_token_of_an_earlier_password_is_worth_nothing() {
    // One side of a cut changes the password. The other one, which does not know it, signs somebody in later.
    let password = |text: &str| Change::Password(text.to_owned());
    let old = entry(password(OLD), stamp(1, 1));
    let token = |under| match some_token() {
        Change::Token(token) => Change::Token(Token { under, ..token }),
        other => other,
    };
    let elsewhere = entry(token(Some(old.stamp)), stamp(9, 2));
    let changed = [
        entry(password(NEW), stamp(5, 1)),
        entry(Change::TokensEnded, stamp(6, 1)),
    ];
    let good = |entries: &[&Entry]| {
        let directory = merged(entries.iter().copied());
        let one = directory.token(old.account, TokenId::of(old.account, stamp(9, 2)), NOW_MS);
        assert_eq!(
            one.is_some(),
            directory.tokens(old.account, NOW_MS).count() == 1
        );
        one.is_some()
    };
    assert!(good(&[&old, &elsewhere]));
    assert!(!good(&[&old, &elsewhere, &changed[0], &changed[1]]));
    assert!(!good(&[&changed[1], &changed[0], &elsewhere, &old]));
    // One of the new password is good, and so is one of before this was written down.
    let new = entry(token(Some(changed[0].stamp)), stamp(9, 2));
    assert!(good(&[&old, &changed[0], &changed[1], &new]));
    let unknown = entry(token(None), stamp(9, 2));
    assert!(good(&[&old, &changed[0], &changed[1], &unknown]));
    let text = serde_json::to_string(&unknown).unwrap();
    assert!(!text.contains("under"));
    assert_eq!(serde_json::from_str::<Entry>(&text).unwrap(), unknown);
}

#[test]
fn a_name_means_the_same_account_everywhere() {
    let of = |account: u8, change, at| Entry {
        account: AccountId([account; 16]),
        ..entry(change, at)
    };
    let name = |text: &str| Change::Name(UserName::try_from(text.to_owned()).unwrap());
    let entries = [
        of(1, name("ada"), stamp(5, 1)),
        of(1, Change::Role(Role::Admin), stamp(5, 1)),
        of(2, name("Ada"), stamp(3, 2)),
        of(2, Change::Role(Role::Listen), stamp(3, 2)),
        // Nobody signs in as this one, of which too little is known.
        of(3, name("ada"), stamp(1, 2)),
    ];
    for order in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0]] {
        let directory = merged(order.map(|place| &entries[place]));
        let named = |key| directory.named(key).map(|account| account.id.0[0]);
        assert_eq!(named("ada"), Some(2));
        assert_eq!(named("ada~01010101"), Some(1));
        assert_eq!(named("ada~02020202"), None);
        let called = directory.accounts().map(|account| account.called);
        assert_eq!(called.collect::<Vec<_>>(), ["ada~01010101", "Ada"]);
        // The name is free again.
        let mut without = directory.clone();
        let deleted = of(2, Change::Deleted, stamp(6, 1));
        without.merge(deleted, NOW_MS).unwrap();
        assert_eq!(without.named("ada").unwrap().called, "ada");
    }
}
