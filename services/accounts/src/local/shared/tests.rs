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
