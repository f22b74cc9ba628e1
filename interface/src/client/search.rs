//! `kadenza search`: a line a song.

use std::time::{Duration, Instant};

use clap::Args;
use kadenza_api::SongJson;
use kadenza_contract::{LIMIT_MAX, Limit, MusicService, Partial, Query};
use kadenza_notes::{CacheOutcome, Notes};
use kadenza_terminal::{is_watched, note};
use serde::Serialize;

use crate::{client::servers::Servers, fault::Fault, output};

/// Find songs, and print a line for each: id, artist, title, album and duration, with tabs between
///
/// Each of the words must be a word of the title, the artist or the album, or the beginning of one.
/// Case and accents do not matter. The best hits come first. Where machines do not answer that may know more songs,
/// a warning on stderr names them.
#[derive(Debug, Args)]
pub(crate) struct Search {
    /// The words to look for
    #[arg(required = true, value_name = "WORDS")]
    words: Vec<String>,

    /// How many songs to print at most
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,

    /// Say on stderr how long each request took, and which cache answered it
    #[arg(long)]
    timing: bool,

    /// Print one JSON document for each song, and a last one with `partial` where songs may be missing
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    servers: Servers,
}

impl Search {
    pub(crate) async fn run(self) -> Result<(), Fault> {
        let explain = self.servers.explaining();
        self.search().await.map_err(explain)
    }

    async fn search(self) -> Result<(), Fault> {
        let client = self.servers.client()?;
        let mut query =
            Query::words(&self.words.join(" ")).map_err(|error| Fault::Usage(error.to_string()))?;
        let mut wanted = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let mut found = false;
        let mut partial: Option<Partial> = None;
        while wanted > 0 {
            query.limit = Limit::new(wanted.min(LIMIT_MAX))?;
            let begun = Instant::now();
            let (page, notes) = Notes::collect(client.search(&query)).await;
            if self.timing {
                note(&timing(begun.elapsed(), &notes));
            }
            let page = page?;
            for song in page.items.iter().take(wanted) {
                found = true;
                if self.json {
                    output::print_json(&SongJson::new(song))?;
                } else {
                    output::print(&output::song_line(song))?;
                }
            }
            wanted = wanted.saturating_sub(page.items.len());
            partial = Partial::of_both(partial, page.partial);
            match page.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
        match partial {
            Some(partial) => {
                note(&warning(&partial));
                if self.json {
                    output::print_json(&Lacking { partial })?;
                }
            }
            None if !found && is_watched() => note("no song has these words"),
            None => {}
        }
        Ok(())
    }
}

/// The last document of a list that may lack songs.
#[derive(Serialize)]
struct Lacking {
    partial: Partial,
}

fn warning(partial: &Partial) -> String {
    let machines = match partial.missing() {
        [] => "too few machines answer".to_owned(),
        missing => format!("no answer from {}", missing.join(", ")),
    };
    format!("warning: songs may be missing: {machines}")
}

/// How long an answer took and where it came from, in one line.
fn timing(took: Duration, notes: &Notes) -> String {
    let ms = |time: Duration| format!("{:.3} ms", time.as_secs_f64() * 1000.0);
    let server = notes
        .layers
        .iter()
        .rev()
        .find(|(name, _)| *name == "server");
    let server = server.map_or_else(String::new, |(_, time)| {
        format!(", {} of it on the server", ms(*time))
    });
    // The cache closest to the songs comes first. Caches below one with a hit are not asked.
    let hit = notes
        .caches
        .iter()
        .find(|note| note.outcome == CacheOutcome::Hit);
    let whence = match (hit, notes.caches.first()) {
        (Some(hit), _) => format!("from cache {}", hit.node),
        (None, Some(asked)) => {
            let why = match asked.outcome {
                CacheOutcome::Bypass => "which could not be asked",
                CacheOutcome::Collapsed => "which is just being told",
                CacheOutcome::Miss => "which remembers it now",
                CacheOutcome::Hit | CacheOutcome::Unkept => "which does not keep it",
            };
            format!("from the library, not from cache {}, {why}", asked.node)
        }
        (None, None) => "from the library, without a cache".to_owned(),
    };
    format!("took {}{server}; {whence}", ms(took))
}

#[cfg(test)]
mod tests {
    use kadenza_notes::CacheNote;

    use super::*;

    #[test]
    fn a_warning_names_who_is_missing() {
        let partial = Partial::new(["10.0.0.1:4534", "2 more"].map(str::to_owned));
        let line = "warning: songs may be missing: no answer from 10.0.0.1:4534, 2 more";
        assert_eq!(warning(&partial), line);
        assert!(warning(&Partial::new([])).ends_with(": too few machines answer"));
    }

    #[test]
    fn a_line_tells_the_time_and_the_cache_that_had_the_answer() {
        let cache = |node: &str, outcome| CacheNote {
            node: node.into(),
            outcome,
        };
        let mut notes = Notes {
            caches: Vec::new(),
            layers: vec![("server", Duration::from_micros(300))],
        };
        let took = Duration::from_micros(1200);
        assert_eq!(
            timing(took, &notes),
            "took 1.200 ms, 0.300 ms of it on the server; from the library, without a cache"
        );
        notes.caches.push(cache("redis://a:1", CacheOutcome::Hit));
        notes.caches.push(cache("embedded", CacheOutcome::Miss));
        assert!(timing(took, &notes).ends_with("; from cache redis://a:1"));
        notes.caches.remove(0);
        let told = timing(took, &notes);
        assert!(told.contains("not from cache embedded"), "{told}");
    }
}
