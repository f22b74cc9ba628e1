//! Cards: the JSON of songs, as members give them to each other and keep them.

use kadenza_contract::{ContentHash, Format, Recording, Song, Tags};

use crate::target::Target;

pub(super) const CARDS: Target = Target {
    name: "cards",
    about: "songs as members give them to each other",
    seeds: || {
        let cards: [&[Song]; 4] = [&[], &[song(1)], &[song(3)], &[song(1), song(2)]];
        let json = cards.iter().map(serde_json::to_vec);
        json.map(|json| json.expect("songs are JSON")).collect()
    },
    words: &[
        "null",
        "[]",
        "{}",
        "\"\"",
        "-1",
        "1e400",
        "\\u0000",
        "\\ud800",
        "\u{130}",
        "\u{fdfa}",
        "\u{1f468}\u{200d}",
        "18446744073709551615",
        "\"flac\"",
        "\"1677-09-21T00:12:43Z\"",
        "\"9999-12-30T22:00:00.999Z\"",
    ],
    bytes_max: 20 << 10,
    memory_max: 8 << 20,
    open: || Box::new(hear),
};

/// A song of so many recordings.
pub(super) fn song(recordings: u8) -> Song {
    let recording = |number: u8| {
        let tags = Tags::new("Les \u{e9}toiles", "Ann & Bob", "\u{65e5}\u{672c} II")
            .expect("it has a title");
        Recording {
            content: ContentHash::of(&[number]),
            format: Format::Mp3,
            size: 4_000_000 + u64::from(number),
            duration_ms: Some(180_000),
            bit_rate: Some(192),
            tags: tags
                .with_genre(Some("Jazz"))
                .with_track(Some(3))
                .with_year(Some(1997)),
            has_artwork: true,
            added_at: "2026-11-22T10:00:00.123Z".parse().expect("it is a time"),
            reader: 6,
        }
    };
    Song::from_recordings((0..recordings).map(recording).collect()).expect("they are of one song")
}

fn hear(bytes: &[u8]) -> String {
    let Ok(songs) = serde_json::from_slice::<Vec<Song>>(bytes) else {
        return "no songs".to_owned();
    };
    let json = serde_json::to_vec(&songs).expect("it was JSON");
    let again: Vec<Song> = serde_json::from_slice(&json).expect("it was written here");
    assert_eq!(
        again, songs,
        "they are others when they are written and read"
    );
    for one in &songs {
        assert!(!one.recordings().is_empty());
        assert!(
            one.recordings()
                .iter()
                .any(|recording| recording == one.best())
        );
        for other in songs.iter().chain([&song(2)]) {
            let mut merged = one.clone();
            if one.id() == other.id() {
                merged.merge(other);
                let mut in_turn = other.clone();
                in_turn.merge(one);
                assert_eq!(merged, in_turn, "the order of merging makes a difference");
            }
        }
    }
    let recordings = songs.iter().map(|song| song.recordings().len().min(4));
    format!("{:?}", recordings.take(4).collect::<Vec<_>>())
}
