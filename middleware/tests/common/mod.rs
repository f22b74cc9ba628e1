//! Servers that do what they are told: an HTTP/1.1 server written for its faults. It speaks the
//! part of the interface that the middleware uses, over one shared in-memory service, and can
//! refuse, hang, cut, stall and lie at any byte.
//!
//! Tests that wait run on paused time, which leaps ahead whenever nothing can go on. They must send
//! little enough at once to fit into a socket: while the system moves more than that, nothing can
//! go on for a moment either.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses a part of it"
)]
#![allow(
    clippy::unwrap_used,
    reason = "a test whose server is in trouble shall fail"
)]

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use kadenza_middleware::{Client, ClientConfig};
use kadenza_services::{ContentHash, Format, Recording, Song, SongId, Tags};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What a server does with a request instead of answering it well.
#[derive(Debug, Clone, Default)]
pub enum Fault {
    /// Nothing: it answers.
    #[default]
    None,
    /// It answers only after this long.
    Delay(Duration),
    /// It never answers.
    Hang,
    /// It closes the connection instead of answering.
    Close,
    /// It answers exactly these bytes and closes.
    Raw(String),
    /// It answers with a problem document: status, code, further headers.
    Problem(u16, &'static str, &'static str),
    /// It closes the connection after so many bytes of the body.
    CutAfter(usize),
    /// It falls silent after so many bytes of the body.
    StallAfter(usize),
    /// It falls silent for a while after so many bytes of the body.
    PauseAfter(usize, Duration),
    /// It gives the audio of its song, but under another ETag.
    OtherTag,
    /// It gives other audio under its own, right ETag.
    OtherAudio(Bytes),
    /// It ignores `Range`.
    WholeInstead,
    /// It reads so many bytes of an upload and closes the connection.
    CutUploadAfter(usize),
    /// It takes no more than so many bytes of an upload.
    StallUploadAfter(usize),
    /// It stores the upload, and closes the connection without an answer.
    StoreAndClose,
    /// It takes the upload whole, stores nothing, and closes the connection.
    DropAndClose,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub query: Vec<(String, String)>,
    pub headers: Vec<(String, String)>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub fn param(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn is_audio(&self) -> bool {
        self.path.ends_with("/audio")
    }

    pub fn is_upload(&self) -> bool {
        self.method == "POST"
    }

    pub fn is_health(&self) -> bool {
        self.path == "/health"
    }

    pub fn is_search(&self) -> bool {
        self.path == "/api/v1/songs" && self.method == "GET"
    }
}

/// The service that all servers of a test offer: songs in memory.
#[derive(Debug, Default)]
pub struct Music {
    songs: Mutex<Vec<(Song, Vec<Bytes>)>>,
    /// How many uploads ended before their body did.
    pub broken_uploads: Mutex<u32>,
}

impl Music {
    pub fn new() -> Arc<Music> {
        Arc::default()
    }

    /// Adds a song; `None` if there is one of this name.
    pub fn add(&self, title: &str, audio: impl Into<Bytes>) -> Option<SongId> {
        let audio = audio.into();
        let song = Song::new(Recording {
            content: ContentHash::of(&audio),
            format: Format::Flac,
            size: audio.len() as u64,
            duration_ms: 1000,
            bit_rate: 900,
            tags: Tags::new(title, "artist", "album").unwrap(),
            has_artwork: false,
            added_at: jiff::Timestamp::now(),
        });
        let id = song.id();
        let mut songs = self.songs.lock();
        if songs.iter().any(|(song, _)| song.id() == id) {
            return None;
        }
        songs.push((song, vec![audio]));
        Some(id)
    }

    pub fn find(&self, id: &str) -> Option<(Song, Vec<Bytes>)> {
        let songs = self.songs.lock();
        songs
            .iter()
            .find(|(song, _)| song.id().to_string() == id)
            .cloned()
    }

    pub fn count(&self) -> usize {
        self.songs.lock().len()
    }

