//! `kadenza search`: a line a song.

use clap::Args;
use kadenza_services::{LIMIT_MAX, Limit, MusicService, Query};

use crate::{
    client::Servers,
    fault::Fault,
    output::{self, SongDocument},
};

/// Find songs: a line a song, with id, artist, title, album and duration between tabs
///
/// Every word must be found in the title, the artist or the album, whole or as the beginning of a
/// word. Case and accents do not matter. The best hits come first.
#[derive(Debug, Args)]
pub(crate) struct Search {
    /// The words to look for
    #[arg(required = true, value_name = "WORDS")]
    words: Vec<String>,

    /// How many songs at most
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,

    /// Print one JSON document a line
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    servers: Servers,
}

impl Search {
    pub(crate) async fn run(self) -> Result<(), Fault> {
        let client = self.servers.client()?;
        let mut query =
            Query::words(&self.words.join(" ")).map_err(|error| Fault::Usage(error.to_string()))?;
        let mut wanted = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let mut found = false;
        while wanted > 0 {
            query.limit = Limit::new(wanted.min(LIMIT_MAX))?;
            let page = client.search(&query).await?;
            for song in page.items.iter().take(wanted) {
                found = true;
                if self.json {
                    output::print_json(&SongDocument::from(song))?;
                } else {
                    output::print(&output::song_line(song))?;
                }
            }
            wanted = wanted.saturating_sub(page.items.len());
            match page.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
        if !found && output::is_watched() {
            output::note("no song has these words");
        }
        Ok(())
    }
}
