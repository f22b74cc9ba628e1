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
        /// The folder out of which no link may lead, without links itself; `None` for a file that was named.
        within: Option<Arc<Path>>,
    },
    /// A symbolic link that leads out of the folder that was named.
    LeadsOut {
        /// Its path.
        path: PathBuf,
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
/// What is named may be a symbolic link. Within a folder only links are followed that stay in it: a folder may
/// come from a stranger, and a link in it lead to a private key. Each folder is entered once, so that links in
/// circles end. Hidden files in folders are left out: they are other programs' notes (macOS writes a
/// `._song.mp3` beside each song).
pub(super) fn walk(
    paths: Vec<PathBuf>,
    neighbours: impl Fn(&[PathBuf]) -> AlbumArtists,
    found: &Sender<Candidate>,
    progress: &Progress,
) {
    let mut taken = AlbumArtists::new();
    let mut entered = HashSet::new();
    let mut stack: Vec<(PathBuf, Option<Root>)> =
        paths.into_iter().rev().map(|path| (path, None)).collect();
    while let Some((path, root)) = stack.pop() {
        let named = root.is_none();
        let item = if is_stdin(&path) && named {
            Candidate::File {
                path,
                hint: None,
                album_artists: Vec::new(),
                within: None,
            }
        } else if root
            .as_ref()
            .is_some_and(|root| leads_out(&path, &root.real))
        {
            match is_audio(&path) || path.is_dir() {
                true => Candidate::LeadsOut { path },
                false => continue,
            }
        } else {
            match fs::metadata(&path) {
                Ok(meta) if meta.is_dir() => match entries(&path, root, &mut entered) {
                    Ok((entries, root)) => {
                        let is_inside = |path: &&PathBuf| !leads_out(path, &root.real);
                        let inside: Vec<_> = entries.iter().filter(is_inside).cloned().collect();
                        let is_song = |path: &&PathBuf| is_audio(path) && path.is_file();
                        let songs: Vec<_> = inside.iter().filter(is_song).cloned().collect();
                        taken.extend(neighbours(&songs));
                        for sheet in cue::sheets(&inside, &songs) {
                            progress.one_found();
                            if found.blocking_send(Candidate::CueSheet(sheet)).is_err() {
                                return;
                            }
                        }
                        let entries = entries.into_iter().rev();
                        stack.extend(entries.map(|path| (path, Some(root.clone()))));
                        continue;
                    }
                    Err(cause) => Candidate::Unreadable { path, cause },
                },
                Ok(_) if named || is_audio(&path) => {
                    let hint = hint(&path, root.as_ref().map(|root| &*root.above));
                    let album_artists = taken.remove(&path).unwrap_or_default();
                    Candidate::File {
                        path,
                        hint,
                        album_artists,
                        within: root.map(|root| root.real),
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

/// A folder that was named.
#[derive(Debug, Clone)]
struct Root {
    /// The folder in which it lies.
    above: Arc<Path>,
    /// Its path without links.
    real: Arc<Path>,
}

/// Whether a path is a symbolic link out of a folder. A broken one leads nowhere.
fn leads_out(path: &Path, folder: &Path) -> bool {
    path.is_symlink() && fs::canonicalize(path).is_ok_and(|real| !real.starts_with(folder))
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

/// What lies in a folder, and the folder that was named: this one, if none was on the way to it.
fn entries(
    folder: &Path,
    root: Option<Root>,
    entered: &mut HashSet<PathBuf>,
) -> io::Result<(Vec<PathBuf>, Root)> {
    let real = fs::canonicalize(folder)?;
    let root = root.unwrap_or_else(|| Root {
        above: above(folder),
        real: real.as_path().into(),
    });
    let mut paths = Vec::new();
    if !entered.insert(real) {
        return Ok((paths, root));
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok((paths, root))
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
                Candidate::LeadsOut { path } => {
                    format!("> {}", path.strip_prefix(root).unwrap().display())
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

    #[cfg(unix)]
    #[test]
    fn links_are_followed_only_within_the_folder_named() {
        use std::os::unix::fs::symlink;
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        for folder in ["secret/deep", "music/album/deep", "music/.hidden"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        for file in ["secret/key", "secret/deep/2.mp3", "music/album/1.mp3"] {
            fs::write(root.join(file), "x").unwrap();
        }
        for (to, from) in [
            ("secret/key", "music/album/01.mp3"),
            ("secret/key", "music/album/notes.txt"),
            ("secret", "music/album/folder"),
            ("secret/deep", "music/album/deep/folder"),
            ("music/album/deep/folder", "music/album/twice"),
            ("music/album/1.mp3", "music/inside.mp3"),
            ("music/album/deep", "music/album/again"),
            ("music", "named"),
        ] {
            symlink(root.join(to), root.join(from)).unwrap();
        }
        symlink("../../secret/key", root.join("music/album/02.mp3")).unwrap();
        let all = [
            "> music/album/01.mp3",
            "> music/album/02.mp3",
            "music/album/1.mp3",
            "> music/album/again/folder",
            "> music/album/folder",
            "> music/album/twice",
            "music/inside.mp3",
        ];
        assert_eq!(names(vec![root.join("music")], root), all);
        // What is named may be a link, and is the folder that is not left.
        let named: Vec<_> = all
            .iter()
            .map(|name| name.replace("music/", "named/"))
            .collect();
        assert_eq!(names(vec![root.join("named")], root), named);
        let key = ["named/album/01.mp3"];
        assert_eq!(names(vec![root.join(key[0])], root), key);
    }
}