    fn all(&self) -> Vec<Value> {
        self.songs
            .lock()
            .iter()
            .map(|(song, _)| song_json(song))
            .collect()
    }
}

pub fn song_json(song: &Song) -> Value {
    let best = song.best();
    let tags = song.tags();
    json!({ "id": song.id(), "title": tags.title(), "artist": tags.artist(), "album": tags.album(),
        "track": tags.track(), "disc": tags.disc(), "year": tags.year(), "genre": tags.genre(),
        "durationMs": best.duration_ms, "size": best.size,
        "contentType": best.format.content_type(), "contentHash": best.content,
        "addedAt": best.added_at, "format": best.format, "bitRate": best.bit_rate,
        "hasArtwork": best.has_artwork })
}

type Faults = Box<dyn FnMut(&Request) -> Fault + Send>;

struct Inner {
    music: Arc<Music>,
    faults: Mutex<Faults>,
    seen: Mutex<Vec<Request>>,
    listed: Mutex<Vec<String>>,
    connections: Mutex<Vec<JoinHandle<()>>>,
}

/// A server. Dropped, it is gone.
pub struct Server {
    pub url: String,
    address: SocketAddr,
    inner: Arc<Inner>,
    accepting: Mutex<Option<JoinHandle<()>>>,
}

impl Server {
    pub async fn start(music: &Arc<Music>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Server {
            url: format!("http://{address}"),
            address,
            inner: Arc::new(Inner {
                music: Arc::clone(music),
                faults: Mutex::new(Box::new(|_| Fault::None)),
                seen: Mutex::default(),
                listed: Mutex::default(),
                connections: Mutex::default(),
            }),
            accepting: Mutex::new(None),
        };
        server.accept(listener);
        server
    }

    fn accept(&self, listener: TcpListener) {
        let inner = Arc::clone(&self.inner);
        *self.accepting.lock() = Some(tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let serving = tokio::spawn(serve(connection, Arc::clone(&inner)));
                inner.connections.lock().push(serving);
            }
        }));
    }

    /// From now on, what it does with each request.
    pub fn on(&self, faults: impl FnMut(&Request) -> Fault + Send + 'static) {
        *self.inner.faults.lock() = Box::new(faults);
    }

    /// The first request that fits meets the fault; the others are answered.
    pub fn once(&self, fits: fn(&Request) -> bool, fault: Fault) {
        let mut fault = Some(fault);
        self.on(move |request| {
            if fits(request) {
                fault.take().unwrap_or_default()
            } else {
                Fault::None
            }
        });
    }

    /// Each request that fits meets the fault.
    pub fn always(&self, fits: fn(&Request) -> bool, fault: Fault) {
        self.on(move |request| {
            if fits(request) {
                fault.clone()
            } else {
                Fault::None
            }
        });
    }

    /// What it answers when asked for the servers that it knows.
    pub fn list(&self, servers: Vec<String>) {
        *self.inner.listed.lock() = servers;
    }

    /// What it was asked, probes and learning left out.
    pub fn seen(&self) -> Vec<Request> {
        let seen = self.inner.seen.lock();
        let aside = |r: &&Request| !r.is_health() && r.path != "/api/v1/servers";
        seen.iter().filter(aside).cloned().collect()
    }

    /// How many probes came.
    pub fn probes(&self) -> usize {
        self.inner
            .seen
            .lock()
            .iter()
            .filter(|request| request.is_health())
            .count()
    }

    /// How many connections it has had.
    pub fn connections(&self) -> usize {
        self.inner.connections.lock().len()
    }

    /// Dies at once: connections are cut and refused from now on.
    pub fn kill(&self) {
        if let Some(accepting) = self.accepting.lock().take() {
            accepting.abort();
        }
        for connection in self.inner.connections.lock().drain(..) {
            connection.abort();
        }
    }

    /// Comes back at the same address.
    pub async fn revive(&self) {
        eventually("the address is free again", || async {
            match TcpListener::bind(self.address).await {
                Ok(listener) => {
                    self.accept(listener);
                    true
                }
                Err(_) => false,
            }
        })
        .await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A client of these servers that hurries, learns nothing and hedges nothing.
pub fn client(servers: &[&Server]) -> Client {
    client_with(servers, |_| {})
}

/// The same with other settings.
pub fn client_with(servers: &[&Server], set: impl FnOnce(&mut ClientConfig)) -> Client {
    let mut config = ClientConfig::default();
    config.learn_every = None;
    config.hedge = false;
    set(&mut config);
    Client::new(servers.iter().map(|server| &server.url), config).unwrap()
}

/// Waits until something holds, for at most a minute.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    for _ in 0..6000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came about that {what}");
}

