//! How an upload ended, beside the status of its answer.

/// The header of an answer to an upload that says [`Outcome::name`](kadenza_contract::Outcome::name): a new
/// song and a new recording of a known one are both answered with 201.
pub const OUTCOME: &str = "kadenza-outcome";

/// The header of an answer to an upload that lists the names that were taken from the path, if any:
/// `title`, `artist`, `album`, with commas between them.
pub const FROM_PATH: &str = "kadenza-names-from-path";
