//! What goes to the terminal: results to stdout, everything else to stderr.
//!
//! Titles, paths and error texts come from strangers. Behind [`plain`] none of them can move the
//! cursor, start a line, or turn the reading direction of what follows.

use std::{
    borrow::Cow,
    io::{self, IsTerminal, Write},
};

use kadenza_services::{Format, Song};
use serde::Serialize;

use crate::fault::Fault;

/// The text without control characters and without invisible marks that rearrange a line.
pub(crate) fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if is_safe(c) { c } else { ' ' })
        .collect()
}

fn is_safe(c: char) -> bool {
    let breaks_lines = matches!(c, '\u{2028}' | '\u{2029}');
    // Unicode Standard Annex #9: embeddings, overrides and isolates reach beyond the text itself.
    let turns_direction = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !(c.is_control() || breaks_lines || turns_direction)
}

/// Prints one line of results.
///
/// # Errors
///
/// [`Fault::Closed`] if nobody reads them any more.
pub(crate) fn print(line: &str) -> Result<(), Fault> {
    let mut out = io::stdout().lock();
    let written = writeln!(out, "{line}").and_then(|()| out.flush());
    written.map_err(stdout_fault)
}

/// Says on stdout that connections are accepted, and where.
#[cfg(feature = "server")]
pub(crate) fn ready(http: std::net::SocketAddr, rpc: Option<std::net::SocketAddr>) {
    let rpc = rpc.map_or_else(String::new, |rpc| format!(" rpc={rpc}"));
    // A server serves also when nobody reads this.
    let _ = print(&format!("ready http={http}{rpc}"));
}

/// Says where a server that speaks gRPC alone answers.
#[cfg(feature = "grpc")]
pub(crate) fn ready_grpc(grpc: std::net::SocketAddr) {
    // A server serves also when nobody reads this.
    let _ = print(&format!("ready grpc={grpc}"));
}

/// Prints one JSON document on a line of its own.
///
/// # Errors
///
/// [`Fault::Closed`] if nobody reads them any more.
pub(crate) fn print_json(document: &impl Serialize) -> Result<(), Fault> {
    let text = serde_json::to_string(document)
        .map_err(|error| Fault::Failed(format!("cannot write the result as JSON: {error}")))?;
    print(&text)
}

/// What a failed write to stdout means.
pub(crate) fn stdout_fault(cause: io::Error) -> Fault {
    match cause.kind() {
        io::ErrorKind::BrokenPipe => Fault::Closed,
        _ => Fault::io("cannot write the results", cause),
    }
}

/// Says on stderr what is not a result.
pub(crate) fn note(line: &str) {
    // Nothing helps if stderr is gone.
    let _ = writeln!(io::stderr().lock(), "{}", plain(line));
}

/// Says on stderr what went wrong.
pub(crate) fn complain(line: &str) {
    note(&format!("kadenza: {line}"));
}

/// Whether a person looks at stderr, so that progress is of use.
pub(crate) fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// Minutes and seconds, `?` where the file does not tell.
pub(crate) fn minutes(duration_ms: u64) -> Cow<'static, str> {
    if duration_ms == 0 {
        return "?".into();
    }
    let seconds = duration_ms.saturating_add(500) / 1000;
    format!("{}:{:02}", seconds / 60, seconds % 60).into()
}

/// Bytes as a person reads them.
pub(crate) fn size(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}

/// A song in one line: id, artist, title, album, duration, with tabs in between.
pub(crate) fn song_line(song: &Song) -> String {
    let tags = song.tags();
    [
        song.id().to_string(),
        plain(tags.artist()),
        plain(tags.title()),
        plain(tags.album()),
        minutes(song.best().duration_ms).into_owned(),
    ]
    .join("\t")
}

/// A song as `--json` prints it: the names are those of the HTTP interface.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SongDocument {
    id: String,
    title: String,
    artist: String,
    album: String,
    track: Option<u32>,
    disc: Option<u32>,
    year: Option<u32>,
    genre: Option<String>,
    duration_ms: u64,
    size: u64,
    content_type: &'static str,
    content_hash: String,
    format: Format,
    bit_rate: u32,
    has_artwork: bool,
    added_at: String,
}

impl From<&Song> for SongDocument {
    fn from(song: &Song) -> SongDocument {
        let (best, tags) = (song.best(), song.tags());
        SongDocument {
            id: song.id().to_string(),
            title: tags.title().to_owned(),
            artist: tags.artist().to_owned(),
            album: tags.album().to_owned(),
            track: tags.track(),
            disc: tags.disc(),
            year: tags.year(),
            genre: tags.genre().map(str::to_owned),
            duration_ms: best.duration_ms,
            size: best.size,
            content_type: best.format.content_type(),
            content_hash: best.content.to_string(),
            format: best.format,
            bit_rate: best.bit_rate,
            has_artwork: best.has_artwork,
            added_at: best.added_at.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_the_cursor_or_turns_the_line_is_left() {
        let hostile = "a\tb\r\n\u{1b}]0;x\u{7}\u{9b}2J\u{2028}\u{202e}c\u{2066}\u{7f}";
        let plain = plain(hostile);
        assert!(!plain.chars().any(|c| c.is_control()), "{plain:?}");
        assert!(!plain.contains(['\u{2028}', '\u{202e}', '\u{2066}']));
        assert!(plain.contains('c'));
    }

    #[test]
    fn a_duration_is_rounded_to_seconds() {
        assert_eq!(minutes(0), "?");
        assert_eq!(minutes(1), "0:00");
        assert_eq!(minutes(59_600), "1:00");
        assert_eq!(minutes(3_600_000), "60:00");
        assert_eq!(minutes(u64::MAX), "307445734561825:51");
    }
}
