//! A service that shows what is done with it, and backends to offer it.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use kadenza_contract::{
    Artwork, ArtworkRequest, Audio, AudioRequest, Browse, ContentHash, Copies, Credential, Entry,
    Error, Format, Group, MusicService, NewSong, Outcome, Page, Query, Recording, Result, Song,
    SongId, Status, Tags, Upload,
};
use kadenza_grpc::{self as grpc, Client, ClientConfig, ServerConfig, proto};
use proto::music_service_client::MusicServiceClient;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use tonic::transport::{Channel, Endpoint};

/// How long anything may take before a test gives up. Never reached when all is well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The size of the one song's audio, in bytes.
pub(crate) const SIZE: u64 = 1 << 30;

/// Waits until a condition holds.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The one song.
pub(crate) fn the_song() -> Song {
    Song::new(Recording {
        content: ContentHash::of(b"audio"),
        format: Format::Wav,
        size: SIZE,
        duration_ms: Some(1000),
        bit_rate: Some(1411),
        tags: Tags::new("Title", "Artist", "Album").expect("a title"),
        has_artwork: false,
        added_at: Timestamp::UNIX_EPOCH,
        reader: 0,
    })
}

/// Answers no question, has endless audio, and takes uploads; and counts.
#[derive(Debug, Default)]
pub(crate) struct Odd {
    /// How many calls and streams are held.
    pub(crate) held: Arc<AtomicUsize>,
    /// How many pieces of audio were given.
    pub(crate) pieces: Arc<AtomicUsize>,
    /// How each upload ended: its length, or its error.
    pub(crate) uploads: Mutex<Vec<std::result::Result<u64, String>>>,
}

impl Odd {
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    pub(crate) fn pieces(&self) -> usize {
        self.pieces.load(Ordering::Relaxed)
    }

    pub(crate) fn uploads(&self) -> Vec<std::result::Result<u64, String>> {
        self.uploads.lock().expect("no test panics there").clone()
    }

    fn hold(&self) -> OpenStream {
        self.held.fetch_add(1, Ordering::Relaxed);
        OpenStream(Arc::clone(&self.held))
    }
}

struct OpenStream(Arc<AtomicUsize>);

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl MusicService for Odd {
    /// It does not look at who asks.
    fn for_caller(&self, _: &Credential) -> Option<Arc<dyn MusicService>> {
        None
    }

    async fn song(&self, _: &SongId) -> Result<Option<Song>> {
        let _held = self.hold();
        std::future::pending().await
    }

    async fn copies(&self, _: &SongId) -> Result<Option<Copies>> {
        Ok(None)
    }

    async fn search(&self, _: &Query) -> Result<Page<Entry>> {
        Err(Error::Busy)
    }

    async fn browse(&self, _: &Browse) -> Result<Page<Group>> {
        Err(Error::full())
    }

    async fn upload(&self, song: NewSong) -> Result<Upload> {
        let _held = self.hold();
        let mut audio = song.audio;
        let mut length = 0;
        while let Some(piece) = audio.next().await {
            match piece {
                Ok(piece) => length += piece.len() as u64,
                Err(error) => {
                    let told = Err(error.chain());
                    self.uploads
                        .lock()
                        .expect("no test panics there")
                        .push(told);
                    return Err(error);
                }
            }
        }
        self.uploads
            .lock()
            .expect("no test panics there")
            .push(Ok(length));
        Ok(Upload::new(the_song(), Outcome::Added))
    }

    async fn audio(&self, request: &AudioRequest) -> Result<Option<Audio>> {
        let range = request.range.within(SIZE)?;
        let (held, pieces) = (self.hold(), Arc::clone(&self.pieces));
        let stream = stream::unfold(held, move |held| {
            pieces.fetch_add(1, Ordering::Relaxed);
            async { Some((Ok(Bytes::from(vec![7; 64 * 1024])), held)) }
        });
        Ok(Some(Audio {
            recording: the_song().best().clone(),
            range,
            stream: stream.boxed(),
        }))
    }

    async fn lyrics(&self, _: &SongId) -> Result<Option<kadenza_contract::Lyrics>> {
        Ok(None)
    }

    async fn artwork(&self, _: &ArtworkRequest) -> Result<Option<Artwork>> {
        Ok(None)
    }

    async fn status(&self) -> Result<Status> {
        Err(Error::Timeout {
            waited: Duration::from_millis(7),
        })
    }

    async fn servers(&self) -> Result<Vec<String>> {
        Ok(vec!["http://somewhere:1".to_owned()])
    }
}

/// A backend on a free port of loopback.
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    end: oneshot::Sender<()>,
    task: JoinHandle<usize>,
}

impl Backend {
    pub(crate) async fn of(service: Arc<dyn MusicService>, config: ServerConfig) -> Backend {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        Backend::at(listener, service, config)
    }

    pub(crate) fn at(
        listener: TcpListener,
        service: Arc<dyn MusicService>,
        config: ServerConfig,
    ) -> Backend {
        let address = listener.local_addr().expect("it is bound");
        let (end, ended) = oneshot::channel();
        let task = tokio::spawn(grpc::serve(service, listener, config, async move {
            let _ = ended.await;
        }));
        Backend { address, end, task }
    }

    /// A client with these settings.
    pub(crate) fn client(&self, config: ClientConfig) -> Client {
        client_of(self.address, config)
    }

    /// A client as any other program would have it.
    pub(crate) async fn stub(&self) -> MusicServiceClient<Channel> {
        MusicServiceClient::new(self.channel().await)
    }

    pub(crate) async fn channel(&self) -> Channel {
        let url = format!("http://{}", self.address);
        let endpoint = Endpoint::from_shared(url).expect("an address");
        endpoint.connect().await.expect("it listens")
    }

    /// Ends it; gives how many connections were cut.
    pub(crate) async fn end(self) -> usize {
        drop(self.end);
        self.task.await.expect("it does not panic")
    }
}

pub(crate) fn client_of(address: SocketAddr, config: ClientConfig) -> Client {
    Client::new(&address.ip().to_string(), address.port(), config).expect("an address")
}

/// An odd service behind a backend, and a client.
pub(crate) async fn odd(server: ServerConfig, client: ClientConfig) -> (Arc<Odd>, Backend, Client) {
    let odd = Arc::new(Odd::default());
    let backend = Backend::of(Arc::clone(&odd) as Arc<dyn MusicService>, server).await;
    let client = backend.client(client);
    (odd, backend, client)
}
