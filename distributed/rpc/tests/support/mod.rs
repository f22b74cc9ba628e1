//! Nodes for the tests of the transport: real ones, and puppets that speak the protocol by hand.

#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::{
    future::Future,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures_util::FutureExt as _;
use kadenza_rpc::{
    Answer, CallError, Class, Evidence, Handled, Handler, Peer, PeerId, Rpc, RpcConfig,
};
use message::{Reply, Request};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

pub(crate) mod message;
pub(crate) mod stranger;

/// Far longer than anything here takes: what waits for so long will wait for ever.
pub(crate) const LONG: Duration = Duration::from_secs(30);

pub(crate) fn id(number: u8) -> PeerId {
    PeerId::from_bytes([number; 32])
}

pub(crate) fn anywhere() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

/// A handler that answers as [`Request`] says, and remembers who was heard.
#[derive(Debug, Default)]
pub(crate) struct Echo {
    pub(crate) heard: Mutex<Vec<(Peer, Evidence)>>,
    pub(crate) handled: Mutex<Vec<Request>>,
    pub(crate) answered: Mutex<Vec<(PeerId, Class, Duration)>>,
}

impl Echo {
    pub(crate) fn has_heard(&self, peer: Peer, evidence: Evidence) -> bool {
        self.heard.lock().unwrap().contains(&(peer, evidence))
    }

    pub(crate) fn has_heard_nothing(&self) -> bool {
        self.heard.lock().unwrap().is_empty() && self.handled.lock().unwrap().is_empty()
    }
}

impl Handler<Request> for Echo {
    fn heard_from(&self, peer: Peer, evidence: Evidence) {
        self.heard.lock().unwrap().push((peer, evidence));
    }

    fn answered(&self, peer: &PeerId, class: Class, took: Duration) {
        self.answered.lock().unwrap().push((*peer, class, took));
    }

    fn handle(&self, _from: Peer, request: Request, attachment: Bytes) -> Handled<Reply> {
        self.handled.lock().unwrap().push(request.clone());
        match request {
            Request::Ping => Handled::Now(Ok((pong(), attachment))),
            Request::Read { number, times } => Handled::Later(
                async move {
                    let times = usize::try_from(times).unwrap();
                    Ok((Reply::Done, Bytes::from(number.to_be_bytes().repeat(times))))
                }
                .boxed(),
            ),
            Request::Wait => Handled::Later(std::future::pending().boxed()),
            Request::Echo | Request::Say { .. } | Request::Recite { .. } => {
                Handled::Now(Ok((Reply::Done, attachment)))
            }
        }
    }
}

/// The answer to a ping, as it stands in an envelope.
pub(crate) const PONG: &str = r#""answer":{"pong":{"number":7}}"#;

pub(crate) fn pong() -> Reply {
    Reply::Pong { number: 7 }
}

/// A real node.
pub(crate) struct Node {
    pub(crate) rpc: Rpc<Request>,
    pub(crate) echo: Arc<Echo>,
}

impl Node {
    pub(crate) async fn new(number: u8) -> Node {
        Node::with(RpcConfig::new(id(number), anywhere())).await
    }

    pub(crate) async fn with(config: RpcConfig) -> Node {
        let rpc = Rpc::bind(config).await.unwrap();
        let echo = Arc::new(Echo::default());
        rpc.serve(echo.clone());
        Node { rpc, echo }
    }

    pub(crate) fn peer(&self) -> Peer {
        self.rpc.peer()
    }

    pub(crate) async fn call(
        &self,
        to: Peer,
        request: Request,
        attachment: impl Into<Bytes>,
    ) -> Result<Answer<Reply>, CallError> {
        self.rpc.call(&to, &request, attachment.into(), LONG).await
    }

    pub(crate) async fn ping(&self, to: &Peer) -> Result<Reply, CallError> {
        let answer = self.call(*to, Request::Ping, Bytes::new()).await;
        answer.map(|answer| answer.reply)
    }
}

