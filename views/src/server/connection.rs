//! One connection, from its acceptance to its end.

use std::{
    convert::Infallible,
    io,
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{Router, body::Body, routing::future::RouteFuture};
use hyper::{Request, Response, Version, body::Incoming, service::Service};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use kadenza_tls::{Door, server::TlsStream};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};
use tokio_util::{either::Either, sync::CancellationToken};

use crate::addresses::Source;

use super::{
    body::{AnswerBody, InFlight, PatientBody},
    config::ServerConfig,
    watch::{Deadlines, Verdict, Watch},
    wire::Wire,
};

/// How long an idle HTTP/2 client has to acknowledge that the connection closes.
const GOODBYE: Duration = Duration::from_millis(250);
/// How much of an answer may lie in the process for one HTTP/1 connection beyond the piece that is
/// being sent, and how long a request's head may be. Small, so that pieces of audio go from the
/// cache of the processor to the kernel one by one.
const HTTP1_BUFFER_BYTES: usize = 64 << 10;
/// The most headers of a request. Browsers send about twenty.
const HTTP1_HEADERS_MAX: usize = 100;
/// The most bytes of headers in an HTTP/2 request.
const HTTP2_HEADER_BYTES_MAX: u32 = 64 << 10;
/// Requests at once on an HTTP/2 connection. RFC 9113 recommends no fewer than 100.
const HTTP2_STREAMS_MAX: u32 = 128;
/// How much an HTTP/2 client may send of one upload, and of all, before it is read. A hostile connection
/// can make this side hold as much. At a round trip of 50 ms it allows 20 MB/s.
const HTTP2_STREAM_WINDOW_BYTES: u32 = 1 << 20;
const HTTP2_CONNECTION_WINDOW_BYTES: u32 = 1 << 20;
const HTTP2_FRAME_BYTES_MAX: u32 = 64 << 10;
/// How much of one HTTP/2 answer may lie in the process.
const HTTP2_SEND_BUFFER_BYTES: usize = 256 << 10;
/// Streams that the client may reset before they were looked at ("rapid reset", CVE-2023-44487),
/// and that this side may reset for the client's errors.
const HTTP2_RESETS_PENDING_MAX: usize = 32;
const HTTP2_RESETS_LOCAL_MAX: usize = 256;
/// How often a quiet HTTP/2 client is asked whether it is still there, and how long it has for it.
const HTTP2_PING_INTERVAL: Duration = Duration::from_secs(20);
const HTTP2_PING_PATIENCE: Duration = Duration::from_secs(20);

/// What a client that speaks HTTP without TLS is told, and how much of it is read so that it hears.
const PLAIN_HTTP: &str = "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: 46\r\nconnection: close\r\n\r\nThis port speaks HTTPS: ask again by https://\n";
const PLAIN_BYTES_MAX: usize = 64 << 10;

/// How connections are spoken to.
#[derive(Debug)]
pub(crate) struct Settings {
    builder: Builder<TokioExecutor>,
    deadlines: Deadlines,
    body: Duration,
    proxies: Vec<IpAddr>,
    door: Option<Door>,
}

impl Settings {
    pub(crate) fn new(config: &ServerConfig, door: Option<Door>) -> Settings {
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            // The watch has this deadline, and from the first moment of the connection.
            .header_read_timeout(None)
            .max_buf_size(HTTP1_BUFFER_BYTES)
            .max_headers(HTTP1_HEADERS_MAX)
            .writev(true);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(HTTP2_STREAMS_MAX)
            .max_header_list_size(HTTP2_HEADER_BYTES_MAX)
            .initial_stream_window_size(HTTP2_STREAM_WINDOW_BYTES)
            .initial_connection_window_size(HTTP2_CONNECTION_WINDOW_BYTES)
            .max_frame_size(HTTP2_FRAME_BYTES_MAX)
            .max_send_buf_size(HTTP2_SEND_BUFFER_BYTES)
            .max_pending_accept_reset_streams(HTTP2_RESETS_PENDING_MAX)
            .max_local_error_reset_streams(HTTP2_RESETS_LOCAL_MAX)
            .keep_alive_interval(HTTP2_PING_INTERVAL)
            .keep_alive_timeout(HTTP2_PING_PATIENCE);
        Settings {
            builder,
            deadlines: Deadlines {
                header: config.header_deadline,
                idle: config.idle_deadline,
                write: config.write_deadline,
            },
            body: config.body_deadline,
            proxies: config.proxies.clone(),
            door,
        }
    }

