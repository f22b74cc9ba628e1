//! Reading JSON that a server sent.

use serde::de::DeserializeOwned;

/// Why an answer cannot be used, for people: it is no JSON of this interface, or it contradicts itself.
pub type Unreadable = String;

/// Reads a body of JSON.
///
/// # Errors
///
/// What is wrong with the body.
pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Unreadable> {
    serde_json::from_slice(body)
        .map_err(|error| format!("not the JSON that was asked for: {error}"))
}
