//! What a file says beside title, album and numbers: fields of several values, artists of the album, details.
//!
//! Several values are what the format knows as such: texts with a NUL between them in ID3v2.4, several comments
//! of one name in Vorbis comments, several atoms in MPEG-4. One value is never split.

use kadenza_contract::{DetailNumber, DetailText, Details, Names, TEXT_BYTES_MAX, VALUES_MAX};
use lofty::{
    file::{AudioFile, TaggedFile, TaggedFileExt},
    tag::{ItemKey, Tag},
};

/// The values of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Values {
    pub(crate) artists: Names,
    pub(crate) genres: Names,
    pub(crate) album_artists: Names,
    pub(crate) is_compilation: bool,
    pub(crate) details: Details,
}

/// Texts that are read as they are.
const TEXTS: [(DetailText, ItemKey); 12] = [
    (DetailText::OriginalDate, ItemKey::OriginalReleaseDate),
    (DetailText::TitleSort, ItemKey::TrackTitleSortOrder),
    (DetailText::ArtistSort, ItemKey::TrackArtistSortOrder),
    (DetailText::AlbumSort, ItemKey::AlbumTitleSortOrder),
    (DetailText::AlbumArtistSort, ItemKey::AlbumArtistSortOrder),
    (DetailText::ComposerSort, ItemKey::ComposerSortOrder),
    (
        DetailText::MusicBrainzRecording,
        ItemKey::MusicBrainzRecordingId,
    ),
    (DetailText::MusicBrainzTrack, ItemKey::MusicBrainzTrackId),
    (
        DetailText::MusicBrainzRelease,
        ItemKey::MusicBrainzReleaseId,
    ),
    (
        DetailText::MusicBrainzReleaseGroup,
        ItemKey::MusicBrainzReleaseGroupId,
    ),
    (DetailText::MusicBrainzArtists, ItemKey::MusicBrainzArtistId),
    (
        DetailText::MusicBrainzAlbumArtists,
        ItemKey::MusicBrainzReleaseArtistId,
    ),
];

/// Numbers that are written as texts.
const NUMBERS: [(DetailNumber, ItemKey); 6] = [
    (DetailNumber::Bpm, ItemKey::Bpm),
    (DetailNumber::Bpm, ItemKey::IntegerBpm),
    (DetailNumber::TrackGain, ItemKey::ReplayGainTrackGain),
    (DetailNumber::TrackPeak, ItemKey::ReplayGainTrackPeak),
    (DetailNumber::AlbumGain, ItemKey::ReplayGainAlbumGain),
    (DetailNumber::AlbumPeak, ItemKey::ReplayGainAlbumPeak),
];

/// Reads the values of a file.
pub(super) fn read(file: &TaggedFile, r128_gains: [Option<i64>; 2]) -> Values {
    // The first tag that has a field says it.
    let list = |key: ItemKey| {
        let of_each = tags(file).map(|tag| {
            let values = tag.get_strings(key).take(VALUES_MAX).map(bounded);
            let values = values.filter(|value| !value.trim().is_empty());
            values.collect::<Vec<_>>()
        });
        of_each.into_iter().find(|values| !values.is_empty())
    };
    let names = |key| Names::new(list(key).unwrap_or_default());
    let texts = |key: ItemKey| tags(file).flat_map(move |tag| tag.get_strings(key));

    let mut details = Details::default();
    for (detail, key) in [
        (DetailText::Composers, ItemKey::Composer),
        (DetailText::DiscSubtitle, ItemKey::SetSubtitle),
    ] {
        for value in list(key).unwrap_or_default() {
            details = details.with_text(detail, value);
        }
    }
    for (detail, key) in TEXTS {
        for value in texts(key).take(VALUES_MAX) {
            details = details.with_text(detail, bounded(value));
        }
    }
    for (detail, key) in NUMBERS {
        let value = texts(key).find_map(number);
        if details.number(detail).is_none() {
            details = details.with_measure(detail, value);
        }
    }
    let properties = file.properties();
    details = details
        .with_number(DetailNumber::Channels, properties.channels().map(i64::from))
        .with_number(
            DetailNumber::SampleRate,
            properties.sample_rate().map(i64::from),
        )
        .with_number(
            DetailNumber::BitDepth,
            properties.bit_depth().map(i64::from),
        )
        .with_number(DetailNumber::R128TrackGain, r128_gains[0])
        .with_number(DetailNumber::R128AlbumGain, r128_gains[1]);
    let compilation = texts(ItemKey::FlagCompilation).next();
    Values {
        artists: names(ItemKey::TrackArtist),
        genres: names(ItemKey::Genre),
        album_artists: names(ItemKey::AlbumArtist),
        is_compilation: compilation
            .is_some_and(|flag| matches!(flag.trim(), "1" | "true" | "True")),
        details,
    }
}

/// All tags of a file, the one that belongs to its format first.
pub(super) fn tags(tagged: &TaggedFile) -> impl Iterator<Item = &Tag> {
    let first = tagged.primary_tag();
    let others = tagged
        .tags()
        .iter()
        .filter(move |tag| first.is_none_or(|first| first.tag_type() != tag.tag_type()));
    first.into_iter().chain(others)
}

/// A text cut between characters: decoding it may double its length, and still it is long enough.
pub(crate) fn bounded(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT_BYTES_MAX * 2)]
}

/// The number with which a text begins, as in `-7.25 dB`; a comma may stand for the point.
fn number(text: &str) -> Option<f64> {
    let text = text.trim().replace(',', ".");
    let is_part = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.');
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    text[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        let written = [
            ("-7.25 dB", Some(-7.25)),
            ("+3,5dB", Some(3.5)),
            (" 0.988553 ", Some(0.988_553)),
            ("128", Some(128.0)),
            ("fast", None),
            ("", None),
        ];
        for (text, value) in written {
            assert_eq!(number(text), value, "{text}");
        }
    }
}
