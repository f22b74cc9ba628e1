//! Nodes that keep the same accounts.

use super::*;
use crate::{
    entry::Change,
    entry::TokenKind,
    error::AccountsError,
    ids::AccountId,
    local::Now,
    role::Role,
    secret::Secret,
    service::{Accounts as _, NewUser, SignIn, UserChange},
    signatures::{Signatures as _, testing::Hashed},
    store::{EntryStore as _, MemoryStore},
};

const NOW: Now = || 1_800_000_000_000;

async fn node(writer: u8) -> (Arc<MemoryStore>, LocalAccounts) {
    let store = Arc::new(MemoryStore::default());
    let kept: Arc<dyn crate::store::EntryStore> = Arc::<MemoryStore>::clone(&store);
    let accounts = LocalAccounts::open(kept, Arc::new(Hashed(writer)), NOW, None).await;
    (store, accounts.unwrap())
}

fn user(name: &str, role: Role) -> NewUser {
    NewUser {
        name: name.into(),
        password: Secret::from("correct horse".to_owned()),
        role,
    }
}

fn attempt(name: &str) -> SignIn {
    SignIn {
        name: name.into(),
        password: Secret::from("correct horse".to_owned()),
        kind: TokenKind::Session,
        scope: None,
        label: "a test".into(),
        from: None,
    }
}

/// Gives `to` all that it lacks, a few entries at a time.
async fn give(from: &LocalAccounts, to: &LocalAccounts) -> usize {
    let (theirs, mut after, mut given) = (to.digests(), String::new(), 0);
    loop {
        let Lacking { entries, next } = from.lacking(&theirs, &after, 1000);
        given += to.take(entries).await.unwrap();
        match next {
            Some(next) => after = next,
            None => return given,
        }
    }
}

#[tokio::test]
async fn two_sides_of_a_cut_agree_when_it_heals() {
    let (_, one) = node(1).await;
    let (store, other) = node(2).await;
    let ada = one.add(None, user("Ada", Role::Admin), true).await.unwrap();
    assert_eq!(give(&one, &other).await, 3);
    // What is known is not given again.
    assert_eq!(give(&one, &other).await, 0);
    assert!(!other.needs_first_admin().await.unwrap());

    // Whoever has an account signs in on either side, and each side changes something.
    let here = one.sign_in(attempt("ada")).await.unwrap();
    let there = other.sign_in(attempt("ada")).await.unwrap();
    let lin = user("Lin", Role::Listen);
    let lin = one.add_user(&here.caller, lin).await.unwrap();
    let disabled = UserChange {
        is_disabled: Some(true),
        ..UserChange::default()
    };
    for number in 0..20 {
        let name = format!("user {number}");
        let added = other
            .add_user(&there.caller, user(&name, Role::Upload))
            .await;
        added.unwrap();
    }
    give(&one, &other).await;
    give(&other, &one).await;
    assert_eq!(one.digests(), other.digests());
    assert_eq!(other.users(&there.caller).await.unwrap().len(), 22);

    // A token of one side is good on the other, until it is revoked anywhere.
    assert_eq!(
        other.authenticate(&here.secret).await.unwrap().account,
        ada.id
    );
    other
        .revoke_token(&there.caller, here.caller.token)
        .await
        .unwrap();
    one.change_user(&here.caller, lin.id, disabled)
        .await
        .unwrap();
    give(&other, &one).await;
    give(&one, &other).await;
    let gone = one.authenticate(&here.secret).await;
    assert!(matches!(gone, Err(AccountsError::NotSignedIn)));
    let refused = other.sign_in(attempt("lin")).await;
    assert!(matches!(refused, Err(AccountsError::WrongPassword)));

    // All of it is on the disk of the one that only heard of it.
    let kept: Arc<dyn crate::store::EntryStore> = store;
    let again = LocalAccounts::open(kept, Arc::new(Hashed(2)), NOW, None).await;
    assert_eq!(again.unwrap().digests(), one.digests());
}

