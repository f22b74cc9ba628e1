//! The one error of the contract.
//!
//! A variant stands for something that some caller acts upon; where and how it broke is told by
//! the chain of sources. What travels between machines is [`crate::Failure`], not these texts.

use std::time::Duration;

/// The cause of an error.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// The result of every call of the contract.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a question was not answered or a song not taken.
///
/// The list is complete on purpose: a floor that translates errors (to HTTP, to gRPC, to an exit
/// status) does not compile until it has an answer for a new one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is not audio of a kind that the library keeps. Nothing changed.
    #[error("not a usable audio file: {what}")]
    NotAudio {
        /// The reason.
        what: String,
    },
    /// Neither the file nor the uploader gives a title. Nothing changed.
    #[error(
        "the file has no usable title: state one (`--title` on the command line, `?title=` over HTTP)"
    )]
    NoTitle,
    /// The song is larger than this service takes. Nothing changed.
    #[error("larger than the limit of {limit} bytes")]
    TooLarge {
        /// The most that is taken, in bytes.
        limit: u64,
    },
    /// The song has as many recordings as an upload may give it. Nothing changed.
    #[error(
        "the song has {limit} recordings or more, and an upload adds no further one: give the song another title or album"
    )]
    TooManyRecordings {
        /// How many a song may have.
        limit: usize,
    },
    /// The question itself is malformed. Nothing changed.
    #[error("bad request: {what}")]
    Invalid {
        /// The mistake, and what would be right.
        what: String,
    },
    /// Whoever asks has not signed in, or no longer. Nothing changed.
    #[error("sign in first: songs are here for people with an account")]
    NotSignedIn,
    /// Whoever asks may not do this. Nothing changed.
    #[error("not allowed: {what}")]
    Forbidden {
        /// The role that is needed, for people.
        what: String,
    },
    /// Whoever asks has asked too often. Nothing changed.
    #[error("too many attempts: try again in {seconds} s")]
    Wait {
        /// How long to wait.
        seconds: u64,
    },
    /// The range begins at or behind the end of the audio. Nothing changed.
    #[error("the range is outside the {size} bytes of the audio")]
    Range {
        /// The size of the audio in bytes.
        size: u64,
    },
    /// The stream of the uploaded song broke before its end. Nothing changed.
    #[error("the upload broke off")]
    Body {
        /// How it broke.
        #[source]
        cause: Cause,
    },
    /// There is no room for the song. Nothing changed.
    #[error("no room left to store the song{}", in_brackets(machines))]
    Full {
        /// Which machines are full, for people; empty where it is the one that says so.
        machines: String,
    },
    /// Too much is under way; the same call may succeed a moment later. Nothing changed.
    #[error("too busy: try again in a moment")]
    Busy,
    /// The answer did not come in time. A write may or may not have happened.
    #[error("no answer within {} ms", waited.as_millis())]
    Timeout {
        /// How long it was waited for.
        waited: Duration,
    },
    /// The place that holds the answer could not be reached. A write did not happen there.
    #[error("cannot reach {place}")]
    Unreachable {
        /// The place: an address, or what was looked for.
        place: String,
        /// How the attempt failed.
        #[source]
        cause: Cause,
    },
    /// Fewer machines were within reach than must agree. A write may have reached some of them;
    /// repeating it is safe and completes it.
    #[error("{}", too_few(*reached, *needed, machines))]
    TooFew {
        /// How many answered.
        reached: usize,
        /// How many must.
        needed: usize,
        /// Which machines failed, and how, for people; empty where nobody knows.
        machines: String,
    },
    /// No copy of the audio that could be read is whole. Nothing changed.
    #[error("the stored audio is damaged: {what}")]
    Damaged {
        /// Which piece, and where.
        what: String,
    },
    /// Another machine said something that does not fit the protocol. A write may or may not have
    /// happened.
    #[error("{place} gave an answer that makes no sense: {what}")]
    Protocol {
        /// The machine that said it.
        place: String,
        /// The mistake.
        what: String,
    },
    /// This machine's own disk or database failed. A write may or may not have happened.
    #[error("storage failed while {doing}")]
    Storage {
        /// The action that failed.
        doing: &'static str,
        /// The message of the disk or the database.
        #[source]
        cause: Cause,
    },
}

/// What is added to a sentence, if anything.
fn in_brackets(what: &str) -> String {
    match what {
        "" => String::new(),
        what => format!(" ({what})"),
    }
}

fn too_few(reached: usize, needed: usize, machines: &str) -> String {
    let machines = in_brackets(machines);
    match reached < needed {
        true => format!(
            "only {reached} of the {needed} machines that must agree were within reach{machines}: try again when more are up"
        ),
        // A machine that just came is one of them only once a majority says so.
        false => format!(
            "the machines within reach do not agree yet on who belongs to the network{machines}: try again in a moment"
        ),
    }
}

impl Error {
    /// There is no room here.
    #[must_use]
    pub fn full() -> Error {
        Error::Full {
            machines: String::new(),
        }
    }

    /// A storage failure while `doing` something.
    pub fn storage(doing: &'static str) -> impl FnOnce(Cause) -> Error {
        move |cause| Error::Storage { doing, cause }
    }

    /// Whether the same call may succeed later or elsewhere. No wildcard: a new variant must answer.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Error::Wait { .. }
            | Error::Full { .. }
            | Error::Busy
            | Error::Timeout { .. }
            | Error::Unreachable { .. }
            | Error::TooFew { .. }
            | Error::Damaged { .. }
            | Error::Protocol { .. }
            | Error::Storage { .. } => true,
            Error::NotAudio { .. }
            | Error::NoTitle
            | Error::TooLarge { .. }
            | Error::TooManyRecordings { .. }
            | Error::Invalid { .. }
            | Error::NotSignedIn
            | Error::Forbidden { .. }
            | Error::Range { .. }
            | Error::Body { .. } => false,
        }
    }

    /// Whether it is about whoever asks, so that somebody else may get an answer.
    #[must_use]
    pub fn is_about_caller(&self) -> bool {
        matches!(
            self,
            Error::NotSignedIn | Error::Forbidden { .. } | Error::Wait { .. }
        )
    }

    /// The error and its causes in one line, for a log or a terminal.
    #[must_use]
    pub fn chain(&self) -> String {
        chain(self)
    }
}

/// An error and its causes in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        next = cause.source();
    }
    line
}
