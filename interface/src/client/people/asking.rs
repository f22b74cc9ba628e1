//! What a person is asked on the terminal: names, passwords, and whether something is meant.
//!
//! No password and no code is taken from the command line, where every user of the machine can read it.

use std::io::{self, BufRead, IsTerminal, Read, Write as _};

use clap::Args;
use kadenza_terminal::plain;

use crate::fault::Fault;

/// The longest line that is read, in bytes: more than a password may have.
const LINE_BYTES_MAX: u64 = 4096;

/// What to do about a password where there is no terminal.
const INSTEAD: &str = "give the password on stdin, with --password-stdin";

/// Where passwords come from.
#[derive(Debug, Args)]
pub(super) struct Asking {
    /// Read passwords from stdin, each on a line of its own, and not from the terminal
    #[arg(long)]
    password_stdin: bool,
}

impl Asking {
    /// A password that there is.
    pub(super) async fn password(&self, prompt: &str) -> Result<String, Fault> {
        match self.password_stdin {
            true => from_stdin("a password"),
            false => hidden(prompt, INSTEAD).await,
        }
    }

    /// A password that is to be: a person types it twice.
    pub(super) async fn new_password(&self, prompt: &str) -> Result<String, Fault> {
        if self.password_stdin {
            return from_stdin("a password");
        }
        let password = hidden(prompt, INSTEAD).await?;
        match hidden("Once more: ", INSTEAD).await? == password {
            true => Ok(password),
            false => Err(Fault::Failed(
                "the two passwords differ: nothing was done".to_owned(),
            )),
        }
    }
}

/// A line that a person types.
pub(super) async fn line(prompt: &str, instead: &str) -> Result<String, Fault> {
    somebody_is_here(instead)?;
    typed(prompt).await
}

/// A line that a person types, and that is not shown.
pub(super) async fn hidden(prompt: &str, instead: &str) -> Result<String, Fault> {
    somebody_is_here(instead)?;
    // Restored also when the command is interrupted, as this future is dropped then.
    let quiet = quiet::Quiet::begin()?;
    let line = typed(prompt).await;
    drop(quiet);
    // The terminal did not show the end of the line either.
    kadenza_terminal::note("");
    line
}

/// Asks whether it is meant.
pub(super) async fn confirm(question: &str) -> Result<(), Fault> {
    let question = format!("{} Type yes: ", plain(question));
    match line(&question, "say --yes").await?.trim() {
        "yes" => Ok(()),
        _ => Err(Fault::Failed("nothing was done".to_owned())),
    }
}

fn somebody_is_here(instead: &str) -> Result<(), Fault> {
    match io::stdin().is_terminal() {
        true => Ok(()),
        false => Err(Fault::Usage(format!(
            "nobody is here to answer, as stdin is no terminal: {instead}"
        ))),
    }
}

async fn typed(prompt: &str) -> Result<String, Fault> {
    // Without the end of a line, and nothing helps if the terminal is gone.
    let _ = write!(io::stderr(), "{prompt}").and_then(|()| io::stderr().flush());
    // On a thread, so that a signal ends the command meanwhile.
    let read = tokio::task::spawn_blocking(|| from_stdin("an answer"));
    read.await
        .unwrap_or_else(|_| Err(Fault::Failed("the terminal cannot be read".to_owned())))
}

/// The next line of stdin.
fn from_stdin(what: &str) -> Result<String, Fault> {
    let mut line = Vec::new();
    let cannot = |cause| Fault::io(format!("cannot read {what} from stdin"), cause);
    // Not buffered beyond the line: `stdin` keeps what follows for the next one.
    let mut stdin = io::stdin().lock().take(LINE_BYTES_MAX);
    stdin.read_until(b'\n', &mut line).map_err(cannot)?;
    if line.is_empty() {
        return Err(Fault::Failed(format!("stdin ended before {what}")));
    }
    let line = String::from_utf8(line)
        .map_err(|_| Fault::Failed(format!("stdin holds {what} that is no text in UTF-8")))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(unix)]
mod quiet {
    use std::{fmt, io};

    use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

    use crate::fault::Fault;

    /// While it lives, the terminal does not show what is typed.
    pub(super) struct Quiet(Termios);

    impl Quiet {
        pub(super) fn begin() -> Result<Quiet, Fault> {
            let cannot =
                |cause: rustix::io::Errno| Fault::io("cannot hide what is typed", cause.into());
            let before = tcgetattr(io::stdin()).map_err(cannot)?;
            let mut hidden = before.clone();
            hidden.local_modes.remove(LocalModes::ECHO);
            tcsetattr(io::stdin(), OptionalActions::Flush, &hidden).map_err(cannot)?;
            Ok(Quiet(before))
        }
    }

    impl Drop for Quiet {
        fn drop(&mut self) {
            // Nothing helps if the terminal is gone.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
        }
    }

    impl fmt::Debug for Quiet {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Quiet")
        }
    }
}

/// Elsewhere a terminal cannot be told to hide what is typed without unsafe code.
#[cfg(not(unix))]
mod quiet {
    use crate::fault::Fault;

    #[derive(Debug)]
    pub(super) struct Quiet;

    impl Quiet {
        pub(super) fn begin() -> Result<Quiet, Fault> {
            Err(Fault::Usage(
                "a password cannot be typed unseen on this system: give it on stdin, with --password-stdin"
                    .to_owned(),
            ))
        }
    }
}
