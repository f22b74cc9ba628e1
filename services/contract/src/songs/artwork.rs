//! Covers.

use bytes::Bytes;

use crate::SongId;

/// The largest edge, in pixels, to which a cover is scaled.
pub const PIXELS_MAX: u32 = 2048;

/// Which cover is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtworkRequest {
    /// The song.
    pub song: SongId,
    /// The longer edge in pixels, at most [`PIXELS_MAX`]; a smaller picture is not enlarged. The
    /// picture as it is in the file if none is given.
    pub size: Option<u32>,
}

/// A cover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artwork {
    /// Its media type, `image/…`.
    pub content_type: String,
    /// The picture.
    pub bytes: Bytes,
}
