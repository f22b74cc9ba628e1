//! Who stops a server when this process is killed and cannot.
//!
//! A shell waits for the end of a pipe that only this process holds open. However this process ends,
//! the pipe ends too; then the shell stops the server and removes its directory.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

/// $1 the server, $2 how it is told to end, $3 its directory. It is no child of the shell and cannot
/// be waited for; one that nobody reaps looks alive for ever, hence the bound (10 s).
const SCRIPT: &str = r#"
read -r _
kill -"$2" "$1" 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    kill -0 "$1" 2>/dev/null || break
    sleep 0.5
done
rm -rf -- "$3"
"#;

/// Watches over a server until it is dropped.
#[derive(Debug)]
pub(super) struct Guardian(Option<Child>);

impl Guardian {
    /// Watches a process; it is sent this signal (by its short name) when this process is gone. Where
    /// there is no shell, nobody watches: a server left behind does no harm but its memory.
    pub(super) fn of(process: u32, signal: &str, directory: &Path) -> Guardian {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", SCRIPT, "guardian", &process.to_string(), signal])
            .arg(directory)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Guardian(super::spawn(&mut shell).ok())
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