/// Audio that is different at every place.
pub fn audio(length: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1Du64;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_be_bytes()[0]
        })
        .collect()
}

async fn serve(connection: TcpStream, inner: Arc<Inner>) {
    let _ = connection.set_nodelay(true);
    let mut connection = BufReader::new(connection);
    // An error ends the connection, as it should.
    while let Ok(true) = exchange(&mut connection, &inner).await {}
}

type Connection = BufReader<TcpStream>;

async fn exchange(connection: &mut Connection, inner: &Inner) -> std::io::Result<bool> {
    let Some(request) = head(connection).await? else {
        return Ok(false);
    };
    inner.seen.lock().push(request.clone());
    let fault = (inner.faults.lock())(&request);
    match &fault {
        Fault::Hang => std::future::pending().await,
        Fault::Delay(delay) => tokio::time::sleep(*delay).await,
        Fault::Close => return Ok(false),
        Fault::Raw(raw) => {
            connection.write_all(raw.as_bytes()).await?;
            return Ok(false);
        }
        Fault::CutUploadAfter(count) => {
            take(connection, *count).await?;
            return Ok(false);
        }
        Fault::StallUploadAfter(count) => {
            take(connection, *count).await?;
            return std::future::pending().await;
        }
        _ => {}
    }
    let body = if request.is_upload() {
        match read_chunked(connection, request.header("transfer-encoding").is_some()).await {
            Ok(body) => body,
            Err(error) => {
                *inner.music.broken_uploads.lock() += 1;
                return Err(error);
            }
        }
    } else {
        Vec::new()
    };
    if let Fault::Problem(status, code, headers) = &fault {
        let body = problem(*status, code);
        return respond(connection, *status, headers, body.as_bytes(), &fault).await;
    }
    if matches!(fault, Fault::DropAndClose) {
        return Ok(false);
    }
    let songs = request.path.strip_prefix("/api/v1/songs");
    match (request.method.as_str(), request.path.as_str(), songs) {
        ("POST", "/api/v1/songs", _) => {
            let Some(title) = request.param("title") else {
                let body = problem(422, "no-title");
                return respond(connection, 422, "", body.as_bytes(), &fault).await;
            };
            let added = inner.music.add(title, body).is_some();
            if matches!(fault, Fault::StoreAndClose) {
                return Ok(false);
            }
            let id = SongId::of(title, "artist", "album").to_string();
            let (song, _) = inner.music.find(&id).unwrap();
            let body = song_json(&song).to_string();
            let status = if added { 201 } else { 200 };
            respond(connection, status, "", body.as_bytes(), &fault).await
        }
        ("POST", "/api/v1/leave", _) => respond(connection, 202, "", b"", &fault).await,
        (_, "/health", _) => respond(connection, 200, "", b"{}", &fault).await,
        (_, "/api/v1/servers", _) => {
            let body = json!({ "items": *inner.listed.lock(), "next": null }).to_string();
            respond(connection, 200, "", body.as_bytes(), &fault).await
        }
        (_, "/api/v1/status", _) => {
            let body =
                json!({ "songs": inner.music.count(), "bytes": 0, "nodes": [], "version": "0" });
            respond(connection, 200, "", body.to_string().as_bytes(), &fault).await
        }
        (_, "/api/v1/songs", _) => {
            let body = json!({ "items": inner.music.all(), "next": null }).to_string();
            respond(connection, 200, "", body.as_bytes(), &fault).await
        }
        (_, _, Some(rest)) => {
            let mut parts = rest.trim_start_matches('/').split('/');
            let found = inner.music.find(parts.next().unwrap_or_default());
            match (found, parts.next()) {
                (Some((song, audio)), Some("audio")) => {
                    send_audio(connection, &request, &song, &audio[0], &fault).await
                }
                (Some((song, _)), None) => {
                    let body = song_json(&song).to_string();
                    respond(connection, 200, "", body.as_bytes(), &fault).await
                }
                _ => {
                    respond(
                        connection,
                        404,
                        "",
                        problem(404, "not-found").as_bytes(),
                        &fault,
                    )
                    .await
                }
            }
        }
        _ => {
            respond(
                connection,
                404,
                "",
                problem(404, "not-found").as_bytes(),
                &fault,
            )
            .await
        }
    }
}

