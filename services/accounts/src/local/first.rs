//! The code with which the first administrator is made: whoever can read a file of the server has it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use crate::secret::{Secret, same};

const CODE_BYTES: usize = 16;

/// A code in a file that only the user of the server can read.
#[derive(Debug)]
pub struct FirstCode {
    code: Secret,
    path: PathBuf,
    /// It lets nobody in any more, also where there is no administrator later.
    is_spent: AtomicBool,
}

impl FirstCode {
    /// The code in a file, which is made if there is none.
    ///
    /// # Errors
    ///
    /// Those of the disk.
    pub fn at(path: PathBuf) -> io::Result<FirstCode> {
        if let Some(code) = read(&path)? {
            return Ok(FirstCode::new(code, path));
        }
        let chance: [u8; CODE_BYTES] = rand::random();
        let code = hex::encode(chance);
        // One that broke off while it was written is no code.
        let _ = fs::remove_file(&path);
        let mut file = private().write(true).create_new(true).open(&path)?;
        writeln!(file, "{code}")?;
        file.sync_all()?;
        Ok(FirstCode::new(code.into(), path))
    }

    fn new(code: Secret, path: PathBuf) -> FirstCode {
        FirstCode {
            code,
            path,
            is_spent: AtomicBool::new(false),
        }
    }

    /// The code, for the person at the machine.
    #[must_use]
    pub fn code(&self) -> &Secret {
        &self.code
    }

    /// Whether this is the code.
    pub(crate) fn is(&self, code: &Secret) -> bool {
        let given = Secret::from(code.expose().trim().to_owned());
        !self.is_spent.load(Ordering::Relaxed) && same(&self.code.hash(), &given.hash())
    }

    /// Makes it worth nothing, and removes the file.
    pub(crate) fn spend(&self) {
        self.is_spent.store(true, Ordering::Relaxed);
        let removed = fs::remove_file(&self.path);
        if let Err(cause) = removed
            && cause.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%cause, "the code of the first administrator is spent, and its file could not be removed");
        }
    }
}

fn read(path: &Path) -> io::Result<Option<Secret>> {
    let mut text = String::new();
    match File::open(path) {
        Ok(file) => file.take(256).read_to_string(&mut text)?,
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let code = text.trim();
    let is_whole = code.len() == 2 * CODE_BYTES && code.bytes().all(|b| b.is_ascii_hexdigit());
    Ok(is_whole.then(|| code.to_owned().into()))
}

#[cfg(unix)]
fn private() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

#[cfg(not(unix))]
fn private() -> OpenOptions {
    OpenOptions::new()
}
