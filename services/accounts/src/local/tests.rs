//! People who sign in, and what becomes of their tokens.

use super::{tokens::TOKENS_MAX, *};
use crate::{entry::DAY_MS, signatures::Alone, store::MemoryStore};

const NOW_MS: u64 = 1_800_000_000_000;

fn secret(text: &str) -> Secret {
    Secret::from(text.to_owned())
}

fn user(name: &str, role: Role) -> NewUser {
    NewUser {
        name: name.into(),
        password: secret("correct horse"),
        role,
    }
}

fn attempt(name: &str, password: &str) -> SignIn {
    SignIn {
        name: name.into(),
        password: secret(password),
        kind: TokenKind::Session,
        scope: None,
        label: "a test".into(),
        from: None,
    }
}

async fn opened(store: &Arc<MemoryStore>, now: Now) -> LocalAccounts {
    let store: Arc<dyn EntryStore> = Arc::<MemoryStore>::clone(store);
    LocalAccounts::open(store, Arc::new(Alone::new()), now, None)
        .await
        .unwrap()
}

/// Accounts with the administrator Ada, who is signed in.
async fn with_ada() -> (Arc<MemoryStore>, LocalAccounts, MadeToken) {
    let store = Arc::new(MemoryStore::default());
    let accounts = opened(&store, || NOW_MS).await;
    accounts
        .add(None, user("Ada", Role::Admin), true)
        .await
        .unwrap();
    let ada = accounts
        .sign_in(attempt("ADA", "correct horse"))
        .await
        .unwrap();
    (store, accounts, ada)
}

