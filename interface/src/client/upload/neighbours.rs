//! The artists of an album that a file does not name, and its neighbours in the folder do.
//!
//! A few files of an album often lack them, and would stand as albums of their own. They are taken where all
//! files of the album in this folder that name any name the same, and more do than do not: a folder of loose
//! songs may hold two albums of one name.

use std::{collections::HashMap, path::PathBuf, sync::mpsc, thread};

use kadenza_contract::{Names, Stated, Tags, identity_fold};

use super::reading::{self, READING_MAX};

/// The artists of the album, by the file that lacks them.
pub(super) type AlbumArtists = HashMap<PathBuf, Vec<String>>;

/// The artists that these files, which lie in one folder, take from one another. Waits for the disk.
pub(super) fn taken(files: &[PathBuf], stated: &Stated) -> AlbumArtists {
    let is_of_interest = files.len() > 2 && stated.album_artists.is_empty();
    if !is_of_interest {
        return AlbumArtists::new();
    }
    let mut albums: HashMap<String, Album> = HashMap::new();
    // A parser that only computes is left behind, with what it has not read.
    let (sender, tags) = mpsc::sync_channel(1);
    let (paths, of_it) = (files.to_owned(), stated.clone());
    thread::spawn(move || {
        let read = paths.into_iter().filter_map(|path| {
            let tags = reading::tags(&path, &of_it)?;
            Some((path, tags))
        });
        for file in read {
            if sender.send(file).is_err() {
                return;
            }
        }
    });
    while let Ok((path, tags)) = tags.recv_timeout(READING_MAX) {
        if !tags.album().is_empty() {
            let album = albums.entry(identity_fold(tags.album())).or_default();
            album.take_in(path, &tags);
        }
    }
    albums.into_values().flat_map(Album::taken).collect()
}

/// The files of an album in one folder.
#[derive(Debug, Default)]
struct Album {
    /// The artists that the first file names which names any.
    artists: Option<Names>,
    /// How many files name these, and whether one names others.
    naming: usize,
    is_disputed: bool,
    lacking: Vec<PathBuf>,
}

impl Album {
    fn take_in(&mut self, path: PathBuf, tags: &Tags) {
        let named = tags.album_artists();
        if named.is_empty() {
            // One that says that it is of many artists has its place.
            if !tags.is_compilation() {
                self.lacking.push(path);
            }
            return;
        }
        let artists = self.artists.get_or_insert_with(|| named.clone());
        self.naming += 1;
        self.is_disputed |= !artists.is_same(named);
    }

    fn taken(self) -> impl Iterator<Item = (PathBuf, Vec<String>)> {
        let is_clear = !self.is_disputed && self.naming > self.lacking.len();
        let artists = self.artists.filter(|_| is_clear);
        let artists: Vec<String> = artists
            .iter()
            .flat_map(Names::values)
            .map(str::to_owned)
            .collect();
        let lacking = if artists.is_empty() {
            Vec::new()
        } else {
            self.lacking
        };
        lacking.into_iter().map(move |path| (path, artists.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken_by(files: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
        let mut album = Album::default();
        for (path, artists) in files {
            let tags = Tags::new("Title", "Somebody", "Album").unwrap();
            let tags = tags.with_album_artists(&Names::new(artists.iter().copied()));
            album.take_in(path.into(), &tags);
        }
        let taken = album.taken();
        taken
            .map(|(path, artists)| (path.display().to_string(), artists))
            .collect()
    }

    #[test]
    fn the_few_that_lack_the_artists_take_those_of_the_many() {
        let (of_it, fold) = (&["The Project", "Her"][..], &["THE PROJECT", "her"][..]);
        let taken = taken_by(&[
            ("1", of_it),
            ("2", &[]),
            ("3", fold),
            ("4", of_it),
            ("5", &[]),
        ]);
        let names = vec!["The Project".to_owned(), "Her".to_owned()];
        assert_eq!(
            taken,
            [("2".to_owned(), names.clone()), ("5".to_owned(), names)]
        );
    }

    #[test]
    fn nothing_is_guessed_where_files_differ_or_few_name_any() {
        let (one, other) = (&["One"][..], &["Other"][..]);
        for files in [
            &[("1", one), ("2", one), ("3", other), ("4", &[][..])][..],
            &[("1", one), ("2", &[]), ("3", &[])],
            &[("1", one), ("2", &[])],
            &[("1", &[]), ("2", &[]), ("3", &[])],
        ] {
            assert_eq!(taken_by(files), [], "{files:?}");
        }
    }
}
