//! gRPC over any stack.

use std::{net::SocketAddr, sync::Arc};

use async_trait::async_trait;
use kadenza_contract::MusicService;
use kadenza_services::grpc::{self, Client, ClientConfig, ServerConfig};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use super::{Spread, text};
use crate::{
    conformance::{Machines, Running, Stack},
    fixtures::Authority,
};

/// A backend for each machine of the stack below, and a client of each.
#[derive(Debug)]
pub struct OverGrpc<S>(pub S);

/// The same with TLS.
#[derive(Debug)]
pub struct OverGrpcs<S>(pub S);

struct Backed {
    below: Box<dyn Running>,
    server: ServerConfig,
    client: ClientConfig,
    backends: Vec<Backend>,
    clients: Vec<Arc<dyn MusicService>>,
}

/// A service offered on a free port of loopback. Dropping it cuts it at once.
#[derive(Debug)]
pub struct Backend {
    address: SocketAddr,
    end: oneshot::Sender<()>,
    task: JoinHandle<usize>,
}

impl Backend {
    /// Offers a service.
    ///
    /// # Errors
    ///
    /// A description of the failure, for people.
    pub async fn start(
        service: Arc<dyn MusicService>,
        config: ServerConfig,
    ) -> Result<Backend, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(text)?;
        Backend::at(listener, service, config)
    }

    /// Offers a service at a port that is listened on.
    ///
    /// # Errors
    ///
    /// A description of the failure, for people.
    pub fn at(
        listener: TcpListener,
        service: Arc<dyn MusicService>,
        config: ServerConfig,
    ) -> Result<Backend, String> {
        let address = listener.local_addr().map_err(text)?;
        let (end, ended) = oneshot::channel();
        let task = tokio::spawn(grpc::serve(service, listener, config, async move {
            // The end comes by word or by the dropping of the sender alike.
            let _ = ended.await;
        }));
        Ok(Backend { address, end, task })
    }

    /// Where it answers.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A client of it.
    ///
    /// # Errors
    ///
    /// A description of the failure, for people.
    pub fn client(&self, config: ClientConfig) -> Result<Client, String> {
        Client::new(&self.address.ip().to_string(), self.address.port(), config).map_err(text)
    }

    /// Ends it in order; gives how many connections were cut.
    pub async fn stop(self) -> usize {
        drop(self.end);
        // Cancelled or panicked, it has ended.
        self.task.await.unwrap_or_default()
    }
}

#[async_trait]
impl<S: Stack> Stack for OverGrpc<S> {
    async fn start(&self) -> Result<Box<dyn Running>, String> {
        let below = self.0.start().await?;
        Backed::over(below, ServerConfig::default(), ClientConfig::default()).await
    }
}

#[async_trait]
impl<S: Stack> Stack for OverGrpcs<S> {
    async fn start(&self) -> Result<Box<dyn Running>, String> {
        let authority = Authority::new();
        let server = ServerConfig::default().with_tls(&authority.certificate().await);
        let client = ClientConfig {
            roots: Some(authority.roots()),
            ..ClientConfig::default()
        };
        let below = self.0.start().await?;
        Backed::over(below, server.map_err(text)?, client).await
    }
}

impl Backed {
    async fn over(
        below: Box<dyn Running>,
        server: ServerConfig,
        client: ClientConfig,
    ) -> Result<Box<dyn Running>, String> {
        let mut backed = Backed {
            below,
            server,
            client,
            backends: Vec::new(),
            clients: Vec::new(),
        };
        backed.serve().await?;
        Ok(Box::new(backed))
    }

    async fn serve(&mut self) -> Result<(), String> {
        for face in self.below.faces() {
            let backend = Backend::start(face, self.server.clone()).await?;
            self.clients
                .push(Arc::new(backend.client(self.client.clone())?));
            self.backends.push(backend);
        }
        Ok(())
    }

    async fn end(&mut self) {
        self.clients.clear();
        for backend in self.backends.drain(..) {
            backend.stop().await;
        }
    }
}

#[async_trait]
impl Running for Backed {
    fn service(&self) -> Arc<dyn MusicService> {
        match self.clients.as_slice() {
            [only] => Arc::clone(only),
            _ => Arc::new(Spread::over(self.clients.clone())),
        }
    }

    fn faces(&self) -> Vec<Arc<dyn MusicService>> {
        self.clients.clone()
    }

    async fn restart(&mut self) -> Result<bool, String> {
        self.end().await;
        let kept = self.below.restart().await?;
        self.serve().await?;
        Ok(kept)
    }

    async fn reach(&mut self, machines: Machines) -> Result<bool, String> {
        self.end().await;
        let changed = self.below.reach(machines).await?;
        self.serve().await?;
        Ok(changed)
    }

    async fn stop(mut self: Box<Self>) {
        self.end().await;
        self.below.stop().await;
    }
}
