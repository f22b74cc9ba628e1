//! The contract between Kadenza's floors: one trait, the words it is written in, and the one order
//! of songs.
//!
//! Every floor depends on this crate directly. It knows no runtime, no database, no audio format and
//! no disk; a value of it means the same on every floor.

mod credential;
mod error;
mod ext;
mod failure;
mod fold;
mod queries;
mod range;
mod service;
mod songs;
mod status;
mod words;

pub mod order {
    //! The parts of the order of songs, for engines that compute it themselves.
    //!
    //! [`Query::key`](crate::Query::key) defines the order. An index or a database that does not
    //! want to build a [`Song`](crate::Song) to place one computes the same key from these parts.

    pub use crate::queries::{
        CLASS, FIELDS, Field, INSIDE, Matches, Placed, SLIP, cover_place, fields, line, rank,
        rank_matches, shuffled, shuffled_head,
    };
    pub use crate::songs::{album_artist, values_of};
    pub use crate::words::{Wanted, is_slip, is_whole, term_of};
}

pub use credential::Credential;
pub use error::{Cause, Error, Result, chain};
pub use ext::MusicServiceExt;
pub use failure::Failure;
pub use fold::{identity_fold, is_invisible, sort_fold};
pub use queries::{
    Browse, Cursor, Entry, Group, GroupKind, LIMIT_DEFAULT, LIMIT_MAX, Limit, Page, Partial, Query,
    QueryText, Sort, SortKey,
};
pub use range::ByteRange;
pub use service::MusicService;
pub use songs::{
    Artwork, ArtworkRequest, Audio, AudioRequest, AudioStream, CHUNK_BYTES, ChunkHasher, Chunks,
    ContentHash, Copies, DetailNumber, DetailText, Details, Format, FromPath, InvalidHash,
    LYRICS_BYTES_MAX, Lyrics, LyricsLine, Names, NewSong, Outcome, PIXELS_MAX,
    READER_OF_ALL_ARTISTS, RECORDINGS_MAX, Recording, RecordingCopies, Song, SongId, Stated,
    TEXT_BYTES_MAX, Tags, Upload, VALUES_MAX, VARIOUS_ARTISTS,
};
pub use status::{
    CacheLatency, CacheNodeStatus, Health, NodeStatus, Replication, ScrubStatus, Status,
    StorageStatus,
};
pub use words::{search_forms, search_words};
