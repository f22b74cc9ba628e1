//! The library embedded in another program: no server, no network, one directory.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use kadenza_integration_tests::fixtures::AudioFile;
use kadenza_services::{
    Library, MusicService, MusicServiceExt, Query, Stated, library::LibraryConfig,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let library = Library::open(folder.path(), LibraryConfig::default()).await?;

    // A file of yours, or one made up: its tags say what it is.
    let audio = match std::env::args().nth(1) {
        Some(path) => std::fs::read(path)?.into(),
        None => AudioFile::named("Megtört Álom", "Obsidian Shell", "Elysia").bytes(),
    };
    let song = library.upload_bytes(audio, Stated::default()).await?.song;

    let found = library.search(&Query::words(song.tags().title())?).await?;
    for song in found.items {
        let bytes = library.audio_bytes(&song.id()).await?.unwrap_or_default();
        println!("{}: {} bytes of audio", song.tags().title(), bytes.len());
    }
    Ok(())
}
