//! The songs that are searched: real names, and as many made of them as are wanted.

use std::fs;

use jiff::Timestamp;
use kadenza_contract::{ContentHash, Format, Recording, Song, Tags};

/// Names that songs are made of.
pub(crate) struct Names {
    pub(crate) titles: Vec<String>,
    /// Artist and album, as they belong together.
    pub(crate) albums: Vec<(String, String)>,
}

pub(crate) fn names() -> Names {
    let mut names = Names {
        titles: Vec::new(),
        albums: Vec::new(),
    };
    match std::env::var_os("KADENZA_DATA") {
        Some(data) => {
            let table = std::path::Path::new(&data).join("catalogue/spotify_playlists_78k.tsv");
            let table = fs::read_to_string(table).expect("the catalogue");
            for line in table.lines().skip(1) {
                let mut row = line.split('\t').map(str::to_owned);
                let mut field = || row.next().unwrap_or_default();
                let (title, artist, album) = (field(), field(), field());
                if Tags::new(&title, &artist, &album).is_ok() {
                    names.titles.push(title);
                    names.albums.push((artist, album));
                }
            }
        }
        None => {
            eprintln!(
                "KADENZA_DATA does not name the directory of the real data: names are made up"
            );
            let common = [
                "love", "the", "you", "night", "a", "of", "time", "heart", "in", "my",
            ];
            let word = |n: u64| {
                let hash = ContentHash::of(&n.to_be_bytes());
                let [first, second, ..] = *hash.as_bytes();
                match first {
                    0..100 => common[usize::from(second) % common.len()].to_owned(),
                    _ => hash
                        .to_string()
                        .chars()
                        .filter(char::is_ascii_alphabetic)
                        .take(6)
                        .collect(),
                }
            };
            for n in 0..78_000 {
                names
                    .titles
                    .push(format!("{} {} x{n}", word(n * 9), word(n * 9 + 1)));
                let (artist, album) = (n / 40, n / 10);
                let artist = format!("{} {}", word(artist * 9 + 2), word(artist * 9 + 3));
                names.albums.push((
                    artist,
                    format!("{} {}", word(album * 9 + 4), word(album * 9 + 5)),
                ));
            }
        }
    }
    names
}

/// The `n`th song. Past the real ones, titles meet other artists and albums.
pub(crate) fn song(names: &Names, n: usize) -> Song {
    let (round, at) = (n / names.titles.len(), n % names.titles.len());
    let other = (at + round * 7919) % names.titles.len();
    let (artist, album) = &names.albums[other];
    Song::new(Recording {
        content: ContentHash::of(&n.to_be_bytes()),
        format: Format::Mp3,
        size: 5_000_000 + n as u64,
        duration_ms: Some(150_000 + (n as u64 * 7919) % 200_000),
        bit_rate: Some(192),
        tags: Tags::new(&names.titles[at], artist, album)
            .expect("titles were looked at")
            .with_track(Some(1 + n as u32 % 12))
            .with_year(Some(1960 + n as u32 % 60))
            .with_genre(Some(["Rock", "Pop", "Jazz", "Folk", "Soul"][n % 5])),
        has_artwork: true,
        added_at: Timestamp::from_millisecond(1_700_000_000_000 + n as i64 * 1000).expect("a time"),
        reader: 0,
    })
}
