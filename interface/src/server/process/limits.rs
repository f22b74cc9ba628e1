//! The limits that the system sets to this process.

/// Raises the limit of open files as far as the system allows: each connection and each song being
/// read is one, and the usual soft limit of 1024 is soon reached. If it cannot be raised, the
/// server runs with the limit that it has.
#[cfg(unix)]
pub(crate) fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(cause) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!(%cause, "the limit of open files stays as it is");
    }
}

/// Other systems have no such limit, or none that a process may raise.
#[cfg(not(unix))]
pub(crate) fn raise_open_files() {}
