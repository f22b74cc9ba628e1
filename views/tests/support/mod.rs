//! A music service in memory whose faults can be chosen, and what tests need to speak HTTP to it.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test file has it as a module and uses a part of it"
)]

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use axum::{
    Router,
    body::Body,
    http::{Method, Request, Response, StatusCode},
};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use kadenza_services::{
    Artwork, ArtworkRequest, Audio, AudioRequest, Browse, ContentHash, Copies, Credential, Entry,
    Error, Format, Group, MusicService, NewSong, Outcome, Page, Partial, Query, Recording,
    RecordingCopies, Result, Song, SongId, Status, Tags, Upload,
};
use kadenza_views::{Server, ServerConfig, ViewsConfig, router};
use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{Semaphore, oneshot},
    task::JoinHandle,
};
use tower::ServiceExt;

/// How long a test waits for something that must happen.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What goes wrong with audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    /// The first piece is an error.
    FirstPiece,
    /// An error comes after some bytes.
    Midway,
    /// The stream ends early without an error.
    Short,
    /// The stream gives more than it should.
    Long,
    /// The call panics.
    Panic,
    /// The call never ends.
    Hang,
}

/// A music service in memory. Uploads are taken as MP3 unless they begin with `not audio`.
#[derive(Debug)]
pub struct Memory {
    songs: Mutex<Vec<(Song, Bytes)>>,
    pub fault: Mutex<Fault>,
    pub audio_opened: AtomicUsize,
    pub songs_looked_up: AtomicUsize,
    pub statuses: AtomicUsize,
    /// Pieces of uploads are taken only while there are permits.
    pub pieces: Semaphore,
    pub pieces_taken: AtomicUsize,
    /// Uploads that came to an end, good or bad.
    pub uploads_ended: AtomicUsize,
    /// Uploads whose future was dropped before its end.
    pub uploads_given_up: AtomicUsize,
    pub audio_piece_bytes: usize,
    /// What is said of every page.
    pub partial: Mutex<Option<Partial>>,
}

impl Default for Memory {
    fn default() -> Memory {
        Memory {
            songs: Mutex::default(),
            fault: Mutex::new(Fault::None),
            audio_opened: AtomicUsize::new(0),
            songs_looked_up: AtomicUsize::new(0),
            statuses: AtomicUsize::new(0),
            pieces: Semaphore::new(Semaphore::MAX_PERMITS),
            pieces_taken: AtomicUsize::new(0),
            uploads_ended: AtomicUsize::new(0),
            uploads_given_up: AtomicUsize::new(0),
            audio_piece_bytes: 1000,
            partial: Mutex::default(),
        }
    }
}

/// Bytes that differ from place to place.
pub fn noise(length: usize) -> Bytes {
    let mut state = 0x9e37_79b9_u32;
    (0..length)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        })
        .collect()
}

pub fn recording(tags: Tags, audio: &[u8]) -> Recording {
    Recording {
        content: ContentHash::of(audio),
        format: Format::Mp3,
        size: audio.len() as u64,
        duration_ms: Some(180_000),
        bit_rate: Some(192),
        tags,
        has_artwork: true,
        added_at: "2026-11-22T10:00:00.123Z".parse().unwrap(),
        reader: 0,
    }
}

impl Memory {
    /// Puts a song there.
    pub fn add(&self, title: &str, artist: &str, album: &str, audio: Bytes) -> Song {
        let tags = Tags::new(title, artist, album)
            .unwrap()
            .with_genre(Some("Jazz"));
        self.add_recording(recording(tags, &audio), audio)
    }

    /// Puts a recording there, beside others of the same song.
    pub fn add_recording(&self, recording: Recording, audio: Bytes) -> Song {
        let song = Song::new(recording);
        self.songs.lock().push((song.clone(), audio));
        song
    }

    fn find(&self, id: &SongId) -> Option<Song> {
        let songs = self.songs.lock();
        let mut copies = songs.iter().filter(|(song, _)| song.id() == *id);
        let mut song = copies.next()?.0.clone();
        for (copy, _) in copies {
            song.merge(copy);
        }
        Some(song)
    }
}

#[async_trait]
impl MusicService for Memory {
    /// It does not look at who asks.
    fn for_caller(&self, _: &Credential) -> Option<Arc<dyn MusicService>> {
        None
    }

    async fn song(&self, id: &SongId) -> Result<Option<Song>> {
        self.songs_looked_up.fetch_add(1, Ordering::SeqCst);
        Ok(self.find(id))
    }

