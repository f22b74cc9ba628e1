//! The connections of a client: one for questions, and some for what is long.
//!
//! Audio and questions never share a connection, so that nobody waits for a search behind other
//! people's music. The long ones are opened as they are needed, each for as many streams as the other
//! side takes on a connection; when all are taken, the answer is [`Error::Busy`].

use std::{sync::Arc, time::Duration};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::transport::Endpoint;

use super::{
    CONNECTION_WINDOW, FRAME_BYTES_MAX, LIST_BYTES_MAX, MESSAGE_BYTES_MAX, STREAM_WINDOW,
    STREAMS_MAX, client_config::ClientConfig, connector::Connector, guard::Guarded,
    proto::music_service_client::MusicServiceClient,
};
use kadenza_contract::{Error, Result};

/// The generated client, on which calls are made.
pub(super) type Stub = MusicServiceClient<Guarded>;

/// All connections to one place.
#[derive(Debug)]
pub(super) struct Lines {
    questions: Stub,
    long: Vec<(Stub, Arc<Semaphore>)>,
}

impl Lines {
    /// To a host (an IPv6 address without brackets) and a port. Nothing is connected before it is
    /// needed.
    pub(super) fn new(host: &str, port: u16, config: &ClientConfig) -> Result<Lines> {
        let authority = match host.contains(':') {
            true => format!("[{host}]:{port}"),
            false => format!("{host}:{port}"),
        };
        let scheme = match config.roots {
            Some(_) => "https",
            None => "http",
        };
        let endpoint = Endpoint::from_shared(format!("{scheme}://{authority}"));
        let endpoint = endpoint.map_err(|_| Error::Invalid {
            what: format!("`{authority}` is no address: expected HOST:PORT"),
        })?;
        let endpoint = endpoint
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_frame_size(FRAME_BYTES_MAX)
            .http2_keep_alive_interval(config.keep_alive_interval)
            .keep_alive_timeout(config.keep_alive_timeout)
            .keep_alive_while_idle(true);
        let connector = Connector::new(host, port, config)?;
        let stub = || {
            let channel = endpoint.connect_with_connector_lazy(connector.clone());
            MusicServiceClient::new(Guarded(channel)).max_encoding_message_size(MESSAGE_BYTES_MAX)
        };
        let long = || {
            let stub = stub().max_decoding_message_size(MESSAGE_BYTES_MAX);
            (stub, Arc::new(Semaphore::new(STREAMS_MAX as usize)))
        };
        Ok(Lines {
            questions: stub().max_decoding_message_size(LIST_BYTES_MAX),
            long: (0..config.long_connections_max.max(1))
                .map(|_| long())
                .collect(),
        })
    }

    /// For a question.
    pub(super) fn question(&self) -> Stub {
        self.questions.clone()
    }

    /// For a stream, which is counted until the permit is dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] if there are too many.
    pub(super) fn long(&self) -> Result<(Stub, OwnedSemaphorePermit)> {
        let free = self.long.iter().find_map(|(stub, free)| {
            let permit = Arc::clone(free).try_acquire_owned().ok()?;
            Some((stub.clone(), permit))
        });
        free.ok_or(Error::Busy)
    }
}

/// How long is waited before a call whose connection was lost is made once more.
pub(super) const RETRY_PAUSE: Duration = Duration::from_millis(100);
