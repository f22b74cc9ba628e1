//! Clusters and songs for the tests.

use std::{
    future::Future,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use bytes::Bytes;
use kadenza_contract::{MusicService, MusicServiceExt, Query, Song, Stated, Upload};
use kadenza_distributed::{Node, NodeConfig};
use kadenza_library::{Library, LibraryConfig};
use tempfile::TempDir;

/// Longer than anything here should ever take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Some nodes, each over a library of its own.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Node>,
    directories: TempDir,
    surplus_kept: Duration,
}

impl Cluster {
    /// A cluster of so many nodes, joined one after the other through the first.
    pub(crate) async fn of(nodes: usize) -> Cluster {
        Cluster::that_keeps_surplus_for(Duration::from_secs(3600), nodes).await
    }

    /// The same, with nodes that keep copies for this long that only others must hold.
    pub(crate) async fn that_keeps_surplus_for(surplus_kept: Duration, nodes: usize) -> Cluster {
        let directories = TempDir::new().expect("a temporary directory");
        let mut cluster = Cluster {
            nodes: Vec::new(),
            directories,
            surplus_kept,
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
        let surplus_kept = self.surplus_kept;
        let change = |config: &mut NodeConfig| config.surplus_kept = surplus_kept;
        self.nodes.push(start(&directory, join, change).await);
        number
    }

    /// Adds a node over a library with these settings.
    pub(crate) async fn add_over(&mut self, library: LibraryConfig) -> usize {
        let number = self.nodes.len();
        let join = self.nodes.first().map(Node::rpc_address);
        let directory = self.directory(number);
        let library = Library::open(&directory, library).await.expect("a library");
        let mut config = NodeConfig::new(directory);
        config.join = join.iter().map(ToString::to_string).collect();
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

    /// Ends a node; the others are not told.
    pub(crate) async fn kill(&mut self, number: usize) {
        self.nodes.remove(number).shutdown().await;
    }

    /// Starts the node of this directory again, joining nobody; it becomes the last one.
    pub(crate) async fn restart(&mut self, number: usize) {
        let directory = self.directories.path().join(number.to_string());
        self.nodes.push(start(&directory, None, |_| ()).await);
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
    let mut config = NodeConfig::new(directory);
    config.join = join.into_iter().collect();
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
        path: None,
    }
}

/// Whether a node finds a song and plays its very bytes.
pub(crate) async fn finds_and_plays(node: &Node, song: &Song, audio: &Bytes) -> Result<(), String> {
    let query = Query::words(song.tags().title()).map_err(|error| error.chain())?;
    let hits = node
        .search_all(&query)
        .await
        .map_err(|error| error.chain())?;
    if !hits.iter().any(|hit| hit.id() == song.id()) {
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
