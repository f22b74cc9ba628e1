//! Real data: recordings, malformed files and hostile texts, in the directory that `KADENZA_DATA`
//! names. Tests that use it say so and are skipped where it is unset.

use std::{fs, io, path::PathBuf};

use crate::conformance::Typed;

/// The directory of real data, if `KADENZA_DATA` names one. Without it the test that asks says on
/// standard error that it was skipped.
#[must_use]
pub fn directory(test: &str) -> Option<PathBuf> {
    let directory = std::env::var_os("KADENZA_DATA").map(PathBuf::from);
    if directory.is_none() {
        eprintln!("skipped: {test} (set KADENZA_DATA to the directory of real data)");
    }
    directory
}

/// Every hostile text there is: the big list of naughty strings, and the names of real songs.
///
/// # Errors
///
/// If a file is missing or malformed.
pub fn hostile_texts(data: &std::path::Path) -> io::Result<Vec<String>> {
    let list = fs::read_to_string(data.join("strings/blns.json"))?;
    let mut texts: Vec<String> = serde_json::from_str(&list)?;
    let songs = fs::read_to_string(data.join("strings/real_nasty_songs.tsv"))?;
    for song in songs.lines().skip(1) {
        // Title, artist, album, and why the song is nasty.
        texts.extend(song.split('\t').take(3).map(str::to_owned));
    }
    Ok(texts)
}

/// The songs of the searches that went wrong once, and what was typed for them.
///
/// # Errors
///
/// If the file is missing or malformed.
pub fn search_cases(data: &std::path::Path) -> io::Result<Vec<Typed>> {
    let table = fs::read_to_string(data.join("cases/search.tsv"))?;
    let rows = table.lines().skip(1).map(|row| {
        let columns: Vec<String> = row.split('\t').map(str::to_owned).collect();
        match <[String; 5]>::try_from(columns) {
            Ok([title, artist, album, words, right]) if right.starts_with("hit") => Ok(Typed {
                names: [title, artist, album],
                words,
            }),
            _ => Err(io::Error::other(format!("not a case of a search: {row:?}"))),
        }
    });
    rows.collect()
}
