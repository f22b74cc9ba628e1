//! The distributed layer switched on and off: what uses the music cannot tell, and says the same.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{error::Error, path::Path, sync::Arc};

use kadenza_distributed::{
    Beginning, Node, NodeConfig,
    trust::{ClusterKey, Trust},
};
use kadenza_integration_tests::fixtures::AudioFile;
use kadenza_services::{
    Library, MusicService, MusicServiceExt, Query, Stated, library::LibraryConfig,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    for distributed in [false, true] {
        let data = folder.path().join(format!("distributed-{distributed}"));
        let (music, _others) = stack(&data, distributed).await?;
        println!(
            "distributed layer {}",
            if distributed { "on" } else { "off" }
        );
        use_it(music).await?;
    }
    Ok(())
}

/// The only place that knows which layers there are. The other nodes run until they are dropped.
async fn stack(
    data: &Path,
    distributed: bool,
) -> Result<(Arc<dyn MusicService>, Vec<Node>), Box<dyn Error>> {
    let library = Library::open(data, LibraryConfig::default()).await?;
    if !distributed {
        return Ok((Arc::new(library), Vec::new()));
    }
    // Two more nodes, as they would run on other machines.
    let mut others: Vec<Node> = Vec::new();
    for n in 1..=2 {
        let data = data.join(format!("other-{n}"));
        let library = Library::open(&data, LibraryConfig::default()).await?;
        others.push(Node::start(library, joining(&others, &data)).await?);
    }
    let node = Node::start(library, joining(&others, data)).await?;
    Ok((Arc::new(node), others))
}

fn joining(known: &[Node], data: &Path) -> NodeConfig {
    let known = known.iter().map(|node| node.rpc_address().to_string());
    NodeConfig {
        beginning: Beginning::through(known),
        // One program holds all of them, and so the key of their cluster. Elsewhere a node is invited.
        trust: Trust::ClusterKey(ClusterKey::from_secret(&[1; 32])),
        ..NodeConfig::new(data)
    }
}

/// The same work on any stack.
async fn use_it(music: Arc<dyn MusicService>) -> Result<(), Box<dyn Error>> {
    for title in ["Love Song", "A Song of Love", "Lovely Day"] {
        let audio = AudioFile::named(title, "Somebody", "Live").bytes();
        music.upload_bytes(audio, Stated::default()).await?;
    }
    for song in music.search(&Query::words("love so")?).await?.items {
        let bytes = music.audio_bytes(&song.id()).await?.unwrap_or_default();
        println!("  {} ({} bytes)", song.tags().title(), bytes.len());
    }
    Ok(())
}
