//! The ground floor of Kadenza: the contract that every layer implements, its vocabulary, and the
//! libraries and caches that implement it.
//!
//! With no cargo feature this crate is the vocabulary alone: [`MusicService`], [`Song`], [`SongId`],
//! [`Query`], [`Error`]. It then knows no database, no audio format and no disk. The feature `library`
//! adds `Library`, which keeps songs in one directory, and the accounts of those who may use it; `objects` adds `objects::AudioObjects`, a store
//! for audio; `postgres` adds `PostgresLibrary`, which several processes share; `grpc` adds a library in
//! another process; `cache` a cache in front of any service, and `redis` its nodes on Redis servers.
//!
//! Each of these parts is a crate of its own, and this crate gives them one name. Without `objects`,
//! `postgres`, `grpc` and `redis` nothing here knows a network; and nothing knows that there may be more
//! than one machine with songs.

#[cfg(feature = "cache")]
pub mod cache;
#[cfg(feature = "library")]
mod place;

#[cfg(feature = "library")]
pub use kadenza_accounts as accounts;
#[cfg(feature = "grpc")]
pub use kadenza_grpc as grpc;
#[cfg(feature = "library")]
pub use kadenza_library as library;
#[cfg(feature = "cache")]
pub use kadenza_notes as notes;
#[cfg(feature = "objects")]
pub use kadenza_objects as objects;
#[cfg(feature = "postgres")]
pub use kadenza_postgres as postgres;

pub use kadenza_contract::*;

#[cfg(feature = "library")]
pub use library::Library;
#[cfg(feature = "library")]
pub use place::audio_place;
#[cfg(feature = "postgres")]
pub use postgres::PostgresLibrary;