#[tokio::test]
async fn what_is_forged_is_not_taken_nor_in_the_way() {
    let (_, one) = node(1).await;
    let (store, other) = node(2).await;
    let ada = one
        .add(None, user("Ada", Role::Listen), true)
        .await
        .unwrap();
    let entries = one.lacking(&Digests::new(), "", usize::MAX).entries;
    let forged = entries.iter().map(|entry| match entry.change {
        Change::Role(_) => Entry {
            change: Change::Role(Role::Admin),
            ..entry.clone()
        },
        _ => Entry {
            account: AccountId::from_bytes([9; 16]),
            ..entry.clone()
        },
    });
    // The genuine ones in one message with them.
    let both: Vec<Entry> = forged.chain(entries.iter().cloned()).collect();
    assert_eq!(other.take(both).await.unwrap(), 3);
    assert_eq!(other.account(ada.id).unwrap().role, Role::Listen);
    assert_eq!(store.load().await.unwrap().len(), 3);
}

#[tokio::test]
async fn of_two_in_one_message_the_later_is_kept() {
    let (_, one) = node(1).await;
    let (store, other) = node(2).await;
    let id = AccountId::from_bytes([4; 16]);
    let role = |role, counter| {
        let stamp = crate::ids::Stamp {
            wall_ms: 1,
            counter,
            writer: Hashed(1).writer(),
        };
        one.signed(id, Change::Role(role), stamp, None)
    };
    let later = role(Role::Admin, 2);
    let taken = other.take(vec![later.clone(), role(Role::Upload, 1)]).await;
    assert_eq!(taken.unwrap(), 1);
    assert_eq!(store.load().await.unwrap(), [later]);
}

#[tokio::test]
async fn a_change_that_no_other_node_would_take_is_refused() {
    // The clock was a year ahead once.
    const YEAR_MS: u64 = 365 * 24 * 60 * 60 * 1000;
    const AHEAD: Now = || 1_800_000_000_000 + YEAR_MS;
    let (store, _) = node(1).await;
    let open = |now| {
        let kept: Arc<dyn crate::store::EntryStore> = Arc::<MemoryStore>::clone(&store);
        LocalAccounts::open(kept, Arc::new(Hashed(1)), now, None)
    };
    let ahead = open(AHEAD).await.unwrap();
    ahead
        .add(None, user("Ada", Role::Admin), true)
        .await
        .unwrap();
    ahead.sign_in(attempt("ada")).await.unwrap();

    let one = open(NOW).await.unwrap();
    let _told = one.written().unwrap();
    let refused = one.sign_in(attempt("ada")).await;
    let Err(AccountsError::Conflict { what }) = refused else {
        panic!("{refused:?}");
    };
    assert!(what.contains("clock") && what.contains("users reset"));

    // Whoever knows that the clock is right now has it written anew, and the other nodes take it.
    let stopped = open(NOW).await.unwrap();
    let again = Secret::from("correct horse".to_owned());
    stopped.reset("ada", again).await.unwrap();
    let one = open(NOW).await.unwrap();
    let _told = one.written().unwrap();
    let (_, other) = node(2).await;
    let signed_in = tokio::time::timeout(
        std::time::Duration::from_secs(60),
        one.sign_in(attempt("ada")),
    );
    let signed_in = signed_in.await.unwrap().unwrap();
    give(&one, &other).await;
    other.authenticate(&signed_in.secret).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_next_writes_while_others_are_told() {
    let (_, one) = node(1).await;
    one.add(None, user("Ada", Role::Admin), true).await.unwrap();
    let mut written = one.written().unwrap();
    // The other nodes hear of the first write, and do not answer.
    let turn = async {
        let waiting = written.recv().await.unwrap();
        let turn = one.turn().await.unwrap();
        assert!(!waiting.told.is_closed(), "the first one waits no longer");
        drop(turn);
    };
    let (signed_in, ()) = tokio::join!(one.sign_in(attempt("ada")), turn);
    signed_in.unwrap();
}

#[tokio::test]
async fn two_networks_that_become_one_keep_all_people() {
    let (_, one) = node(1).await;
    let (_, other) = node(2).await;
    for accounts in [&one, &other] {
        accounts
            .add(None, user("Ada", Role::Admin), true)
            .await
            .unwrap();
    }
    give(&one, &other).await;
    give(&other, &one).await;
    assert_eq!(one.names(), other.names());
    let names = one.names();
    assert_eq!(names[0], "Ada");
    assert!(names[1].starts_with("Ada~"));
    let mut who = std::collections::BTreeSet::new();
    for accounts in [&one, &other] {
        for name in &names {
            let caller = accounts.sign_in(attempt(name)).await.unwrap().caller;
            assert_eq!(&caller.name, name);
            who.insert((caller.name, caller.account));
        }
    }
    assert_eq!(who.len(), 2);
}
