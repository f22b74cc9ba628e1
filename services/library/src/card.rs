//! The record of a song on one machine.

use kadenza_contract::{ContentHash, Recording, Song};

/// A song as it is known here, with or without its audio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// The song, with all its recordings that are known here.
    pub song: Song,
    /// The recordings whose audio is on this machine.
    pub held: Vec<ContentHash>,
    /// The recordings whose audio belongs on this machine and is damaged, so that it is not held.
    pub damaged: Vec<ContentHash>,
}

impl Card {
    /// Whether the audio of any recording is here.
    #[must_use]
    pub fn is_held(&self) -> bool {
        !self.held.is_empty()
    }

    /// The best recording whose audio is here.
    #[must_use]
    pub fn best_held(&self) -> Option<&Recording> {
        self.song
            .recordings()
            .iter()
            .find(|recording| self.held.contains(&recording.content))
    }
}
