//! `kadenza gateway`: one address for many servers.

use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::{
    cache::{Cache, Songs},
    client::server_url,
    fault::Fault,
    front::{Address, Door, address},
    given::Given,
    output,
    stack::{Ground, Plan},
};

/// Serve many servers under one address, with failover between them
#[derive(Debug, Args)]
pub(crate) struct Gateway {
    #[command(flatten)]
    given: Given,

    /// The servers behind it, one or more
    #[arg(long, value_name = "URL", value_delimiter = ',', num_args = 1.., value_parser = server_url)]
    #[arg(required = true)]
    server: Vec<String>,

    /// The address to serve HTTP at; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4533", value_parser = address)]
    http: Address,

    #[command(flatten)]
    cache: Cache,
}

impl Gateway {
    pub(crate) async fn run(self, end: CancellationToken) -> Result<(), Fault> {
        self.cache.check(&self.given)?;
        let door = Door::bind(&self.http).await?;
        let url = door.url("localhost");
        let plan = Plan {
            ground: Ground::Servers(self.server),
            cache: self.cache.plan(&self.given, Songs::Shared, &url)?,
            page: false,
            url: None,
        };
        let running = door.open(plan).await?;
        output::ready(running.http(), running.rpc());
        running.until(&end).await
    }
}
