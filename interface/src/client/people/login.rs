//! `kadenza login`: a token of this user for a server.

use std::path::PathBuf;

use clap::Args;
use kadenza_api::{
    FirstAdminJson, KindJson, MeJson, RoleJson, SignInJson, SignedInJson, UserJson, code, paths,
};
use kadenza_contract::{Credential, Error};
use kadenza_middleware::{AccountCalls, CallError};
use kadenza_terminal::{note, plain};
use serde::Serialize;

use super::{
    asked::{no_accounts, refusal},
    asking::{self, Asking},
    kept::{self, Kept},
    role::{self, Role},
};
use crate::{
    client::servers::{Addresses, in_file, is_open_to_listeners},
    fault::Fault,
    output,
};

/// Sign in at a server, so that the other commands may ask it
///
/// Asks for the name and the password, and keeps what the server gives for them in a file of this user,
/// `kadenza/tokens.json` in $XDG_CONFIG_HOME or ~/.config. It is good for 90 days, or until `kadenza logout`. Scripts
/// name a file with a token by --token-file instead: `kadenza tokens add` makes one.
#[derive(Debug, Args)]
pub(crate) struct Login {
    /// The name of the account; asked for if it is not given
    #[arg(value_name = "NAME")]
    name: Option<String>,

    /// The most that the commands may do [default: all that the account may]
    #[arg(long, value_name = "ROLE")]
    role: Option<Role>,

    /// Make the first administrator of the server, with the code that it printed when it began
    #[arg(long)]
    first_admin: bool,

    /// The file with that code; asked for if it is not given
    #[arg(long, value_name = "FILE", requires = "first_admin")]
    code_file: Option<PathBuf>,

    /// Print one JSON document
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    asking: Asking,

    #[command(flatten)]
    addresses: Addresses,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LoginDocument<'a> {
    server: &'a str,
    name: &'a str,
    role: RoleJson,
    expires_at: String,
}

impl Login {
    pub(crate) async fn run(self) -> Result<(), Fault> {
        let (server, calls) = self.reached().await?;
        if is_open_to_listeners(server) {
            note(&format!(
                "kadenza: {server} does not encrypt: whoever is on the way can read the password along"
            ));
        }
        let name = match &self.name {
            Some(name) => name.clone(),
            None => asking::line("Name: ", "name the account: kadenza login NAME").await?,
        };
        let password = match self.first_admin {
            true => {
                let code = self.code().await?;
                let password = self.asking.new_password("New password: ").await?;
                first_admin(server, &calls, code, &name, &password).await?;
                password
            }
            false => self.asking.password("Password: ").await?,
        };
        let signed_in = sign_in(
            server,
            &calls,
            &name,
            &password,
            self.role.map(RoleJson::from),
        )
        .await?;
        let SignedInJson {
            user, expires_at, ..
        } = &signed_in;
        if self.json {
            return output::print_json(&LoginDocument {
                server,
                name: &user.name,
                role: user.role,
                expires_at: expires_at.to_string(),
            });
        }
        output::print(&format!(
            "signed in at {server} as {} with the role {}, until {}",
            plain(&user.name),
            role::name(user.role),
            day(&expires_at.to_string()),
        ))
    }

    /// The first server that answers. It is asked whether there is anything to sign in to, before a password is.
    async fn reached(&self) -> Result<(&str, AccountCalls), Fault> {
        let mut failed = None;
        for server in self.addresses.named() {
            let calls = AccountCalls::new(server, self.addresses.config()?)?;
            match calls.get::<MeJson>(paths::ME).await {
                Ok(MeJson { open: true, .. }) => return Err(no_accounts(server)),
                Ok(me) if me.needs_first_admin && !self.first_admin => {
                    return Err(Fault::Failed(format!(
                        "nobody can sign in at {server} yet: make the first administrator with the code that it \
                         printed when it began: kadenza login --first-admin --server {server}"
                    )));
                }
                Ok(me) if !me.needs_first_admin && self.first_admin => {
                    return Err(Fault::Failed(format!(
                        "{server} has an administrator already: leave --first-admin out"
                    )));
                }
                Ok(_) => return Ok((server, calls)),
                Err(CallError::Failed(
                    error @ (Error::Unreachable { .. } | Error::Timeout { .. }),
                )) => {
                    failed = failed.or(Some(Fault::Service(error)));
                }
                Err(error) => return Err(refusal(server, error)),
            }
        }
        Err(failed.unwrap_or_else(|| Fault::Usage("name a server with --server".to_owned())))
    }

    async fn code(&self) -> Result<String, Fault> {
        match &self.code_file {
            Some(path) => in_file(path),
            None => asking::hidden(
                "Code of the first administrator: ",
                "name the file with the code by --code-file",
            )
            .await
            .map(|code| code.trim().to_owned()),
        }
    }
}

async fn first_admin(
    server: &str,
    calls: &AccountCalls,
    code: String,
    name: &str,
    password: &str,
) -> Result<(), Fault> {
    let wanted = FirstAdminJson {
        code,
        name: name.to_owned(),
        password: password.to_owned(),
    };
    let made: Result<UserJson, CallError> = calls.post(paths::FIRST_ADMIN, &wanted).await;
    match made {
        Ok(_) => Ok(()),
        Err(CallError::Refused(refused)) if refused.code == code::NOT_SIGNED_IN => {
            Err(Fault::Failed(format!(
                "{server} does not know this code: it is in the file first-admin-code in the directory of its data, \
                 until there is an administrator"
            )))
        }
        Err(error) => Err(refusal(server, error)),
    }
}

/// Signs in and keeps the token. An older one of the same server is revoked, as nobody has it any more.
pub(super) async fn sign_in(
    server: &str,
    calls: &AccountCalls,
    name: &str,
    password: &str,
    scope: Option<RoleJson>,
) -> Result<SignedInJson, Fault> {
    let attempt = SignInJson {
        name: name.to_owned(),
        password: password.to_owned(),
        kind: Some(KindJson::CommandLine),
        scope,
        label: format!("command line{}", machine()),
    };
    let answer: Result<SignedInJson, CallError> = calls.post(paths::SIGN_IN, &attempt).await;
    let mut signed_in = answer.map_err(|error| match error {
        CallError::Refused(refused) if refused.code == code::NOT_SIGNED_IN => {
            Fault::Failed(format!("{server}: the name or the password is wrong"))
        }
        error => refusal(server, error),
    })?;
    let token = signed_in.secret.take();
    let token = token.and_then(|token| Credential::new(&token).ok());
    let token =
        token.ok_or_else(|| Fault::Failed(format!("{server} gave no token that can be kept")))?;
    let before = kept::of(server)?;
    kept::keep(server, Kept::new(&token, &signed_in.user.name))?;
    if let Some(before) = before {
        let older = calls.asked_by(before.credential()?);
        // It ends by itself in any case.
        let _ = older.tell(paths::SIGN_OUT).await;
    }
    Ok(signed_in)
}

/// The day of a time as the interface writes it.
pub(super) fn day(time: &str) -> &str {
    time.split('T').next().unwrap_or(time)
}

/// What the token is told apart by in `kadenza tokens`.
#[cfg(unix)]
fn machine() -> String {
    let name = rustix::system::uname();
    format!(" on {}", name.nodename().to_string_lossy())
}

#[cfg(not(unix))]
fn machine() -> String {
    String::new()
}
