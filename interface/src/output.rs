//! Results on stdout: lines, songs, JSON documents.

use std::{borrow::Cow, io};

use kadenza_contract::Song;
use kadenza_terminal::plain;
use serde::Serialize;

use crate::fault::Fault;

/// Prints one line of results.
///
/// # Errors
///
/// [`Fault::Closed`] if nobody reads them any more.
pub(crate) fn print(line: &str) -> Result<(), Fault> {
    kadenza_terminal::print(line).map_err(stdout_fault)
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

/// The fault of a failed write to stdout: none where the reader has closed the pipe.
pub(crate) fn stdout_fault(cause: io::Error) -> Fault {
    match cause.kind() {
        io::ErrorKind::BrokenPipe => Fault::Closed,
        _ => Fault::io("cannot write the results", cause),
    }
}

/// Minutes and seconds, `?` where it is not known.
pub(crate) fn minutes(duration_ms: Option<u64>) -> Cow<'static, str> {
    let Some(duration_ms) = duration_ms else {
        return "?".into();
    };
    let seconds = duration_ms.saturating_add(500) / 1000;
    format!("{}:{:02}", seconds / 60, seconds % 60).into()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_rounded_to_seconds() {
        assert_eq!(minutes(None), "?");
        assert_eq!(minutes(Some(1)), "0:00");
        assert_eq!(minutes(Some(59_600)), "1:00");
        assert_eq!(minutes(Some(3_600_000)), "60:00");
        assert_eq!(minutes(Some(u64::MAX)), "307445734561825:51");
    }
}
