//! Clusters and songs for the tests.

use std::{
    future::Future,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use kadenza_contract::{
    MusicService, MusicServiceExt, NewSong, Query, READER_OF_ALL_ARTISTS, Recording, Song, Stated,
    Tags, Upload,
};
use kadenza_distributed::{
    Beginning, Node, NodeConfig,
    trust::{ClusterKey, Trust},
};
use kadenza_library::{Library, LibraryConfig, Receipt};
use tempfile::TempDir;

/// Longer than anything here should ever take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Some nodes, each over a library of its own.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Node>,
    directories: TempDir,
    settings: fn(&mut NodeConfig),
}

impl Cluster {
    /// A cluster of so many nodes, joined one after the other through the first.
    pub(crate) async fn of(nodes: usize) -> Cluster {
        Cluster::with(|_| {}, nodes).await
    }

    /// The same, of nodes with these settings.
    pub(crate) async fn with(settings: fn(&mut NodeConfig), nodes: usize) -> Cluster {
        let directories = TempDir::new().expect("a temporary directory");
        let mut cluster = Cluster {
            nodes: Vec::new(),
            directories,
            settings,
        };
        for _ in 0..nodes {
            cluster.add().await;
        }
        cluster
    }

    /// Adds a node, and gives its number.
    pub(crate) async fn add(&mut self) -> usize {
        let number = self.nodes.len();
        let directory = self.directories.path().join(number.to_string());
        let join = self
            .nodes
            .first()
            .map(|node| node.rpc_address().to_string());
        self.nodes
            .push(start(&directory, join, self.settings).await);
        number
    }

    /// How many songs each node has with audio, in the order of the nodes.
    pub(crate) async fn copies(&self) -> Vec<u64> {
        let status = self.nodes[0].status().await.expect("a status");
        let of = |node: &Node| {
            let id = node.id().to_string();
            let listed = status.nodes.iter().find(|listed| listed.id == id);
            listed.map_or(0, |listed| listed.songs)
        };
        self.nodes.iter().map(of).collect()
    }

    /// Adds a node over a library with these settings.
    pub(crate) async fn add_over(&mut self, library: LibraryConfig) -> usize {
        let number = self.nodes.len();
        let join = self.nodes.first().map(Node::rpc_address);
        let directory = self.directory(number);
        let library = Library::open(&directory, library).await.expect("a library");
        let mut config = member(directory);
        config.beginning = Beginning::through(join.iter().map(ToString::to_string));
        let node = Node::start(library, config).await.expect("a node");
        self.nodes.push(node);
        number
    }

    /// Adds a node whose library has cards already.
    pub(crate) async fn add_with_cards(&mut self, cards: Vec<Song>) -> usize {
        let directory = self.directories.path().join(self.nodes.len().to_string());
        let library = Library::open(&directory, LibraryConfig::default())
            .await
            .expect("a library");
        library.add_cards(cards).await.expect("room for cards");
        library.close().await;
        self.add().await
    }

    /// The data directory of the node that was the so-manieth to be added.
    pub(crate) fn directory(&self, number: usize) -> PathBuf {
        self.directories.path().join(number.to_string())
    }

    /// Adds a node that has a song by `Main` and `Guest`, as a program described it that read the first artist
    /// alone. Gives the file and the song.
    pub(crate) async fn add_with_old_duet(&mut self) -> (Bytes, Song) {
        let file = duet();
        let directory = self.directories.path().join(self.nodes.len().to_string());
        let library = Library::open(&directory, LibraryConfig::default())
            .await
            .expect("a library");
        let stated = Stated::default();
        let audio = stream::iter([Ok(file.clone())]).boxed();
        let staged = library.stage(NewSong { stated, audio }).await;
        let staged = staged.expect("a file with tags");
        let read = staged.song().best().clone();
        let tags = Tags::new(read.tags.title(), read.tags.artists().first(), "");
        let old = Song::new(Recording {
            tags: tags.expect("a title"),
            reader: READER_OF_ALL_ARTISTS - 1,
            ..read
        });
        let chunks = staged.chunks();
        let receipt = library.receive(old.clone(), (**chunks).clone()).await;
        let Ok(Receipt::Receiving(receiving)) = receipt else {
            panic!("the audio is not there yet")
        };
        for index in 0..chunks.len() {
            let bytes = staged.read_chunk(index).await.expect("a chunk");
            let written = receiving.write_chunk(index, bytes).await;
            written.expect("room for a chunk");
        }
        receiving.commit().await.expect("a whole replica");
        drop((receiving, staged));
        library.close().await;
        self.add().await;
        (file, old)
    }

    /// Ends a node; the others are not told.
    pub(crate) async fn kill(&mut self, number: usize) {
        self.nodes.remove(number).shutdown().await;
    }

    /// Starts the node of this directory again, joining nobody; it becomes the last one.
    pub(crate) async fn restart(&mut self, number: usize) {
        let directory = self.directories.path().join(number.to_string());
        self.nodes
            .push(start(&directory, None, self.settings).await);
    }

