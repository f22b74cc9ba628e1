//! `kadenza users`: the accounts of a server.

use clap::{Args, Subcommand};
use kadenza_api::{NewUserJson, UserChangeJson, UserJson, code, paths};
use kadenza_middleware::{AccountCalls, CallError};
use kadenza_terminal::plain;
use serde::Serialize;

#[cfg(not(feature = "server"))]
use super::left_out::Reset;
#[cfg(feature = "server")]
use super::reset::Reset;
use super::{
    asked::{Asked, is_named},
    asking::{self, Asking},
    login,
    role::{self, Role},
};
use crate::{client::servers::Servers, fault::Fault, output};

/// List the accounts of a server, add and change them
///
/// Without a command: a line for each account, with its name, its role, and whether it is enabled, with tabs between.
/// Only administrators may do this; everybody may change the own password.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Users {
    #[command(subcommand)]
    command: Option<UsersCommand>,

    /// Print one JSON document for each account
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    servers: Servers,
}

#[derive(Debug, Subcommand)]
enum UsersCommand {
    Add(Add),
    Set(Set),
    Password(Password),
    Delete(Delete),
    Reset(Reset),
}

impl Users {
    pub(crate) async fn run(self) -> Result<(), Fault> {
        match self.command {
            None => list(&self.servers, self.json).await,
            Some(UsersCommand::Add(add)) => add.run().await,
            Some(UsersCommand::Set(set)) => set.run().await,
            Some(UsersCommand::Password(password)) => password.run().await,
            Some(UsersCommand::Delete(delete)) => delete.run().await,
            Some(UsersCommand::Reset(reset)) => reset.run().await,
        }
    }
}

async fn list(servers: &Servers, json: bool) -> Result<(), Fault> {
    for user in Asked::of(servers)?.users().await? {
        show(&user, json)?;
    }
    Ok(())
}

fn show(user: &UserJson, json: bool) -> Result<(), Fault> {
    if json {
        return output::print_json(user);
    }
    let state = if user.disabled { "disabled" } else { "enabled" };
    output::print(&format!(
        "{}\t{}\t{state}",
        plain(&user.name),
        role::name(user.role)
    ))
}

fn path(user: &UserJson) -> String {
    paths::USER.replace("{id}", &user.id)
}

/// Add an account; its password is asked for
#[derive(Debug, Args)]
struct Add {
    /// The name to sign in with
    #[arg(value_name = "NAME")]
    name: String,

    /// What the account may do
    #[arg(long, value_name = "ROLE")]
    role: Role,

    /// Print one JSON document
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    asking: Asking,

    #[command(flatten)]
    servers: Servers,
}

impl Add {
    async fn run(self) -> Result<(), Fault> {
        let asked = Asked::of(&self.servers)?;
        let prompt = format!("Password of {}: ", plain(&self.name));
        let wanted = NewUserJson {
            password: self.asking.new_password(&prompt).await?,
            name: self.name,
            role: self.role.into(),
        };
        let added: UserJson = asked.post(paths::USERS, &wanted).await?;
        show(&added, self.json)
    }
}

/// Change what an account may do
///
/// Who is disabled may do nothing, at once. All tokens end: whoever is enabled again signs in again.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("change").required(true).multiple(true).args(["role", "disable", "enable"])))]
struct Set {
    /// The name of the account
    #[arg(value_name = "NAME")]
    name: String,

    /// What the account may do from now on
    #[arg(long, value_name = "ROLE")]
    role: Option<Role>,

    /// The account may do nothing
    #[arg(long, conflicts_with = "enable")]
    disable: bool,

    /// The account may do again what its role says
    #[arg(long)]
    enable: bool,

    /// Print one JSON document
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    servers: Servers,
}

impl Set {
    async fn run(self) -> Result<(), Fault> {
        let asked = Asked::of(&self.servers)?;
        let user = asked.named(&self.name).await?;
        let change = UserChangeJson {
            role: self.role.map(Into::into),
            disabled: (self.disable || self.enable).then_some(self.disable),
            ..UserChangeJson::default()
        };
        let changed = asked.patch(&path(&user), &change).await;
        show(&asked.worded(changed)?, self.json)
    }
}

/// Give an account another password, which ends all its tokens
///
/// For the own account the password until now is asked for as well, and this machine stays signed in. With
/// --password-stdin it is the first line, and the new one the second.
#[derive(Debug, Args)]
struct Password {
    /// The name of the account [default: your own]
    #[arg(value_name = "NAME")]
    name: Option<String>,

    #[command(flatten)]
    asking: Asking,

    #[command(flatten)]
    servers: Servers,
}

impl Password {
    async fn run(self) -> Result<(), Fault> {
        let asked = Asked::of(&self.servers)?;
        let me = asked.me().await?;
        let is_own = self.name.as_ref().is_none_or(|name| is_named(&me, name));
        let user = match &self.name {
            Some(name) if !is_own => asked.named(name).await?,
            _ => me,
        };
        let current = match is_own {
            true => Some(self.asking.password("Password until now: ").await?),
            false => None,
        };
        let prompt = format!("New password of {}: ", plain(&user.name));
        let password = self.asking.new_password(&prompt).await?;
        let change = UserChangeJson {
            password: Some(password.clone()),
            current_password: current,
            ..UserChangeJson::default()
        };
        let changed: Result<UserJson, CallError> = asked.patch(&path(&user), &change).await;
        match changed {
            Err(CallError::Refused(refused)) if is_own && refused.code == code::NOT_SIGNED_IN => {
                return Err(Fault::Failed(
                    "the password until now is another one: nothing was changed".to_owned(),
                ));
            }
            changed => asked.worded(changed)?,
        };
        if is_own && self.servers.keeps_tokens() {
            let calls = AccountCalls::new(asked.server(), self.servers.addresses().config()?)?;
            // With no more than it could do until now.
            let scope = Some(user.role);
            login::sign_in(asked.server(), &calls, &user.name, &password, scope).await?;
        }
        output::print(&format!(
            "{} has another password, and is signed out everywhere else",
            plain(&user.name)
        ))
    }
}

/// Delete an account for ever
///
/// Nobody gets its id again. What it uploaded stays. To shut somebody out for a while there is
/// `kadenza users set NAME --disable`.
#[derive(Debug, Args)]
struct Delete {
    /// The name of the account
    #[arg(value_name = "NAME")]
    name: String,

    /// Do not ask whether it is meant
    #[arg(long)]
    yes: bool,

    /// Print one JSON document
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    servers: Servers,
}

#[derive(Debug, Serialize)]
struct DeleteDocument<'a> {
    deleted: &'a str,
    name: &'a str,
}

impl Delete {
    async fn run(self) -> Result<(), Fault> {
        let asked = Asked::of(&self.servers)?;
        let user = asked.named(&self.name).await?;
        if !self.yes {
            asking::confirm(&format!(
                "The account {} is deleted for ever. Is it meant?",
                user.name
            ))
            .await?;
        }
        asked.delete(&path(&user)).await?;
        if self.json {
            return output::print_json(&DeleteDocument {
                deleted: &user.id,
                name: &user.name,
            });
        }
        output::print(&format!("{} is deleted", plain(&user.name)))
    }
}
