//! The contract between Kadenza's floors: one trait, the words it is written in, and the one order
//! of songs.
//!
//! Every floor depends on this crate directly. It knows no runtime, no database, no audio format and
//! no disk; a value of it means the same on every floor.

mod artwork;
mod audio;
mod browse;
mod chunks;
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
mod service;
mod song;
mod status;
mod tags;
mod upload;

pub mod order {
    //! The parts of the order of songs, for engines that compute it themselves.
    //!
    //! [`Query::key`](crate::Query::key) defines the order. An index or a database that does not
    //! want to build a [`Song`](crate::Song) to place one computes the same key from these parts.

    pub use crate::query::{Placed, shuffled, shuffled_head};
    pub use crate::relevance::{CLASS, Matches, line, rank, rank_matches};
}

pub use artwork::{Artwork, ArtworkRequest, PIXELS_MAX};
pub use audio::{Audio, AudioRequest, AudioStream};
pub use browse::{Browse, Group, GroupKind};
pub use chunks::{CHUNK_BYTES, ChunkHasher, Chunks};
pub use error::{Cause, Error, Result, chain};
pub use ext::MusicServiceExt;
pub use failure::Failure;
pub use fold::{identity_fold, is_invisible, search_words, sort_fold};
pub use format::Format;
pub use id::{ContentHash, InvalidHash, SongId};
pub use page::{Cursor, LIMIT_DEFAULT, LIMIT_MAX, Limit, Page, SortKey};
pub use query::{Query, QueryText, Sort};
pub use range::ByteRange;
pub use service::MusicService;
pub use song::{Recording, Song};
pub use status::{CacheLatency, CacheNodeStatus, Health, NodeStatus, Replication, Status};
pub use tags::{TEXT_BYTES_MAX, Tags};
pub use upload::{NewSong, Outcome, Stated, Upload};
