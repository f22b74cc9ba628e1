//! A process that stops a server when this process is killed and cannot.
//!
//! A shell waits for the end of a pipe that only this process holds open. However this process ends,
//! the pipe ends too; then the shell stops the server and removes its directory.

use std::{
    io::Write,
    path::Path,
    process::{Child, Command, Stdio},
};

/// $1 how the server is told to end, $2 its directory; its process comes over the pipe. It is no child
/// of the shell and cannot be waited for; one that nobody reaps looks alive for ever, hence the bound
/// (10 s).
const SCRIPT: &str = r#"
server=
while read -r line; do server=$line; done
if [ -n "$server" ]; then
    kill -"$1" "$server" 2>/dev/null
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        kill -0 "$server" 2>/dev/null || break
        sleep 0.5
    done
fi
rm -rf -- "$2"
"#;

/// Watches over a server until it is dropped.
#[derive(Debug)]
pub(super) struct Guardian(Option<Child>);

impl Guardian {
    /// Watches a directory, in which a server is about to be started; that one is sent this signal (by
    /// its short name) when this process is gone. Where there is no shell, nobody watches: a server
    /// left behind does no harm but its memory.
    pub(super) fn of(directory: &Path, signal: &str) -> Guardian {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", SCRIPT, "guardian", signal])
            .arg(directory)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Guardian(super::spawn(&mut shell).ok())
    }

    /// Watches this process too.
    pub(super) fn watch(&mut self, server: &Child) {
        let pipe = self.0.as_mut().and_then(|shell| shell.stdin.as_mut());
        if let Some(pipe) = pipe {
            // A shell that is gone watches nothing.
            let _ = writeln!(pipe, "{}", server.id());
        }
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        if let Some(mut shell) = self.0.take() {
            // Killed before the pipe is closed: it must not act on a number that is another's by then.
            let _ = shell.kill();
            let _ = shell.wait();
        }
    }
}
