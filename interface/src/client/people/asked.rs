//! A server that is asked about accounts, and its refusals in words that say what to do.

use kadenza_api::{MeJson, PageJson, UserJson, code, paths};
use kadenza_middleware::{AccountCalls, CallError};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    client::servers::{Servers, sign_in_first},
    fault::Fault,
};

/// A server that is asked about accounts, by somebody who has signed in there.
#[derive(Debug)]
pub(super) struct Asked {
    server: String,
    calls: AccountCalls,
}

impl Asked {
    /// Of these servers the first at which the user has signed in.
    pub(super) fn of(servers: &Servers) -> Result<Asked, Fault> {
        let (server, config) = servers.of_accounts()?;
        if config.credential.is_none() {
            return Err(sign_in_first(&server));
        }
        let calls = AccountCalls::new(&server, config)?;
        Ok(Asked { server, calls })
    }

    pub(super) fn server(&self) -> &str {
        &self.server
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Fault> {
        self.worded(self.calls.get(path).await)
    }

    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<T, Fault> {
        self.worded(self.calls.post(path, body).await)
    }

    /// Changes something. The refusal is as it came, since what it means depends on what was sent.
    pub(super) async fn patch<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<T, CallError> {
        self.calls.patch(path, body).await
    }

    pub(super) async fn delete(&self, path: &str) -> Result<(), Fault> {
        self.worded(self.calls.delete(path).await)
    }

    /// The account of the user.
    pub(super) async fn me(&self) -> Result<UserJson, Fault> {
        let me: MeJson = self.get(paths::ME).await?;
        match me.user {
            Some(user) => Ok(user),
            None if me.open => Err(no_accounts(&self.server)),
            None => Err(sign_in_first(&self.server)),
        }
    }

    /// All accounts.
    pub(super) async fn users(&self) -> Result<Vec<UserJson>, Fault> {
        let users: PageJson<UserJson> = self.get(paths::USERS).await?;
        Ok(users.items)
    }

    /// The account of a name, or of an id.
    pub(super) async fn named(&self, name: &str) -> Result<UserJson, Fault> {
        let mut users = self.users().await?;
        let found = users.iter().position(|user| is_named(user, name));
        match found {
            Some(at) => Ok(users.swap_remove(at)),
            None => Err(Fault::Failed(format!(
                "nobody is called {name}: `kadenza users` lists the accounts"
            ))),
        }
    }

    pub(super) fn worded<T>(&self, answer: Result<T, CallError>) -> Result<T, Fault> {
        answer.map_err(|error| match error {
            CallError::Refused(refused) if refused.code == code::NOT_SIGNED_IN => {
                sign_in_first(&self.server)
            }
            error => refusal(&self.server, error),
        })
    }
}

/// Whether this is the account that is meant. Case does not matter, as it does not when signing in.
pub(super) fn is_named(user: &UserJson, name: &str) -> bool {
    user.id == name || user.name.to_lowercase() == name.trim().to_lowercase()
}

/// What a server refuses, in its own words: they say which role is needed, or how long to wait.
pub(super) fn refusal(server: &str, error: CallError) -> Fault {
    match error {
        CallError::Refused(refused) if refused.code == code::NO_ACCOUNTS => no_accounts(server),
        CallError::Refused(refused) => Fault::Failed(format!("{server}: {}", refused.detail)),
        CallError::Failed(error) => Fault::Service(error),
    }
}

pub(super) fn no_accounts(server: &str) -> Fault {
    Fault::Failed(format!(
        "{server} has no accounts: everybody may do everything there"
    ))
}
