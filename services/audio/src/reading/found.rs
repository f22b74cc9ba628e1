//! What a reader found, as it is written down between two processes.
//!
//! A reader may have been taken over by the file that it read. So nothing of this is believed: names, texts and
//! numbers go through the constructors that everything else goes through, and sizes are compared.

use kadenza_contract::{ContentHash, Details, Format, Names};
use serde::{Deserialize, Serialize};

use super::job::{Answer, Failure};
use crate::{
    covers::{Decoded, Picture},
    file::PICTURE_BYTES_MAX,
    tags::{Tagged, Values, bounded},
};

/// The longest reason of a refusal, in bytes.
const REASON_BYTES_MAX: usize = 1000;

/// What was found, beside bytes that were sent before.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Found {
    Tagged(Box<Fields>),
    /// The bytes are the cover.
    Cover,
    NoCover,
    Lyrics(Option<String>),
    PictureAsIs,
    /// The bytes are its pixels.
    Picture {
        width: u32,
        height: u32,
        has_alpha: bool,
        kind: String,
        is_whole: bool,
    },
    Refused(String),
    Bounds,
}

/// The fields of [`Tagged`].
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Fields {
    format: Format,
    duration_ms: Option<u64>,
    bit_rate: Option<u32>,
    title: Option<String>,
    album: Option<String>,
    track: Option<u32>,
    disc: Option<u32>,
    year: Option<u32>,
    artists: Vec<String>,
    genres: Vec<String>,
    album_artists: Vec<String>,
    is_compilation: bool,
    details: Details,
    picture: Option<ContentHash>,
}

impl Found {
    /// What is to be said, and the bytes that belong to it.
    pub(super) fn of(answer: Result<Answer, Failure>) -> (Found, Option<Vec<u8>>) {
        match answer {
            Ok(Answer::Tagged(tagged)) => (Found::Tagged(Box::new(Fields::of(*tagged))), None),
            Ok(Answer::Cover(Some(bytes))) => (Found::Cover, Some(bytes)),
            Ok(Answer::Cover(None)) => (Found::NoCover, None),
            Ok(Answer::Lyrics(lyrics)) => (Found::Lyrics(lyrics), None),
            Ok(Answer::Picture(Decoded::AsIs)) => (Found::PictureAsIs, None),
            Ok(Answer::Picture(Decoded::Pixels(picture))) => {
                let found = Found::Picture {
                    width: picture.width,
                    height: picture.height,
                    has_alpha: picture.has_alpha,
                    kind: picture.kind,
                    is_whole: picture.is_whole,
                };
                (found, Some(picture.pixels.into()))
            }
            Err(Failure::Refused(what)) => (Found::Refused(what), None),
            Err(Failure::Bounds) => (Found::Bounds, None),
        }
    }

    /// What was said. `None` if it cannot be so.
    pub(super) fn answer(self, bytes: Option<Vec<u8>>) -> Option<Result<Answer, Failure>> {
        Some(match (self, bytes) {
            (Found::Tagged(fields), None) => Ok(Answer::Tagged(Box::new(fields.tagged()))),
            (Found::Cover, Some(bytes)) if bytes.len() <= PICTURE_BYTES_MAX => {
                Ok(Answer::Cover(Some(bytes)))
            }
            (Found::NoCover, None) => Ok(Answer::Cover(None)),
            (Found::Lyrics(lyrics), None) => Ok(Answer::Lyrics(lyrics)),
            (Found::PictureAsIs, None) => Ok(Answer::Picture(Decoded::AsIs)),
            (
                Found::Picture {
                    width,
                    height,
                    has_alpha,
                    kind,
                    is_whole,
                },
                Some(pixels),
            ) => {
                let picture = Picture {
                    width,
                    height,
                    has_alpha,
                    kind,
                    is_whole,
                    pixels: pixels.into(),
                };
                Ok(Answer::Picture(Decoded::Pixels(picture.checked()?)))
            }
            (Found::Refused(mut what), None) => {
                what.truncate(what.floor_char_boundary(REASON_BYTES_MAX));
                Err(Failure::Refused(what))
            }
            (Found::Bounds, None) => Err(Failure::Bounds),
            _ => return None,
        })
    }
}

impl Fields {
    fn of(tagged: Tagged) -> Fields {
        let values = |names: &Names| names.values().map(str::to_owned).collect();
        Fields {
            format: tagged.format,
            duration_ms: tagged.duration_ms,
            bit_rate: tagged.bit_rate,
            title: tagged.title,
            album: tagged.album,
            track: tagged.track,
            disc: tagged.disc,
            year: tagged.year,
            artists: values(&tagged.values.artists),
            genres: values(&tagged.values.genres),
            album_artists: values(&tagged.values.album_artists),
            is_compilation: tagged.values.is_compilation,
            details: tagged.values.details,
            picture: tagged.picture,
        }
    }

    fn tagged(self) -> Tagged {
        let names = |values: &[String]| Names::new(values.iter().map(String::as_str));
        let text = |text: Option<String>| text.map(|text| bounded(&text).to_owned());
        Tagged {
            format: self.format,
            duration_ms: self.duration_ms,
            bit_rate: self.bit_rate,
            title: text(self.title),
            album: text(self.album),
            track: self.track,
            disc: self.disc,
            year: self.year,
            values: Values {
                artists: names(&self.artists),
                genres: names(&self.genres),
                album_artists: names(&self.album_artists),
                is_compilation: self.is_compilation,
                details: self.details,
            },
            picture: self.picture,
        }
    }
}
