//! The accounts of a server: beside its library, with a code for the first administrator.

use std::{path::Path, sync::Arc, time::SystemTime};

#[cfg(feature = "distributed")]
use kadenza_distributed::NodeWriter;
#[cfg(not(feature = "distributed"))]
use kadenza_services::accounts::Alone;
use kadenza_services::{
    accounts::{Accounts as _, AccountsError, FirstCode, LocalAccounts, Signatures},
    library::AccountsFile,
};
use kadenza_stack::LibraryLocation;
use kadenza_terminal::{chain, note};

use crate::fault::Fault;

/// Who may become the first administrator of new accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum First {
    /// Whoever has the code of this machine.
    Here,
    /// Whoever has that of the machine that began the network; of this one, if it is that one.
    WhereItBegan,
}

/// The data directory of a library alone, in which its accounts are.
///
/// # Errors
///
/// [`Fault::Usage`] for libraries that keep none yet.
pub(super) fn beside(location: &LibraryLocation) -> Result<&Path, Fault> {
    match location {
        LibraryLocation::Embedded { data, .. } => Ok(data),
        LibraryLocation::Postgres { .. } | LibraryLocation::Backend { .. } => Err(Fault::Usage(
            "accounts are so far kept beside a library in --data: add --no-sign-in where whoever reaches --http may do everything"
                .to_owned(),
        )),
    }
}

/// Opens the accounts in a data directory, which the library has locked.
///
/// # Errors
///
/// If they cannot be read: nobody is let in on a guess.
pub(super) async fn open(data: &Path, first: First) -> Result<Arc<LocalAccounts>, Fault> {
    let store = Arc::new(AccountsFile::open(data).await?);
    let path = data.join("first-admin-code");
    let first = match first {
        First::WhereItBegan if !path.exists() => None,
        First::Here | First::WhereItBegan => {
            let code = FirstCode::at(path.clone()).map_err(|cause| {
                Fault::file("keep the code of the first administrator in", &path, cause)
            })?;
            Some(code)
        }
    };
    let code = first.as_ref().map(|first| first.code().clone());
    let accounts = LocalAccounts::open(store, writer(data)?, now_ms, first);
    let accounts = accounts.await.map_err(worded)?;
    match (accounts.needs_first_admin().await.map_err(worded)?, code) {
        // To whoever started the server, and to no log.
        (true, Some(code)) => note(&format!(
            "nobody can sign in yet. Make the first administrator with `kadenza login --first-admin` and this code, which is \
             also in {}:\n  {}",
            path.display(),
            code.expose(),
        )),
        (false, Some(_)) => accounts.spend_first_code(),
        (_, None) => {}
    }
    Ok(Arc::new(accounts))
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
    Ok(Arc::new(Alone))
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
