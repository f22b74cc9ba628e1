//! `kadenza revoke`: a machine that was lost or stolen takes part no longer.

use std::path::PathBuf;

use clap::Args;
use kadenza_distributed::trust::{self, LetIn};
use kadenza_terminal::plain;
use serde::Serialize;

use super::data::Data;
use crate::{audit, fault::Fault, output};

/// Shut a machine out of the cluster for good, as one that was stolen
///
/// The node of the directory tells all others within reach, which end their connections with that machine at once. What it
/// held is copied anew from the others. The machines that it let in stay, as far as this node has met them; others need a
/// new invitation. Where a thief may have let machines in, shut them out with it.
#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// The machine, as `kadenza status` shows it: the beginning of its id, or its address for other nodes; or by its name
    #[arg(value_name = "NODE")]
    node: String,

    /// Shut out the machines that it let in as well, and those that they let in; but not this one
    #[arg(long)]
    with_those_it_let_in: bool,

    #[command(flatten)]
    data: Data,

    /// The key of the cluster, if it is not where `kadenza cluster init` left it
    #[arg(long, value_name = "FILE")]
    cluster_key: Option<PathBuf>,

    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct RevokeDocument {
    revoked: String,
    spared: usize,
}

impl Revoke {
    pub(crate) fn run(self) -> Result<(), Fault> {
        let (data, key) = (&self.data.data, self.cluster_key.as_deref());
        let let_in = match self.with_those_it_let_in {
            true => LetIn::Leave,
            false => LetIn::Stay,
        };
        let revoked = trust::revoke(data, self.node.trim(), let_in, key)?;
        let (node, spared) = (revoked.node.to_string(), revoked.spared);
        audit::begin(data);
        tracing::info!(target: "audit", node, spared, "revoked");
        if self.json {
            return output::print_json(&RevokeDocument {
                revoked: node,
                spared,
            });
        }
        output::print(&format!("{} is shut out", plain(&node)))?;
        match spared {
            0 => Ok(()),
            _ => output::print(&format!(
                "{spared} of the machines that it let in stay, and are given new records"
            )),
        }
    }
}
