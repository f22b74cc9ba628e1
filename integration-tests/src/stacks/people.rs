//! An administrator who has signed in, for servers that ask for it.

use std::sync::Arc;

use kadenza_contract::Credential;
use kadenza_services::accounts::{
    Accounts, Alone, FirstCode, LocalAccounts, MemoryStore, NewUser, Role, SignIn, TokenKind,
};

use super::text;

/// Accounts in memory, and the credential of the administrator.
#[derive(Debug)]
pub(super) struct People {
    pub(super) accounts: Arc<dyn Accounts>,
    pub(super) credential: Credential,
}

impl People {
    pub(super) async fn new() -> Result<People, String> {
        let folder = tempfile::tempdir().map_err(text)?;
        let first = FirstCode::at(folder.path().join("code")).map_err(text)?;
        let code = first.code().clone();
        let (store, writer) = (Arc::new(MemoryStore::default()), Arc::new(Alone::new()));
        // Nothing of a stack lasts so long that a token ends.
        let now = || 1_800_000_000_000;
        let accounts = LocalAccounts::open(store, writer, now, Some(first)).await;
        let accounts = accounts.map_err(text)?;
        let (name, password) = ("ada".to_owned(), "correct horse".to_owned());
        let admin = NewUser {
            name: name.clone(),
            password: password.clone().into(),
            role: Role::Admin,
        };
        let made = accounts.make_first_admin(&code, admin, None).await;
        made.map_err(text)?;
        let attempt = SignIn {
            name,
            password: password.into(),
            kind: TokenKind::CommandLine,
            scope: None,
            label: String::new(),
            from: None,
        };
        let token = accounts.sign_in(attempt).await.map_err(text)?;
        Ok(People {
            accounts: Arc::new(accounts),
            credential: Credential::new(token.secret.expose()).map_err(text)?,
        })
    }
}
