//! `kadenza cluster init`: the key of a new cluster, and its first node.

use clap::Args;
use kadenza_distributed::trust;
use serde::Serialize;

use super::data::Data;
use crate::{fault::Fault, output};

/// Begin a cluster with the node of a data directory, which may then invite others
///
/// `kadenza serve --bootstrap` does the same by itself. The key of the cluster is left in the directory. It is needed
/// to shut machines out, and if no machine that may invite is left; so move it to a safe place, and keep a copy. Whoever has
/// it decides who takes part.
#[derive(Debug, Args)]
pub(super) struct Init {
    #[command(flatten)]
    data: Data,

    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct InitDocument {
    cluster: String,
    key: String,
}

impl Init {
    pub(super) fn run(self) -> Result<(), Fault> {
        let data = &self.data.data;
        let (cluster, key) = trust::begin(data)?;
        let (cluster, key) = (cluster.to_string(), key.display().to_string());
        if self.json {
            return output::print_json(&InitDocument { cluster, key });
        }
        output::print(&format!("cluster  {cluster}"))?;
        output::print(&format!("key      {key}   (move it to a safe place)"))
    }
}
