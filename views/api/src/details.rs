//! What else a file says of its music, as fields of a recording. What is not known is left out.

use kadenza_contract::{DetailNumber, DetailText, Details};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

macro_rules! details_json {
    (
        lists { $($(#[$of_list:meta])* $list:ident $lists:ident,)+ }
        texts { $($(#[$of_text:meta])* $text:ident $texts:ident,)+ }
        numbers { $($(#[$of_number:meta])* $number:ident $numbers:ident,)+ }
    ) => {
        /// Details of a recording.
        #[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "camelCase")]
        #[schema(as = Details)]
        pub(crate) struct DetailsJson {
            $(
                $(#[$of_list])*
                #[serde(default, skip_serializing_if = "Vec::is_empty")]
                #[schema(required = false)]
                $list: Vec<String>,
            )+
            $(
                $(#[$of_text])*
                #[serde(default, skip_serializing_if = "Option::is_none")]
                #[schema(value_type = String, required = false)]
                $text: Option<String>,
            )+
            $(
                $(#[$of_number])*
                #[serde(default, skip_serializing_if = "Option::is_none")]
                #[schema(value_type = f64, required = false)]
                $number: Option<serde_json::Number>,
            )+
        }

        impl DetailsJson {
            /// The JSON of details.
            #[must_use]
            pub(crate) fn new(details: &Details) -> DetailsJson {
                let text = |of| details.text(of).map(str::to_owned);
                let list = |of| details.texts(of).map(str::to_owned).collect();
                DetailsJson {
                    $($list: list(DetailText::$lists),)+
                    $($text: text(DetailText::$texts),)+
                    $($number: number(details, DetailNumber::$numbers),)+
                }
            }

            /// The details that this JSON tells of.
            #[must_use]
            pub(crate) fn parse(self) -> Details {
                let mut details = Details::default();
                $(
                    for value in &self.$list {
                        details = details.with_text(DetailText::$lists, value);
                    }
                )+
                $(
                    if let Some(value) = &self.$text {
                        details = details.with_text(DetailText::$texts, value);
                    }
                )+
                $(
                    let value = self.$number.and_then(|value| value.as_f64());
                    details = details.with_measure(DetailNumber::$numbers, value);
                )+
                details
            }
        }
    };
}

/// Whole where it is counted in whole units.
fn number(details: &Details, of: DetailNumber) -> Option<serde_json::Number> {
    let (units, scale) = (details.number(of)?, of.scale());
    match units % scale {
        0 => Some((units / scale).into()),
        _ => serde_json::Number::from_f64(details.measure(of)?),
    }
}

details_json! {
    lists {
        /// Who wrote the music.
        composers Composers,
        /// MusicBrainz: the artists.
        music_brainz_artist_ids MusicBrainzArtists,
        /// MusicBrainz: the artists of the release.
        music_brainz_album_artist_ids MusicBrainzAlbumArtists,
    }
    texts {
        /// The name of the disc within its album.
        disc_subtitle DiscSubtitle,
        /// When the music came out first, as the file writes it.
        original_date OriginalDate,
        /// The title as it is put in order.
        title_sort TitleSort,
        /// The artist as it is put in order.
        artist_sort ArtistSort,
        /// The album as it is put in order.
        album_sort AlbumSort,
        /// The artist of the album as it is put in order.
        album_artist_sort AlbumArtistSort,
        /// The composer as it is put in order.
        composer_sort ComposerSort,
        /// MusicBrainz: the recording.
        music_brainz_recording_id MusicBrainzRecording,
        /// MusicBrainz: the track of a release.
        music_brainz_track_id MusicBrainzTrack,
        /// MusicBrainz: the release.
        music_brainz_release_id MusicBrainzRelease,
        /// MusicBrainz: the group of releases.
        music_brainz_release_group_id MusicBrainzReleaseGroup,
    }
    numbers {
        /// Beats per minute.
        bpm Bpm,
        /// ReplayGain of the track, in decibels.
        replay_gain_track_gain TrackGain,
        /// The peak of the track; 1 is full scale.
        replay_gain_track_peak TrackPeak,
        /// ReplayGain of the album, in decibels.
        replay_gain_album_gain AlbumGain,
        /// The peak of the album; 1 is full scale.
        replay_gain_album_peak AlbumPeak,
        /// Gain of the track to the level of EBU R 128, in decibels.
        r128_track_gain R128TrackGain,
        /// Gain of the album to the level of EBU R 128, in decibels.
        r128_album_gain R128AlbumGain,
        /// How many channels the audio has.
        channels Channels,
        /// Samples a second.
        sample_rate SampleRate,
        /// Bits a sample.
        bit_depth BitDepth,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_detail_comes_back_as_it_was_under_its_name() {
        let mut details = Details::default();
        let texts = (0..).map_while(DetailText::at);
        for (n, detail) in texts.enumerate() {
            // An id where one belongs; elsewhere it is a text like any other.
            let id = format!("{n:08}-0000-0000-0000-000000000000");
            details = details.with_text(detail, &id);
        }
        let numbers = (0..).map_while(DetailNumber::at);
        for detail in numbers {
            details = details.with_number(detail, Some(7));
        }
        let json = serde_json::to_value(DetailsJson::new(&details)).unwrap();
        let names = details.all_texts().map(|(detail, _)| detail.name());
        let names = names.chain(details.all_numbers().map(|(detail, _)| detail.name()));
        for name in names {
            assert!(json.get(name).is_some(), "{name} is missing in {json}");
        }
        let read: DetailsJson = serde_json::from_value(json).unwrap();
        assert_eq!(read.parse(), details);
    }
}
