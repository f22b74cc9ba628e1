//! The accounts of a server alone: beside its library, with a code for the first administrator.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use kadenza_services::{
    accounts::{Accounts, AccountsError, FirstCode, LocalAccounts, User, WriterId},
    library::{AccountsFile, lock},
};
use kadenza_stack::{HttpListener, LibraryLocation};
use kadenza_terminal::{chain, note, plain};

use super::plan::Base;
use crate::fault::Fault;

/// A server alone needs to tell itself apart from nobody.
const ALONE: WriterId = WriterId::from_bytes([0; 32]);

/// What [`AccountsFile`] is called.
const FILE: &str = "accounts.db";

/// Where the accounts of a base are, if people are to sign in.
///
/// # Errors
///
/// [`Fault::Usage`] where that is not possible yet.
pub(super) fn place(sign_in: bool, base: &Base) -> Result<Option<PathBuf>, Fault> {
    match base {
        _ if !sign_in => Ok(None),
        Base::Library(LibraryLocation::Embedded { data, .. }) => Ok(Some(data.clone())),
        _ => Err(Fault::Usage(
            "--sign-in is so far for a server that is --standalone, with its library in --data: leave it out here"
                .to_owned(),
        )),
    }
}

/// Opens the accounts in a data directory, which the library has locked.
///
/// # Errors
///
/// If they cannot be read: nobody is let in on a guess.
pub(super) async fn open(data: &Path, listener: &HttpListener) -> Result<Arc<dyn Accounts>, Fault> {
    let store = Arc::new(AccountsFile::open(data).await?);
    let path = data.join("first-admin-code");
    let first = FirstCode::at(path.clone());
    let first = first.map_err(|cause| {
        Fault::file("keep the code of the first administrator in", &path, cause)
    })?;
    let code = first.code().clone();
    let accounts = LocalAccounts::open(store, ALONE, now_ms, Some(first))
        .await
        .map_err(worded)?;
    match accounts.needs_first_admin().await.map_err(worded)? {
        // To whoever started the server, and to no log.
        true => note(&format!(
            "nobody can sign in yet. Make the first administrator with this code, which is also in {}:\n  {}\n  \
             kadenza login --first-admin --server {}, or the page of a player",
            path.display(),
            code.expose(),
            listener.url("localhost"),
        )),
        false => accounts.spend_first_code(),
    }
    Ok(Arc::new(accounts))
}

/// The accounts in the data directory of a server that is stopped, for whoever is at its machine.
#[derive(Debug)]
pub(crate) struct Stopped {
    accounts: LocalAccounts,
    /// Held for as long as they are open, so that no server begins meanwhile.
    _lock: File,
}

/// Opens the accounts of a server that is stopped.
///
/// # Errors
///
/// If the server runs, or there are none.
pub(crate) async fn of_stopped(data: &Path) -> Result<Stopped, Fault> {
    if !data.join(FILE).is_file() {
        return Err(Fault::Failed(format!(
            "{} holds no accounts: name the --data of a server that asks people to sign in",
            data.display()
        )));
    }
    let lock = lock(&data.join("lock"))?;
    let store = Arc::new(AccountsFile::open(data).await?);
    let accounts = LocalAccounts::open(store, ALONE, now_ms, None);
    Ok(Stopped {
        accounts: accounts.await.map_err(worded)?,
        _lock: lock,
    })
}

impl Stopped {
    /// Lets somebody in as an administrator with this password.
    ///
    /// # Errors
    ///
    /// If there is no such account, or the password is none.
    pub(crate) async fn reset(&self, name: &str, password: String) -> Result<User, Fault> {
        let reset = self.accounts.reset(name, password.into()).await;
        reset.map_err(|error| match error {
            AccountsError::NotFound => {
                let accounts = self.accounts.directory();
                let names = accounts
                    .accounts()
                    .map(|account| plain(account.name.as_str()));
                Fault::Failed(format!(
                    "nobody is called {}: there are {}",
                    plain(name),
                    names.collect::<Vec<_>>().join(", ")
                ))
            }
            error => worded(error),
        })
    }
}

fn worded(error: AccountsError) -> Fault {
    match error {
        AccountsError::Storage(error) => Fault::Service(error),
        error => Fault::Failed(chain(&error)),
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}
