//! Backends that are broken: what they say is an error, never a wrong answer, a panic or a wait
//! without end.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream};
use kadenza_contract::{
    ArtworkRequest, AudioRequest, Browse, ByteRange, ContentHash, Error, GroupKind, MusicService,
    MusicServiceExt, Query, SongId, Stated,
};
use kadenza_grpc::{
    Client, ClientConfig,
    proto::{
        self, get_artwork_response, music_service_server::MusicServiceServer, stream_audio_response,
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tonic::{Request, Response, Status, Streaming};

use crate::support::{PATIENCE, SIZE, client_of, the_song};

const SHORT: Duration = Duration::from_millis(300);

fn hasty() -> ClientConfig {
    ClientConfig {
        deadline: SHORT,
        idle_deadline: SHORT,
        upload_idle_deadline: SHORT,
        upload_answer_deadline: SHORT,
        ..ClientConfig::default()
    }
}

/// The answers of a broken backend.
#[derive(Clone, Default)]
struct Lies {
    songs: Vec<proto::Song>,
    audio: Vec<stream_audio_response::Part>,
    /// Whether the audio then stalls, or ends.
    stalls: bool,
    artwork: Vec<get_artwork_response::Part>,
    outcome: i32,
}

#[derive(Clone, Default)]
struct Liar(Arc<Mutex<Lies>>);

type Answers<T> = stream::BoxStream<'static, Result<T, Status>>;

impl Liar {
    fn lies(&self) -> Lies {
        self.0.lock().unwrap().clone()
    }

    fn says(&self, change: impl FnOnce(&mut Lies)) {
        let mut lies = Lies::default();
        change(&mut lies);
        *self.0.lock().unwrap() = lies;
    }
}

#[tonic::async_trait]
impl proto::music_service_server::MusicService for Liar {
    type StreamAudioStream = Answers<proto::StreamAudioResponse>;
    type GetArtworkStream = Answers<proto::GetArtworkResponse>;

    async fn get_song(
        &self,
        _: Request<proto::GetSongRequest>,
    ) -> Result<Response<proto::GetSongResponse>, Status> {
        let song = self.lies().songs.first().cloned();
        let copies = Vec::new();
        Ok(Response::new(proto::GetSongResponse { song, copies }))
    }

    async fn get_lyrics(
        &self,
        _: Request<proto::GetLyricsRequest>,
    ) -> Result<Response<proto::GetLyricsResponse>, Status> {
        Ok(Response::new(proto::GetLyricsResponse::default()))
    }

    async fn search_songs(
        &self,
        _: Request<proto::SearchSongsRequest>,
    ) -> Result<Response<proto::SearchSongsResponse>, Status> {
        Ok(Response::new(proto::SearchSongsResponse {
            recordings: Vec::new(),
            songs: self.lies().songs,
            next_page_token: String::new(),
            partial: None,
        }))
    }

    async fn browse_groups(
        &self,
        _: Request<proto::BrowseGroupsRequest>,
    ) -> Result<Response<proto::BrowseGroupsResponse>, Status> {
        Ok(Response::new(proto::BrowseGroupsResponse {
            groups: vec![proto::Group::default()],
            next_page_token: String::new(),
            partial: None,
        }))
    }

    async fn upload_song(
        &self,
        _: Request<Streaming<proto::UploadSongRequest>>,
    ) -> Result<Response<proto::UploadSongResponse>, Status> {
        let Lies { songs, outcome, .. } = self.lies();
        let song = songs.first().cloned();
        let from_path = Vec::new();
        Ok(Response::new(proto::UploadSongResponse {
            song,
            outcome,
            from_path,
        }))
    }

    async fn stream_audio(
        &self,
        _: Request<proto::StreamAudioRequest>,
    ) -> Result<Response<Self::StreamAudioStream>, Status> {
        let Lies { audio, stalls, .. } = self.lies();
        let parts = stream::iter(audio);
        let answers = parts.map(|part| Ok(proto::StreamAudioResponse { part: Some(part) }));
        Ok(Response::new(match stalls {
            true => answers.chain(stream::pending()).boxed(),
            false => answers.boxed(),
        }))
    }

    async fn get_artwork(
        &self,
        _: Request<proto::GetArtworkRequest>,
    ) -> Result<Response<Self::GetArtworkStream>, Status> {
        let parts = stream::iter(self.lies().artwork);
        let answers = parts.map(|part| Ok(proto::GetArtworkResponse { part: Some(part) }));
        Ok(Response::new(answers.boxed()))
    }

    async fn get_status(
        &self,
        _: Request<proto::GetStatusRequest>,
    ) -> Result<Response<proto::GetStatusResponse>, Status> {
        Ok(Response::new(proto::GetStatusResponse { status: None }))
    }

    async fn list_servers(
        &self,
        _: Request<proto::ListServersRequest>,
    ) -> Result<Response<proto::ListServersResponse>, Status> {
        // Longer than any list may be.
        let urls = vec!["x".repeat(1000); 10_000];
        Ok(Response::new(proto::ListServersResponse { urls }))
    }
}

/// A liar, and a client that asks it.
async fn liar() -> (Liar, Client) {
    let liar = Liar::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = MusicServiceServer::new(liar.clone());
    let incoming = stream::unfold(listener, |listener| async {
        let accepted = listener.accept().await.map(|(stream, _)| stream);
        Some((accepted, listener))
    });
    tokio::spawn(
        tonic::transport::Server::builder()
            .add_service(service)
            .serve_with_incoming(incoming),
    );
    (liar, client_of(address, hasty()))
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it is asked and judged in one breath"
)]
fn is_nonsense<T: std::fmt::Debug>(what: &str, answered: Result<T, Error>) {
    assert!(
        matches!(answered, Err(Error::Protocol { .. })),
        "{what}: {answered:?}"
    );
}

#[tokio::test]
async fn malformed_songs_and_songs_not_asked_for_are_no_answers() {
    let (liar, client) = liar().await;
    let song = the_song();
    let wire = proto::Song::from(&song);
    let another = SongId::of("another", "", "");

    liar.says(|lies| lies.songs = vec![wire.clone()]);
    assert_eq!(client.song(&song.id()).await.unwrap(), Some(song.clone()));
    is_nonsense("another song", client.song(&another).await);

    liar.says(|_| {});
    is_nonsense("no song", client.song(&song.id()).await);
    let mut renamed = wire.clone();
    renamed.id = another.as_bytes().to_vec().into();
    liar.says(|lies| lies.songs = vec![renamed.clone()]);
    is_nonsense("a wrong id", client.song(&another).await);
    is_nonsense("a wrong id in a list", client.search(&Query::all()).await);
    is_nonsense(
        "a group without a song",
        client.browse(&Browse::all(GroupKind::Album)).await,
    );

    liar.says(|lies| lies.songs = vec![wire.clone(); 21]);
    is_nonsense("too many songs", client.search(&Query::all()).await);
    liar.says(|lies| {
        lies.songs = vec![wire.clone(); 500];
        for song in &mut lies.songs {
            song.recordings[0].tags.as_mut().unwrap().title = "x".repeat(10_000);
        }
    });
    is_nonsense(
        "a list beyond the bound",
        client.search(&Query::all()).await,
    );
    is_nonsense("a list of servers beyond the bound", client.servers().await);
    is_nonsense("no status", client.status().await);

    liar.says(|lies| lies.songs = vec![wire.clone()]);
    let upload = client
        .upload_bytes(Bytes::from_static(b"a"), Stated::default())
        .await;
    is_nonsense("an unknown outcome", upload);
}

#[tokio::test]
async fn audio_that_is_not_what_was_asked_for_is_an_error() {
    use stream_audio_response::{Head, Part};
    let (liar, client) = liar().await;
    let song = the_song();
    let request = AudioRequest {
        range: ByteRange::from(10..30),
        ..AudioRequest::whole(song.id())
    };
    let head = |start, end| {
        Part::Head(Head {
            recording: Some(song.best().into()),
            start,
            end,
        })
    };
    let piece = |bytes: usize| Part::Piece(vec![1; bytes].into());
    // The head is wrong: there is no audio at all.
    for (what, parts) in [
        ("nothing", vec![]),
        ("no head", vec![piece(20)]),
        ("no recording", vec![Part::Head(Head::default())]),
        ("other bytes", vec![head(10, 31), piece(21)]),
        ("all bytes", vec![head(0, SIZE), piece(20)]),
    ] {
        liar.says(|lies| lies.audio = parts);
        is_nonsense(what, client.audio(&request).await);
    }
    liar.says(|lies| lies.audio = vec![head(10, 30), piece(20)]);
    let other = AudioRequest {
        song: SongId::of("another", "", ""),
        ..request.clone()
    };
    is_nonsense("another song", client.audio(&other).await);
    let other = AudioRequest {
        recording: Some(ContentHash::of(b"another")),
        ..request.clone()
    };
    is_nonsense("another recording", client.audio(&other).await);

    // The head is right: what was heard is right too, and then there is an error.
    for (what, parts, stalls, right) in [
        (
            "all of it",
            vec![head(10, 30), piece(15), piece(5)],
            false,
            20,
        ),
        ("an early end", vec![head(10, 30), piece(15)], false, 15),
        (
            "too much",
            vec![head(10, 30), piece(15), piece(6)],
            false,
            15,
        ),
        (
            "more behind the end",
            vec![head(10, 30), piece(20), piece(1)],
            false,
            20,
        ),
        (
            "an empty piece",
            vec![head(10, 30), piece(15), piece(0), piece(5)],
            false,
            15,
        ),
        (
            "a second head",
            vec![head(10, 30), piece(15), head(10, 30)],
            false,
            15,
        ),
        (
            "a huge piece",
            vec![head(10, 30), piece(15), piece(1 << 20)],
            false,
            15,
        ),
        ("a stall", vec![head(10, 30), piece(15)], true, 15),
    ] {
        liar.says(|lies| {
            lies.audio = parts;
            lies.stalls = stalls;
        });
        let mut audio = client.audio(&request).await.unwrap().unwrap();
        assert_eq!(audio.range, 10..30);
        let (mut heard, mut error) = (0, None);
        while let Some(piece) = audio.stream.next().await {
            assert!(error.is_none(), "{what}: an error is the last item");
            match piece {
                Ok(piece) => heard += piece.len(),
                Err(broken) => error = Some(broken),
            }
        }
        assert_eq!(heard, right, "{what}");
        match (what, error) {
            ("all of it", error) => assert!(error.is_none(), "{error:?}"),
            ("a stall", error) => assert!(matches!(error, Some(Error::Timeout { .. }))),
            (_, error) => assert!(
                matches!(error, Some(Error::Protocol { .. })),
                "{what}: {error:?}"
            ),
        }
    }
}

#[tokio::test]
async fn covers_are_as_large_as_they_were_announced() {
    use get_artwork_response::{Head, Part};
    let (liar, client) = liar().await;
    let request = ArtworkRequest {
        song: the_song().id(),
        size: None,
    };
    let head = |size| {
        Part::Head(Head {
            content_type: "image/png".into(),
            size,
        })
    };
    let piece = |bytes: usize| Part::Piece(vec![1; bytes].into());
    for (what, parts) in [
        ("nothing", vec![]),
        ("no head", vec![piece(3)]),
        ("too little", vec![head(4), piece(3)]),
        ("too much", vec![head(2), piece(3)]),
        ("empty pieces", vec![head(2), piece(0), piece(2)]),
        ("a giant", vec![head(1 << 40)]),
    ] {
        liar.says(|lies| lies.artwork = parts);
        is_nonsense(what, client.artwork(&request).await);
    }
    liar.says(|lies| lies.artwork = vec![head(5), piece(3), piece(2)]);
    let cover = client.artwork(&request).await.unwrap().unwrap();
    assert_eq!(cover.bytes.len(), 5);
}

type Treat = fn(TcpStream) -> BoxFuture<'static, ()>;

/// A port where every connection is treated like this.
async fn port(treat: Treat) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(treat(stream));
        }
    });
    address
}

