//! Cue sheets: texts beside one file with a whole album, which tell where each song begins.
//!
//! Files are never split, so such an album becomes one song, and the sheet is named. From: the manual of
//! CDRWIN, which began it.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

/// Sheets are a few kilobytes; the rest of a larger file is not looked at.
const SHEET_BYTES_MAX: u64 = 256 << 10;

/// A cue sheet of a whole album.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CueSheet {
    /// Its path.
    pub(super) path: PathBuf,
    /// The file with the album.
    pub(super) audio: PathBuf,
    /// How many songs it has.
    pub(super) songs: usize,
}

impl CueSheet {
    /// What it means for the upload, and what to do.
    pub(super) fn told(&self) -> String {
        let CueSheet { audio, songs, .. } = self;
        let audio = audio.file_name().unwrap_or_default().to_string_lossy();
        format!(
            "{audio} holds {songs} songs in one file and was taken as one song: to have them each, split it along \
             this sheet, for instance with shnsplit, and upload the parts"
        )
    }
}

/// The sheets among the entries of a folder that stand beside a whole album. One whose songs lie there in files of
/// their own says nothing that is not known. Waits for the disk.
pub(super) fn sheets(entries: &[PathBuf], songs: &[PathBuf]) -> Vec<CueSheet> {
    let is_sheet = |path: &&PathBuf| {
        let ending = path.extension();
        ending.is_some_and(|ending| ending.eq_ignore_ascii_case("cue")) && path.is_file()
    };
    let sheets = entries.iter().filter(is_sheet);
    sheets.filter_map(|path| read(path, songs)).collect()
}

fn read(path: &Path, songs: &[PathBuf]) -> Option<CueSheet> {
    let mut bytes = Vec::new();
    let file = File::open(path).ok()?;
    file.take(SHEET_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let (mut files, mut tracks) = (Vec::new(), 0);
    for line in text.lines() {
        let line = line.trim_start_matches('\u{feff}').trim();
        let (word, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        match word.to_ascii_uppercase().as_str() {
            "FILE" => files.push(rest.trim()),
            "TRACK" => tracks += 1,
            _ => {}
        }
    }
    let ([file], 2..) = (&files[..], tracks) else {
        return None;
    };
    // `"Album.wav" WAVE`: the audio was often made smaller since, under another ending, and the name may be
    // written in an old code page.
    let quoted = file.strip_prefix('"').and_then(|rest| rest.split_once('"'));
    let name = quoted.map_or_else(
        || file.rsplit_once(' ').map_or(*file, |(name, _)| name),
        |q| q.0,
    );
    let stems = [Path::new(name).file_stem()?, path.file_stem()?];
    let is_it = |song: &&PathBuf| song.file_stem().is_some_and(|stem| stems.contains(&stem));
    Some(CueSheet {
        path: path.to_owned(),
        audio: songs.iter().find(is_it)?.clone(),
        songs: tracks,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn sheet(files: &[&str], tracks: usize) -> String {
        let mut text = "\u{feff}PERFORMER \"Somebody\"\r\nTITLE \"Album\"\r\n".to_owned();
        for file in files {
            text += &format!("FILE {file}\r\n");
            for track in 1..=tracks {
                text += &format!("  TRACK {track:02} AUDIO\r\n    INDEX 01 00:00:00\r\n");
            }
        }
        text
    }

    #[test]
    fn a_sheet_is_named_only_beside_a_whole_album() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let sheets_with = |text: &str, songs: &[&str]| {
            fs::write(path("album.cue"), text).unwrap();
            let songs: Vec<_> = songs.iter().map(|name| path(name)).collect();
            sheets(&[path("album.cue"), path("cover.jpg")], &songs)
        };
        for (file, song) in [
            ("\"Album.wav\" WAVE", "Album.flac"),
            ("\"Album.flac\" WAVE", "Album.flac"),
            ("image.bin BINARY", "album.ape"),
            ("image one.wav WAVE", "image one.wv"),
        ] {
            let found = sheets_with(&sheet(&[file], 12), &["other.mp3", song]);
            let right = CueSheet {
                path: path("album.cue"),
                audio: path(song),
                songs: 12,
            };
            assert_eq!(found, [right], "{file}");
        }
        // The songs are there by themselves, or it has but one.
        for (files, tracks, songs) in [
            (&["\"Album.wav\" WAVE"][..], 12, &["01.flac", "02.flac"][..]),
            (
                &["\"01.wav\" WAVE", "\"02.wav\" WAVE"],
                1,
                &["01.wav", "02.wav"],
            ),
            (&["\"Album.wav\" WAVE"], 1, &["Album.wav"]),
        ] {
            assert_eq!(sheets_with(&sheet(files, tracks), songs), [], "{files:?}");
        }
        assert_eq!(sheets_with("no sheet\0\u{1}", &["album.mp3"]), []);
    }
}
