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

mod artwork;
mod audio;
mod browse;
mod chunks;
mod contract;
mod error;
mod ext;
mod failure;
mod fold;
mod format;
mod id;
mod page;
mod query;
mod range;
mod relevance;
mod song;
mod status;
mod tags;
mod upload;

#[cfg(feature = "cache")]
pub mod cache;
#[cfg(feature = "grpc")]
pub mod grpc;
#[cfg(feature = "library")]
pub mod library;
#[cfg(feature = "notes")]
pub mod notes;
#[cfg(feature = "objects")]
pub mod objects;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(all(unix, feature = "servers"))]
pub mod servers;

pub use artwork::{Artwork, ArtworkRequest, PIXELS_MAX};
pub use audio::{Audio, AudioRequest, AudioStream};
pub use browse::{Browse, Group, GroupKind};
pub use chunks::{CHUNK_BYTES, ChunkHasher, Chunks};
pub use contract::MusicService;
pub use error::{Cause, Error, Result};
pub use ext::MusicServiceExt;
pub use failure::Failure;
pub use fold::{identity_fold, search_words, sort_fold};
pub use format::Format;
pub use id::{ContentHash, InvalidHash, SongId};
pub use page::{Cursor, LIMIT_DEFAULT, LIMIT_MAX, Limit, Page, SortKey};
pub use query::{Query, QueryText, Sort};
pub use range::ByteRange;
pub use song::{Recording, Song};
pub use status::{CacheLatency, CacheNodeStatus, Health, NodeStatus, Replication, Status};
pub use tags::{TEXT_BYTES_MAX, Tags};
pub use upload::{NewSong, Outcome, Stated, Upload};

#[cfg(feature = "library")]
pub use library::Library;
#[cfg(feature = "postgres")]
pub use postgres::PostgresLibrary;
