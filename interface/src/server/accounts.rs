//! The accounts of a server: beside its library, with a code for the first administrator.

use std::{
    fs::File,
    path::Path,
    sync::{Arc, Weak},
    time::{Duration, SystemTime},
};

#[cfg(feature = "distributed")]
use kadenza_distributed::NodeWriter;
#[cfg(not(feature = "distributed"))]
use kadenza_services::accounts::Alone;
use kadenza_services::{
    MusicService,
    accounts::{Accounts, AccountsError, EntryStore, FirstCode, LocalAccounts, Signatures, User},
    library::{AccountsFile, lock},
};
use kadenza_stack::LibraryLocation;
use kadenza_terminal::{chain, note, plain};

use crate::fault::Fault;

/// How soon a server knows what another one with the same library has written.
const FOLLOWED_EVERY: Duration = Duration::from_secs(1);

/// How often a server forgets tokens that ended long ago.
const TIDIED_EVERY: Duration = Duration::from_secs(60 * 60);

/// What [`AccountsFile`] is called.
const FILE: &str = "accounts.db";

/// Opens a library alone, with the accounts that it keeps.
///
/// # Errors
///
/// [`Fault::Usage`] for a library that keeps none yet, and those of opening.
pub(super) async fn with_library(
    location: LibraryLocation,
) -> Result<(Arc<dyn MusicService>, Arc<dyn Accounts>), Fault> {
    let data = location.data().map(Path::to_owned);
    let is_shared = matches!(location, LibraryLocation::Postgres { .. });
    let (library, store) = location.open_with_accounts().await?;
    let (Some(store), Some(data)) = (store, data) else {
        return Err(Fault::Usage(
            "a library at grpc:// keeps no accounts yet: add --no-sign-in if whoever reaches --http may do everything"
                .to_owned(),
        ));
    };
    let accounts = open(store, &data, true).await?;
    if is_shared {
        tokio::spawn(follow(Arc::downgrade(&accounts)));
    }
    Ok((library, accounts))
}

/// Reads what other servers write, until the accounts are closed.
async fn follow(accounts: Weak<LocalAccounts>) {
    loop {
        tokio::time::sleep(FOLLOWED_EVERY).await;
        let Some(accounts) = accounts.upgrade() else {
            return;
        };
        if let Err(error) = accounts.refresh().await {
            tracing::warn!(
                error = chain(&error),
                "what other servers write of accounts is not read"
            );
        }
    }
}

/// Opens the accounts of a store, for the server of a data directory. The first administrator is made with a code of the
/// machine where they began.
///
/// # Errors
///
/// If they cannot be read: nobody is let in on a guess.
pub(super) async fn open(
    store: Arc<dyn EntryStore>,
    data: &Path,
    began_here: bool,
) -> Result<Arc<LocalAccounts>, Fault> {
    let path = data.join("first-admin-code");
    let first = match began_here || path.exists() {
        true => {
            let code = FirstCode::at(path.clone());
            Some(code.map_err(|cause| {
                Fault::file("keep the code of the first administrator in", &path, cause)
            })?)
        }
        false => None,
    };
    let code = first.as_ref().map(|first| first.code().clone());
    let accounts = LocalAccounts::open(store, writer(data)?, now_ms, first);
    let accounts = accounts.await.map_err(worded)?;
    match (accounts.needs_first_admin().await.map_err(worded)?, code) {
        // To whoever started the server, and to no log.
        (true, Some(code)) => note(&format!(
            "nobody can sign in yet. Make the first administrator with this code, which is also in {}:\n  {}\n  \
             kadenza login --first-admin, or the page of a player",
            path.display(),
            code.expose(),
        )),
        (false, Some(_)) => accounts.spend_first_code(),
        (_, None) => {}
    }
    let accounts = Arc::new(accounts);
    tokio::spawn(tidy(Arc::downgrade(&accounts)));
    Ok(accounts)
}

/// Forgets what ended long ago, until the accounts are closed.
async fn tidy(accounts: Weak<LocalAccounts>) {
    loop {
        tokio::time::sleep(TIDIED_EVERY).await;
        let Some(accounts) = accounts.upgrade() else {
            return;
        };
        if let Err(error) = accounts.prune().await {
            tracing::warn!(
                error = chain(&error),
                "tokens that ended long ago are not forgotten"
            );
        }
    }
}

/// Who writes here. A server alone may be a node one day, and then its accounts are those of the network.
#[cfg(feature = "distributed")]
fn writer(data: &Path) -> Result<Arc<dyn Signatures>, Fault> {
    let writer = NodeWriter::of(data).map_err(|error| Fault::Failed(chain(&error)))?;
    Ok(Arc::new(writer))
}

/// Who writes here: there are no others.
#[cfg(not(feature = "distributed"))]
fn writer(_data: &Path) -> Result<Arc<dyn Signatures>, Fault> {
    Ok(Arc::new(Alone::new()))
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
            "{} holds no accounts: name the --data of a server that asks people to sign in. Servers with a library on \
             PostgreSQL have theirs in its database, as it has no files: stop them all, have the database \
             `DELETE FROM account_entries WHERE key LIKE '% password'`, and start one, which prints a code for a new \
             administrator, who gives the others new passwords",
            data.display()
        )));
    }
    let lock = lock(&data.join("lock"))?;
    let store = Arc::new(AccountsFile::open(data).await?);
    let accounts = LocalAccounts::open(store, writer(data)?, now_ms, None);
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
                let names = self.accounts.names().into_iter();
                let names = names.map(|name| plain(&name));
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
