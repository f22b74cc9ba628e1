//! Tags with more values than music has.
//!
//! A parser makes an item of every value, some hundred bytes for each byte of the file. So values are counted
//! before it sees them: those of ID3v2 are cut, and of other tags all is left out.

use std::io::{self, Read, Seek};

use super::{
    bounded::Bounded,
    container::{Found, Kind},
    formats::{ape, comments, flac, ilst, matroska, riff},
    limits::READ_BYTES_MAX,
};

/// Whether the tags of a file, those of ID3v2 aside, have so many values or such long ones that they are no music's.
pub(super) fn are_too_many<R: Read + Seek>(
    file: &mut Bounded<R>,
    found: &Found,
) -> io::Result<bool> {
    file.allow(READ_BYTES_MAX);
    match found.kind {
        Kind::Flac => flac::has_too_many(file, found.at),
        Kind::Ogg => Ok(comments::has_too_many(file, found.at)),
        Kind::Mp4 => ilst::has_too_many(file, found.at),
        Kind::Riff | Kind::Aiff => riff::has_too_many(file, found.at),
        Kind::Frames(_) | Kind::WavPack | Kind::Musepack | Kind::MonkeysAudio => {
            ape::has_too_many(file)
        }
        // What takes longer to look through than to parse is no music either.
        Kind::Matroska => Ok(matroska::has_too_many(file, found.at).unwrap_or(true)),
    }
}
