//! How a service is.

use serde::{Deserialize, Serialize};

/// The state of a service and of the machines behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
}

/// What is known of one machine.
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
}
