//! `kadenza forget`: a node that is gone for good counts no longer.

use std::io::{self, BufRead, IsTerminal};

use clap::Args;
use kadenza_contract::{Health, MusicService, NodeStatus};
use kadenza_terminal::plain;
use serde::Serialize;

use crate::{client::servers::Servers, fault::Fault, output};

/// Give up a node that is gone for good, so that the others no longer count on it
///
/// A node that is down stays a member, for however long: so those that are cut off from the others take no
/// uploads that nobody else knows of. Once a machine is dead for good, forget it. Should it come back after
/// all, it joins anew and hands over what it has.
#[derive(Debug, Args)]
pub(crate) struct Forget {
    /// The node, as `kadenza status` shows it: the beginning of its id, or its address for other nodes
    #[arg(value_name = "NODE")]
    node: String,

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
struct ForgetDocument<'a> {
    forgotten: &'a str,
}

impl Forget {
    pub(crate) async fn run(self) -> Result<(), Fault> {
        let explain = self.servers.explaining();
        self.forget().await.map_err(explain)
    }

    async fn forget(self) -> Result<(), Fault> {
        // With several servers, which of them forgets would be a matter of chance.
        let [_] = self.servers.named() else {
            return Err(Fault::Usage(
                "forget takes exactly one --server: a node that is up".to_owned(),
            ));
        };
        let client = self.servers.client()?;
        let status = client.status().await?;
        let node = self.meant(&status.nodes)?;
        if !self.yes {
            confirm(node)?;
        }
        client.forget(node.id.clone()).await?;
        if self.json {
            return output::print_json(&ForgetDocument {
                forgotten: &node.id,
            });
        }
        output::print(&format!("{} is forgotten", plain(&node.rpc)))
    }

    fn meant<'a>(&self, nodes: &'a [NodeStatus]) -> Result<&'a NodeStatus, Fault> {
        let name = self.node.trim();
        let is_it = |node: &&NodeStatus| {
            node.rpc == name || (name.len() >= 4 && node.id.starts_with(&name.to_ascii_lowercase()))
        };
        let found: Vec<_> = nodes.iter().filter(is_it).collect();
        match found[..] {
            [node] if node.health == Health::Down => Ok(node),
            [node] => Err(Fault::Failed(format!(
                "{} is up: `kadenza leave` takes it out of the network and hands its songs on",
                plain(&node.rpc)
            ))),
            [] => Err(Fault::Failed(format!(
                "no node is called {}: `kadenza status` lists them",
                plain(name)
            ))),
            _ => Err(Fault::Failed(format!(
                "{} may be several nodes: write more of the id",
                plain(name)
            ))),
        }
    }
}

/// Asks whether it is meant.
fn confirm(node: &NodeStatus) -> Result<(), Fault> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return Err(Fault::Usage(
            "forget asks whether it is meant, and nobody is here to answer: say --yes".to_owned(),
        ));
    }
    kadenza_terminal::note(&format!(
        "{} ({}) counts no longer. What only it has is lost, unless it comes back. Is it gone for good? Type yes:",
        plain(&node.rpc),
        node.id.chars().take(12).collect::<String>()
    ));
    let mut answer = String::new();
    let read = stdin.lock().read_line(&mut answer);
    read.map_err(|cause| Fault::io("cannot read the answer", cause))?;
    match answer.trim() {
        "yes" => Ok(()),
        _ => Err(Fault::Failed("nothing was done".to_owned())),
    }
}
