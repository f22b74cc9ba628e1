//! Finds the files of an upload.

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::sync::mpsc::Sender;

use super::{
    cue::{self, CueSheet},
    neighbours::AlbumArtists,
    paths::is_stdin,
    progress::Progress,
};

/// Endings of files that are tried from folders, in lower case. Those of formats that a server does not take
/// are among them, so that each such file is refused by name and none is passed over in silence.
const ENDINGS: [&str; 38] = [
    "aac", "ac3", "aif", "aifc", "aiff", "alac", "amr", "ape", "au", "caf", "dff", "dsf", "dts",
    "eac3", "flac", "m4a", "m4b", "mka", "mp1", "mp2", "mp3", "mp4", "mpc", "mpga", "oga", "ogg",
    "opus", "ra", "shn", "snd", "spx", "tak", "tta", "wav", "wave", "weba", "wma", "wv",
];

/// A path that an upload comes across.
#[derive(Debug)]
pub(super) enum Candidate {
    /// A file to be uploaded.
    File {
        /// Its path.
        path: PathBuf,
        /// The part of its path that may name the music: from the folder on that was named, or the path
        /// as it was named unless that begins at the root.
        hint: Option<String>,
        /// The artists of its album, where its neighbours name them and it does not.
        album_artists: Vec<String>,
    },
    /// A cue sheet beside a whole album.
    CueSheet(CueSheet),
    /// A file or folder that cannot be read.
    Unreadable {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
}

/// Finds the files at these paths, folders in alphabetical order and to any depth. Blocks while
/// nobody takes what was found, and ends early when nobody will.
///
/// `neighbours` gives the artists of their album that files of one folder take from one another.
///
/// Symbolic links are followed, each folder is entered once, so that links in circles end. Hidden
/// files in folders are left out: they are other programs' notes (macOS writes a `._song.mp3`
/// beside each song).
pub(super) fn walk(
    paths: Vec<PathBuf>,
    neighbours: impl Fn(&[PathBuf]) -> AlbumArtists,
    found: &Sender<Candidate>,
    progress: &Progress,
) {
    let mut taken = AlbumArtists::new();
    let mut entered = HashSet::new();
    let mut stack: Vec<(PathBuf, Option<Arc<Path>>)> =
        paths.into_iter().rev().map(|path| (path, None)).collect();
    while let Some((path, root)) = stack.pop() {
        let named = root.is_none();
        let item = if is_stdin(&path) && named {
            Candidate::File {
                path,
                hint: None,
                album_artists: Vec::new(),
            }
        } else {
            match fs::metadata(&path) {
                Ok(meta) if meta.is_dir() => match entries(&path, &mut entered) {
                    Ok(entries) => {
                        let root = root.unwrap_or_else(|| above(&path));
                        let is_song = |path: &&PathBuf| is_audio(path) && path.is_file();
                        let songs: Vec<_> = entries.iter().filter(is_song).cloned().collect();
                        taken.extend(neighbours(&songs));
                        for sheet in cue::sheets(&entries, &songs) {
                            progress.one_found();
                            if found.blocking_send(Candidate::CueSheet(sheet)).is_err() {
                                return;
                            }
                        }
                        let entries = entries.into_iter().rev();
                        stack.extend(entries.map(|path| (path, Some(Arc::clone(&root)))));
                        continue;
                    }
                    Err(cause) => Candidate::Unreadable { path, cause },
                },
                Ok(meta) if named || (meta.is_file() && is_audio(&path)) => {
                    let hint = hint(&path, root.as_deref());
                    let album_artists = taken.remove(&path).unwrap_or_default();
                    Candidate::File {
                        path,
                        hint,
                        album_artists,
                    }
                }
                Ok(_) => continue,
                Err(cause) if named || is_audio(&path) => Candidate::Unreadable { path, cause },
                // A broken link that has no ending of audio.
                Err(_) => continue,
            }
        };
        progress.one_found();
        if found.blocking_send(item).is_err() {
            return;
        }
    }
    progress.all_found();
}

/// The folder in which a folder lies that was named; `.` and `..` are resolved.
fn above(folder: &Path) -> Arc<Path> {
    let is_plain = folder.file_name().is_some();
    let whole = if is_plain {
        folder.to_owned()
    } else {
        fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned())
    };
    whole.parent().unwrap_or(&whole).into()
}

/// The part of the path of a file that may name the music.
fn hint(path: &Path, root: Option<&Path>) -> Option<String> {
    let part = match root {
        Some(root) => path.strip_prefix(root).or_else(|_| path.strip_prefix(".")),
        None if path.is_absolute() => Ok(Path::new(path.file_name()?)),
        None => Ok(path),
    };
    Some(part.unwrap_or(path).to_string_lossy().into_owned())
}

fn entries(folder: &Path, entered: &mut HashSet<PathBuf>) -> io::Result<Vec<PathBuf>> {
    if !entered.insert(fs::canonicalize(folder)?) {
        return Ok(Vec::new());
    }
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

fn is_audio(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| ENDINGS.contains(&ending.to_ascii_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    fn names(paths: Vec<PathBuf>, root: &Path) -> Vec<String> {
        let (sender, mut receiver) = mpsc::channel(100);
        let none = |_: &[PathBuf]| AlbumArtists::new();
        walk(paths, none, &sender, &Progress::start());
        let mut names = Vec::new();
        while let Ok(found) = receiver.try_recv() {
            names.push(match found {
                Candidate::File { path, .. } => {
                    path.strip_prefix(root).unwrap().display().to_string()
                }
                Candidate::CueSheet(sheet) => {
                    format!("? {}", sheet.path.strip_prefix(root).unwrap().display())
                }
                Candidate::Unreadable { path, .. } => {
                    format!("! {}", path.strip_prefix(root).unwrap().display())
                }
            });
        }
        names
    }

    #[cfg(unix)]
    #[test]
    fn folders_give_audio_once_and_named_files_are_always_taken() {
        use std::os::unix::fs::symlink;
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        fs::create_dir_all(root.join("b/c")).unwrap();
        for file in ["b/2.MP3", "b/c/1.flac", "b/notes.txt", "b/._2.mp3", "a.txt"] {
            fs::write(root.join(file), "x").unwrap();
        }
        symlink(root.join("b"), root.join("b/c/circle")).unwrap();
        symlink(root.join("nowhere"), root.join("b/gone.ogg")).unwrap();
        let paths = ["a.txt", "b", "b/c", "missing"].map(|name| root.join(name));
        let names = names(paths.into(), root);
        assert_eq!(
            names,
            [
                "a.txt",
                "b/2.MP3",
                "b/c/1.flac",
                "! b/gone.ogg",
                "! missing"
            ]
        );
    }
}
