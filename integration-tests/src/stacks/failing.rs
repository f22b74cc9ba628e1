//! Servers that fail in turns, one at a time.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use kadenza_contract::MusicService;
use kadenza_middleware::{Client, ClientConfig};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinSet,
};

use super::{http::Serving, text};
use crate::conformance::{Running, Stack};

/// How many servers there are; all but one of them are well at any time.
const SERVERS: usize = 3;
/// How long a server fails, and for how long all are well before the next one does. Middleware has
/// a budget for repeats; where every second request fails, it must give some up, and that is right.
const FAILING: Duration = Duration::from_millis(100);
const WELL: Duration = Duration::from_millis(400);

/// Views over a stack, three times, on servers that fail in turns; and middleware that must make
/// one dependable service of them.
#[derive(Debug)]
pub struct OverFailingServers<S>(pub S);

struct Served {
    below: Box<dyn Running>,
    servers: Vec<Serving>,
    client: Arc<dyn MusicService>,
    /// The ways to the servers, and what makes them fail; ends when it is dropped.
    _ways: JoinSet<()>,
}

/// How a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    Well,
    /// Closes connections as soon as they are made, and those that there are.
    Dead,
    /// Takes requests and says nothing, nor any more of what it was saying.
    Silent,
    /// Ends a connection after a few more bytes of an answer.
    Cutting,
}

#[async_trait]
impl<S: Stack> Stack for OverFailingServers<S> {
    async fn start(&self) -> Result<Box<dyn Running>, String> {
        let below = self.0.start().await?;
        let (mut servers, mut ways) = (Vec::new(), JoinSet::new());
        let (mut healths, mut urls) = (Vec::new(), Vec::new());
        for _ in 0..SERVERS {
            let server = Serving::start(below.service())?;
            let listener = TcpListener::bind("127.0.0.1:0").await.map_err(text)?;
            urls.push(format!("http://{}", listener.local_addr().map_err(text)?));
            let (set, health) = watch::channel(Health::Well);
            ways.spawn(way(listener, server.address(), health));
            healths.push(set);
            servers.push(server);
        }
        ways.spawn(fail_in_turns(healths));

        let mut config = ClientConfig::default();
        // The servers do not know by which way they are reached.
        config.learn_every = None;
        config.attempt_timeout = Duration::from_secs(2);
        config.stall_timeout = Duration::from_millis(500);
        config.upload_stall_timeout = Duration::from_secs(1);
        config.upload_answer_timeout = Duration::from_secs(2);
        let client = Client::new(urls, config).map_err(text)?;
        Ok(Box::new(Served {
            below,
            servers,
            client: Arc::new(client),
            _ways: ways,
        }))
    }
}

async fn fail_in_turns(healths: Vec<watch::Sender<Health>>) {
    let mut dice = StdRng::seed_from_u64(7);
    loop {
        let failing = dice.random_range(0..healths.len());
        let health = [Health::Dead, Health::Silent, Health::Cutting][dice.random_range(0..3)];
        healths[failing].send_replace(health);
        tokio::time::sleep(FAILING).await;
        healths[failing].send_replace(Health::Well);
        tokio::time::sleep(WELL).await;
    }
}

/// Passes connections on to a server as long as it is well.
async fn way(listener: TcpListener, server: SocketAddr, health: watch::Receiver<Health>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((client, _)) = listener.accept() => {
                connections.spawn(connection(client, server, health.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(client: TcpStream, server: SocketAddr, mut health: watch::Receiver<Health>) {
    if *health.borrow_and_update() == Health::Dead {
        return;
    }
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = dead(health.clone()) => {}
        () = pass(from_client, to_server, None) => {}
        () = pass(from_server, to_client, Some(health)) => {}
    }
}

async fn dead(mut health: watch::Receiver<Health>) {
    // The sender goes only when everything does.
    let _ = health.wait_for(|health| *health == Health::Dead).await;
}

/// Passes bytes on until one side ends; answers only as the health of the server lets them.
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut health: Option<watch::Receiver<Health>>,
) {
    let mut piece = vec![0; 16 << 10];
    loop {
        let Ok(bytes @ 1..) = from.read(&mut piece).await else {
            return;
        };
        let mut last = false;
        let mut bytes = bytes;
        if let Some(health) = &mut health {
            // The answer of a silent server is lost with its connection.
            if *health.borrow() == Health::Silent {
                std::future::pending::<()>().await;
            }
            last = *health.borrow() == Health::Cutting;
        }
        if last {
            bytes = bytes.div_ceil(2);
        }
        if to.write_all(&piece[..bytes]).await.is_err() || last {
            return;
        }
    }
}

#[async_trait]
impl Running for Served {
    fn service(&self) -> Arc<dyn MusicService> {
        Arc::clone(&self.client)
    }

    async fn restart(&mut self) -> Result<bool, String> {
        // This layer keeps nothing itself that could survive a restart.
        Ok(false)
    }

    async fn stop(self: Box<Self>) {
        for server in self.servers {
            server.stop().await;
        }
        self.below.stop().await;
    }
}
