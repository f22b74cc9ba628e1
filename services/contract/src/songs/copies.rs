//! How many machines hold the recordings of a song.

use serde::{Deserialize, Serialize};

use crate::ContentHash;

/// The copies of the recordings of a song, counted just now.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Copies {
    /// Each recording that is known, the best first.
    pub recordings: Vec<RecordingCopies>,
}

/// The copies of one recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordingCopies {
    /// The hash of the audio.
    pub content_hash: ContentHash,
    /// How many machines said that they hold it.
    pub copies: u64,
    /// How many must hold it before an upload of it is acknowledged: a majority of those that are meant to.
    pub needed: u64,
}

impl Copies {
    /// Whether an upload of this audio would be acknowledged as it is: it is on as many machines as must
    /// hold it.
    #[must_use]
    pub fn is_durable(&self, content: &ContentHash) -> bool {
        self.recordings
            .iter()
            .any(|of| of.content_hash == *content && of.copies >= of.needed)
    }
}
