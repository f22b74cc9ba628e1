//! Many servers, one music service: [`Client`] implements
//! [`MusicService`](kadenza_contract::MusicService) over HTTP with a list of servers.
//!
//! It prefers the fast and healthy, puts the failing out, repeats what may be repeated within one
//! budget, and goes on with a song on another server when one dies in the middle of it. The layer
//! above cannot tell it from a library on this machine.
//!
//! It knows the HTTP interface, version 1, and the vocabulary of the contract; nothing of
//! databases, audio formats, or of how servers find each other.
//!
//! ```no_run
//! use kadenza_middleware::{Client, ClientConfig};
//! use kadenza_contract::{MusicService, Query};
//!
//! # async fn example() -> kadenza_contract::Result<()> {
//! let servers = ["http://192.168.1.2:4533", "http://192.168.1.3:4533"];
//! let client = Client::new(servers, ClientConfig::default())?;
//! for song in client.search(&Query::words("love")?).await?.items {
//!     println!("{} {}", song.id(), song.tags().title());
//! }
//! # Ok(())
//! # }
//! ```

mod account_calls;
mod accounts;
mod asker;
mod attempts;
mod base;
mod choice;
mod client;
mod config;
mod http;
mod shared;
mod spool;

pub use account_calls::{AccountCalls, CallError};
pub use accounts::RemoteAccounts;
pub use client::Client;
pub use config::ClientConfig;
