//! Where the audio of a library is, and its bounds: flags of every command that opens a library.

use clap::Args;
use kadenza_services::{
    audio_place,
    library::{AudioPlace, LibraryConfig},
};

use super::{
    given::Given,
    values::{in_file, size},
};
use crate::server::reader;

/// The bounds of a library, and where its audio is.
#[derive(Debug, Args)]
#[command(next_help_heading = "The library and its bounds")]
pub(super) struct Bounds {
    /// Where the audio is kept, if not in --data: file:///DIR, or s3://BUCKET/PREFIX. A directory or
    /// prefix belongs to one library alone. The key for a bucket is in the variables AWS_ACCESS_KEY_ID
    /// and AWS_SECRET_ACCESS_KEY; the address of a store that is not Amazon's is in AWS_ENDPOINT
    #[arg(long, value_name = "URL", value_parser = audio_place)]
    audio: Option<AudioPlace>,

    /// A file that holds what --audio would name
    #[arg(long, value_name = "FILE", conflicts_with = "audio")]
    #[arg(value_parser = |file: &str| in_file(file, audio_place))]
    audio_file: Option<AudioPlace>,

    /// The largest file that can be uploaded, as in 500MB or 2GiB
    #[arg(long, value_name = "SIZE", default_value = "2GiB", value_parser = size)]
    upload_max: u64,

    /// How much of the disk stays free: an upload that needs this space is refused
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = size)]
    disk_reserve: u64,

    /// The audio is lost: start without it. What is missing is brought from other nodes, or comes back
    /// when it is uploaded again
    #[arg(long)]
    audio_lost: bool,

    /// How many bytes of audio are examined in a second when nobody listens, as in 4MiB, so that damage
    /// is found; 0 for none. Of a bucket only the sizes are asked for
    #[arg(long, value_name = "SIZE", default_value = "4MiB", value_parser = size)]
    scrub_rate: u64,

    /// How many audio files are kept open at most
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    open_files: u32,

    /// How many uploaded files are read for tags at once, and how many files for covers; each by a
    /// process of its own with some 50 MB of memory, a quarter of them with up to 200 MB
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=256))]
    tag_readers: u32,
}

/// The flags of [`Bounds`].
pub(super) const FLAGS: [&str; 8] = [
    "audio",
    "audio-file",
    "audio-lost",
    "scrub-rate",
    "upload-max",
    "disk-reserve",
    "open-files",
    "tag-readers",
];

impl Bounds {
    /// The flags as the library takes them.
    pub(super) fn config(&self, given: &Given) -> LibraryConfig {
        let audio = self.audio.clone().unwrap_or_default();
        LibraryConfig {
            audio: given.of_two("audio", audio, self.audio_file.clone()),
            upload_bytes_max: self.upload_max,
            disk_reserve_bytes: self.disk_reserve,
            is_audio_lost: self.audio_lost,
            scrub_bytes_per_second: self.scrub_rate,
            open_files_max: self.open_files as usize,
            reader: reader::program(),
            tag_readers_max: self.tag_readers as usize,
            ..LibraryConfig::default()
        }
    }
}