    async fn copies(&self, id: &SongId) -> Result<Option<Copies>> {
        let song = self.find(id);
        Ok(song.map(|song| {
            let recordings = song.recordings().iter().map(|recording| RecordingCopies {
                content_hash: recording.content,
                copies: 1,
                needed: 1,
            });
            Copies {
                recordings: recordings.collect(),
            }
        }))
    }

    async fn search(&self, query: &Query) -> Result<Page<Entry>> {
        let songs: Vec<Song> = self.songs.lock().iter().map(|(s, _)| s.clone()).collect();
        let partial = self.partial.lock().clone();
        Ok(Page {
            partial,
            ..query.page(songs)
        })
    }

    async fn browse(&self, browse: &Browse) -> Result<Page<Group>> {
        let songs: Vec<Song> = self.songs.lock().iter().map(|(s, _)| s.clone()).collect();
        let partial = self.partial.lock().clone();
        Ok(Page {
            partial,
            ..browse.page(&songs)
        })
    }

    async fn upload(&self, song: NewSong) -> Result<Upload> {
        struct GivenUp<'a>(&'a AtomicUsize);
        impl Drop for GivenUp<'_> {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        let given_up = GivenUp(&self.uploads_given_up);
        let result = async {
            let mut audio = song.audio;
            let mut bytes = Vec::new();
            loop {
                self.pieces.acquire().await.unwrap().forget();
                let Some(piece) = audio.try_next().await? else {
                    break;
                };
                self.pieces_taken.fetch_add(1, Ordering::SeqCst);
                bytes.extend_from_slice(&piece);
            }
            if bytes.is_empty() || bytes.starts_with(b"not audio") {
                return Err(Error::NotAudio {
                    what: "no frame of audio was found".to_owned(),
                });
            }
            let stated = song.stated;
            let tags = Tags::new(
                stated.title.as_deref().unwrap_or_default(),
                &stated.artists.join(" + "),
                stated.album.as_deref().unwrap_or_default(),
            )?;
            if let Some(song) = self.find(&tags.song_id()) {
                let outcome = Outcome::AlreadyThere;
                return Ok(Upload::new(song, outcome));
            }
            let bytes = Bytes::from(bytes);
            let song = self.add_recording(recording(tags, &bytes), bytes);
            let outcome = Outcome::Added;
            Ok(Upload::new(song, outcome))
        }
        .await;
        std::mem::forget(given_up);
        self.uploads_ended.fetch_add(1, Ordering::SeqCst);
        result
    }

    async fn audio(&self, request: &AudioRequest) -> Result<Option<Audio>> {
        let fault = *self.fault.lock();
        match fault {
            Fault::Panic => panic!("the service panics, as this test wants it to"),
            Fault::Hang => std::future::pending().await,
            _ => {}
        }
        let Some(song) = self.find(&request.song) else {
            return Ok(None);
        };
        let content = request.recording.unwrap_or(song.best().content);
        let Some(recording) = song.recording(&content).cloned() else {
            return Ok(None);
        };
        let audio = {
            let songs = self.songs.lock();
            let holds = |(song, _): &&(Song, Bytes)| song.recording(&content).is_some();
            songs.iter().find(holds).unwrap().1.clone()
        };
        let range = request.range.within(recording.size)?;
        self.audio_opened.fetch_add(1, Ordering::SeqCst);
        let bytes =
            audio.slice(usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap());
        let piece = self.audio_piece_bytes;
        let mut pieces: Vec<Result<Bytes>> = (0..bytes.len())
            .step_by(piece)
            .map(|at| Ok(bytes.slice(at..bytes.len().min(at + piece))))
            .collect();
        let damaged = || {
            Err(Error::Damaged {
                what: "piece 1".to_owned(),
            })
        };
        match fault {
            Fault::FirstPiece => pieces = vec![damaged()],
            Fault::Midway => {
                pieces.truncate(1);
                pieces.push(damaged());
            }
            Fault::Short => drop(pieces.pop()),
            Fault::Long => pieces.push(Ok(Bytes::from_static(b"too much"))),
            _ => {}
        }
        Ok(Some(Audio {
            recording,
            range,
            stream: stream::iter(pieces).boxed(),
        }))
    }

    async fn lyrics(&self, _: &SongId) -> Result<Option<kadenza_contract::Lyrics>> {
        Ok(None)
    }

    async fn artwork(&self, request: &ArtworkRequest) -> Result<Option<Artwork>> {
        Ok(self.find(&request.song).map(|song| Artwork {
            content_type: match song.tags().title() {
                "Drawing" => "text/html".to_owned(),
                _ => "image/png".to_owned(),
            },
            bytes: format!("picture of {:?} pixels", request.size).into(),
        }))
    }

    async fn status(&self) -> Result<Status> {
        self.statuses.fetch_add(1, Ordering::SeqCst);
        if *self.fault.lock() == Fault::Hang {
            tokio::time::sleep(Duration::from_millis(300)).await;
            return Err(Error::Busy);
        }
        let songs = self.songs.lock();
        Ok(Status {
            songs: songs.len() as u64,
            bytes: songs.iter().map(|(_, audio)| audio.len() as u64).sum(),
            ..Status::default()
        })
    }

    async fn servers(&self) -> Result<Vec<String>> {
        Ok(vec!["http://a:1".to_owned(), "http://b:2".to_owned()])
    }
}

