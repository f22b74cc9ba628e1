//! Failing over in the middle of a song: its servers die one after the other, the listener hears
//! every byte.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{error::Error, net::SocketAddr, sync::Arc};

use futures_util::TryStreamExt;
use kadenza_integration_tests::fixtures::AudioFile;
use kadenza_middleware::{Client, ClientConfig};
use kadenza_services::{
    AudioRequest, Library, MusicService, MusicServiceExt, Stated, library::LibraryConfig,
};
use kadenza_views::{Server, ServerConfig, ViewsConfig, router};
use tokio::task::JoinHandle;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let library = Library::open(folder.path(), LibraryConfig::default()).await?;
    let library: Arc<dyn MusicService> = Arc::new(library);
    let free = SocketAddr::from(([127, 0, 0, 1], 0));
    let (one, first) = serve(&library, free)?;
    let (two, second) = serve(&library, free)?;

    let servers = [one, two].map(|address| format!("http://{address}"));
    let client = Client::new(servers, ClientConfig::default())?;
    let audio = AudioFile {
        audio_bytes: 32 << 20,
        ..AudioFile::named("The Long Song", "Somebody", "Live")
    };
    let audio = audio.bytes();
    let song = client
        .upload_bytes(audio.clone(), Stated::default())
        .await?
        .song;

    let opened = client.audio(&AudioRequest::whole(song.id())).await?;
    let mut stream = opened.ok_or("the song is there")?.stream;
    let mut heard = Vec::new();
    // Whichever feeds the song, it dies at one point or the other.
    let mut deaths = vec![(audio.len() / 4, first), (audio.len() / 2, second)].into_iter();
    let mut next = deaths.next();
    let mut again = None;
    while let Some(piece) = stream.try_next().await? {
        heard.extend_from_slice(&piece);
        if let Some((at, server)) = next.take_if(|(at, _)| heard.len() > *at) {
            server.abort();
            // Its connections are cut once it has ended.
            let _ = server.await;
            println!("a server died after {} of {} bytes", at, audio.len());
            next = deaths.next();
            if again.is_none() {
                again = Some(serve(&library, one)?);
            }
        }
    }
    println!(
        "heard {} bytes, {}",
        heard.len(),
        if heard == audio { "all right" } else { "wrong" }
    );
    Ok(())
}

/// A server over the library.
fn serve(
    library: &Arc<dyn MusicService>,
    address: SocketAddr,
) -> Result<(SocketAddr, JoinHandle<usize>), Box<dyn Error>> {
    let server = Server::bind(address, ServerConfig::default())?;
    let address = server.local_addr()?;
    let router = router(Arc::clone(library), ViewsConfig::default());
    Ok((
        address,
        tokio::spawn(server.serve(router, std::future::pending())),
    ))
}
