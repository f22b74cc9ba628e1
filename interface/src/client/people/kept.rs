//! The tokens with which this user has signed in, by server, in a file that nobody else may read.
//!
//! The file is written whole and renamed, so a crash leaves the old one or the new one. A lock beside it keeps two
//! commands that sign in at once from losing the token of one of them.

use std::{
    collections::BTreeMap,
    env, fmt,
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use kadenza_contract::Credential;
use serde::{Deserialize, Serialize};

use crate::fault::Fault;

/// Longer files hold no tokens of ours.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A token that was kept.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Kept {
    token: String,
    /// Whose it is.
    name: String,
}

impl Kept {
    pub(super) fn new(token: &Credential, name: &str) -> Kept {
        Kept {
            token: token.expose().to_owned(),
            name: name.to_owned(),
        }
    }

    /// The token, as it is sent.
    ///
    /// # Errors
    ///
    /// If somebody wrote something else in its place.
    pub(crate) fn credential(&self) -> Result<Credential, Fault> {
        Ok(Credential::new(&self.token)?)
    }
}

/// Without the token.
impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

type Tokens = BTreeMap<String, Kept>;

/// The token that is kept for a server.
///
/// # Errors
///
/// If the file cannot be read, or others can read it too.
pub(crate) fn of(server: &str) -> Result<Option<Kept>, Fault> {
    match folder() {
        Some(folder) => Ok(read(&folder.join(FILE))?.remove(&key(server))),
        // Without a home nobody has signed in.
        None => Ok(None),
    }
}

/// Keeps a token, in the place of an older one of the same server.
///
/// # Errors
///
/// If there is no place for it, or the disk fails.
pub(super) fn keep(server: &str, kept: Kept) -> Result<PathBuf, Fault> {
    let folder = folder().ok_or_else(|| {
        Fault::Failed(
            "there is no place for the token: neither $HOME nor $XDG_CONFIG_HOME is set".to_owned(),
        )
    })?;
    private::make(&folder).map_err(|cause| Fault::file("make", &folder, cause))?;
    change(&folder, |tokens| {
        tokens.insert(key(server), kept);
    })?;
    Ok(folder.join(FILE))
}

/// Forgets the token of a server.
///
/// # Errors
///
/// If the disk fails.
pub(super) fn forget(server: &str) -> Result<(), Fault> {
    match folder() {
        Some(folder) if folder.is_dir() => change(&folder, |tokens| {
            tokens.remove(&key(server));
        }),
        _ => Ok(()),
    }
}

const FILE: &str = "tokens.json";

/// The directory of this user's settings of Kadenza (XDG Base Directory Specification).
fn folder() -> Option<PathBuf> {
    let absolute = |name| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let settings =
        absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))?;
    Some(settings.join("kadenza"))
}

/// Names of hosts are the same in upper and lower case.
fn key(server: &str) -> String {
    match server.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            format!("{scheme}://{}{path}", host.to_ascii_lowercase())
        }
        None => server.to_owned(),
    }
}

fn read(path: &Path) -> Result<Tokens, Fault> {
    let cannot = |cause| Fault::file("read", path, cause);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => return Ok(Tokens::new()),
        Err(cause) => return Err(cannot(cause)),
    };
    if private::is_open_to_others(&file).map_err(cannot)? {
        return Err(Fault::Failed(format!(
            "others may read or change {0}: `chmod 600 {0}`, and sign in anew if they may have done so",
            path.display()
        )));
    }
    let mut text = Vec::new();
    file.take(FILE_BYTES_MAX)
        .read_to_end(&mut text)
        .map_err(cannot)?;
    // What serde says of it may quote a token.
    serde_json::from_slice(&text).map_err(|_| {
        Fault::Failed(format!(
            "{} does not hold tokens: remove it, and sign in anew",
            path.display()
        ))
    })
}

fn change(folder: &Path, change: impl FnOnce(&mut Tokens)) -> Result<(), Fault> {
    let path = folder.join(FILE);
    let cannot = |cause| Fault::file("write", &path, cause);
    let lock = private::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(folder.join("tokens.lock"))
        .map_err(cannot)?;
    lock.lock().map_err(cannot)?;
    let mut tokens = read(&path)?;
    change(&mut tokens);
    // A temporary file is for its user alone.
    let mut part = tempfile::NamedTempFile::new_in(folder).map_err(cannot)?;
    serde_json::to_writer_pretty(part.as_file_mut(), &tokens)
        .map_err(|error| cannot(error.into()))?;
    writeln!(part.as_file_mut()).map_err(cannot)?;
    part.as_file().sync_all().map_err(cannot)?;
    part.persist(&path).map_err(|error| cannot(error.error))?;
    drop(lock);
    Ok(())
}

#[cfg(unix)]
mod private {
    use std::{
        fs::{DirBuilder, File, OpenOptions, Permissions, set_permissions},
        io,
        os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
        path::Path,
    };

    /// Makes a directory for the user alone. One that is there is closed to others.
    pub(super) fn make(folder: &Path) -> io::Result<()> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        set_permissions(folder, Permissions::from_mode(0o700))
    }

    pub(super) fn options() -> OpenOptions {
        let mut options = OpenOptions::new();
        options.mode(0o600);
        options
    }

    pub(super) fn is_open_to_others(file: &File) -> io::Result<bool> {
        Ok(file.metadata()?.mode() & 0o077 != 0)
    }
}

/// Other systems give a file the permissions of its folder, and a home is private there.
#[cfg(not(unix))]
mod private {
    use std::{
        fs::{File, OpenOptions, create_dir_all},
        io,
        path::Path,
    };

    pub(super) fn make(folder: &Path) -> io::Result<()> {
        create_dir_all(folder)
    }

    pub(super) fn options() -> OpenOptions {
        OpenOptions::new()
    }

    pub(super) fn is_open_to_others(_: &File) -> io::Result<bool> {
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_has_one_token_however_its_name_is_written() {
        assert_eq!(key("http://Music.Home:1"), key("http://music.home:1"));
        assert_eq!(key("https://A/Music"), "https://a/Music");
        assert_ne!(key("http://a:1"), key("https://a:1"));
    }

    #[test]
    fn tokens_of_several_servers_are_kept_and_forgotten_one_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let kept = |token: &str| Kept {
            token: token.to_owned(),
            name: "ada".to_owned(),
        };
        for (server, token) in [
            ("http://a", "one"),
            ("http://b", "two"),
            ("http://a", "three"),
        ] {
            change(folder.path(), |tokens| {
                tokens.insert(server.to_owned(), kept(token));
            })
            .unwrap();
        }
        let file = folder.path().join(FILE);
        let tokens = |file| -> Vec<String> {
            let tokens = read(file).unwrap().into_values();
            tokens.map(|kept| kept.token).collect()
        };
        assert_eq!(tokens(&file), ["three", "two"]);
        change(folder.path(), |tokens| {
            tokens.remove("http://a");
        })
        .unwrap();
        assert_eq!(tokens(&file), ["two"]);
        std::fs::write(&file, r#"{"http://a": {"token": 7, "x": "hunter2"}}"#).unwrap();
        let told = read(&file).unwrap_err().chain();
        assert!(!told.contains("hunter2"), "{told}");
    }

    #[test]
    fn no_debug_shows_a_token() {
        let kept = Kept {
            token: "hunter2".to_owned(),
            name: "ada".to_owned(),
        };
        assert!(!format!("{kept:?}").contains("hunter2"));
    }
}
