//! Real programs: built once, started on free ports, and never left behind.
//!
//! Everything here blocks, and fails by panicking, as tests do. What a program writes to its standard
//! error goes to a file, and is shown when something fails.

mod built;
mod cluster;
mod server;

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

pub use built::{example, kadenza};
pub use cluster::{Cluster, invited};
pub use server::Server;

/// How long anything may take before a test gives up. Never reached when all is well.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// The output of a command that has ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status; -1 where a signal ended it.
    pub status: i32,
    /// Its results.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Ended {
    /// The lines of the results.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.stdout.lines()
    }
}

/// The variable of the flag with which nobody signs in at a server.
pub const NO_SIGN_IN: &str = "KADENZA_NO_SIGN_IN";

/// The program, with none of the variables of whoever runs the tests: each flag of the program can
/// also be set by one. Its servers ask nobody to sign in.
fn program() -> Command {
    let mut command = Command::new(kadenza());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("KADENZA_") {
            command.env_remove(name);
        }
    }
    command.env(NO_SIGN_IN, "true").stdin(Stdio::null());
    command
}

/// A command of the program, to be started.
#[must_use]
pub fn command(args: &[&str]) -> Command {
    let mut command = program();
    command.args(args);
    command
}

/// Runs a command of the program to its end.
///
/// # Panics
///
/// If it cannot be started, or writes what is not text.
#[must_use]
pub fn run(args: &[&str]) -> Ended {
    let output = command(args).output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("a program writes text");
    Ended {
        status: output.status.code().unwrap_or(-1),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// Waits until a look gives something.
///
/// # Panics
///
/// If it gives nothing for [`PATIENCE`].
pub fn wait_until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The same, asking with calls that are waited for.
///
/// # Panics
///
/// If it does not come within the patience of all tests.
pub async fn wait_until_async<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
