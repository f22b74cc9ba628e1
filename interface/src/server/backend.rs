//! `kadenza backend`: the services alone, over gRPC, for servers in other processes.

use clap::Args;
use kadenza_stack::{Address, GrpcListener};
use tokio_util::sync::CancellationToken;

use super::{
    flags::{CertificateFlags, Given, LibraryFlags, Open},
    listen::{resolve, warn_of_cut},
    process::{limits, private},
};
use crate::{fault::Fault, output};

/// Serve a library over gRPC, for servers with --library grpcs://HOST:PORT
#[derive(Debug, Args)]
pub(crate) struct Backend {
    #[command(flatten)]
    given: Given,

    /// The address to serve gRPC at; port 0 picks a free port. There are no accounts: everyone who
    /// reaches the address may read and upload
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4535")]
    grpc: Address,

    #[command(flatten)]
    certificate: CertificateFlags,

    #[command(flatten)]
    open: Open,

    // After the flags without a heading: its bounds begin one.
    #[command(flatten)]
    library: LibraryFlags,
}

impl Backend {
    pub(crate) async fn run(self, end: CancellationToken) -> Result<(), Fault> {
        limits::raise_open_files();
        self.open.check(&[("--grpc", &self.grpc)]).await?;
        let address = resolve(&self.grpc, "--grpc").await?;
        let certificate = self.library.certificate(&self.certificate, address).await?;
        let location = self.library.location(&self.given)?;
        let listener = GrpcListener::bind(address, certificate.as_ref()).await;
        let listener = listener.map_err(|cause| {
            let what = format!("cannot serve gRPC at {address} (choose another with --grpc)");
            Fault::io(what, cause)
        })?;
        private::tighten(&location);
        let service = location.open().await?;
        // A server serves also when nobody reads this.
        let _ = output::print(&format!("ready grpc={}", listener.address()));
        warn_of_cut(listener.serve(service, end.cancelled()).await);
        Ok(())
    }
}
