//! The identity of a node: a key pair that stays with its data directory.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use rand::Rng as _;

use crate::rpc::NodeKey;

/// The file in the data directory that holds the secret key, in hexadecimal.
const FILE: &str = "node.key";

/// Why a node's identity could not be had.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file could not be read or written.
    #[error("cannot use {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the disk said.
        #[source]
        cause: io::Error,
    },
    /// The file holds something else.
    #[error("{} is not a node key; restore it, or move it away and join as a new node", path.display())]
    NotAKey {
        /// The file.
        path: PathBuf,
    },
}

/// The key that lives in a directory; a new one is made and made durable if there is none.
///
/// # Errors
///
/// If the file cannot be read or written, or is damaged: a node never silently becomes another.
pub(crate) fn key_in(directory: &Path) -> Result<NodeKey, IdentityError> {
    let path = directory.join(FILE);
    let failed = |cause| IdentityError::File {
        path: path.clone(),
        cause,
    };
    let secret = match fs::read_to_string(&path) {
        Ok(text) => {
            let mut secret = [0; 32];
            hex::decode_to_slice(text.trim(), &mut secret)
                .map_err(|_| IdentityError::NotAKey { path: path.clone() })?;
            secret
        }
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => {
            let mut secret = [0; 32];
            rand::rng().fill_bytes(&mut secret);
            crate::keep::write_durably(&path, hex::encode(secret).as_bytes()).map_err(failed)?;
            secret
        }
        Err(cause) => return Err(failed(cause)),
    };
    Ok(NodeKey::from_secret(&secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_keeps_its_id_and_no_two_share_one() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let id = key_in(one.path()).unwrap().id();
        assert_eq!(key_in(one.path()).unwrap().id(), id);
        assert_ne!(key_in(other.path()).unwrap().id(), id);
    }

    #[test]
    fn a_damaged_key_is_an_error_and_not_a_new_node() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(FILE), "not a key").unwrap();
        let refused = key_in(directory.path()).unwrap_err();
        assert!(matches!(refused, IdentityError::NotAKey { .. }));
        assert_eq!(
            fs::read_to_string(directory.path().join(FILE)).unwrap(),
            "not a key"
        );
    }
}
