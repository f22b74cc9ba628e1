//! The ground floor of Kadenza: the contract that every layer implements, the words it is written
//! in, and the library on one machine.
//!
//! With no cargo feature this crate is the vocabulary alone: [`MusicService`], [`Song`],
//! [`SongId`], [`Query`], [`Error`]. It then knows no database, no audio format and no disk.
//! The feature `library` adds [`library::Library`], which keeps songs in one directory; `objects`
//! adds [`objects::AudioObjects`], a place for audio in an object store; `postgres` adds
//! [`postgres::PostgresLibrary`], which several processes share; `grpc` adds [`grpc`], by which a
//! library may be in another process.
//!
//! Without such a feature nothing here knows a network; and nothing knows that there may be more than
//! one machine with songs.

#[cfg(feature = "cache")]
pub mod cache;
#[cfg(feature = "grpc")]
pub mod grpc;
#[cfg(feature = "library")]
pub mod library;
#[cfg(feature = "objects")]
pub mod objects;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(all(unix, feature = "servers"))]
pub mod servers;

#[cfg(feature = "notes")]
pub use kadenza_notes as notes;

pub use kadenza_contract::*;

#[cfg(feature = "library")]
pub use library::Library;
#[cfg(feature = "postgres")]
pub use postgres::PostgresLibrary;
