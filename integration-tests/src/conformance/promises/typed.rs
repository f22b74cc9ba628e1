//! Names are found as people type them, not only as they are written.

use kadenza_contract::{Query, Song};

use crate::conformance::{
    Ground, Promise, Verdict, ground::name_of, promise::promise, verdict::ensure,
};
use crate::fixtures::AudioFile;

pub(super) const PROMISES: &[Promise] = &[promise!(names_are_found_as_people_type_them)];

/// A song, and what is typed for it.
#[derive(Debug, Clone)]
pub struct Typed {
    /// Its title, artist and album.
    pub names: [String; 3],
    /// The words that must find it.
    pub words: String,
}

/// A name, and what people type for it.
const TYPED: [(&str, &str); 24] = [
    ("AC/DC", "acdc"),
    ("ACDC", "ac/dc"),
    ("R.E.M.", "rem"),
    ("Hyper-Ballad", "hyperballad"),
    ("Jay-Z", "jayz"),
    ("24/7", "247"),
    ("Rock'n'Roll", "rock n roll"),
    ("L'été", "ete"),
    ("O’Brien", "o brien"),
    ("Ke$ha", "kesha"),
    ("Cœur de pirate", "coeur"),
    ("Die Ärzte", "aerzte"),
    ("Die Aerzte", "Ärzte"),
    ("Røyksopp", "roeyksopp"),
    ("Þú og ég", "thu og eg"),
    ("Zero\u{200b}Width", "zerowidth"),
    ("봄날은간다", "날은"),
    ("ไทยเพลงรัก", "เพลงรัก"),
    ("ヴィーナス", "びぃなす"),
    ("風中的承諾", "风中"),
    ("السَّلَامُ عَلَيْكُمْ", "سلام"),
    ("سلام", "السلام"),
    ("Simon & Garfunkel", "simon and garfunkel"),
    ("The Song of 1999", "song 1999"),
];

async fn names_are_found_as_people_type_them(on: &Ground) -> Verdict {
    let typed = |(name, words): (&str, &str)| Typed {
        names: [name, "", ""].map(str::to_owned),
        words: words.to_owned(),
    };
    names_are_found_as_typed_of(on, &TYPED.map(typed)).await?;
    let file = AudioFile {
        year: Some(1987),
        ..on.file("Of a year")
    };
    on.add(&file).await?;
    for words in ["1987", "198", "of 1987", "1988"] {
        let query = Query::words(&format!("{words} {}", on.word()))?;
        on.page_is_right(&query).await?;
    }
    Ok(())
}

/// Each of these songs is found by its words.
///
/// # Errors
///
/// How the promise was broken.
pub async fn names_are_found_as_typed_of(on: &Ground, all: &[Typed]) -> Verdict {
    let mut songs: Vec<Song> = Vec::new();
    for (number, typed) in all.iter().enumerate() {
        let [title, artist, album] = &typed.names;
        // Each is a song of its own, though some differ in what search does not see.
        let album = format!("{album} {} {number}th", on.word());
        songs.push(on.add(&AudioFile::named(title, artist, &album)).await?);
    }
    for (number, (typed, song)) in all.iter().zip(&songs).enumerate() {
        for words in [
            format!("{} {}", typed.words, on.word()),
            format!("{} {number}th {}", on.word(), typed.words),
        ] {
            let query = Query::words(&words)?;
            on.page_is_right(&query).await?;
            let hits = on.service().search(&query).await?;
            ensure!(
                hits.items.iter().any(|hit| hit.id() == song.id()),
                "{words:?} does not find {}",
                name_of(song)
            );
        }
    }
    Ok(())
}