/// A listener that the test plays itself, and the node that is looked for there.
pub(crate) async fn played(id: PeerId) -> (TcpListener, Peer) {
    let listener = TcpListener::bind(anywhere()).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, Peer { id, address })
}

/// A node that the test plays itself.
pub(crate) struct Puppet {
    pub(crate) peer: Peer,
    pub(crate) listener: TcpListener,
}

/// A request as a puppet hears it.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) id: String,
    pub(crate) json: serde_json::Value,
    pub(crate) attachment: Vec<u8>,
}

impl Puppet {
    pub(crate) async fn new(number: u8) -> Puppet {
        let (listener, peer) = played(id(number)).await;
        Puppet { peer, listener }
    }

    /// The next connection that is made to it.
    pub(crate) async fn accept(&self) -> TcpStream {
        soon(self.listener.accept()).await.unwrap().0
    }

    /// A connection of its own to a node, on which it speaks.
    pub(crate) async fn dial(&self, node: &Node) -> TcpStream {
        soon(TcpStream::connect(node.peer().address)).await.unwrap()
    }

    /// Answers the ping of a node, and so proves itself. Gives the connection on which it hears the
    /// node, and the one on which it speaks.
    pub(crate) async fn befriend(&self, node: &Node) -> (TcpStream, TcpStream) {
        let answered = async {
            let mut heard = self.accept().await;
            let asked = hear(&mut heard).await;
            let mut own = self.dial(node).await;
            say(&mut own, &self.frame(&asked.id, PONG, b"")).await;
            (heard, own)
        };
        let (pong, connections) =
            soon(async { tokio::join!(node.ping(&self.peer), answered) }).await;
        pong.unwrap();
        connections
    }

    /// A frame of which it is the sender.
    pub(crate) fn frame(&self, id: &str, part: &str, attachment: &[u8]) -> Vec<u8> {
        frame(&envelope(&self.peer, id, part), attachment)
    }
}

/// An envelope; `part` is as `"ask":"ping"`.
pub(crate) fn envelope(from: &Peer, id: &str, part: &str) -> String {
    let from = serde_json::to_string(from).unwrap();
    format!(r#"{{"v":1,"id":"{id}","from":{from},{part}}}"#)
}

pub(crate) fn frame(json: &str, attachment: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(json.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend(u32::try_from(attachment.len()).unwrap().to_be_bytes());
    bytes.extend(json.as_bytes());
    bytes.extend(attachment);
    bytes
}

/// Reads a frame.
pub(crate) async fn hear(stream: &mut TcpStream) -> Asked {
    soon(async {
        let json = stream.read_u32().await?;
        let attachment = stream.read_u32().await?;
        let mut text = vec![0; json as usize];
        stream.read_exact(&mut text).await?;
        let mut bytes = vec![0; attachment as usize];
        stream.read_exact(&mut bytes).await?;
        let json: serde_json::Value = serde_json::from_slice(&text)?;
        Ok::<_, std::io::Error>(Asked {
            id: json["id"].as_str().unwrap().to_owned(),
            json,
            attachment: bytes,
        })
    })
    .await
    .unwrap()
}

/// Waits until the other side ends the connection.
pub(crate) async fn ends(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    // Reset or closed in order: either way it is over.
    let _read = soon(stream.read_to_end(&mut rest)).await;
}

/// Writes; the other side may have hung up.
pub(crate) async fn say(stream: &mut TcpStream, bytes: &[u8]) {
    let _hung_up = soon(stream.write_all(bytes)).await;
}

/// What must come to an end.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, future)
        .await
        .expect("it takes far too long")
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + LONG;
    while !holds() {
        assert!(tokio::time::Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// The error that a puppet was sent in place of a reply.
pub(crate) fn code(asked: &Asked) -> &str {
    asked.json["error"]["code"].as_str().unwrap_or("no error")
}
