//! Why a file is not taken.

use std::io;

use kadenza_contract::Error;

/// The formats that are accepted, for people whose file was refused.
pub(crate) const ACCEPTED: &str = "mp3, m4a (AAC, ALAC or FLAC), aac, flac, ogg (Vorbis, FLAC or Speex), opus, wav, \
     aiff, wv, mpc, ape, mka and weba are";

#[expect(clippy::needless_pass_by_value, reason = "what map_err calls")]
pub(crate) fn unreadable(error: io::Error) -> Error {
    refused(format!("it cannot be read: {error}"))
}

pub(crate) fn refused(what: String) -> Error {
    Error::NotAudio { what }
}
