//! How a node joins that was invited.

use std::{io::Read as _, path::Path};

use kadenza_distributed::trust::{self, Invitation};

use crate::fault::Fault;

/// A longer file is no invitation.
const INVITATION_BYTES_MAX: u64 = 16 << 10;

/// Joins with the invitation in a file, or on stdin if that is `-`, a node that others reach at this address. Gives the address
/// of the node that invited it; none where the directory belongs to a network already.
///
/// # Errors
///
/// If there is no invitation in the file, or the node that gave it does not answer, or refuses.
pub(super) async fn join(data: &Path, file: &Path, own: &str) -> Result<Option<String>, Fault> {
    if trust::belongs(data)? {
        return Ok(None);
    }
    let invitation: Invitation = read(file)?.parse().map_err(|error| {
        let from = match file == Path::new("-") {
            true => "stdin".to_owned(),
            false => file.display().to_string(),
        };
        Fault::Usage(format!("{from}: {error}"))
    })?;
    trust::join(data, &invitation, own).await?;
    Ok(Some(invitation.address))
}

fn read(file: &Path) -> Result<String, Fault> {
    let mut text = String::new();
    let read = match file == Path::new("-") {
        true => std::io::stdin()
            .lock()
            .take(INVITATION_BYTES_MAX)
            .read_to_string(&mut text),
        false => std::fs::File::open(file).and_then(|file| {
            let mut file = file.take(INVITATION_BYTES_MAX);
            file.read_to_string(&mut text)
        }),
    };
    read.map_err(|cause| Fault::file("read", file, cause))?;
    Ok(text)
}
