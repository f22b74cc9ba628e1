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
    /// RIFF WAVE, and its form for large files, RF64.
    Wav,
    /// Audio Interchange File Format.
    Aiff,
    /// FLAC in Ogg.
    OggFlac,
    /// Speex in Ogg.
    Speex,
    /// FLAC in an MPEG-4 container.
    M4aFlac,
    /// WavPack.
    WavPack,
    /// Musepack.
    Musepack,
    /// Monkey's Audio.
    MonkeysAudio,
    /// Audio in Matroska, with any codec.
    Matroska,
    /// Audio in WebM: Vorbis or Opus.
    Webm,
}

impl Format {
    /// All of them. A place in this list never changes: indexes and databases may keep it.
    pub const ALL: [Format; 17] = [
        Format::Mp3,
        Format::M4aAac,
        Format::M4aAlac,
        Format::Aac,
        Format::Flac,
        Format::OggVorbis,
        Format::Opus,
        Format::Wav,
        Format::Aiff,
        Format::OggFlac,
        Format::Speex,
        Format::M4aFlac,
        Format::WavPack,
        Format::Musepack,
        Format::MonkeysAudio,
        Format::Matroska,
        Format::Webm,
    ];

    /// The media type under which browsers play it.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Mp3 => "audio/mpeg",
            Format::M4aAac | Format::M4aAlac | Format::M4aFlac => "audio/mp4",
            Format::Aac => "audio/aac",
            Format::Flac => "audio/flac",
            Format::OggVorbis | Format::OggFlac | Format::Speex => "audio/ogg",
            Format::Opus => "audio/ogg; codecs=opus",
            Format::Wav => "audio/wav",
            Format::Aiff => "audio/aiff",
            Format::WavPack => "audio/x-wavpack",
            Format::Musepack => "audio/x-musepack",
            Format::MonkeysAudio => "audio/x-ape",
            Format::Matroska => "audio/x-matroska",
            Format::Webm => "audio/webm",
        }
    }

    /// The usual ending of a file's name, without the dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Format::Mp3 => "mp3",
            Format::M4aAac | Format::M4aAlac | Format::M4aFlac => "m4a",
            Format::Aac => "aac",
            Format::Flac => "flac",
            Format::OggVorbis => "ogg",
            Format::Opus => "opus",
            Format::Wav => "wav",
            Format::Aiff => "aiff",
            Format::OggFlac => "oga",
            Format::Speex => "spx",
            Format::WavPack => "wv",
            Format::Musepack => "mpc",
            Format::MonkeysAudio => "ape",
            Format::Matroska => "mka",
            Format::Webm => "weba",
        }
    }

    /// Whether the audio is kept exactly. Of Matroska it is not known, and so not said.
    #[must_use]
    pub fn is_lossless(self) -> bool {
        match self {
            Format::M4aAlac
            | Format::M4aFlac
            | Format::Flac
            | Format::OggFlac
            | Format::Wav
            | Format::Aiff
            | Format::WavPack
            | Format::MonkeysAudio => true,
            Format::Mp3
            | Format::M4aAac
            | Format::Aac
            | Format::OggVorbis
            | Format::Opus
            | Format::Speex
            | Format::Musepack
            | Format::Matroska
            | Format::Webm => false,
        }
    }
}
