//! The accounts of a server alone: beside its library, with a code for the first administrator.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use kadenza_services::{
    accounts::{Accounts, AccountsError, FirstCode, LocalAccounts, WriterId},
    library::AccountsFile,
};
use kadenza_stack::{HttpListener, LibraryLocation};
use kadenza_terminal::{chain, note};

use super::plan::Base;
use crate::fault::Fault;

/// A server alone needs to tell itself apart from nobody.
const ALONE: WriterId = WriterId::from_bytes([0; 32]);

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
             POST {}/api/v1/first-admin, as JSON: code, name, password",
            path.display(),
            code.expose(),
            listener.url("localhost"),
        )),
        false => accounts.spend_first_code(),
    }
    Ok(Arc::new(accounts))
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
