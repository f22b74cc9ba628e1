//! Views and middleware over any stack.

use std::{net::SocketAddr, sync::Arc};

use async_trait::async_trait;
use kadenza_contract::MusicService;
use kadenza_middleware::{Client, ClientConfig};
use kadenza_views::{Server, ServerConfig, ViewsConfig, router};
use tokio::{sync::oneshot, task::JoinHandle};

use super::text;
use crate::conformance::{Machines, Running, Stack};

/// A server for each machine of the stack below, and a client that knows them all.
#[derive(Debug)]
pub struct OverHttp<S>(pub S);

struct Served {
    below: Box<dyn Running>,
    servers: Vec<Serving>,
    client: Arc<dyn MusicService>,
}

/// A server on a free port of loopback. Dropping it ends it at once.
#[derive(Debug)]
pub(super) struct Serving {
    address: SocketAddr,
    end: oneshot::Sender<()>,
    task: JoinHandle<usize>,
}

#[async_trait]
impl<S: Stack> Stack for OverHttp<S> {
    async fn start(&self) -> Result<Box<dyn Running>, String> {
        let below = self.0.start().await?;
        let servers = serve(below.as_ref())?;
        let client = client(&servers)?;
        Ok(Box::new(Served {
            below,
            servers,
            client,
        }))
    }
}

fn serve(below: &dyn Running) -> Result<Vec<Serving>, String> {
    below.faces().into_iter().map(Serving::start).collect()
}

fn client(servers: &[Serving]) -> Result<Arc<dyn MusicService>, String> {
    let urls = servers
        .iter()
        .map(|server| format!("http://{}", server.address));
    let client = Client::new(urls, ClientConfig::default()).map_err(text)?;
    Ok(Arc::new(client))
}

impl Serving {
    pub(super) fn start(service: Arc<dyn MusicService>) -> Result<Serving, String> {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::bind(loopback, ServerConfig::default()).map_err(text)?;
        let address = server.local_addr().map_err(text)?;
        let config = ViewsConfig {
            advertised: Some(format!("http://{address}")),
            ..ViewsConfig::default()
        };
        let (end, ended) = oneshot::channel();
        let task = tokio::spawn(server.serve(router(service, config), async move {
            // The end comes by word or by the dropping of the sender alike.
            let _ = ended.await;
        }));
        Ok(Serving { address, end, task })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) async fn stop(self) {
        drop(self.end);
        // Cancelled or panicked, it has ended.
        let _ = self.task.await;
    }
}

impl Served {
    fn serve(&mut self) -> Result<(), String> {
        self.servers = serve(self.below.as_ref())?;
        self.client = client(&self.servers)?;
        Ok(())
    }

    async fn end(&mut self) {
        for server in self.servers.drain(..) {
            server.stop().await;
        }
    }
}

#[async_trait]
impl Running for Served {
    fn service(&self) -> Arc<dyn MusicService> {
        Arc::clone(&self.client)
    }

    async fn restart(&mut self) -> Result<bool, String> {
        self.end().await;
        let kept = self.below.restart().await?;
        self.serve()?;
        Ok(kept)
    }

    async fn reach(&mut self, machines: Machines) -> Result<bool, String> {
        self.end().await;
        let changed = self.below.reach(machines).await?;
        self.serve()?;
        Ok(changed)
    }

    async fn stop(mut self: Box<Self>) {
        self.end().await;
        self.below.stop().await;
    }
}
