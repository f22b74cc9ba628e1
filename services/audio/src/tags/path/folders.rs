//! The artist, the album and the disc that folders name.

use super::{
    discs::{Disc, without_disc},
    parts::{dashed, is_one_of, is_same, spaced},
};

/// Folder names that are no album.
const NO_ALBUM: [&str; 3] = ["unknown album", "singles", "unsorted"];

/// What folders name.
#[derive(Debug, Default)]
pub(super) struct Folders {
    pub(super) artist: Option<String>,
    pub(super) album: Option<String>,
    pub(super) year: Option<u32>,
    pub(super) disc: Option<Disc>,
}

impl Folders {
    /// What the folders above a file name. The last of them may be a disc within the album.
    pub(super) fn of(folders: &[&str]) -> Folders {
        let Some((last, above)) = folders.split_last() else {
            return Folders::default();
        };
        let last = spaced(last);
        if let Some(disc) = Disc::of(&last) {
            let named = Folders::of(above);
            if disc.is_sure() || named.has_artist_and_album() {
                return Folders {
                    disc: Some(disc),
                    ..named
                };
            }
        }
        let (name, disc, year) = taken_apart(&last);
        if disc.is_some() {
            // `Album/Album CD2` is one album.
            let named = Folders::of(above);
            if named.has_artist_and_album()
                && named
                    .album
                    .as_deref()
                    .is_some_and(|above| is_same(above, &name))
            {
                return Folders {
                    disc,
                    year: named.year.or(year),
                    ..named
                };
            }
        }
        let album = Some(name.clone()).filter(|name| !is_one_of(name, &NO_ALBUM));
        if let Some(artist) = above.last() {
            return Folders {
                artist: Some(spaced(artist)),
                album: album.map(|album| without_artist(&album, artist)),
                year,
                disc,
            };
        }
        if let Some((artist, album, year)) = released(folders[0]) {
            return Folders {
                artist: Some(artist),
                album: Some(album),
                year: Some(year),
                disc,
            };
        }
        if let [artist, album] = dashed(&name)[..] {
            return Folders {
                artist: Some(artist.to_owned()),
                album: Some(album.to_owned()),
                year,
                disc,
            };
        }
        Folders {
            artist: None,
            album,
            year,
            disc,
        }
    }

    /// A folder alone is an album only if the file in it is numbered, or it names an artist as well.
    pub(super) fn of_a_file(self, is_numbered: bool) -> Folders {
        match is_numbered || self.artist.is_some() {
            true => self,
            false => Folders {
                disc: self.disc,
                ..Folders::default()
            },
        }
    }

    pub(super) fn has_artist_and_album(&self) -> bool {
        self.artist.is_some() && self.album.is_some()
    }
}

/// An album, and the disc and the year before or behind it.
fn taken_apart(name: &str) -> (String, Option<Disc>, Option<u32>) {
    let (name, disc) = without_disc(name);
    let (name, year) = without_year(&name);
    match disc {
        Some(_) => (name, disc, year),
        // `Album CD2 (1997)`.
        None => {
            let (name, disc) = without_disc(&name);
            (name, disc, year)
        }
    }
}

/// An album without the year before or behind it: `1997 - Album`, `(1997) Album`, `Album [1997]`.
fn without_year(name: &str) -> (String, Option<u32>) {
    let bracketed = |text: &str| {
        let inner = text.strip_prefix(['(', '['])?.strip_suffix([')', ']'])?;
        year(inner)
    };
    if let Some((first, rest)) = name.split_once(' ') {
        let rest = rest.trim_start();
        if let Some(year) = bracketed(first) {
            let rest = rest.trim_start_matches(['-', '–', '—', ' ']);
            return (rest.to_owned(), Some(year));
        }
        let behind = rest.strip_prefix(['-', '–', '—']).map(str::trim);
        if let (Some(year), Some(rest)) = (year(first), behind.filter(|rest| !rest.is_empty())) {
            return (rest.to_owned(), Some(year));
        }
    }
    if let Some((rest, last)) = name.rsplit_once(' ')
        && let Some(year) = bracketed(last)
    {
        return (rest.trim().to_owned(), Some(year));
    }
    (name.to_owned(), None)
}

/// `Artist - Album` in the folder of that artist is the album.
fn without_artist(album: &str, artist: &str) -> String {
    match dashed(album)[..] {
        [first, rest] if is_same(artist, first) => rest.to_owned(),
        _ => album.to_owned(),
    }
}

fn year(text: &str) -> Option<u32> {
    let is_year = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    let year = text.parse::<u32>().ok();
    year.filter(|year| is_year && (1900..2100).contains(year))
}

/// The artist, the album and the year of a folder as groups name what they release:
/// `the_band-album_name-CD-2004-GROUP`.
fn released(folder: &str) -> Option<(String, String, u32)> {
    let parts: Vec<&str> = folder.split('-').collect();
    let [artist, album, .., released, _group] = parts[..] else {
        return None;
    };
    let is_name = |name: &str| name.chars().any(char::is_alphanumeric);
    let is_released = !folder.contains(' ') && is_name(artist) && is_name(album);
    let year = year(released).filter(|_| is_released)?;
    Some((spaced(artist), spaced(album), year))
}
