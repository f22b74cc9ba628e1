//! The server: an accept loop on hyper, with a bound on everything a client may delay.
//!
//! The transport of `tonic` has no bound on connections, and cannot be ended while somebody still
//! listens; this is what stands in its place, and the calls are `tonic`'s.

mod calls;
mod config;
mod deadline;
mod incoming;
mod opening;
mod outgoing;

use std::{sync::Arc, time::Duration};

use hyper::server::conn::http2;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use kadenza_accept::Acceptor;
use kadenza_tls::Door;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{server::NamedService, service::Routes};
use tonic_health::ServingStatus;

use super::{
    CONNECTION_WINDOW, FRAME_BYTES_MAX, LIST_BYTES_MAX, MESSAGE_BYTES_MAX, STREAM_WINDOW,
    STREAMS_MAX,
    proto::{self, music_service_server::MusicServiceServer},
};
use calls::Calls;
pub use config::ServerConfig;
use futures_util::future::BoxFuture;
use kadenza_contract::MusicService;

/// How long what was cut may take to notice.
const CUT: Duration = Duration::from_secs(1);

/// Offers a service over gRPC, beside the standard services of health (`grpc.health.v1`) and
/// reflection (`grpc.reflection.v1`), until `shutdown` is done.
///
/// Then the health turns to `NOT_SERVING`, no connection is accepted and no call begun any more;
/// calls under way have [`ServerConfig::grace`] to end, and what is left is cut. Gives the number of
/// connections that were cut. Dropping the future cuts all at once.
///
/// # Errors
///
/// None once it serves: a port that has no more connections to give is asked again.
pub async fn serve(
    service: Arc<dyn MusicService>,
    listener: TcpListener,
    config: ServerConfig,
    shutdown: impl Future<Output = ()> + Send,
) -> usize {
    serving(service, listener, config, Box::pin(shutdown)).await
}

// Boxed in a function that is not async: the code of an async function is compiled anew in each crate
// that polls it.
fn serving(
    service: Arc<dyn MusicService>,
    listener: TcpListener,
    config: ServerConfig,
    shutdown: BoxFuture<'_, ()>,
) -> BoxFuture<'_, usize> {
    Box::pin(serve_until(service, listener, config, shutdown))
}

async fn serve_until(
    service: Arc<dyn MusicService>,
    listener: TcpListener,
    config: ServerConfig,
    shutdown: BoxFuture<'_, ()>,
) -> usize {
    let tasks = TaskTracker::new();
    let cut = CancellationToken::new();
    // Also when this future is dropped.
    let _cut_at_the_end = cut.clone().drop_guard();
    let ending = CancellationToken::new();

    let (health, health_server) = tonic_health::server::health_reporter();
    let calls = Calls::new(service, config.clone(), tasks.clone(), cut.clone());
    let music = MusicServiceServer::new(calls)
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(LIST_BYTES_MAX);
    let name = name_of(&music);
    health
        .set_service_status(name, ServingStatus::Serving)
        .await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .expect("the descriptions were made by the compiler of this build");
    let routes = Routes::new(music)
        .add_service(health_server.max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(reflection.max_decoding_message_size(MESSAGE_BYTES_MAX))
        .prepare();

    let server = ConnectionServer {
        routes,
        http2: settings(&config, tasks.clone()),
        door: config.door,
        preface_deadline: config.preface_deadline,
        ending: ending.clone(),
    };
    let mut connections = JoinSet::new();
    {
        let free = Arc::new(Semaphore::new(config.connections_max));
        let mut acceptor = Acceptor::new(listener);
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                (stream, place) = accepted(&mut acceptor, &free) => {
                    connections.spawn(server.clone().serve(stream, place));
                }
                Some(_) = connections.join_next() => {}
            }
        }
    }
    for service in [name, ""] {
        health
            .set_service_status(service, ServingStatus::NotServing)
            .await;
    }
    ending.cancel();
    let all = async { while connections.join_next().await.is_some() {} };
    let in_time = tokio::time::timeout(config.grace, all).await.is_ok();
    let left = match in_time {
        true => 0,
        false => connections.len(),
    };
    connections.shutdown().await;
    cut.cancel();
    tasks.close();
    // Connections that were cut let go of the service, so that it can be closed.
    let _ = tokio::time::timeout(CUT, tasks.wait()).await;
    left
}

fn name_of<S: NamedService>(_: &S) -> &'static str {
    S::NAME
}

fn settings(config: &ServerConfig, tasks: TaskTracker) -> http2::Builder<Tracked> {
    let mut http2 = http2::Builder::new(Tracked(tasks));
    http2
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(STREAMS_MAX)
        .max_frame_size(FRAME_BYTES_MAX)
        .keep_alive_interval(config.keep_alive_interval)
        .keep_alive_timeout(config.keep_alive_timeout);
    http2
}

/// The next connection, with its place among those that are served.
async fn accepted(
    acceptor: &mut Acceptor,
    free: &Arc<Semaphore>,
) -> (TcpStream, OwnedSemaphorePermit) {
    let place = Arc::clone(free).acquire_owned().await;
    let place = place.expect("the semaphore is never closed");
    let (stream, _) = acceptor.accept().await;
    (stream, place)
}

/// Serves one connection.
#[derive(Clone)]
struct ConnectionServer {
    routes: Routes,
    http2: http2::Builder<Tracked>,
    door: Option<Door>,
    preface_deadline: Duration,
    ending: CancellationToken,
}

impl ConnectionServer {
    async fn serve(self, stream: TcpStream, _place: OwnedSemaphorePermit) {
        if let Err(cause) = stream.set_nodelay(true) {
            tracing::debug!(%cause, "a connection broke at once");
            return;
        }
        let opened = tokio::select! {
            opened = opening::opened(stream, self.door.as_ref(), self.preface_deadline) => opened,
            () = self.ending.cancelled() => return,
        };
        let stream = match opened {
            Ok(stream) => stream,
            Err(cause) => {
                tracing::debug!(%cause, "a connection that speaks no gRPC");
                return;
            }
        };
        let service = TowerToHyperService::new(self.routes);
        let connection = self.http2.serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = &mut connection => ended,
            () = self.ending.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(cause) = ended {
            tracing::debug!(%cause, "a connection broke");
        }
    }
}

/// Runs what hyper spawns, so that its end can be waited for.
#[derive(Clone)]
struct Tracked(TaskTracker);

impl<F> hyper::rt::Executor<F> for Tracked
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn(future);
    }
}
