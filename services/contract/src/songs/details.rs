//! What else a file says of its music, beside the names by which a song is known and listed.
//!
//! Each detail has a name, which is the same in every language that the floors speak. Numbers are whole
//! here, in small units, so that they can be compared; outside they are in the unit that people know.

use std::collections::BTreeMap;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{IgnoredAny, MapAccess, Visitor},
    ser::SerializeMap,
};

use super::{VALUES_MAX, text::clean};

/// The most bytes of one text.
const TEXT_BYTES_MAX: usize = 512;
/// The most bytes of all texts of one recording; further ones are dropped.
const ALL_BYTES_MAX: usize = 3072;

macro_rules! details {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $detail:ident $called:literal $value:expr,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$of])* $detail,)+
        }

        impl $name {
            /// All of them, with the name of each and what else is known of it.
            const ALL: &[($name, &str, i64)] = &[$(($name::$detail, $called, $value),)+];

            /// Its name.
            #[must_use]
            pub fn name(self) -> &'static str {
                Self::ALL[self as usize].1
            }

            /// Its place among all of them.
            #[must_use]
            pub fn place(self) -> usize {
                self as usize
            }

            /// The one at this place.
            #[must_use]
            pub fn at(place: usize) -> Option<Self> {
                Self::ALL.get(place).map(|(one, ..)| *one)
            }

            /// The one with this name.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().find(|(_, known, _)| *known == name).map(|(one, ..)| *one)
            }
        }
    };
}

/// Has one value.
const ONE: i64 = 1;
/// May have several values.
const SEVERAL: i64 = VALUES_MAX as i64;

details! {
    /// A detail that is a text.
    DetailText {
        /// Who wrote the music.
        Composers "composers" SEVERAL,
        /// The name of the disc within its album.
        DiscSubtitle "discSubtitle" ONE,
        /// When the music came out first, as the file writes it.
        OriginalDate "originalDate" ONE,
        /// The title as it is put in order.
        TitleSort "titleSort" ONE,
        /// The artist as it is put in order.
        ArtistSort "artistSort" ONE,
        /// The album as it is put in order.
        AlbumSort "albumSort" ONE,
        /// The artist of the album as it is put in order.
        AlbumArtistSort "albumArtistSort" ONE,
        /// The composer as it is put in order.
        ComposerSort "composerSort" ONE,
        /// MusicBrainz: the recording.
        MusicBrainzRecording "musicBrainzRecordingId" ONE,
        /// MusicBrainz: the track of a release.
        MusicBrainzTrack "musicBrainzTrackId" ONE,
        /// MusicBrainz: the release.
        MusicBrainzRelease "musicBrainzReleaseId" ONE,
        /// MusicBrainz: the group of releases.
        MusicBrainzReleaseGroup "musicBrainzReleaseGroupId" ONE,
        /// MusicBrainz: the artists.
        MusicBrainzArtists "musicBrainzArtistIds" SEVERAL,
        /// MusicBrainz: the artists of the release.
        MusicBrainzAlbumArtists "musicBrainzAlbumArtistIds" SEVERAL,
    }
}

details! {
    /// A detail that is a number.
    DetailNumber {
        /// Beats per minute, in hundredths.
        Bpm "bpm" 100,
        /// ReplayGain of the track, in hundredths of a decibel.
        TrackGain "replayGainTrackGain" 100,
        /// The peak of the track, in millionths of full scale.
        TrackPeak "replayGainTrackPeak" 1_000_000,
        /// ReplayGain of the album, in hundredths of a decibel.
        AlbumGain "replayGainAlbumGain" 100,
        /// The peak of the album, in millionths of full scale.
        AlbumPeak "replayGainAlbumPeak" 1_000_000,
        /// Gain of the track to the level of EBU R 128, in 1/256 of a decibel (RFC 7845).
        R128TrackGain "r128TrackGain" 256,
        /// Gain of the album to the level of EBU R 128, in 1/256 of a decibel.
        R128AlbumGain "r128AlbumGain" 256,
        /// How many channels the audio has.
        Channels "channels" 1,
        /// Samples a second.
        SampleRate "sampleRate" 1,
        /// Bits a sample.
        BitDepth "bitDepth" 1,
    }
}