    /// Waits until all songs have all copies, as every node sees it.
    pub(crate) async fn all_copies_there(&self, songs: u64) {
        for node in &self.nodes {
            eventually(|| async {
                let status = node.status().await.map_err(|error| error.chain())?;
                let replication = status.replication.expect("a node replicates");
                let well = status.songs == songs && replication.complete == songs;
                well.then_some(()).ok_or_else(|| format!("{status:?}"))
            })
            .await;
        }
    }
}

/// A node of the cluster of the tests.
pub(crate) fn member(directory: impl Into<PathBuf>) -> NodeConfig {
    NodeConfig {
        trust: Trust::ClusterKey(ClusterKey::from_secret(&[1; 32])),
        ..NodeConfig::new(directory)
    }
}

/// Starts a node over a library in a directory.
pub(crate) async fn start(
    directory: &Path,
    join: Option<String>,
    change: impl FnOnce(&mut NodeConfig),
) -> Node {
    // What is damaged is found by those who listen.
    let library = LibraryConfig {
        scrub_bytes_per_second: 0,
        ..LibraryConfig::default()
    };
    let library = Library::open(directory, library).await.expect("a library");
    let mut config = member(directory);
    config.beginning = Beginning::through(join);
    change(&mut config);
    Node::start(library, config).await.expect("a node")
}

/// Tries until it works.
pub(crate) async fn eventually<F: Future<Output = Result<(), String>>>(attempt: impl Fn() -> F) {
    let began = Instant::now();
    loop {
        match attempt().await {
            Ok(()) => return,
            Err(why) => assert!(began.elapsed() < PATIENCE, "in vain: {why}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A mono WAV of so many samples of noise, the same for the same seed.
pub(crate) fn wav(seed: u64, samples: u32) -> Bytes {
    let mut file = Vec::new();
    let data = samples * 2;
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(36 + data).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend_from_slice(&8000u32.to_le_bytes());
    file.extend_from_slice(&16000u32.to_le_bytes());
    file.extend_from_slice(b"\x02\0\x10\0data");
    file.extend_from_slice(&data.to_le_bytes());
    let mut noise = seed.wrapping_mul(2).wrapping_add(1);
    for _ in 0..samples {
        noise = noise
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        file.extend_from_slice(&((noise >> 48) as u16).to_le_bytes());
    }
    file.into()
}

/// A WAV by two artists, named in an ID3v2.4 tag.
fn duet() -> Bytes {
    let mut frames = Vec::new();
    for (name, text) in [("TIT2", "Duet"), ("TPE1", "Main\0Guest")] {
        frames.extend_from_slice(name.as_bytes());
        frames.extend_from_slice(&[0, 0, 0, text.len() as u8 + 1, 0, 0, 3]);
        frames.extend_from_slice(text.as_bytes());
    }
    let mut tag = b"ID3\x04\0\0\0\0\0".to_vec();
    tag.push(frames.len() as u8);
    tag.extend_from_slice(&frames);
    if tag.len() % 2 == 1 {
        // Padding belongs to the tag.
        tag[9] += 1;
        tag.push(0);
    }
    let mut file = wav(7, 20_000).to_vec();
    file.extend_from_slice(b"id3 ");
    file.extend_from_slice(&(tag.len() as u32).to_le_bytes());
    file.extend_from_slice(&tag);
    let size = file.len() as u32 - 8;
    file[4..8].copy_from_slice(&size.to_le_bytes());
    file.into()
}

/// Uploads a song of this title through a node; the audio follows from the title.
pub(crate) async fn upload(node: &Node, title: &str) -> kadenza_contract::Result<Upload> {
    node.upload_bytes(audio_of(title), stated(title)).await
}

/// The audio of the song of this title: a bit over one chunk.
pub(crate) fn audio_of(title: &str) -> Bytes {
    let seed = title
        .bytes()
        .fold(7, |seed: u64, byte| seed.wrapping_mul(31) + u64::from(byte));
    wav(seed, 150_000)
}

/// What is stated of the song of this title.
pub(crate) fn stated(title: &str) -> Stated {
    Stated {
        title: Some(title.to_owned()),
        artists: vec!["The Testers".to_owned()],
        album: Some("Loopback".to_owned()),
        ..Stated::default()
    }
}

/// Whether a node finds a song and plays its very bytes.
pub(crate) async fn finds_and_plays(node: &Node, song: &Song, audio: &Bytes) -> Result<(), String> {
    let query = Query::words(song.tags().title()).map_err(|error| error.chain())?;
    // Where nodes are dead the list may be partial; the song is on it all the same.
    let hits = node.search(&query).await.map_err(|error| error.chain())?;
    if !hits.items.iter().any(|hit| hit.id() == song.id()) {
        return Err(format!("{:?} is not found by search", song.tags().title()));
    }
    match node
        .audio_bytes(&song.id())
        .await
        .map_err(|error| error.chain())?
    {
        Some(bytes) if bytes == audio => Ok(()),
        Some(_) => Err("other bytes are played".into()),
        None => Err("it cannot be played".into()),
    }
}