async fn send_audio(
    connection: &mut Connection,
    request: &Request,
    song: &Song,
    audio: &Bytes,
    fault: &Fault,
) -> std::io::Result<bool> {
    let content = song.best().content;
    if request
        .param("recording")
        .is_some_and(|wanted| wanted != content.to_string())
    {
        return respond(
            connection,
            404,
            "",
            problem(404, "not-found").as_bytes(),
            fault,
        )
        .await;
    }
    let (content, audio) = match fault {
        Fault::OtherTag => (ContentHash::of(b"other"), audio.clone()),
        Fault::OtherAudio(other) => (ContentHash::of(other), other.clone()),
        _ => (content, audio.clone()),
    };
    let size = audio.len();
    let tag = format!("ETag: \"{content}\"\r\n");
    let current = request
        .header("if-range")
        .is_none_or(|tag| tag == format!("\"{content}\""));
    let range = request
        .header("range")
        .filter(|_| current && !matches!(fault, Fault::WholeInstead))
        .and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
    let Some((first, last)) = range else {
        return respond(connection, 200, &tag, &audio, fault).await;
    };
    let first: usize = first.parse().unwrap();
    let end = last
        .parse::<usize>()
        .map_or(size, |last| size.min(last + 1));
    if first >= end {
        let headers = format!("Content-Range: bytes */{size}\r\n");
        return respond(
            connection,
            416,
            &headers,
            problem(416, "range").as_bytes(),
            fault,
        )
        .await;
    }
    let headers = format!("{tag}Content-Range: bytes {first}-{}/{size}\r\n", end - 1);
    respond(connection, 206, &headers, &audio[first..end], fault).await
}

fn problem(status: u16, code: &str) -> String {
    json!({ "type": format!("urn:kadenza:error:{code}"), "title": code, "status": status,
        "detail": "told to", "number": 3, "reached": 1 })
    .to_string()
}

async fn respond(
    connection: &mut Connection,
    status: u16,
    headers: &str,
    body: &[u8],
    fault: &Fault,
) -> std::io::Result<bool> {
    let head = format!(
        "HTTP/1.1 {status} Told\r\nContent-Length: {}\r\n{headers}\r\n",
        body.len()
    );
    connection.write_all(head.as_bytes()).await?;
    match *fault {
        Fault::CutAfter(count) if count < body.len() => {
            connection.write_all(&body[..count]).await?;
            Ok(false)
        }
        Fault::PauseAfter(count, pause) => {
            connection.write_all(&body[..count]).await?;
            tokio::time::sleep(pause).await;
            connection.write_all(&body[count..]).await?;
            Ok(true)
        }
        Fault::StallAfter(count) => {
            connection.write_all(&body[..count.min(body.len())]).await?;
            std::future::pending().await
        }
        _ => {
            connection.write_all(body).await?;
            Ok(true)
        }
    }
}

async fn head(connection: &mut Connection) -> std::io::Result<Option<Request>> {
    let mut line = String::new();
    if connection.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let method = words.next().unwrap().to_owned();
    let target = reqwest::Url::parse("http://server")
        .unwrap()
        .join(words.next().unwrap())
        .unwrap();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        connection.read_line(&mut line).await?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_owned(), value.to_owned())),
            None => break,
        }
    }
    Ok(Some(Request {
        method,
        path: target.path().to_owned(),
        query: target.query_pairs().into_owned().collect(),
        headers,
    }))
}

async fn take(connection: &mut Connection, count: usize) -> std::io::Result<()> {
    tokio::io::copy(&mut connection.take(count as u64), &mut tokio::io::sink()).await?;
    Ok(())
}

async fn read_chunked(connection: &mut Connection, chunked: bool) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if !chunked {
        return Ok(body);
    }
    loop {
        let mut line = String::new();
        if connection.read_line(&mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let length = usize::from_str_radix(line.trim(), 16).map_err(std::io::Error::other)?;
        let mut chunk = vec![0; length + 2];
        connection.read_exact(&mut chunk).await?;
        if length == 0 {
            break;
        }
        body.extend_from_slice(&chunk[..length]);
    }
    Ok(body)
}
