//! Views and middleware over any stack.

use std::{net::SocketAddr, sync::Arc};

use async_trait::async_trait;
use kadenza_contract::{Credential, MusicService};
use kadenza_middleware::{Client, ClientConfig};
use kadenza_tls::Certificate;
use kadenza_views::{Server, ServerConfig, ViewsConfig, router};
use tokio::{sync::oneshot, task::JoinHandle};

use super::{people::People, text};
use crate::{
    conformance::{Machines, Running, Stack, key},
    fixtures::Authority,
};

/// A server for each machine of the stack below, and a client that knows them all.
#[derive(Debug)]
pub struct OverHttp<S>(pub S);

/// The same with TLS, where people sign in. The client has signed in.
#[derive(Debug)]
pub struct OverHttpsForPeople<S>(pub S);

/// What servers ask of a client and a client of servers.
#[derive(Debug, Default)]
struct Terms {
    tls: Option<(Certificate, Authority)>,
    people: Option<People>,
}

struct Served {
    below: Box<dyn Running>,
    terms: Terms,
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
        Served::over(self.0.start().await?, Terms::default())
    }
}

#[async_trait]
impl<S: Stack> Stack for OverHttpsForPeople<S> {
    async fn start(&self) -> Result<Box<dyn Running>, String> {
        let authority = Authority::new();
        let terms = Terms {
            tls: Some((authority.certificate().await, authority)),
            people: Some(People::new().await?),
        };
        Served::over(self.0.start().await?, terms)
    }
}

impl Terms {
    fn credential(&self) -> Option<Credential> {
        let people = self.people.as_ref();
        people.map(|people| people.credential.clone())
    }

    fn serve(&self, service: Arc<dyn MusicService>) -> Result<Serving, String> {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Server::bind(loopback, ServerConfig::default()).map_err(text)?;
        if let Some((certificate, _)) = &self.tls {
            server = server.with_tls(certificate).map_err(text)?;
        }
        let address = server.local_addr().map_err(text)?;
        let people = self.people.as_ref();
        let config = ViewsConfig {
            advertised: Some(self.url(address)),
            accounts: people.map(|people| Arc::clone(&people.accounts)),
            ..ViewsConfig::default()
        };
        let (end, ended) = oneshot::channel();
        let task = tokio::spawn(server.serve(router(service, config), async move {
            // The end comes by word or by the dropping of the sender alike.
            let _ = ended.await;
        }));
        Ok(Serving { address, end, task })
    }

    fn client(&self, servers: &[Serving]) -> Result<Arc<dyn MusicService>, String> {
        let mut config = ClientConfig::default();
        config.credential = self.credential();
        if let Some((_, authority)) = &self.tls {
            config.roots = authority.roots();
        }
        let urls = servers.iter().map(|server| self.url(server.address));
        let client = Client::new(urls, config).map_err(text)?;
        Ok(Arc::new(client))
    }

    fn url(&self, address: SocketAddr) -> String {
        let scheme = self.tls.as_ref().map_or("http", |_| "https");
        format!("{scheme}://{address}")
    }
}

impl Serving {
    pub(super) fn start(service: Arc<dyn MusicService>) -> Result<Serving, String> {
        Terms::default().serve(service)
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
    fn over(below: Box<dyn Running>, terms: Terms) -> Result<Box<dyn Running>, String> {
        let mut served = Served {
            client: below.service(),
            below,
            terms,
            servers: Vec::new(),
        };
        served.serve()?;
        Ok(Box::new(served))
    }

    fn serve(&mut self) -> Result<(), String> {
        let faces = self.below.faces().into_iter();
        let servers: Result<Vec<_>, _> = faces.map(|face| self.terms.serve(face)).collect();
        self.servers = servers?;
        self.client = self.terms.client(&self.servers)?;
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

    fn credential(&self) -> Credential {
        self.terms.credential().unwrap_or_else(key)
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
