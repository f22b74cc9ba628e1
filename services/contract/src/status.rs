//! How a service is.

use serde::{Deserialize, Serialize};

/// The state of a service and of the machines behind it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// How many different songs there are.
    pub songs: u64,
    /// How many bytes of audio are stored, all copies counted.
    pub bytes: u64,
    /// The machines, the one that answers first; empty where the service is one library.
    pub nodes: Vec<NodeStatus>,
    /// How the copies are; none where there is only one copy by design.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication: Option<Replication>,
    /// How the storage is where the service is one library; none where it is several machines, which
    /// tell it each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<StorageStatus>,
    /// The nodes of the caches in front, the topmost cache first; empty where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cache: Vec<CacheNodeStatus>,
}

/// The status of one machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeStatus {
    /// Its id in the network, in hexadecimal.
    pub id: String,
    /// The address at which other nodes reach it.
    pub rpc: String,
    /// The base URL at which it speaks HTTP, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<String>,
    /// How it is.
    pub health: Health,
    /// How many songs it holds with their audio.
    pub songs: u64,
    /// How many cards it holds for search.
    pub cards: u64,
    /// How many bytes of audio it holds.
    pub bytes: u64,
    /// How many copies of songs it should hold and lacks, as far as the other machines know.
    #[serde(default)]
    pub lacks: u64,
    /// How its storage is; none if it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<StorageStatus>,
}

/// How the audio on one machine is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StorageStatus {
    /// Recordings whose audio belongs here and is missing, cannot be read, or is not what was
    /// uploaded. They do not count as held until they are whole again.
    pub damaged: u64,
    /// Whether the whole audio directory is gone, for instance a disk that is not mounted. Then
    /// nothing counts as held.
    pub is_away: bool,
    /// How many bytes can still be stored, the reserve left aside; none where nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free: Option<u64>,
    /// Whether it takes no more songs: there is no room, or there was too little for the last one.
    pub is_full: bool,
    /// How far the examination of what is stored has come.
    pub scrub: ScrubStatus,
}

/// The slow examination of all audio on one machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScrubStatus {
    /// How many bytes a second it reads at most; 0 if it is off.
    pub bytes_per_second: u64,
    /// How many bytes of audio it has examined in the pass that is under way.
    pub examined: u64,
    /// How many passes it has ended: since the program was started, or ever where several servers share a
    /// library.
    pub passes: u64,
    /// When the last of them ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<jiff::Timestamp>,
}

/// How a machine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// It answers.
    Up,
    /// It answers, and is still taking over its share.
    Joining,
    /// It does not answer.
    Down,
}

/// How the copies of songs are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Replication {
    /// How many copies a song is meant to have; fewer where there are fewer machines.
    pub factor: u64,
    /// How many songs have them all: confirmed by their holders just now.
    pub complete: u64,
    /// How many songs have fewer; copies are under way.
    pub incomplete: u64,
    /// About how many bytes of audio are missing on machines that answer and have room.
    pub missing_bytes: u64,
    /// How many bytes the machines gave each other in a second to mend that, in the mean of the last seconds.
    pub bytes_per_second: u64,
}

impl Replication {
    /// About how many seconds it takes until nothing is missing any more; none if nothing is being given.
    #[must_use]
    pub fn seconds_left(&self) -> Option<u64> {
        let is_told = self.missing_bytes > 0 && self.bytes_per_second > 0;
        is_told.then(|| self.missing_bytes.div_ceil(self.bytes_per_second))
    }
}

/// How much a cache node holds, and what it did since this process began to ask it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CacheNodeStatus {
    /// Its name.
    pub node: String,
    /// Whether it is asked at all: it did not fail lately.
    pub is_up: bool,
    /// Entries that it holds.
    pub entries: u64,
    /// Bytes that they take.
    pub bytes: u64,
    /// Questions that it could answer.
    pub hits: u64,
    /// Questions that it could not.
    pub misses: u64,
    /// Entries that had to leave for others.
    pub evictions: u64,
    /// Calls that failed or came too late.
    pub failures: u64,
    /// Calls that were not made because it failed lately.
    pub skipped: u64,
    /// How long the calls to it took that were made. Of calls into this process's memory one in 61 is
    /// timed, and hits, misses and failures say how many there were.
    pub latency: CacheLatency,
}

/// How long calls to a cache node took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CacheLatency {
    /// How many calls took at most the bound of the same place in [`CacheLatency::BOUNDS_US`], and
    /// more than the bound before it.
    pub within: [u64; CacheLatency::BOUNDS_US.len()],
    /// How many took longer than all of them.
    pub beyond: u64,
    /// How long all of them took together, in microseconds.
    pub sum_us: u64,
}

impl CacheLatency {
    /// The bounds, in microseconds, from a look into this process's memory to a late answer.
    pub const BOUNDS_US: [u64; 10] = [5, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000];
}
