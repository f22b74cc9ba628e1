//! The paths of an upload: their meaning, and how they are shown.

use std::path::Path;

use kadenza_terminal::plain;

/// Whether the path means stdin.
pub(super) fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// The name of a path in results.
pub(super) fn shown(path: &Path) -> String {
    plain(&path.to_string_lossy())
}