impl DetailText {
    /// Whether it may have several values.
    #[must_use]
    pub fn may_be_several(self) -> bool {
        Self::ALL[self as usize].2 == SEVERAL
    }

    fn is_id(self) -> bool {
        self.name().contains("musicBrainz")
    }
}

impl DetailNumber {
    /// How many of the units in which it is kept make one of those that people know.
    #[must_use]
    pub fn scale(self) -> i64 {
        Self::ALL[self as usize].2
    }
}

/// The details of a recording, each of which may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Details {
    /// In the order of the details; values of the same in theirs.
    texts: Vec<(DetailText, String)>,
    numbers: BTreeMap<DetailNumber, i64>,
}

impl Details {
    /// From what [`all_texts`](Details::all_texts) and [`all_numbers`](Details::all_numbers) gave; nothing is
    /// checked.
    #[must_use]
    pub fn restored(
        texts: Vec<(DetailText, String)>,
        numbers: impl IntoIterator<Item = (DetailNumber, i64)>,
    ) -> Details {
        Details {
            texts,
            numbers: numbers.into_iter().collect(),
        }
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty() && self.numbers.is_empty()
    }

    /// The same with a text, cleaned; what is empty, too much or no id where one belongs is dropped.
    #[must_use]
    pub fn with_text(mut self, detail: DetailText, value: &str) -> Details {
        let value = clean(value);
        let value = &value[..value.floor_char_boundary(TEXT_BYTES_MAX)];
        let known = self.texts(detail).count();
        let bytes: usize = self.texts.iter().map(|(_, text)| text.len()).sum();
        let room = if detail.may_be_several() {
            VALUES_MAX
        } else {
            1
        };
        let is_new = known < room && self.texts(detail).all(|other| other != value);
        let is_sound = !value.is_empty() && (!detail.is_id() || is_uuid(value));
        if is_new && is_sound && bytes + value.len() <= ALL_BYTES_MAX {
            let behind = self.texts.partition_point(|(other, _)| *other <= detail);
            self.texts.insert(behind, (detail, value.to_owned()));
        }
        self
    }

    /// The same with a number in the units in which it is kept; one that is nonsense is dropped.
    #[must_use]
    pub fn with_number(mut self, detail: DetailNumber, value: Option<i64>) -> Details {
        let sane = match detail {
            DetailNumber::Bpm => 1..=99_999,
            DetailNumber::TrackGain | DetailNumber::AlbumGain => -20_000..=20_000,
            DetailNumber::TrackPeak | DetailNumber::AlbumPeak => 0..=100_000_000,
            DetailNumber::R128TrackGain | DetailNumber::R128AlbumGain => -32_768..=32_767,
            DetailNumber::Channels => 1..=255,
            DetailNumber::SampleRate => 1..=100_000_000,
            DetailNumber::BitDepth => 1..=64,
        };
        if let Some(value) = value.filter(|value| sane.contains(value)) {
            self.numbers.insert(detail, value);
        }
        self
    }

    /// The same with a number in the unit that people know.
    #[must_use]
    pub fn with_measure(self, detail: DetailNumber, value: Option<f64>) -> Details {
        let units = value.map(|value| (value * detail.scale() as f64).round());
        // Beyond these no number is sane, and within them each fits.
        let units = units.filter(|units| units.abs() < 1e12);
        self.with_number(detail, units.map(|units| units as i64))
    }

    /// The values of a text.
    pub fn texts(&self, detail: DetailText) -> impl Iterator<Item = &str> {
        let of_it = self.texts.iter().filter(move |(other, _)| *other == detail);
        of_it.map(|(_, text)| text.as_str())
    }

    /// The first value of a text.
    #[must_use]
    pub fn text(&self, detail: DetailText) -> Option<&str> {
        self.texts(detail).next()
    }

    /// A number in the units in which it is kept.
    #[must_use]
    pub fn number(&self, detail: DetailNumber) -> Option<i64> {
        self.numbers.get(&detail).copied()
    }

