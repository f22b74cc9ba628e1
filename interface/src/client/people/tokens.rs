//! `kadenza tokens`: what programs and machines of this user may ask a server with.

use clap::{Args, Subcommand};
use kadenza_api::{KindJson, MadeTokenJson, NewTokenJson, PageJson, TokenJson, paths};
use kadenza_terminal::{note, plain};

use super::{
    asked::Asked,
    login::day,
    role::{self, Role},
};
use crate::{client::servers::Servers, fault::Fault, output};

/// List your tokens, make one for a program, or revoke one
///
/// Without a command: a line for each of your tokens, with its id, kind, role, the day on which it ends, and label, with
/// tabs between.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Tokens {
    #[command(subcommand)]
    command: Option<TokensCommand>,

    /// Print one JSON document for each token
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    servers: Servers,
}

#[derive(Debug, Subcommand)]
enum TokensCommand {
    Add(Add),
    Revoke(Revoke),
}

impl Tokens {
    pub(crate) async fn run(self) -> Result<(), Fault> {
        match self.command {
            None => list(&self.servers, self.json).await,
            Some(TokensCommand::Add(add)) => add.run().await,
            Some(TokensCommand::Revoke(revoke)) => revoke.run().await,
        }
    }
}

async fn list(servers: &Servers, json: bool) -> Result<(), Fault> {
    let tokens: PageJson<TokenJson> = Asked::of(servers)?.get(paths::TOKENS).await?;
    for token in &tokens.items {
        if json {
            output::print_json(token)?;
            continue;
        }
        let kind = match token.kind {
            KindJson::Session => "session",
            KindJson::CommandLine => "command-line",
            KindJson::App => "app",
        };
        let label = plain(&token.label);
        let in_use = if token.current { " (in use)" } else { "" };
        output::print(&format!(
            "{}\t{kind}\t{}\t{}\t{label}{in_use}",
            plain(&token.id),
            role::name(token.scope),
            day(&token.expires_at.to_string()),
        ))?;
    }
    Ok(())
}

/// Make a token for a program, and print it
///
/// It is printed once, and kept nowhere. The program sends it as `Authorization: Bearer TOKEN`; the commands of Kadenza
/// take the name of a file that holds it, by --token-file.
#[derive(Debug, Args)]
struct Add {
    /// What you will know it by, for instance the name of the program
    #[arg(value_name = "LABEL")]
    label: String,

    /// The most that it may do
    #[arg(long, value_name = "ROLE", default_value = "listen")]
    role: Role,

    /// How many days it is good for
    #[arg(long, value_name = "N", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,

    /// Print one JSON document, with the token as `secret`
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    servers: Servers,
}

impl Add {
    async fn run(self) -> Result<(), Fault> {
        let wanted = NewTokenJson {
            scope: self.role.into(),
            label: self.label,
            days: self.days,
        };
        let made: MadeTokenJson = Asked::of(&self.servers)?
            .post(paths::TOKENS, &wanted)
            .await?;
        if self.json {
            return output::print_json(&made);
        }
        output::print(&plain(&made.secret))?;
        note(&format!(
            "this is the only time that it is shown. It is good until {}; `kadenza tokens revoke {}` ends it sooner",
            day(&made.token.expires_at.to_string()),
            made.token.id,
        ));
        Ok(())
    }
}

/// Revoke one of your tokens: whoever has it may do nothing with it any more
#[derive(Debug, Args)]
struct Revoke {
    /// The id of the token, or enough of its beginning
    #[arg(value_name = "ID")]
    id: String,

    #[command(flatten)]
    servers: Servers,
}

impl Revoke {
    async fn run(self) -> Result<(), Fault> {
        let asked = Asked::of(&self.servers)?;
        let tokens: PageJson<TokenJson> = asked.get(paths::TOKENS).await?;
        let begins = |token: &&TokenJson| !self.id.is_empty() && token.id.starts_with(&self.id);
        let found: Vec<&TokenJson> = tokens.items.iter().filter(begins).collect();
        let token = match found[..] {
            [token] => token,
            [] => {
                return Err(Fault::Failed(format!(
                    "no token of yours has the id {}: `kadenza tokens` lists them",
                    self.id
                )));
            }
            _ => {
                return Err(Fault::Failed(format!(
                    "{} may be several tokens: write more of the id",
                    self.id
                )));
            }
        };
        asked
            .delete(&paths::TOKEN.replace("{id}", &token.id))
            .await?;
        output::print(&format!(
            "{} ({}) is revoked",
            plain(&token.id),
            plain(&token.label)
        ))
    }
}
