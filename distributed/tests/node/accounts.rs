//! People's accounts, kept by every node.

use std::{path::Path, sync::Arc};

use kadenza_accounts::{
    Accounts, AccountsError, FirstCode, LocalAccounts, MadeToken, MemoryStore, NewUser, Role,
    SignIn, TokenKind,
};
use kadenza_distributed::{Node, NodeWriter};

use crate::common::{eventually, start};

fn now_ms() -> u64 {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed();
    u64::try_from(since.unwrap().as_millis()).unwrap()
}

/// Accounts in memory, as their store outlives nodes of the test.
async fn accounts(
    directory: &Path,
    store: &Arc<MemoryStore>,
    is_first: bool,
) -> Arc<LocalAccounts> {
    std::fs::create_dir_all(directory).unwrap();
    let first = is_first.then(|| FirstCode::at(directory.join("code")).unwrap());
    let writer = Arc::new(NodeWriter::of(directory).unwrap());
    let store = Arc::<MemoryStore>::clone(store);
    Arc::new(
        LocalAccounts::open(store, writer, now_ms, first)
            .await
            .unwrap(),
    )
}

async fn node(directory: &Path, through: Option<&Node>, accounts: &Arc<LocalAccounts>) -> Node {
    let join = through.map(|node| node.rpc_address().to_string());
    start(directory, join, |config| {
        config.accounts = Some(Arc::clone(accounts));
    })
    .await
}

fn user(name: &str) -> NewUser {
    NewUser {
        name: name.to_owned(),
        password: "correct horse".to_owned().into(),
        role: Role::Upload,
    }
}

async fn sign_in(accounts: &LocalAccounts, name: &str) -> Result<MadeToken, AccountsError> {
    let attempt = SignIn {
        name: name.to_owned(),
        password: "correct horse".to_owned().into(),
        kind: TokenKind::CommandLine,
        scope: None,
        label: "a test".to_owned(),
        from: None,
    };
    accounts.sign_in(attempt).await
}

async fn same_everywhere(nodes: &[&Arc<LocalAccounts>]) {
    eventually(|| async {
        let mut digests = nodes.iter().map(|accounts| accounts.digests());
        let first = digests.next().unwrap();
        let is_same = !first.is_empty() && digests.all(|digest| digest == first);
        is_same
            .then_some(())
            .ok_or_else(|| "the accounts differ".to_owned())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_on_every_node_and_on_those_that_were_away() {
    let data = tempfile::tempdir().unwrap();
    let path = |number: u8| data.path().join(number.to_string());
    let stores: [Arc<MemoryStore>; 4] = Default::default();
    let a = accounts(&path(0), &stores[0], true).await;
    let b = accounts(&path(1), &stores[1], false).await;
    let c = accounts(&path(2), &stores[2], false).await;
    let one = node(&path(0), None, &a).await;
    let other = node(&path(1), Some(&one), &b).await;
    let third = node(&path(2), Some(&one), &c).await;

    // The first administrator is made where the network began, and is one on every node.
    let code = std::fs::read_to_string(path(0).join("code"))
        .unwrap()
        .into();
    let elsewhere = b.make_first_admin(&code, user("mallory"), None).await;
    assert!(matches!(elsewhere, Err(AccountsError::WrongPassword)));
    a.make_first_admin(&code, user("ada"), None).await.unwrap();
    same_everywhere(&[&a, &b, &c]).await;
    let ada = sign_in(&b, "ada").await.unwrap();
    eventually(|| async {
        let known = c.authenticate(&ada.secret).await;
        known.map(|_| ()).map_err(|error| error.to_string())
    })
    .await;

    // One is away while something is written and something is revoked.
    third.shutdown().await;
    drop(third);
    a.add_user(&ada.caller, user("bob")).await.unwrap();
    b.revoke_token(&ada.caller, ada.caller.token).await.unwrap();
    same_everywhere(&[&a, &b]).await;
    assert!(c.authenticate(&ada.secret).await.is_ok());
    let c = accounts(&path(2), &stores[2], false).await;
    let third = node(&path(2), Some(&other), &c).await;
    same_everywhere(&[&a, &b, &c]).await;
    assert!(matches!(
        c.authenticate(&ada.secret).await,
        Err(AccountsError::NotSignedIn)
    ));

    // What only the one that was away has is given to the others; a new node gets all of it.
    sign_in(&c, "bob").await.unwrap();
    let d = accounts(&path(3), &stores[3], false).await;
    let fourth = node(&path(3), Some(&third), &d).await;
    same_everywhere(&[&a, &b, &c, &d]).await;
    for node in [one, other, third, fourth] {
        node.shutdown().await;
    }
}