    /// A number in the unit that people know.
    #[must_use]
    pub fn measure(&self, detail: DetailNumber) -> Option<f64> {
        let number = self.number(detail)?;
        Some(number as f64 / detail.scale() as f64)
    }

    /// Every text.
    pub fn all_texts(&self) -> impl Iterator<Item = (DetailText, &str)> {
        self.texts
            .iter()
            .map(|(detail, text)| (*detail, text.as_str()))
    }

    /// Every number, in the units in which it is kept.
    pub fn all_numbers(&self) -> impl Iterator<Item = (DetailNumber, i64)> {
        self.numbers
            .iter()
            .map(|(detail, number)| (*detail, *number))
    }
}

fn is_uuid(text: &str) -> bool {
    let is_right = |(at, byte): (usize, u8)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    text.len() == 36 && text.bytes().enumerate().all(is_right)
}

/// By name: a list of texts, or a number in the units in which it is kept.
impl Serialize for Details {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for same in self.texts.chunk_by(|(a, _), (b, _)| a == b) {
            let values: Vec<&str> = same.iter().map(|(_, text)| text.as_str()).collect();
            map.serialize_entry(same[0].0.name(), &values)?;
        }
        for (detail, number) in self.all_numbers() {
            map.serialize_entry(detail.name(), &number)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Details {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Details, D::Error> {
        struct ByName;
        impl<'de> Visitor<'de> for ByName {
            type Value = Details;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("details by their names")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Details, A::Error> {
                let mut details = Details::default();
                while let Some(name) = map.next_key::<String>()? {
                    if let Some(detail) = DetailText::named(&name) {
                        for text in map.next_value::<Vec<String>>()? {
                            details = details.with_text(detail, &text);
                        }
                    } else if let Some(detail) = DetailNumber::named(&name) {
                        details = details.with_number(detail, Some(map.next_value()?));
                    } else {
                        // A later program knows more.
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(details)
            }
        }
        deserializer.deserialize_map(ByName)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_sense_is_dropped() {
        let details = Details::default()
            .with_text(DetailText::MusicBrainzRecording, "not an id")
            .with_text(DetailText::DiscSubtitle, " \0 ")
            .with_measure(DetailNumber::TrackGain, Some(f64::NAN))
            .with_measure(DetailNumber::Bpm, Some(1e300))
            .with_number(DetailNumber::Channels, Some(0));
        assert!(details.is_empty(), "{details:?}");
    }

    #[test]
    fn details_are_bounded_and_keep_their_order() {
        let mut details = Details::default();
        for n in 0..1000 {
            details = details.with_text(DetailText::Composers, &format!("Composer {n}"));
            details = details.with_text(DetailText::OriginalDate, &n.to_string());
        }
        assert_eq!(details.texts(DetailText::Composers).count(), VALUES_MAX);
        assert_eq!(details.text(DetailText::OriginalDate), Some("0"));
        for n in 0..VALUES_MAX {
            let id = format!("{n:08}-0000-0000-0000-000000000000");
            details = details.with_text(DetailText::MusicBrainzArtists, &id);
        }
        let bytes: usize = details.all_texts().map(|(_, text)| text.len()).sum();
        assert!(bytes <= ALL_BYTES_MAX);
    }

    #[test]
    fn details_survive_their_wire_form() {
        let details = Details::default()
            .with_text(DetailText::Composers, "Bach")
            .with_text(DetailText::Composers, "Händel")
            .with_text(DetailText::TitleSort, "Art of Fugue, The")
            .with_measure(DetailNumber::TrackGain, Some(-7.25))
            .with_measure(DetailNumber::TrackPeak, Some(0.988_553))
            .with_number(DetailNumber::R128TrackGain, Some(-512));
        let text = serde_json::to_string(&details).unwrap();
        assert_eq!(serde_json::from_str::<Details>(&text).unwrap(), details);
        assert_eq!(details.measure(DetailNumber::TrackGain), Some(-7.25));
        let later = r#"{"bpm":12000,"mood":"calm"}"#;
        let read: Details = serde_json::from_str(later).unwrap();
        assert_eq!(read.measure(DetailNumber::Bpm), Some(120.0));
    }
}
