//! `kadenza leave`: a node hands its share on and stops.

use clap::Args;
use kadenza_terminal::plain;
use serde::Serialize;

use crate::{client::servers::Servers, fault::Fault, output};

/// Tell a node to hand its songs on to the other nodes, and then to stop
///
/// The node is the one server that --server names. The command ends when the node has handed
/// everything on, which takes as long as copying its songs.
#[derive(Debug, Args)]
pub(crate) struct Leave {
    /// Print one JSON document
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    servers: Servers,
}

#[derive(Debug, Serialize)]
struct LeaveDocument<'a> {
    server: &'a str,
    left: bool,
}

impl Leave {
    pub(crate) async fn run(self) -> Result<(), Fault> {
        let explain = self.servers.explaining();
        self.leave().await.map_err(explain)
    }

    async fn leave(self) -> Result<(), Fault> {
        // With several servers the middleware could fail over, and make another node leave.
        let [server] = self.servers.named() else {
            return Err(Fault::Usage(
                "leave takes exactly one --server: the node that is to leave".to_owned(),
            ));
        };
        self.servers.client()?.leave().await?;
        if self.json {
            return output::print_json(&LeaveDocument { server, left: true });
        }
        output::print(&format!(
            "{} has handed its share on and stops",
            plain(server)
        ))
    }
}
