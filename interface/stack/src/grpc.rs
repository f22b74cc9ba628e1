//! A gRPC address, where a service is offered to servers in other processes.

use std::{io, net::SocketAddr, sync::Arc};

use kadenza_contract::MusicService;
use kadenza_services::grpc::{ServerConfig, serve};
use kadenza_tls::Certificate;
use tokio::net::TcpListener;

use crate::http::GRACE;

/// A gRPC address that is taken, with nobody answering yet.
#[derive(Debug)]
pub struct GrpcListener {
    listener: TcpListener,
    address: SocketAddr,
    config: ServerConfig,
}

impl GrpcListener {
    /// Takes an address; port 0 takes a free one. With a certificate, it speaks TLS alone.
    ///
    /// # Errors
    ///
    /// If another process has it.
    pub async fn bind(
        address: SocketAddr,
        certificate: Option<&Certificate>,
    ) -> io::Result<GrpcListener> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let config = ServerConfig {
            grace: GRACE,
            ..ServerConfig::default()
        };
        let config = match certificate {
            Some(certificate) => config.with_tls(certificate)?,
            None => config,
        };
        Ok(GrpcListener {
            listener,
            address,
            config,
        })
    }

    /// The address that was taken.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Offers a service until `end`; then takes no new calls and waits for those under way. Says how
    /// many connections were cut because they took too long.
    pub async fn serve(
        self,
        service: Arc<dyn MusicService>,
        end: impl Future<Output = ()> + Send,
    ) -> usize {
        serve(service, self.listener, self.config, end).await
    }
}