#[tokio::test]
async fn a_token_is_good_until_it_ends_or_is_revoked() {
    let (store, accounts, ada) = with_ada().await;
    assert_eq!(
        accounts.authenticate(&ada.secret).await.unwrap(),
        ada.caller
    );
    let wrong = ada.secret.expose();
    let wrong = format!(
        "{}{}",
        &wrong[..wrong.len() - 1],
        if wrong.ends_with('0') { "1" } else { "0" }
    );
    for bad in [
        &wrong,
        "",
        "kadenza_",
        &format!("kadenza_{}", "é".repeat(64)),
    ] {
        assert!(accounts.authenticate(&secret(bad)).await.is_err(), "{bad}");
    }
    // Another process with the same store knows it, until it ends.
    let later = opened(&store, || NOW_MS + 29 * DAY_MS).await;
    later.authenticate(&ada.secret).await.unwrap();
    let ended = opened(&store, || NOW_MS + 30 * DAY_MS).await;
    assert!(ended.authenticate(&ada.secret).await.is_err());

    accounts
        .revoke_token(&ada.caller, ada.info.id)
        .await
        .unwrap();
    assert!(accounts.authenticate(&ada.secret).await.is_err());
    assert!(
        opened(&store, || NOW_MS)
            .await
            .authenticate(&ada.secret)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_changed_password_or_a_disabling_ends_what_was() {
    let (_, accounts, ada) = with_ada().await;
    let bob = accounts
        .add_user(&ada.caller, user("bob", Role::Listen))
        .await
        .unwrap();
    let sign_in = || accounts.sign_in(attempt("bob", "correct horse"));
    let signed_in = sign_in().await.unwrap();
    let disable = |is_disabled| UserChange {
        is_disabled: Some(is_disabled),
        ..UserChange::default()
    };
    accounts
        .change_user(&ada.caller, bob.id, disable(true))
        .await
        .unwrap();
    assert!(accounts.authenticate(&signed_in.secret).await.is_err());
    assert!(matches!(sign_in().await, Err(AccountsError::WrongPassword)));
    accounts
        .change_user(&ada.caller, bob.id, disable(false))
        .await
        .unwrap();
    // Who is enabled again signs in again: somebody else may have had the token.
    assert!(accounts.authenticate(&signed_in.secret).await.is_err());
    let signed_in = sign_in().await.unwrap();

    let new = UserChange {
        password: Some(secret("battery staple")),
        ..UserChange::default()
    };
    accounts
        .change_user(&ada.caller, bob.id, new)
        .await
        .unwrap();
    assert!(accounts.authenticate(&signed_in.secret).await.is_err());
    assert!(sign_in().await.is_err());
    let bob_again = accounts
        .sign_in(attempt("bob", "battery staple"))
        .await
        .unwrap();
    accounts.delete_user(&ada.caller, bob.id).await.unwrap();
    assert!(accounts.authenticate(&bob_again.secret).await.is_err());
}

#[tokio::test]
async fn nobody_gives_himself_a_larger_role() {
    let (_, accounts, ada) = with_ada().await;
    let bob = accounts
        .add_user(&ada.caller, user("bob", Role::Listen))
        .await
        .unwrap();
    let signed_in = accounts
        .sign_in(attempt("bob", "correct horse"))
        .await
        .unwrap()
        .caller;
    let role = UserChange {
        role: Some(Role::Admin),
        ..UserChange::default()
    };
    assert!(
        accounts
            .change_user(&signed_in, bob.id, role)
            .await
            .is_err()
    );
    assert!(accounts.users(&signed_in).await.is_err());
    assert!(
        accounts
            .add_user(&signed_in, user("eve", Role::Admin))
            .await
            .is_err()
    );
    assert!(
        accounts
            .delete_user(&signed_in, ada.caller.account)
            .await
            .is_err()
    );
    let without_the_current = UserChange {
        password: Some(secret("battery staple")),
        ..UserChange::default()
    };
    assert!(
        accounts
            .change_user(&signed_in, bob.id, without_the_current.clone())
            .await
            .is_err()
    );
    assert!(
        accounts
            .change_user(&signed_in, ada.caller.account, without_the_current)
            .await
            .is_err()
    );
    let token = |kind, scope| NewToken {
        kind,
        scope,
        label: "x".into(),
        days: 1,
    };
    assert!(
        accounts
            .make_token(&signed_in, token(TokenKind::App, Role::Upload))
            .await
            .is_err()
    );

    // The token of an app may do as much as it was given, and makes no other token.
    let app = accounts
        .make_token(&ada.caller, token(TokenKind::App, Role::Listen))
        .await
        .unwrap();
    assert_eq!(app.caller.role, Role::Listen);
    assert!(accounts.users(&app.caller).await.is_err());
    assert!(
        accounts
            .make_token(&app.caller, token(TokenKind::App, Role::Listen))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let (_, accounts, ada) = with_ada().await;
    let id = ada.caller.account;
    let listen = UserChange {
        role: Some(Role::Listen),
        ..UserChange::default()
    };
    let disable = UserChange {
        is_disabled: Some(true),
        ..UserChange::default()
    };
    for change in [listen, disable] {
        let refused = accounts.change_user(&ada.caller, id, change).await;
        assert!(matches!(refused, Err(AccountsError::LastAdmin)));
    }
    assert!(matches!(
        accounts.delete_user(&ada.caller, id).await,
        Err(AccountsError::LastAdmin)
    ));
}

#[tokio::test]
async fn who_guesses_is_told_to_wait() {
    let (_, accounts, _) = with_ada().await;
    for _ in 0..5 {
        let wrong = accounts.sign_in(attempt("ada", "guess guess")).await;
        assert!(matches!(wrong, Err(AccountsError::WrongPassword)));
    }
    let right = accounts.sign_in(attempt("ada", "correct horse")).await;
    assert!(matches!(right, Err(AccountsError::Wait { seconds: 1 })));
}

#[tokio::test]
async fn the_first_administrator_has_the_code() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("first-admin");
    let first = FirstCode::at(path.clone()).unwrap();
    let code = first.code().clone();
    assert_eq!(
        FirstCode::at(path.clone()).unwrap().code().expose(),
        code.expose()
    );
    let store: Arc<dyn EntryStore> = Arc::new(MemoryStore::default());
    let accounts = LocalAccounts::open(store, Arc::new(Alone::new()), || NOW_MS, Some(first))
        .await
        .unwrap();
    assert!(accounts.needs_first_admin().await.unwrap());
    let make_named = async |name: &str, code: &str| {
        accounts
            .make_first_admin(&secret(code), user(name, Role::Listen), None)
            .await
    };
    let make = |code| make_named("ada", code);
    assert!(make("00000000000000000000000000000000").await.is_err());
    let (one, two) = tokio::join!(make(code.expose()), make(code.expose()));
    assert_eq!(usize::from(one.is_ok()) + usize::from(two.is_ok()), 1);
    assert_eq!(one.or(two).unwrap().role, Role::Admin);
    assert!(make(code.expose()).await.is_err());
    assert!(!path.exists());
    // Nor is it good for anything where two sides of a cut have left no administrator.
    let id = accounts.state.read().directory.named("ada").unwrap().id;
    let demoted = accounts.write(None, |_| Ok(((), vec![(id, Change::Role(Role::Listen))])));
    demoted.await.unwrap();
    assert!(accounts.needs_first_admin().await.unwrap());
    assert!(make(code.expose()).await.is_err());
    // Not because the name is taken.
    assert!(make_named("eve", code.expose()).await.is_err());
    let again = accounts.reset("ada", secret("battery staple")).await;
    assert_eq!(again.unwrap().role, Role::Admin);
}

#[tokio::test]
async fn a_sign_in_beyond_the_bound_ends_the_oldest_session() {
    let (_, accounts, ada) = with_ada().await;
    let account = accounts.account(ada.caller.account).unwrap();
    for n in 0..TOKENS_MAX {
        let wanted = NewToken {
            kind: TokenKind::Session,
            scope: Role::Listen,
            label: n.to_string(),
            days: 1,
        };
        accounts.give_token(&account, wanted).await.unwrap();
    }
    assert_eq!(
        accounts.tokens(&ada.caller).await.unwrap().len(),
        TOKENS_MAX
    );
    assert!(accounts.authenticate(&ada.secret).await.is_err());
}

#[tokio::test]
async fn what_changes_nothing_is_not_written() {
    let (store, accounts, ada) = with_ada().await;
    let before = store.load().await.unwrap();
    for role in [None, Some(Role::Admin)] {
        let change = UserChange {
            role,
            ..UserChange::default()
        };
        let id = ada.caller.account;
        accounts.change_user(&ada.caller, id, change).await.unwrap();
    }
    assert_eq!(store.load().await.unwrap(), before);
}

/// A store that waits until it is let go on.
#[derive(Debug, Default)]
struct Slow {
    kept: MemoryStore,
    puts: tokio::sync::Notify,
    go_on: tokio::sync::Notify,
}

#[async_trait]
impl EntryStore for Slow {
    async fn load(&self) -> kadenza_contract::Result<Vec<crate::entry::Entry>> {
        self.kept.load().await
    }

    async fn put(&self, entries: &[crate::entry::Entry]) -> kadenza_contract::Result<()> {
        self.kept.put(entries).await?;
        self.puts.notify_one();
        self.go_on.notified().await;
        Ok(())
    }

    async fn forget(&self, keys: &[String]) -> kadenza_contract::Result<()> {
        self.kept.forget(keys).await
    }
}

#[tokio::test]
async fn who_hangs_up_leaves_memory_as_the_disk_is() {
    let store = Arc::new(Slow::default());
    let kept: Arc<dyn EntryStore> = Arc::<Slow>::clone(&store);
    let accounts = LocalAccounts::open(kept, Arc::new(Alone::new()), || NOW_MS, None);
    let accounts = accounts.await.unwrap();
    tokio::select! {
        _ = accounts.add(None, user("Ada", Role::Admin), true) => panic!("it was not let go on"),
        () = store.puts.notified() => {}
    }
    store.go_on.notify_one();
    // The next one to write comes after it, and knows of it.
    let _turn = accounts.turn().await.unwrap();
    assert_eq!(accounts.names(), ["Ada"]);
}

static LATER_MS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

#[tokio::test]
async fn what_ended_is_forgotten_while_it_runs() {
    use std::sync::atomic::Ordering::Relaxed;
    let (store, _, ada) = with_ada().await;
    let accounts = opened(&store, || NOW_MS + LATER_MS.load(Relaxed)).await;
    accounts.authenticate(&ada.secret).await.unwrap();
    let before = store.load().await.unwrap().len();
    accounts.prune().await.unwrap();
    assert_eq!(store.load().await.unwrap().len(), before);
    LATER_MS.store(32 * DAY_MS, Relaxed);
    accounts.prune().await.unwrap();
    assert_eq!(store.load().await.unwrap().len(), before - 1);
}

#[tokio::test]
async fn what_is_not_understood_is_left_in_the_store() {
    let (store, _, _) = with_ada().await;
    let mut strange = store.load().await.unwrap().remove(0);
    strange.account = AccountId::from_bytes([9; 16]);
    strange.change = Change::Shown("two\nlines".into());
    store.put(&[strange.clone()]).await.unwrap();
    drop(opened(&store, || NOW_MS).await);
    assert!(store.load().await.unwrap().contains(&strange));
}

/// A store of several processes.
#[derive(Debug, Default)]
struct Shared(Mutex<Vec<crate::entry::Entry>>);

#[async_trait]
impl EntryStore for Shared {
    async fn load(&self) -> kadenza_contract::Result<Vec<crate::entry::Entry>> {
        Ok(self.0.lock().clone())
    }

    async fn put(&self, entries: &[crate::entry::Entry]) -> kadenza_contract::Result<()> {
        self.0.lock().extend_from_slice(entries);
        Ok(())
    }

    async fn forget(&self, _keys: &[String]) -> kadenza_contract::Result<()> {
        Ok(())
    }

    async fn put_after(&self, place: u64) -> kadenza_contract::Result<Option<crate::store::Put>> {
        let kept = self.0.lock();
        let read = usize::try_from(place).unwrap_or(usize::MAX).min(kept.len());
        Ok(Some(crate::store::Put {
            entries: kept[read..].to_vec(),
            place: kept.len() as u64,
        }))
    }
}

#[tokio::test]
async fn a_write_builds_on_those_of_other_processes() {
    let store: Arc<dyn EntryStore> = Arc::new(Shared::default());
    let open = || {
        let store = Arc::clone(&store);
        LocalAccounts::open(store, Arc::new(Alone::new()), || NOW_MS, None)
    };
    let (one, other) = (open().await.unwrap(), open().await.unwrap());
    let ada = user("Ada", Role::Admin);
    one.add(None, ada.clone(), true).await.unwrap();
    // The other one has not read it yet.
    let again = other.add(None, ada.clone(), true).await;
    assert!(matches!(again, Err(AccountsError::WrongPassword)));
    let again = other.add(None, ada, false).await;
    assert!(matches!(again, Err(AccountsError::Exists)));
}
