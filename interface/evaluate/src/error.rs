//! Why an evaluation ends early.

use std::{io, path::Path};

use kadenza_servers::ServerError;
use kadenza_stack::{LayoutError, OpenError};

/// Why an evaluation ends early. Its servers and temporary directories are gone then.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// The settings make no sense, alone or together. Nothing was done.
    #[error("{0}")]
    Usage(String),
    /// It was tried and did not work; the text says what to do.
    #[error("{0}")]
    Failed(String),
    /// This machine's disk or network failed.
    #[error("{doing}")]
    Io {
        /// What was being done.
        doing: String,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The music service that is measured answered with an error where none was to be expected.
    #[error(transparent)]
    Service(#[from] kadenza_contract::Error),
}

impl EvaluateError {
    /// A failure of this machine while `doing` something.
    pub(crate) fn io(doing: impl Into<String>, cause: io::Error) -> EvaluateError {
        EvaluateError::Io {
            doing: doing.into(),
            cause,
        }
    }

    /// A failure of this machine with a file.
    pub(crate) fn file(doing: &str, path: &Path, cause: io::Error) -> EvaluateError {
        EvaluateError::io(format!("cannot {doing} {}", path.display()), cause)
    }
}

/// A server of PostgreSQL or Redis that was to be started and did not.
impl From<ServerError> for EvaluateError {
    fn from(error: ServerError) -> EvaluateError {
        EvaluateError::Failed(error.to_string())
    }
}

impl From<OpenError> for EvaluateError {
    fn from(error: OpenError) -> EvaluateError {
        match error {
            OpenError::Service(error) => EvaluateError::Service(error),
            error @ (OpenError::HasEmbeddedLibrary { .. } | OpenError::NoSuchDirectory { .. }) => {
                EvaluateError::Failed(error.to_string())
            }
        }
    }
}

impl From<LayoutError> for EvaluateError {
    fn from(error: LayoutError) -> EvaluateError {
        EvaluateError::Failed(error.to_string())
    }
}
