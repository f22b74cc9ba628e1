//! The accounts of several servers that share a library on PostgreSQL.

use std::sync::Arc;

use kadenza_integration_tests::{servers, stacks::Backends};
use kadenza_services::{
    PostgresLibrary,
    accounts::{
        Accounts, AccountsError, Alone, FirstCode, LocalAccounts, MadeToken, NewUser, Role, SignIn,
        TokenKind, UserChange,
    },
};

fn now_ms() -> u64 {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed();
    u64::try_from(since.unwrap().as_millis()).unwrap()
}

async fn opened(library: &PostgresLibrary, first: Option<FirstCode>) -> LocalAccounts {
    let store = Arc::new(library.clone());
    let opened = LocalAccounts::open(store, Arc::new(Alone::new()), now_ms, first).await;
    opened.unwrap()
}

fn user(name: &str, role: Role) -> NewUser {
    NewUser {
        name: name.to_owned(),
        password: "correct horse".to_owned().into(),
        role,
    }
}

async fn sign_in(accounts: &LocalAccounts, name: &str) -> Result<MadeToken, AccountsError> {
    let attempt = SignIn {
        name: name.to_owned(),
        password: "correct horse".to_owned().into(),
        kind: TokenKind::Session,
        scope: None,
        label: String::new(),
        from: None,
    };
    accounts.sign_in(attempt).await
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_on_one_database_have_the_same_accounts() {
    let Some(server) = servers::shared_postgres() else {
        return;
    };
    let backends = Backends::start(&server, 2).await.unwrap();
    let [library, other_library] = &backends.libraries[..] else {
        panic!("two of them")
    };
    let folder = tempfile::tempdir().unwrap();
    let first = FirstCode::at(folder.path().join("code")).unwrap();
    let code = first.code().clone();
    let one = opened(library, Some(first)).await;
    let other = opened(other_library, None).await;
    one.make_first_admin(&code, user("ada", Role::Admin), None)
        .await
        .unwrap();

    // Who signs in at one is known at the other at once, whatever that one has read.
    let ada = sign_in(&one, "ada").await.unwrap();
    assert_eq!(other.authenticate(&ada.secret).await.unwrap(), ada.caller);
    other
        .add_user(&ada.caller, user("bob", Role::Listen))
        .await
        .unwrap();
    one.refresh().await.unwrap();
    let bob = sign_in(&one, "bob").await.unwrap();

    // Each changes the same thing and has not read what the other wrote: the later one is kept, by both and on disk.
    let role = async |accounts: &LocalAccounts, role| {
        let change = UserChange {
            role: Some(role),
            ..UserChange::default()
        };
        let changed = accounts
            .change_user(&ada.caller, bob.caller.account, change)
            .await;
        changed.unwrap();
    };
    role(&other, Role::Upload).await;
    role(&one, Role::Admin).await;
    role(&other, Role::Listen).await;
    one.refresh().await.unwrap();
    other.refresh().await.unwrap();
    assert_eq!(one.digests(), other.digests());

    // What was revoked at one is refused at the other as soon as it reads, and after a restart.
    one.revoke_token(&bob.caller, bob.caller.token)
        .await
        .unwrap();
    other.refresh().await.unwrap();
    let refused = other.authenticate(&bob.secret).await;
    assert!(matches!(refused, Err(AccountsError::NotSignedIn)));
    let again = opened(library, None).await;
    assert_eq!(again.digests(), one.digests());
    assert!(again.authenticate(&ada.secret).await.is_ok());
}
