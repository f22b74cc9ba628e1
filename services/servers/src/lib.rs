//! Servers of others that this process starts for itself on free ports and stops again, for
//! evaluations and tests: Redis alone, as a cluster and under sentinels, and PostgreSQL.
//!
//! Each lives in a temporary directory, listens on loopback only, and ends with the value that stands
//! for it. What is killed before it can drop anything leaves a guardian, which stops the server.

mod guardian;
mod postgres;
mod redis;
mod redis_access;
mod redis_cluster;
mod redis_sentinel;

use std::{
    fmt,
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

pub use postgres::{Database, Postgres};
pub use redis::Redis;
pub use redis_access::{RedisAccess, RedisTls};
pub use redis_cluster::RedisCluster;
pub use redis_sentinel::RedisSentinel;

/// How long servers may take to start, to end or to come together. Never reached when all is well.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why there is no such server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// Its program is not on this machine.
    #[error("{program} is not installed (Debian: apt-get install {package})")]
    NotInstalled {
        /// The product, for people.
        program: &'static str,
        /// The package of Debian that has it.
        package: &'static str,
    },
    /// It was tried and did not work.
    #[error("{doing}: {told}")]
    Failed {
        /// The action that failed.
        doing: String,
        /// The message of the server or the system.
        told: String,
    },
}

impl ServerError {
    fn failed(doing: impl Into<String>, told: impl fmt::Display) -> ServerError {
        ServerError::Failed {
            doing: doing.into(),
            told: told.to_string().trim().to_owned(),
        }
    }
}

/// A directory for a server, removed at the end.
fn directory() -> Result<TempDir, ServerError> {
    TempDir::with_prefix("kadenza-server-")
        .map_err(|error| ServerError::failed("cannot make a temporary directory", error))
}

/// A file of that directory, empty.
fn create(path: &Path) -> Result<std::fs::File, ServerError> {
    std::fs::File::create(path)
        .map_err(|error| ServerError::failed(format!("cannot write {}", path.display()), error))
}

/// A port that is free now. Somebody else may be given it before a server takes it: then another is
/// tried.
fn free_port() -> Result<u16, ServerError> {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let address = free.and_then(|free| free.local_addr());
    address
        .map(|address| address.port())
        .map_err(|error| ServerError::failed("no port is free", error))
}

/// Starts a program, out of reach of what the terminal tells this one: it is stopped in order.
fn spawn(command: &mut Command) -> Result<std::process::Child, ServerError> {
    std::os::unix::process::CommandExt::process_group(command, 0);
    let program = command.get_program().to_string_lossy().into_owned();
    command
        .spawn()
        .map_err(|error| ServerError::failed(format!("{program} does not start"), error))
}

/// Waits until it is so.
fn wait_for(what: &str, is_so: impl Fn() -> bool) -> Result<(), ServerError> {
    let begun = Instant::now();
    while !is_so() {
        if begun.elapsed() > PATIENCE {
            let told = format!("not within {} s", PATIENCE.as_secs());
            return Err(ServerError::failed(what, told));
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
