//! Names from the path of a file, for files whose tags lack them.
//!
//! People keep music as `Artist/Album/01 - Title.ogg`, `Artist - Title.mp3` and the like. The rule is one for all
//! clients, since two of them must not make two songs of one file. Folders count only as far as the client
//! names them: what lies above the folder that was uploaded says nothing of the music.

mod discs;
mod file;
mod folders;
mod parts;
#[cfg(test)]
mod tests;

use file::Titled;
use folders::Folders;
use parts::{is_one_of, is_various};

/// Folders that hold a whole collection.
const COLLECTIONS: [&str; 9] = [
    "music",
    "musik",
    "música",
    "musica",
    "musique",
    "downloads",
    "audio",
    "mp3",
    "songs",
];

/// What a path says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PathNames {
    pub(crate) title: Option<String>,
    pub(crate) artist: Option<String>,
    pub(crate) album: Option<String>,
    pub(crate) track: Option<u32>,
    pub(crate) disc: Option<u32>,
    pub(crate) disc_subtitle: Option<String>,
    pub(crate) year: Option<u32>,
}

/// The names in a path, which may have `/` or `\` between its parts.
pub(crate) fn names(path: &str) -> PathNames {
    let mut parts: Vec<&str> = path
        .split(['/', '\\'])
        .map(str::trim)
        .filter(|part| !matches!(*part, "" | "." | ".."))
        .collect();
    let collections = parts
        .iter()
        .take(parts.len().saturating_sub(1))
        .take_while(|part| is_one_of(part, &COLLECTIONS))
        .count();
    parts.drain(..collections);
    let mut names = PathNames::default();
    let Some(file) = parts.pop() else {
        return names;
    };
    let folders = Folders::of(&parts);
    let titled = Titled::of(file, &folders);
    let folders = folders.of_a_file(titled.is_numbered);
    let disc = folders.disc.as_ref();
    names.disc = disc.map(|disc| disc.number).or(titled.disc);
    names.disc_subtitle = disc.and_then(|disc| disc.subtitle.clone());
    names.track = titled.track;
    names.year = folders.year;
    names.album = folders.album.or(titled.album);
    names.title = titled.title;
    names.artist = titled
        .artist
        .or(folders.artist)
        .filter(|artist| !is_various(artist));
    names
}
