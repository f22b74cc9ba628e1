//! The settings of a library on a PostgreSQL server.

use std::{path::PathBuf, time::Duration};

use kadenza_audio::IntakeConfig;

/// The bounds of a [`PostgresLibrary`](super::PostgresLibrary).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresConfig {
    /// The directory in which uploads are collected before they go to the audio store. It is made
    /// if there is none, and belongs to one process at a time.
    pub scratch: PathBuf,
    /// The bounds of uploads, parsing and covers.
    pub intake: IntakeConfig,
    /// How many connections to the server are open at once; a further call waits for its turn.
    pub connections_max: u32,
    /// How long a connection is waited for before the server counts as out of reach.
    pub connect_patience: Duration,
    /// How long the server may take for one answer.
    pub answer_patience: Duration,
    /// How long audio that was put into the store waits for its song after the last sign of life
    /// of the server that put it. Then any server removes it.
    pub arrival_lease: Duration,
    /// How often this server looks for what others left, and whether the audio store is there.
    pub sweep_every: Duration,
    /// Whether the audio is lost, as the person says who starts it: then a store without any of it is taken.
    pub is_audio_lost: bool,
    /// How many bytes of audio this server examines in a second when it is its turn, so that damage is
    /// found; 0 if only what is known to be damaged is examined again.
    pub scrub_bytes_per_second: u64,
    /// How long another server waits after the last sign of life of the one that examines audio.
    pub scrub_lease: Duration,
}

impl PostgresConfig {
    /// The defaults, with this directory for uploads under way.
    #[must_use]
    pub fn new(scratch: impl Into<PathBuf>) -> PostgresConfig {
        PostgresConfig {
            scratch: scratch.into(),
            intake: IntakeConfig::default(),
            connections_max: 16,
            connect_patience: Duration::from_secs(3),
            answer_patience: Duration::from_secs(10),
            arrival_lease: Duration::from_secs(120),
            sweep_every: Duration::from_secs(30),
            is_audio_lost: false,
            scrub_bytes_per_second: 4 << 20,
            scrub_lease: Duration::from_secs(30),
        }
    }
}