    /// What HTTP is spoken over; nothing where there is nobody to speak it with.
    async fn opened(
        &self,
        stream: TcpStream,
        watch: &Arc<Watch>,
        ending: &CancellationToken,
    ) -> Option<Either<Wire, TlsStream<Wire>>> {
        let Some(door) = &self.door else {
            return Some(Either::Left(Wire::new(stream, Arc::clone(watch))));
        };
        let opened = async {
            if !door.is_knocked_at(&stream).await? {
                return refuse(stream).await;
            }
            let wire = Wire::new(stream, Arc::clone(watch));
            door.accept(wire).await.map(Some)
        };
        let opened = tokio::select! {
            opened = tokio::time::timeout(self.deadlines.header, opened) => opened,
            () = ending.cancelled() => return None,
        };
        match opened {
            Ok(Ok(tls)) => tls.map(Either::Right),
            Ok(Err(error)) => {
                tracing::debug!(%error, "a handshake failed");
                None
            }
            Err(_) => {
                tracing::debug!("a connection is closed: its client did not shake hands in time");
                None
            }
        }
    }

    /// Serves a connection to its end: the client's, a deadline's, or the server's.
    pub(crate) async fn drive(
        &self,
        stream: TcpStream,
        peer: IpAddr,
        router: Router,
        ending: CancellationToken,
    ) {
        let watch = Arc::new(Watch::new(self.deadlines, Instant::now()));
        let service = ConnectionService {
            router,
            body: self.body,
            peer,
            proxies: self.proxies.clone(),
            watch: Arc::clone(&watch),
        };
        let Some(opened) = self.opened(stream, &watch, &ending).await else {
            return;
        };
        let connection = self.builder.serve_connection(TokioIo::new(opened), service);
        let look = tokio::time::sleep(Duration::ZERO);
        tokio::pin!(connection, look);
        let mut said_goodbye = false;
        loop {
            tokio::select! {
                biased;
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(error = %error, "a connection broke");
                    }
                    return;
                }
                () = look.as_mut() => match watch.verdict(Instant::now()) {
                    Verdict::Over(what) => {
                        tracing::debug!("a connection is closed: its client {what} in time");
                        return;
                    }
                    Verdict::LookAgain(_) if said_goodbye => {
                        if watch.is_idle() {
                            return;
                        }
                        look.as_mut().reset(Instant::now() + GOODBYE);
                    }
                    Verdict::LookAgain(at) => look.as_mut().reset(at),
                },
                () = ending.cancelled(), if !said_goodbye => {
                    said_goodbye = true;
                    if watch.is_idle() && !watch.is_http2() {
                        return;
                    }
                    connection.as_mut().graceful_shutdown();
                    look.as_mut().reset(Instant::now() + GOODBYE);
                }
            }
        }
    }
}

/// Tells a client that speaks HTTP without TLS what is wrong. Its request was not read, and may be in the way of the
/// answer; most clients get it all the same.
async fn refuse(mut stream: TcpStream) -> io::Result<Option<TlsStream<Wire>>> {
    stream.write_all(PLAIN_HTTP.as_bytes()).await?;
    stream.shutdown().await?;
    let mut rest = [0; 1024];
    let mut left = PLAIN_BYTES_MAX;
    while let read @ 1.. = stream.read(&mut rest).await? {
        left = left.saturating_sub(read);
        if left == 0 {
            break;
        }
    }
    Ok(None)
}

/// The router, as hyper calls it for one connection.
#[derive(Debug)]
struct ConnectionService {
    router: Router,
    body: Duration,
    peer: IpAddr,
    proxies: Vec<IpAddr>,
    watch: Arc<Watch>,
}

impl Service<Request<Incoming>> for ConnectionService {
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, request: Request<Incoming>) -> Answering {
        let http2 = request.version() == Version::HTTP_2;
        let in_flight = InFlight::new(Arc::clone(&self.watch), http2);
        let source = Source::behind(self.peer, &self.proxies, request.headers());
        let mut request = request.map(|body| {
            if hyper::body::Body::is_end_stream(&body) {
                Body::empty()
            } else {
                Body::new(PatientBody::new(body, self.body, Arc::clone(&self.watch)))
            }
        });
        if let Some(source) = source {
            request.extensions_mut().insert(source);
        }
        Answering {
            future: tower::Service::call(&mut self.router.clone(), request),
            in_flight: Some(in_flight),
        }
    }
}

/// An answer in the making.
struct Answering {
    future: RouteFuture<Infallible>,
    in_flight: Option<InFlight>,
}

impl Future for Answering {
    type Output = Result<Response<AnswerBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Ok(response) = ready!(Pin::new(&mut self.future).poll(cx));
        let in_flight = self
            .in_flight
            .take()
            .expect("a future is not polled after it is done");
        Poll::Ready(Ok(response.map(|body| AnswerBody::new(body, in_flight))))
    }
}
