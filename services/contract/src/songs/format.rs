//! The audio formats that the library keeps.

use serde::{Deserialize, Serialize};

/// A format of audio, by container and codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// MPEG layer I to III.
    Mp3,
    /// AAC in an MPEG-4 container.
    M4aAac,
    /// Apple Lossless in an MPEG-4 container.
    M4aAlac,
    /// AAC in an ADTS stream.
    Aac,
    /// Free Lossless Audio Codec.
    Flac,
    /// Vorbis in Ogg.
    OggVorbis,
    /// Opus in Ogg.
    Opus,
    /// RIFF WAVE.
    Wav,
    /// Audio Interchange File Format.
    Aiff,
}

impl Format {
    /// The media type under which browsers play it.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Mp3 => "audio/mpeg",
            Format::M4aAac | Format::M4aAlac => "audio/mp4",
            Format::Aac => "audio/aac",
            Format::Flac => "audio/flac",
            Format::OggVorbis => "audio/ogg",
            Format::Opus => "audio/ogg; codecs=opus",
            Format::Wav => "audio/wav",
            Format::Aiff => "audio/aiff",
        }
    }

    /// The usual ending of a file's name, without the dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Format::Mp3 => "mp3",
            Format::M4aAac | Format::M4aAlac => "m4a",
            Format::Aac => "aac",
            Format::Flac => "flac",
            Format::OggVorbis => "ogg",
            Format::Opus => "opus",
            Format::Wav => "wav",
            Format::Aiff => "aiff",
        }
    }

    /// Whether the audio is kept exactly.
    #[must_use]
    pub fn is_lossless(self) -> bool {
        match self {
            Format::M4aAlac | Format::Flac | Format::Wav | Format::Aiff => true,
            Format::Mp3 | Format::M4aAac | Format::Aac | Format::OggVorbis | Format::Opus => false,
        }
    }
}
