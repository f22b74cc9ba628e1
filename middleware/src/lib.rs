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

mod attempt;
mod base;
mod budget;
mod client;
mod config;
mod discovery;
mod exchange;
mod health;
mod partial;
mod pool;
mod resume;
mod route;
mod shared;
mod spool;
mod told;
mod upload;

pub use client::Client;
pub use config::ClientConfig;

/// A random number as a chance from 0 up to but not including 1.
fn chance(dice: u64) -> f64 {
    // 53 bits are what a double holds exactly.
    (dice >> 11) as f64 / (1u64 << 53) as f64
}