/// The router over a service in memory.
pub fn views(memory: &Arc<Memory>) -> Router {
    router(Arc::clone(memory) as _, ViewsConfig::default())
}

/// Sends a request with these headers and no body.
pub async fn send(
    router: &Router,
    method: Method,
    target: &str,
    headers: &[(&str, &str)],
) -> Response<Body> {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).unwrap();
    router.clone().oneshot(request).await.unwrap()
}

pub async fn get(router: &Router, target: &str, headers: &[(&str, &str)]) -> Response<Body> {
    send(router, Method::GET, target, headers).await
}

pub async fn bytes(response: Response<Body>) -> Bytes {
    axum::body::to_bytes(response.into_body(), usize::MAX)
        .await
        .unwrap()
}

pub async fn json(response: Response<Body>) -> serde_json::Value {
    serde_json::from_slice(&bytes(response).await).unwrap()
}

pub fn header<'a>(response: &'a Response<Body>, name: &str) -> &'a str {
    match response.headers().get(name) {
        Some(value) => value.to_str().unwrap(),
        None => panic!("no {name} in {:?}", response.headers()),
    }
}

/// Holds that an answer is a problem with this status and code, and gives its document.
pub async fn problem(response: Response<Body>, status: u16, code: &str) -> serde_json::Value {
    assert_eq!(response.status(), StatusCode::from_u16(status).unwrap());
    assert_eq!(
        header(&response, "content-type"),
        "application/problem+json"
    );
    header(&response, "server-timing");
    let document = json(response).await;
    assert_eq!(
        document["type"],
        format!("urn:kadenza:error:{code}"),
        "{document}"
    );
    assert_eq!(document["status"], status, "{document}");
    assert!(
        !document["detail"].as_str().unwrap().is_empty(),
        "{document}"
    );
    document
}

/// A server on a free port.
pub struct Running {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<usize>,
}

impl Running {
    pub fn start(router: Router, config: ServerConfig) -> Running {
        Running::of(
            Server::bind("127.0.0.1:0".parse().unwrap(), config).unwrap(),
            router,
        )
    }

    pub fn of(server: Server, router: Router) -> Running {
        let address = server.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(async move {
            let shutdown = async { drop(stopped.await) };
            server.serve(router, shutdown).await
        });
        Running {
            address,
            stop: Some(stop),
            served,
        }
    }

    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Tells the server to stop.
    pub fn tell_to_stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits until it has stopped, and says how many connections were cut.
    pub async fn stopped(mut self) -> usize {
        self.tell_to_stop();
        within(self.served).await.unwrap()
    }

    /// Holds that a new client is served.
    pub async fn assert_serves(&self) {
        let mut stream = self.connect().await;
        write(
            &mut stream,
            b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        )
        .await;
        let answer = read_to_end(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    }
}

/// A client that speaks HTTP/2 from its first byte.
pub async fn http2(server: &Running) -> hyper::client::conn::http2::SendRequest<Full<Bytes>> {
    let io = TokioIo::new(server.connect().await);
    let (client, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
        .await
        .expect("a server that speaks HTTP/2");
    tokio::spawn(connection);
    client
}

/// Waits for what must happen.
pub async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("it must happen in time")
}

/// Waits until a condition holds.
pub async fn until(condition: impl Fn() -> bool) {
    within(async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

pub async fn write(stream: &mut TcpStream, bytes: &[u8]) {
    within(stream.write_all(bytes)).await.unwrap();
}

/// All that the server sends until it closes; a reset ends it as well.
pub async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    drop(within(stream.read_to_end(&mut bytes)).await);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// All that the server sends up to and with this text.
pub async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut bytes = Vec::new();
    within(async {
        let mut piece = [0; 4096];
        while !String::from_utf8_lossy(&bytes).contains(end) {
            let n = stream.read(&mut piece).await.unwrap();
            assert!(n > 0, "closed after {:?}", String::from_utf8_lossy(&bytes));
            bytes.extend_from_slice(&piece[..n]);
        }
    })
    .await;
    String::from_utf8_lossy(&bytes).into_owned()
}
