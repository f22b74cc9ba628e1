//! Why a command ends without success, and what the process says and returns then.

use std::{
    io::{self, Write as _},
    path::Path,
};

use kadenza_terminal::note;

/// Why a command ends early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// The settings make no sense, alone or together. Nothing was done.
    #[error("{0}")]
    Usage(String),
    /// `clap` was asked for help.
    #[error(transparent)]
    Clap(clap::Error),
    /// The command line is refused, in these words of `clap`.
    #[error("{0}")]
    Refused(String),
    /// It was tried and did not work; the text says what to do.
    #[error("{0}")]
    Failed(String),
    /// This machine's disk, terminal or network failed.
    #[error("{doing}")]
    Io {
        /// What was being done.
        doing: String,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The music service answered with an error.
    #[error(transparent)]
    Service(#[from] kadenza_contract::Error),
    /// Something failed that the results have told already.
    #[error("not everything worked")]
    Told,
    /// Nobody reads the results any more, as with `| head`. Not a failure.
    #[error("nobody reads the results")]
    Closed,
    /// The user ended the command before it was done; the number is that of the signal.
    #[error("interrupted")]
    Interrupted(u8),
}

impl Fault {
    /// A failure of this machine while `doing` something.
    pub(crate) fn io(doing: impl Into<String>, cause: io::Error) -> Fault {
        Fault::Io {
            doing: doing.into(),
            cause,
        }
    }

    /// A failure of this machine with a file.
    pub(crate) fn file(doing: &str, path: &Path, cause: io::Error) -> Fault {
        Fault::io(format!("cannot {doing} {}", path.display()), cause)
    }

    /// The fault and its causes in one line.
    pub(crate) fn chain(&self) -> String {
        kadenza_terminal::chain(self)
    }

    /// Says on stderr what is to be said, and gives the exit status.
    pub(crate) fn tell(self) -> u8 {
        match self {
            Fault::Clap(error) => {
                // Help and version go to stdout and are a success. Nothing helps if the terminal is gone.
                let _ = error.print();
                u8::try_from(error.exit_code()).unwrap_or(2)
            }
            Fault::Refused(text) => {
                // In colours, if these are wanted: `clap` escapes what it quotes.
                let _ = io::stderr().write_all(text.as_bytes());
                2
            }
            Fault::Usage(_) => {
                complain(&self.chain());
                2
            }
            Fault::Failed(_) | Fault::Io { .. } | Fault::Service(_) => {
                complain(&self.chain());
                1
            }
            Fault::Told => 1,
            Fault::Closed => 0,
            Fault::Interrupted(signal) => 128 + signal,
        }
    }
}

/// Says on stderr what went wrong.
pub(crate) fn complain(line: &str) {
    note(&format!("kadenza: {line}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_told_in_one_line_with_its_causes() {
        let cause = io::Error::other("no\nspace\u{1b}[2J");
        let fault = Fault::file("write", Path::new("a\tb"), cause);
        assert_eq!(fault.chain(), "cannot write a b: no space [2J");
    }
}
