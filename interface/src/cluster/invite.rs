//! `kadenza invite`: a token with which one machine joins.

use clap::Args;
use kadenza_distributed::trust;
use serde::Serialize;

use super::data::Data;
use crate::{audit, fault::Fault, output};

/// Print an invitation with which one machine can join the network of a node
///
/// It is good for one machine and one day, and while the node runs that is named here. Hand it over like a password, in a
/// file or a pipe, never on a command line: `kadenza serve --invite FILE`, or `--invite -` to read it from stdin.
#[derive(Debug, Args)]
pub(crate) struct Invite {
    #[command(flatten)]
    data: Data,

    /// The machine may invite others itself. Let at least two of a network, so that it can grow, and records be renewed,
    /// when one of them is gone
    #[arg(long)]
    may_invite: bool,

    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct InviteDocument {
    invitation: String,
    address: String,
}

impl Invite {
    pub(crate) fn run(self) -> Result<(), Fault> {
        let invitation = trust::invite(&self.data.data, self.may_invite)?;
        audit::begin(&self.data.data);
        tracing::info!(target: "audit", may_invite = self.may_invite, "invited");
        let token = invitation.token();
        if self.json {
            return output::print_json(&InviteDocument {
                invitation: token,
                address: invitation.address,
            });
        }
        output::print(&token)
    }
}
