//! `kadenza backend`: the services alone, over gRPC, for servers in other processes.

use clap::Args;
use kadenza_services::grpc::{self, ServerConfig};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    fault::Fault,
    front::{Address, GRACE, address},
    given::Given,
    library::Shelf,
    limits, output,
};

/// Serve a library over gRPC, for servers with --library grpc://…
#[derive(Debug, Args)]
pub(crate) struct Backend {
    #[command(flatten)]
    given: Given,

    #[command(flatten)]
    shelf: Shelf,

    /// The address to serve gRPC at; port 0 takes a free one. Whoever reaches it may do everything
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4535", value_parser = address)]
    grpc: Address,
}

impl Backend {
    pub(crate) async fn run(self, end: CancellationToken) -> Result<(), Fault> {
        limits::raise_open_files();
        self.shelf.check(&self.given)?;
        let address = self.grpc.resolve("--grpc").await?;
        let cannot = |cause| {
            let what = format!("cannot serve gRPC at {address} (choose another with --grpc)");
            Fault::io(what, cause)
        };
        let listener = TcpListener::bind(address).await.map_err(cannot)?;
        let bound = listener.local_addr().map_err(cannot)?;
        let service = self.shelf.open().await?;
        output::ready_grpc(bound);
        let config = ServerConfig {
            grace: GRACE,
            ..ServerConfig::default()
        };
        let cut = grpc::serve(service, listener, config, end.cancelled()).await;
        if cut > 0 {
            tracing::warn!("{cut} connections were cut: they took too long to end");
        }
        Ok(())
    }
}