#[tokio::test]
async fn what_is_no_backend_at_all_is_an_error_in_time() {
    let ports: [(&str, Treat); 4] = [
        ("one that hangs up", |stream| async { drop(stream) }.boxed()),
        ("one that says nothing", |mut stream| {
            async move {
                let mut heard = Vec::new();
                let _ = stream.read_to_end(&mut heard).await;
            }
            .boxed()
        }),
        ("one that talks noise", |mut stream| {
            async move {
                let mut noise = vec![0; 100_000];
                blake3::Hasher::new().finalize_xof().fill(&mut noise);
                let _ = stream.write_all(&noise).await;
                let _ = stream.read_to_end(&mut noise).await;
            }
            .boxed()
        }),
        ("one that speaks HTTP/1.1", |mut stream| {
            async move {
                let answer = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
                let _ = stream.write_all(answer).await;
            }
            .boxed()
        }),
    ];
    for (what, treat) in ports {
        let client = client_of(port(treat).await, hasty());
        let begun = Instant::now();
        let id = the_song().id();
        let song = client.song(&id).await.map(|_| ());
        let audio = client.audio(&AudioRequest::whole(id)).await.map(|_| ());
        let uploaded = client
            .upload_bytes(Bytes::from(vec![1; 9_000_000]), Stated::default())
            .await
            .map(|_| ());
        for answered in [song, audio, uploaded] {
            let error = answered.unwrap_err();
            assert!(error.is_transient(), "{what}: {error:?}");
        }
        assert!(
            begun.elapsed() < PATIENCE / 3,
            "{what}: {:?}",
            begun.elapsed()
        );
    }
}
